#include "route/walk.h"

size_t pv_walk_tag_at(const struct pv_walk *w, const char *name, size_t len)
{
	const char *delimiters = w->q->store->conf.recipient_delimiter;
	size_t at = 0;

	while (at < len && (name[at] == '\0' || strchr(delimiters, name[at]) == NULL))
		at++;
	return at;
}

/* The address itself means this name. */
static enum pv_class note_name(struct pv_walk *w, const struct pv_step *at, const char *name, size_t len,
			       struct pv_error *e)
{
	bool has;

	if (at->kind == PV_STEP_RECIPIENT && pv_user_parse(name, len, &w->r->name, NULL) != PV_OK)
		w->r->name.len = 0;
	return at->same ? pv_walk_respond(w, at, name, len, false, &has, e) : PV_OK;
}

static enum pv_class find_user(struct pv_walk *w, const char *name, size_t len, struct pv_route_user **u_r,
			       struct pv_error *e)
{
	enum pv_class c = pv_walk_find_user(w, name, len, u_r, e);

	return c == PV_OK && *u_r == NULL ? pv_walk_find_full_name(w, name, len, u_r, e) : c;
}

/* No user has that name: then what the alias of that name came to is all there is. */
static enum pv_class settle_alias(struct pv_walk *w, const struct pv_step *at, const char *name, size_t len,
				  enum pv_alias_fate fate, struct pv_error *e)
{
	char text[PV_ALIAS_NAME_MAX + 1];

	(void)snprintf(text, sizeof text, "%.*s", (int)len, name);
	if (fate == PV_ALIAS_LOOPS)
		return pv_step_fail_loop(at, text, e);
	if (fate == PV_ALIAS_EXPIRED) {
		w->name_over = w->name_over || at->kind == PV_STEP_RECIPIENT;
		pv_walk_skip(w, "5.2.1", PV_TEXT_EXPIRED);
	}
	return PV_OK;
}

enum pv_class pv_walk_name(struct pv_walk *w, struct pv_step *at, const char *name, size_t len,
			   bool users_only, bool *found_r, struct pv_error *e)
{
	enum pv_alias_fate fate = PV_ALIAS_NONE;
	struct pv_route_user *u = NULL;
	enum pv_class c = PV_OK;

	*found_r = false;
	if (!users_only)
		c = pv_walk_alias(w, at, name, len, &fate, e);
	if (c == PV_OK && fate != PV_ALIAS_FOLLOWED)
		c = find_user(w, name, len, &u, e);
	if (c != PV_OK)
		return c;
	*found_r = u != NULL || fate != PV_ALIAS_NONE;
	if (u == NULL)
		c = settle_alias(w, at, name, len, fate, e);
	else
		c = pv_walk_user(w, at, u, e);
	if (c != PV_OK || !*found_r)
		return c;
	return u != NULL ? note_name(w, at, u->user.s, u->user.len, e) : note_name(w, at, name, len, e);
}

enum pv_class pv_walk_tagged(struct pv_walk *w, struct pv_step *at, const char *name, size_t len,
			     bool users_only, bool *found_r, struct pv_error *e)
{
	enum pv_class c = pv_walk_name(w, at, name, len, users_only, found_r, e);
	size_t front = pv_walk_tag_at(w, name, len);

	if (c != PV_OK || *found_r || front == len)
		return c;
	return pv_walk_name(w, at, name, front, users_only, found_r, e);
}
