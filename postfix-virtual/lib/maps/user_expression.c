#include "maps/user_expression.h"

#include "maps/merge.h"
#include "maps/regexp.h"
#include "maps/regexp_cuts.h"

#include <errno.h>

/* Bytes of one expression. PCRE2 compiles four times as many; regcomp() takes its time for more. */
enum { PCRE_MAX = 16384, POSIX_MAX = 4096 };

#define TARGET_END "@" PV_MAP_TARGET_DOMAIN

/* Below the domain too, at any depth. */
static void add_host(const struct pv_user_lines *u, struct pv_buf *out)
{
	if (u->sub_domains && u->flavor == PV_FLAVOR_PCRE)
		pv_buf_adds(out, "(?:[a-z0-9]+(?:-+[a-z0-9]+)*\\.)*");
	else if (u->sub_domains)
		pv_buf_adds(out, "([a-z0-9]+(-+[a-z0-9]+)*\\.)*");
	pv_factor_quote(u->domain, strlen(u->domain), out);
	pv_buf_adds(out, "$/");
}

/* One line for users[low..high), or two for the halves where it would be too large. */
static void add_line(const struct pv_user_lines *u, size_t low, size_t high, struct pv_buf *out)
{
	size_t start = out->len, max = u->flavor == PV_FLAVOR_PCRE ? PCRE_MAX : POSIX_MAX;

	pv_buf_adds(out, "/^(");
	(void)pv_factor(u->users + low, high - low, u->flavor, true, out);
	pv_buf_adds(out, ")@");
	add_host(u, out);
	pv_buf_addf(out, " %s${1}%s\n", u->before, u->behind);
	if (out->len - start <= max || high - low == 1)
		return;
	pv_buf_truncate(out, start);
	size_t middle = low + (high - low) / 2;
	add_line(u, low, middle, out);
	add_line(u, middle, high, out);
}

enum pv_class pv_user_lines_format(const struct pv_user_lines *u, struct pv_buf *out, struct pv_error *e)
{
	struct pv_expression x = { .domain = u->domain, .sub_domains = u->sub_domains };
	size_t lines = 0;
	enum pv_class c = PV_OK;

	if (u->sub_domains && u->cuts != NULL) {
		x.cuts = *u->cuts;
		c = pv_expression_cuts(&x, u->flavor, &lines, out, e);
	}
	if (c == PV_OK && u->count > 0)
		add_line(u, 0, u->count, out);
	while (lines-- > 0)
		pv_buf_adds(out, "endif\n");
	return c == PV_OK ? pv_buf_check(out, "the expression", e) : c;
}

static void add_comment(const struct pv_user_lines *u, struct pv_buf *out)
{
	const char *type = u->flavor == PV_FLAVOR_PCRE ? "pcre" : "regexp";

	pv_buf_addf(out,
		    "# The users of %s. Put these lines into a file, say virtual_users, and name it in "
		    "main.cf:\n",
		    u->domain);
	pv_buf_addf(out, "#   virtual_alias_maps = ..., %s:/etc/postfix/virtual_users\n", type);
	pv_buf_addf(out, "# Put the domain into a second file, virtual_names, and name that:\n#   /^");
	add_host(u, out);
	pv_buf_addf(out, " %s\n#   virtual_alias_domains = ..., %s:/etc/postfix/virtual_names\n", u->domain,
		    type);
	if (u->cuts != NULL && u->cuts->count > 0)
		pv_buf_adds(out, "# with the lines `if` and `endif` of below around it.\n");
	pv_buf_adds(out, "# Anew for each user who comes or goes, with `postfix reload` behind it.\n");
}

/* Is the key one of a user of d? His name then goes into *list, what is around it in the target into *u. */
static enum pv_class take_key(struct pv_maps_work *w, const struct pv_domain *d, const struct pv_key *k,
			      struct pv_strings *list, struct pv_user_lines *u, struct pv_error *e)
{
	const char *at = strrchr(k->key, '@'), *plus = strchr(k->value, PV_DELIMITER);
	size_t user = at == NULL ? 0 : (size_t)(at - k->key);
	size_t end = strlen(k->value);

	if (user == 0 || strcmp(at + 1, d->s) != 0 || plus == NULL || strncmp(plus + 1, k->key, user) != 0)
		return PV_OK;
	if (strncmp(plus + 1 + user, "--", 2) != 0 || end < sizeof TARGET_END ||
	    strcmp(k->value + end - (sizeof TARGET_END - 1), TARGET_END) != 0)
		return PV_OK;
	const char *behind = plus + 1 + user;
	const char *name = pv_arena_add(&w->arena, k->key, user);
	u->before = pv_arena_add(&w->arena, k->value, (size_t)(plus + 1 - k->value));
	u->behind =
		pv_arena_add(&w->arena, behind, (size_t)(k->value + end - behind) - (sizeof TARGET_END - 1));
	if (name == NULL || u->before == NULL || u->behind == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the users of %s", d->s);
	return pv_strings_add(list, name, e);
}

static int compare(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static enum pv_class find_users(struct pv_maps_work *w, const struct pv_domain *d, struct pv_strings *list,
				struct pv_user_lines *u, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct pv_key k;

	pv_next_rewind(w, PV_MAP_ADDRESSES);
	while (c == PV_OK && pv_next_step(w, PV_MAP_ADDRESSES, &k))
		c = take_key(w, d, &k, list, u, e);
	if (list->count > 1)
		qsort(list->v, list->count, sizeof *list->v, compare);
	if (c == PV_OK && list->count == 0)
		return pv_fail(e, PV_PERMANENT, NULL, "%s has no users in the tables: add some first", d->s);
	u->users = list->v;
	u->count = list->count;
	return c;
}

static bool is_standard(const struct pv_maps_work *w, const struct pv_domain *d)
{
	const struct pv_registry_entry *r = pv_registry_get(&w->registry, d);

	if (r != NULL && r->is_alias)
		r = pv_registry_get(&w->registry, &r->alias_of);
	return r != NULL && r->standard;
}

enum pv_class pv_user_expression(struct pv_maps_work *w, const struct pv_domain *d, enum pv_flavor flavor,
				 struct pv_buf *out, struct pv_error *e)
{
	struct pv_user_lines u = { .domain = d->s, .flavor = flavor };
	struct pv_expressions l = { 0 };
	struct pv_strings list = { 0 };

	if (is_standard(w, d))
		return pv_fail(e, PV_PERMANENT, NULL,
			       "%s is a standard domain of Postfix's: its addresses lead to others, each its "
			       "own way, which no "
			       "expression can say: copy the lines of %s from the output of `postmap -s "
			       "lmdb:%s/virtual`",
			       d->s, d->s, w->store->conf.map_directory);
	enum pv_class c = find_users(w, d, &list, &u, e);
	if (c == PV_OK)
		c = pv_expressions_add(&l, d->s, e);
	if (c == PV_OK) {
		u.sub_domains = l.v[0].sub_domains = pv_regexp_has_sub_domains(w, d->s);
		c = pv_regexp_cuts(w, &l, e);
	}
	if (c == PV_OK) {
		u.cuts = &l.v[0].cuts;
		add_comment(&u, out);
		c = pv_user_lines_format(&u, out, e);
	}
	pv_expressions_free(&l);
	pv_strings_free(&list);
	return c;
}
