#include "maps/making.h"

#include "store/texts.h"

#include <errno.h>

#define REPLY "550 5.2.1 "

enum { TEXT_MAX = 200 }; /* bytes of what is said, as one line of SMTP's */

/* What is said about the domain's addresses, as it is written. */
struct sayings {
	struct pv_buf raw[PV_READER_TEXTS];
	bool loaded[PV_READER_TEXTS];
};

static const char *saying(const struct pv_making *m, struct sayings *s, enum pv_reader_text which)
{
	static const enum pv_text texts[PV_READER_TEXTS] = {
		[PV_READER_NO_MAIL] = PV_TEXT_NO_MAIL, [PV_READER_EXPIRED] = PV_TEXT_EXPIRED
	};
	const struct pv_slice *own = &m->files->texts[which];
	const char *language = pv_text_language(m->w->store, m->conf.mail.language);

	if (s->loaded[which])
		return s->raw[which].s;
	s->raw[which] = (struct pv_buf)PV_BUF_INIT(PV_TEXT_MAX);
	s->loaded[which] = true;
	/* The child has looked at it once, and is not believed. */
	if (own->s != NULL && memchr(own->s, '\0', own->len) == NULL)
		pv_buf_add(&s->raw[which], own->s, own->len);
	else
		(void)pv_text_load_raw(m->w->store, NULL, texts[which], language, &s->raw[which]);
	return s->raw[which].s;
}

static enum pv_class no_memory(const struct pv_making *m, struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the refusals of %s", m->d->domain.s);
}

static enum pv_class refuse(struct pv_making *m, struct sayings *s, const struct pv_shut *shut,
			    struct pv_error *e)
{
	char local[PV_USER_MAX + 1], line[sizeof REPLY + TEXT_MAX];

	(void)snprintf(local, sizeof local, "%.*s", (int)strcspn(shut->key, "@"), shut->key);
	const struct pv_text_words words = { .user = local, .domain = m->d->domain.s };
	memcpy(line, REPLY, sizeof REPLY);
	pv_text_raw_line(saying(m, s, shut->why), &words, line + sizeof REPLY - 1, TEXT_MAX + 1);
	const char *value = pv_arena_add(&m->w->arena, line, strlen(line));
	if (value == NULL)
		return no_memory(m, e);
	enum pv_class c = pv_keys_add(&m->d->refused, shut->key, value, e);
	if (c == PV_OK && shut->why == PV_READER_EXPIRED)
		c = pv_keys_add(&m->d->expired, shut->key, value, e);
	if (c == PV_OK && shut->is_asked)
		c = pv_keys_add(&m->d->followers, shut->key, value, e);
	return c;
}

/* Has the key a tag? Then name is what stands in front of it. */
static bool has_tag(const struct pv_making *m, const char *key, char name[PV_USER_MAX + 1])
{
	size_t len = strcspn(key, "@"), front = strcspn(key, m->w->store->conf.recipient_delimiter);

	if (front == 0 || front >= len || front > PV_USER_MAX)
		return false;
	(void)snprintf(name, PV_USER_MAX + 1, "%.*s", (int)front, key);
	return true;
}

static bool is_tag(const struct pv_making *m, const struct pv_shut *shut)
{
	char name[PV_USER_MAX + 1];

	return shut->by_alias && has_tag(m, shut->key, name) && pv_making_get(m, name) != NULL;
}

void pv_making_tags(struct pv_making *m)
{
	size_t to = 0;

	for (size_t i = 0; i < m->shut_count; i++)
		if (!is_tag(m, &m->shut[i]))
			m->shut[to++] = m->shut[i];
	m->shut_count = to;
}

/* A domain that takes no mail: all of its own addresses. */
static enum pv_class shut_all(struct pv_making *m, struct pv_error *e)
{
	struct pv_keys *keys = &m->d->keys;
	enum pv_class c = PV_OK;
	char local[PV_USER_MAX + 1];

	for (size_t i = 0; c == PV_OK && i < keys->count; i++) {
		const char *key = keys->v[i].key;
		(void)snprintf(local, sizeof local, "%.*s", (int)strcspn(key, "@"), key);
		c = pv_making_shut(m, local, keys->v[i].value, PV_READER_NO_MAIL, e);
	}
	keys->count = 0;
	return c == PV_OK ? pv_making_settle(m, e) : c;
}

static bool is_refused(const struct pv_making *m, const char *local)
{
	char key[PV_MAP_KEY_SIZE];

	(void)snprintf(key, sizeof key, "%s%s", local, m->at);
	return pv_keys_find(&m->d->refused, key) != NULL;
}

/* Postfix asks this table for `user` too, where it has nothing for user+tag: an alias of that name takes mail
 * all the same, and is said to be none of its business. */
static enum pv_class except_tags(struct pv_making *m, struct pv_error *e)
{
	const struct pv_keys *keys = &m->d->keys;
	struct pv_keys tags = { 0 };
	enum pv_class c = PV_OK;
	char name[PV_USER_MAX + 1];

	for (size_t i = 0; c == PV_OK && i < keys->count; i++)
		if (has_tag(m, keys->v[i].key, name) && is_refused(m, name) &&
		    pv_keys_find(&m->d->refused, keys->v[i].key) == NULL)
			c = pv_keys_add(&tags, keys->v[i].key, "DUNNO", e);
	if (c == PV_OK)
		c = pv_keys_merge(&m->d->refused, &tags, e);
	pv_keys_free(&tags);
	return c;
}

enum pv_class pv_making_refused(struct pv_making *m, struct pv_error *e)
{
	struct sayings s = { .loaded = { false } };
	enum pv_class c = m->conf.receive ? PV_OK : shut_all(m, e);

	for (size_t i = 0; c == PV_OK && i < m->shut_count; i++) {
		const struct pv_shut *shut = &m->shut[i];
		if ((i > 0 && strcmp(shut[-1].key, shut->key) == 0) ||
		    pv_keys_find(&m->d->keys, shut->key) != NULL)
			continue;
		c = refuse(m, &s, shut, e);
		/* Or who gets all that is unknown would get this. */
		if (c == PV_OK && m->catches_all && shut->target != NULL)
			c = pv_keys_add(&m->fresh, shut->key, shut->target, e);
	}
	for (size_t i = 0; i < PV_READER_TEXTS; i++)
		if (s.loaded[i])
			pv_buf_free(&s.raw[i]);
	pv_keys_sort(&m->d->refused);
	pv_keys_sort(&m->d->expired);
	pv_keys_sort(&m->d->followers);
	if (c == PV_OK)
		c = pv_making_settle(m, e);
	return c == PV_OK && m->has_tags && m->d->refused.count > 0 ? except_tags(m, e) : c;
}
