#include "route/place.h"
#include "route/walk.h"

#include <errno.h>
#include <fcntl.h>

enum presence { ABSENT, PRESENT, UNKNOWN };

/* Is there something at that path? What it is its reader judges. */
static enum pv_class look(const char *path, enum presence *p_r, struct pv_error *e)
{
	struct stat st;

	*p_r = ABSENT;
	if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*p_r = PRESENT;
	else if (errno == EACCES)
		*p_r = UNKNOWN;
	else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENAMETOOLONG)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "look for %s", path);
	return PV_OK;
}

/* One call tells most domains that nobody in them answers by himself. */
static enum pv_class look_for_files(struct pv_walk *w, struct pv_error *e)
{
	const char *const parts[] = { w->q->store->conf.spool_directory, "/", w->r->folder.domain.s,
				      "/.files" };
	enum presence p;

	if (w->files_looked)
		return PV_OK;
	w->files = pv_arena_join(&w->r->arena, parts, sizeof parts / sizeof *parts);
	if (w->files == NULL)
		return pv_walk_no_memory(e);
	enum pv_class c = look(w->files, &p, e);
	w->has_files = p != ABSENT;
	w->files_looked = c == PV_OK;
	return c;
}

static const char *path_in(struct pv_walk *w, const char *dir, const char *name, const char *suffix)
{
	const char *const parts[] = { dir, "/", name, suffix };

	return pv_arena_join(&w->r->arena, parts, sizeof parts / sizeof *parts);
}

enum pv_class pv_walk_respond(struct pv_walk *w, const struct pv_step *at, const char *name, size_t len,
			      bool must_know, bool *has_r, struct pv_error *e)
{
	struct pv_action a = { .kind = PV_ACTION_RESPOND };
	struct pv_user user;
	enum presence p;

	*has_r = false;
	if (pv_user_parse(name, len, &user, NULL) != PV_OK)
		return PV_OK;
	enum pv_class c = look_for_files(w, e);
	if (c != PV_OK || !w->has_files)
		return c;
	const char *path = path_in(w, w->files, user.s, ".auto");
	if (path == NULL || (a.text = pv_arena_add(&w->r->arena, user.s, user.len)) == NULL)
		return pv_walk_no_memory(e);
	if ((c = look(path, &p, e)) != PV_OK)
		return c;
	if (p == UNKNOWN && must_know)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s may not be looked at: chown it", path);
	*has_r = p == PRESENT;
	if (!*has_r)
		return PV_OK;
	pv_trail_add(w->q->trail, path, 0, "%s has a responder", user.s);
	return pv_walk_add(w, at, &a, NULL, e);
}

/* A vacation that is on: the index says so, be it empty. Who writes no text is answered for with a built-in
 * one. */
static enum pv_class try_vacation(struct pv_walk *w, const struct pv_step *at, const struct pv_route_user *u,
				  const char *dir, const char *name, bool *on_r, struct pv_error *e)
{
	struct pv_action a = { .kind = PV_ACTION_VACATION, .of = u };
	enum presence index;

	*on_r = false;
	const char *index_path = path_in(w, dir, name, ".vacation.db");
	a.text = path_in(w, dir, name, ".vacation");
	if (index_path == NULL || a.text == NULL)
		return pv_walk_no_memory(e);
	enum pv_class c = look(index_path, &index, e);
	if (c != PV_OK || index != PRESENT)
		return c;
	*on_r = true;
	pv_trail_add(w->q->trail, index_path, 0, "%s is on vacation", u->user.s);
	return pv_walk_add(w, at, &a, u->user.s, e);
}

/* Has he a home of his own, with an index in it? */
static enum pv_class look_at_home(struct pv_walk *w, const struct pv_route_user *u, bool *on_r,
				  struct pv_error *e)
{
	enum presence index;

	*on_r = false;
	const char *home = u->home[0] == '/' ? pv_walk_home(w) : NULL;
	if (home == NULL || !pv_location_is_inside(u->home, home))
		return PV_OK;
	const char *path = path_in(w, u->home, "", ".vacation.db");
	if (path == NULL)
		return pv_walk_no_memory(e);
	enum pv_class c = look(path, &index, e);
	if (c != PV_OK || index != PRESENT)
		return c;
	/* A whole pass over passwd: only when there is a reason. */
	return pv_place_own_home(&w->r->folder, &u->user, u->home, home, on_r, e);
}

enum pv_class pv_walk_vacation(struct pv_walk *w, const struct pv_step *at, const struct pv_route_user *u,
			       struct pv_error *e)
{
	bool on = false;
	enum pv_class c;

	if ((c = look_for_files(w, e)) != PV_OK)
		return c;
	if (w->has_files)
		c = try_vacation(w, at, u, w->files, u->user.s, &on, e);
	if (c != PV_OK || on)
		return c;
	if ((c = look_at_home(w, u, &on, e)) != PV_OK || !on)
		return c;
	return try_vacation(w, at, u, u->home, "", &on, e);
}
