#include "route/walk.h"
#include "store/full_name.h"

/* --- who it is --- */

/* Keep what is needed of p. */
static enum pv_class keep(struct pv_walk *w, const struct pv_passwd_entry *p, struct pv_route_user **u_r,
			  struct pv_error *e)
{
	struct pv_arena *arena = &w->r->arena;
	struct pv_route_user *u = pv_arena_zalloc(arena, sizeof *u);

	if (u == NULL || (u->home = pv_arena_add(arena, p->home, strlen(p->home))) == NULL ||
	    (u->name = pv_arena_add(arena, p->name, strlen(p->name))) == NULL)
		return pv_walk_no_memory(e);
	u->user = p->user;
	if (w->q->trail != NULL)
		u->line = pv_passwd_line_at(&w->lines, &w->r->folder, p->at);
	pv_user_conf_defaults(&w->r->conf, &u->conf);
	u->next = w->r->users;
	w->r->users = u;
	*u_r = u;
	return PV_OK;
}

/* What cannot be a user's name is nobody's, and is not looked for in a file. */
enum pv_class pv_walk_find_user(struct pv_walk *w, const char *name, size_t len, struct pv_route_user **u_r,
				struct pv_error *e)
{
	struct pv_passwd_entry p;
	bool found;

	*u_r = NULL;
	if (pv_user_parse(name, len, &p.user, NULL) != PV_OK)
		return PV_OK;
	const struct pv_user user = p.user;
	enum pv_class c = pv_passwd_find(&w->r->folder, &user, &p, &found, e);
	return c == PV_OK && found ? keep(w, &p, u_r, e) : c;
}

enum pv_class pv_walk_find_full_name(struct pv_walk *w, const char *name, size_t len,
				     struct pv_route_user **u_r, struct pv_error *e)
{
	struct pv_passwd_entry p;
	bool found;

	*u_r = NULL;
	if (!w->r->conf.match_full_name)
		return PV_OK;
	enum pv_class c = pv_full_name_find(&w->r->folder, name, len, &p, &found, e);
	if (c == PV_OK && found)
		c = keep(w, &p, u_r, e);
	if (c == PV_OK && found)
		pv_trail_add(w->q->trail, w->passwd, (*u_r)->line, "%.*s is the full name of %s", (int)len,
			     name, (*u_r)->user.s);
	return c;
}

void pv_walk_users_free(struct pv_route *r)
{
	for (struct pv_route_user *u = r->users; u != NULL; u = u->next)
		pv_user_conf_free(&u->conf);
	r->users = NULL;
}

/* --- what happens to his mail --- */

static struct pv_action action_for(enum pv_action_kind kind, const struct pv_route_user *u)
{
	return (struct pv_action){ .kind = kind, .of = u };
}

/* What root says of commands holds for every program of the domain's. */
static enum pv_class check_programs(struct pv_walk *w, const struct pv_route_user *u, struct pv_error *e)
{
	const struct pv_mail_conf *m = &u->conf.mail;
	const struct {
		const char *name, *value;
		const struct pv_setting_at *at;
	} programs[] = { { "filter", m->filter, &m->filter_at },
			 { "deliver_with", m->deliver_with, &m->deliver_with_at },
			 { "after_storing", m->after_storing, &m->after_storing_at } };
	const size_t count = sizeof programs / sizeof *programs;
	bool may = true;
	size_t i = 0;

	while (i < count && programs[i].value[0] == '\0')
		i++;
	enum pv_class c = i < count ? pv_walk_may_command(w, &may, e) : PV_OK;
	if (c != PV_OK || may)
		return c;
	const bool of_user = programs[i].at->of_user;
	return pv_fail(e, PV_TEMPORARY, "4.3.5",
		       "%s/%s%s, line %u: %s of %s: %s/domains has commands=no for %s: take it out, or let "
		       "root allow commands",
		       w->r->folder.path, of_user ? "users/" : "domain.conf", of_user ? u->user.s : "",
		       programs[i].at->line, programs[i].name, u->user.s, w->q->store->dir,
		       w->r->folder.domain.s);
}

static enum pv_class add_mailbox(struct pv_walk *w, const struct pv_step *at, const struct pv_route_user *u,
				 struct pv_error *e)
{
	const struct pv_action a = action_for(PV_ACTION_MAILBOX, u);

	enum pv_class c = check_programs(w, u, e);
	if (c != PV_OK)
		return c;
	return pv_walk_add(w, at, &a, u->user.s, e);
}

/* They are addresses alone; pv_user_conf_load() sees to that. */
static enum pv_class follow_forwards(struct pv_walk *w, struct pv_step *up, const struct pv_route_user *u,
				     struct pv_error *e)
{
	const char *list = u->conf.forward, *end = list + strlen(list);
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	struct pv_target t;
	struct pv_step step;

	enum pv_class c = pv_step_enter(up, PV_STEP_USER, u->user.s, &step, e);
	if (c != PV_OK)
		return c;
	const char *const parts[] = { w->r->folder.path, "/users/", u->user.s };
	step.file = pv_arena_join(&w->r->arena, parts, sizeof parts / sizeof *parts);
	step.line = u->conf.forward_line;
	step.user = u;
	if (step.file == NULL)
		return pv_walk_no_memory(e);
	pv_trail_add(w->q->trail, step.file, step.line, "%s has forward = %s%s", u->user.s, list,
		     u->conf.keep_copy ? ", and keeps a copy" : "");
	while (c == PV_OK && pv_target_next(&list, end, &text, &t, &c, e)) {
		if (c == PV_OK)
			c = pv_walk_target(w, &step, &t, e);
		else
			(void)pv_step_place(&step, e);
	}
	pv_buf_free(&text);
	return c;
}

/* Does he take mail? */
static bool takes_mail(struct pv_walk *w, const struct pv_route_user *u)
{
	if (!u->conf.receive) {
		pv_trail_add(w->q->trail, w->passwd, u->line, "%s is a user, but takes no mail: receive = no",
			     u->user.s);
		pv_walk_skip(w, "5.2.1", PV_TEXT_NO_MAIL);
		return false;
	}
	if (pv_user_conf_expired(&u->conf, NULL)) {
		pv_trail_add(w->q->trail, w->passwd, u->line, "%s is a user, but expired", u->user.s);
		pv_walk_skip(w, "5.2.1", PV_TEXT_EXPIRED);
		return false;
	}
	pv_trail_add(w->q->trail, w->passwd, u->line, "%s is a user", u->user.s);
	return true;
}

enum pv_class pv_walk_user(struct pv_walk *w, struct pv_step *at, struct pv_route_user *u, struct pv_error *e)
{
	const struct pv_step *before = pv_step_find(at, PV_STEP_USER, u->user.s);
	enum pv_class c;
	bool had;

	/* His forwards lead back to him: then he gets it. */
	if (before != NULL)
		return add_mailbox(w, at, before->user, e);
	if (!pv_seen_add(&w->seen, &w->r->arena, 'u', u->user.s, &had))
		return pv_walk_no_memory(e);
	if (had)
		return PV_OK;
	if ((c = pv_user_conf_load(&w->r->folder, &u->user, &w->r->conf, &u->conf, e)) != PV_OK)
		return c;
	if (!takes_mail(w, u))
		return PV_OK;
	bool forwards = u->conf.forward[0] != '\0';
	if (forwards && (c = follow_forwards(w, at, u, e)) != PV_OK)
		return c;
	if ((!forwards || u->conf.keep_copy) && (c = add_mailbox(w, at, u, e)) != PV_OK)
		return c;
	return pv_walk_vacation(w, at, u, e);
}
