#include "change/forward_loop.h"

#include "store/alias_file.h"

struct walk {
	const struct pv_user_view *v;
	bool *been; /* for each of the users */
};

/* Does d stand for the domain that we are in? */
static bool is_own(const struct walk *k, const struct pv_domain *d)
{
	struct pv_folder f;

	if (pv_domain_equal(d, &k->v->a->domain))
		return true;
	if (pv_folder_behind(k->v->work.c->store, d, &f, NULL) != PV_OK || f.fd < 0)
		return false;
	bool own = pv_domain_equal(&f.domain, &k->v->a->domain);
	pv_folder_close(&f);
	return own;
}

/* The user that an address means, tag or not; NULL: none here. */
static const struct pv_user_info *user_of(const struct walk *k, const struct pv_target *t)
{
	const char *at = strrchr(t->text, '@');
	size_t len = at != NULL ? (size_t)(at - t->text) : t->len;
	struct pv_domain d;
	struct pv_user u;

	if (at != NULL && (pv_domain_parse(at + 1, strlen(at + 1), &d, NULL) != PV_OK || !is_own(k, &d)))
		return NULL;
	const char *tag = memchr(t->text, PV_DELIMITER, len);
	if (tag != NULL)
		len = (size_t)(tag - t->text);
	return pv_user_parse(t->text, len, &u, NULL) == PV_OK ? pv_users_find(&k->v->users, &u) : NULL;
}

static enum pv_class refuse(const struct walk *k, const struct pv_user_info *from, const char *address,
			    struct pv_error *e)
{
	if (from == NULL)
		return pv_fail(e, PV_PERMANENT, "5.3.5", "forward=%.200s is %s again: take it out", address,
			       k->v->text);
	return pv_fail(e, PV_PERMANENT, "5.3.5",
		       "a loop: %s/users/%s, line %u sends mail for %s@%s on to %.200s, which is %s again",
		       k->v->work.folder.path, from->user.s, from->conf.forward_line, from->user.s,
		       k->v->a->domain.s, address, k->v->text);
}

/* The forwards of `from` (NULL: of the user of the change). */
static enum pv_class follow(struct walk *k, const struct pv_user_info *from, const char *list,
			    struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *end = list + strlen(list);
	enum pv_class c = PV_OK, wrong;
	struct pv_target t;

	while (c == PV_OK && pv_target_next(&list, end, &text, &t, &wrong, NULL)) {
		const struct pv_user_info *to = wrong == PV_OK ? user_of(k, &t) : NULL;
		if (to == NULL)
			continue;
		bool *been = &k->been[to - k->v->users.list];
		if (pv_user_equal(&to->user, &k->v->a->user))
			c = refuse(k, from, t.text, e);
		else if (!*been) {
			*been = true;
			c = follow(k, to, to->conf.forward, e);
		}
	}
	pv_buf_free(&text);
	return c;
}

enum pv_class pv_forward_loop_refuse(const struct pv_user_view *v, const char *list, struct pv_error *e)
{
	struct walk k = { .v = v, .been = calloc(v->users.count + 1, sizeof *k.been) };

	if (k.been == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory to follow forwards");
	enum pv_class c = follow(&k, NULL, list, e);
	free(k.been);
	return c;
}
