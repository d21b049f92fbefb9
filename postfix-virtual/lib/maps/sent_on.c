#include "maps/sent_on.h"

#include "maps/merge.h"
#include "maps/pcre_table.h"
#include "maps/postfix.h"
#include "maps/postfix_lists.h"
#include "maps/report.h"
#include "store/conf.h"

#include <errno.h>

enum { SENT_ON_MAX = 100000, ADDRESS_MAX = 320, TABLES_MAX = 60, SECONDS = 60 };
#define ANSWERS_MAX ((size_t)64 << 20)

/* --- what is named --- */

/* May it be an address of a domain of this host, or below one? */
static bool may_be_ours(const struct pv_maps_work *w, const struct pv_domain *d)
{
	struct pv_domain at = *d;

	do {
		if (pv_plan_get(&w->plan, at.s) != NULL || pv_old_find(&w->old, PV_MAP_DOMAINS, at.s) != NULL)
			return true;
	} while (pv_domain_parent(&at, &at));
	return false;
}

/* A plain address in small letters; of others nothing is said. */
static bool take_address(const struct pv_slice *from, char out[ADDRESS_MAX + 1], struct pv_domain *d)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~.@";

	if (from->len == 0 || from->len > ADDRESS_MAX)
		return false;
	for (size_t i = 0; i < from->len; i++)
		out[i] = from->s[i] >= 'A' && from->s[i] <= 'Z' ? (char)(from->s[i] - 'A' + 'a') : from->s[i];
	out[from->len] = '\0';
	const char *at = strrchr(out, '@');
	return strspn(out, plain) == from->len && at != NULL && at > out &&
	       pv_domain_parse(at + 1, strlen(at + 1), d, NULL) == PV_OK;
}

static enum pv_class add(struct pv_maps_work *w, const struct pv_domain *from, const char *address,
			 const struct pv_slice *place, struct pv_error *e)
{
	if (w->sent_on_count == w->sent_on_room) {
		size_t room = w->sent_on_room == 0 ? 64 : 2 * w->sent_on_room;
		struct pv_sent_on *v = reallocarray(w->sent_on, room, sizeof *v);
		if (v == NULL)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold forwards");
		w->sent_on = v;
		w->sent_on_room = room;
	}
	const char *a = pv_arena_add(&w->arena, address, strlen(address));
	const char *p = pv_arena_add(&w->arena, place->s, place->len);
	if (a == NULL || p == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold forwards");
	w->sent_on[w->sent_on_count++] = (struct pv_sent_on){ from, a, p };
	return PV_OK;
}

enum pv_class pv_sent_on_note(struct pv_maps_work *w, const struct pv_plan_domain *d,
			      const struct pv_domain_files *files, struct pv_error *e)
{
	char address[ADDRESS_MAX + 1];
	struct pv_slice said, place;
	enum pv_class c = PV_OK;
	struct pv_domain to;
	size_t at = 0;

	while (c == PV_OK && w->sent_on_count < SENT_ON_MAX &&
	       pv_files_next_forward(files, &at, &said, &place))
		if (take_address(&said, address, &to) && may_be_ours(w, &to))
			c = add(w, &d->domain, address, &place, e);
	return c;
}

/* --- what the keys say --- */

/* The forms in which Postfix asks for an address, the second without its tag ("" where it has none). */
struct forms {
	char whole[ADDRESS_MAX + 1], untagged[ADDRESS_MAX + 1];
	const char *all; /* `@domain`, into whole */
};

static void make_forms(const struct pv_maps_work *w, const char *address, struct forms *f)
{
	(void)snprintf(f->whole, sizeof f->whole, "%s", address);
	f->all = strrchr(f->whole, '@');
	size_t front = strcspn(address, w->store->conf.recipient_delimiter);
	f->untagged[0] = '\0';
	if (front > 0 && front < (size_t)(f->all - f->whole))
		(void)snprintf(f->untagged, sizeof f->untagged, "%.*s%s", (int)front, address, f->all);
}

static bool has_key(const struct pv_maps_work *w, enum pv_map m, const struct forms *f)
{
	return pv_next_find(w, m, f->whole) != NULL ||
	       (f->untagged[0] != '\0' && pv_next_find(w, m, f->untagged) != NULL) ||
	       pv_next_find(w, m, f->all) != NULL;
}

/* What the expressions make of it. false: nothing. */
static bool express(struct pv_pcre_table *t, const char *key, struct pv_buf *out)
{
	bool found;

	return pv_pcre_table_ask(t, key, strlen(key), out, &found, NULL) == PV_OK && found;
}

/* Is it an address of ours that nobody has? */
static bool is_dead(const struct pv_maps_work *w, struct pv_pcre_table *t, const struct forms *f)
{
	struct pv_buf out = PV_BUF_INIT(ANSWERS_MAX);

	bool ours = pv_next_find(w, PV_MAP_DOMAINS, f->all + 1) != NULL ||
		    (express(t, f->all + 1, &out) && pv_next_find(w, PV_MAP_DOMAINS, out.s) != NULL);
	bool dead = ours && !has_key(w, PV_MAP_ADDRESSES, f) && !has_key(w, PV_MAP_REFUSED, f) &&
		    !(express(t, f->whole, &out) && (pv_next_find(w, PV_MAP_ADDRESSES, out.s) != NULL ||
						     pv_next_find(w, PV_MAP_REFUSED, out.s) != NULL));
	pv_buf_free(&out);
	return dead;
}

/* Lines of an older text, or of the administrator's, may be none that we can read: then it is not known. */
static void drop_living(struct pv_maps_work *w)
{
	struct pv_pcre_table *t = NULL;
	struct forms f;
	size_t to = 0;

	if (pv_pcre_table_make(w->regexp.s, &t, NULL) != PV_OK) {
		w->sent_on_count = 0;
		return;
	}
	for (size_t i = 0; i < w->sent_on_count; i++) {
		make_forms(w, w->sent_on[i].address, &f);
		if (is_dead(w, t, &f))
			w->sent_on[to++] = w->sent_on[i];
	}
	w->sent_on_count = to;
	pv_pcre_table_free(t);
}

/* --- what other tables of the administrator's say --- */

/* Those in virtual_alias_maps that are not ours. */
static size_t list_others(const struct pv_maps_work *w, char *value, const char *tables[TABLES_MAX])
{
	char folder[PATH_MAX + 2];
	size_t count = 0;

	(void)snprintf(folder, sizeof folder, "%s/", w->store->conf.map_directory);
	while (*value != '\0' && count < TABLES_MAX) {
		const char *word = pv_postfix_cut_word(&value);
		if (strchr(word, ':') != NULL && strstr(word, folder) == NULL)
			tables[count++] = word;
	}
	return count;
}

static enum pv_class ask_others(const struct pv_maps_work *w, const char *dir, const char *const *tables,
				size_t count, struct pv_buf *answers, struct pv_error *e)
{
	const char *argv[TABLES_MAX + 6] = { PV_POSTMAP, "-c", dir, "-q", "-" };
	struct pv_buf keys = PV_BUF_INIT(ANSWERS_MAX);
	struct forms f;

	memcpy(argv + 5, tables, count * sizeof *tables);
	for (size_t i = 0; i < w->sent_on_count; i++) {
		make_forms(w, w->sent_on[i].address, &f);
		pv_buf_addf(&keys, "%s\n%s\n", f.whole, f.all);
		if (f.untagged[0] != '\0')
			pv_buf_addf(&keys, "%s\n", f.untagged);
	}
	enum pv_class c = pv_buf_check(&keys, "the keys", e);
	if (c == PV_OK)
		c = pv_postfix_ask(argv, &keys, SECONDS, answers, e);
	pv_buf_free(&keys);
	return c;
}

/* Is there an answer to the key? */
static bool is_answered(const struct pv_buf *answers, const char *key)
{
	const size_t len = strlen(key);

	for (const char *p = answers->s; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, key, len) == 0 && p[len] == '\t')
			return true;
	return false;
}

static void drop_answered(struct pv_maps_work *w, const struct pv_buf *answers)
{
	struct forms f;
	size_t to = 0;

	for (size_t i = 0; i < w->sent_on_count; i++) {
		make_forms(w, w->sent_on[i].address, &f);
		if (!is_answered(answers, f.whole) && !is_answered(answers, f.all) &&
		    (f.untagged[0] == '\0' || !is_answered(answers, f.untagged)))
			w->sent_on[to++] = w->sent_on[i];
	}
	w->sent_on_count = to;
}

/* What cannot be asked may have any of them. */
static void drop_others(struct pv_maps_work *w)
{
	struct pv_buf value = PV_BUF_INIT(ANSWERS_MAX), answers = PV_BUF_INIT(ANSWERS_MAX);
	const char *tables[TABLES_MAX];
	char dir[PATH_MAX];
	size_t count = 0;

	(void)pv_conf_instance(&w->store->conf, 0, dir, sizeof dir);
	const char *const argv[] = { PV_POSTCONF, "-c", dir, "-hx", "virtual_alias_maps", NULL };
	enum pv_class c = pv_postfix_ask(argv, NULL, SECONDS, &value, NULL);
	if (c == PV_OK)
		count = list_others(w, value.s, tables);
	if (c == PV_OK && count > 0)
		c = ask_others(w, dir, tables, count, &answers, NULL);
	if (c != PV_OK)
		w->sent_on_count = 0;
	else
		drop_answered(w, &answers);
	pv_buf_free(&value);
	pv_buf_free(&answers);
}

enum pv_class pv_sent_on_check(struct pv_maps_work *w, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct pv_error why;

	if (w->sent_on_count > 0)
		drop_living(w);
	if (w->sent_on_count > 0 && pv_postfix_has(PV_POSTCONF))
		drop_others(w);
	for (size_t i = 0; c == PV_OK && i < w->sent_on_count; i++) {
		const struct pv_sent_on *s = &w->sent_on[i];
		(void)pv_fail(
			&why, PV_TEMPORARY, "4.3.5",
			"%s: `%s` leads nowhere: it is an address of this host, and nobody has it: make "
			"it, or take it out",
			s->place, s->address);
		c = pv_report_complain(w->report, s->from, &why, e);
	}
	return c;
}
