#include "settings.h"

#include "address/idn.h"
#include "base/table.h"
#include "change/conf_read.h"
#include "store/mail_conf.h"

/* A file that is shown. */
struct source {
	const char *path;
	bool of_user;	/* it is users/<user> */
	bool inherited; /* a user is shown, and this is his domain's */
};

static const struct pv_mail_setting *find(const char *name, const struct source *from)
{
	const struct pv_mail_setting *s = pv_mail_settings();

	while (s->name != NULL &&
	       (strcmp(s->name, name) != 0 || !(from->of_user ? s->of_user : s->of_domain) ||
		(from->inherited && !s->of_user)))
		s++;
	return s->name != NULL ? s : NULL;
}

static void put(struct admin *a, json_t *list, const struct source *from, const char *name, const char *value,
		unsigned line)
{
	struct pv_buf text = PV_BUF_INIT((size_t)1 << 20);
	json_t *o = json_object();

	put_text(o, "value", value);
	put_text(o, "file", from->path);
	put_number(o, "line", line);
	(void)json_object_set_new(list, name, o);
	put_silent(&text, value, strlen(value));
	if (from->inherited)
		pv_buf_addf(&text, " (%s, line %u)", from->path, line);
	/* What is in force stands there already, of a switch. */
	if (!a->json && json_object_get(a->result, name) == NULL)
		put_text(a->result, name, text.s);
	pv_buf_free(&text);
}

static enum pv_class put_file(struct admin *a, json_t *list, const struct source *from, struct pv_buf *text,
			      struct pv_error *e)
{
	struct pv_lines it;
	struct pv_line l;
	char *name, *value;
	enum pv_class c;

	pv_lines_start(&it, from->path, text, true);
	while ((c = pv_lines_next(&it, &l, e)) == PV_OK && l.text != NULL) {
		if ((c = pv_line_setting(&it, &l, &name, &value, e)) != PV_OK)
			return c;
		if (find(name, from) != NULL && json_object_get(list, name) == NULL)
			put(a, list, from, name, value, l.no);
	}
	return c;
}

enum pv_class put_settings(struct admin *a, const struct place *p, const struct pv_user *u,
			   struct pv_error *e)
{
	char own[sizeof p->folder.path + PV_USER_MAX + sizeof "/users/"];
	char domain[sizeof p->folder.path + sizeof "/domain.conf"];
	const struct source of_user = { .path = own, .of_user = true };
	const struct source of_domain = { .path = domain, .inherited = u != NULL };
	struct pv_conf_texts t;
	json_t *list = json_object();

	(void)snprintf(own, sizeof own, "%s/users/%s", p->folder.path, u != NULL ? u->s : "");
	(void)snprintf(domain, sizeof domain, "%s/domain.conf", p->folder.path);
	enum pv_class c = pv_conf_read(&a->store, &p->folder, &p->account, u, &t, e);
	if (c == PV_OK && u != NULL)
		c = put_file(a, list, &of_user, &t.user, e);
	if (c == PV_OK)
		c = put_file(a, list, &of_domain, &t.domain, e);
	pv_conf_texts_free(&t);
	if (c == PV_OK && a->json)
		(void)json_object_set(a->result, "conf", list);
	json_decref(list);
	return c;
}

enum pv_class need_settings(struct admin *a, struct pv_error *e)
{
	for (int i = 1; i < a->object_count; i++) {
		const char *word = a->objects[i];
		if (strchr(word, '=') == NULL)
			return usage_error(a, e,
					   "`%.60s` has no `=`: write %.60s=VALUE, or %.60s= for its default",
					   word, word, word);
	}
	return PV_OK;
}

enum pv_class user_set(struct admin *a, struct pv_error *e)
{
	struct pv_address address;

	enum pv_class c = need_settings(a, e);
	if (c == PV_OK)
		c = pv_idn_address(a->objects[0], &address, e);
	if (c == PV_OK)
		c = pv_user_set(&a->change, &address, a->objects + 1, (size_t)a->object_count - 1, e);
	if (c == PV_OK)
		say_done(a, a->change.already ? "user %s@%s is so already" : "user %s@%s changed",
			 address.user.s, address.domain.s);
	return c;
}
