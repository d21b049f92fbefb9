#include "route/walk.h"
#include "store/folder_load.h"

/* What of path stands below dir/sub/? NULL: it stands elsewhere. */
static const char *below(const char *path, const char *dir, const char *sub)
{
	size_t dir_len = strlen(dir), sub_len = strlen(sub);

	while (dir_len > 0 && dir[dir_len - 1] == '/')
		dir_len--;
	if (dir_len == 0 || strncmp(path, dir, dir_len) != 0 || path[dir_len] != '/')
		return NULL;
	path += dir_len + 1;
	if (strncmp(path, sub, sub_len) != 0 || path[sub_len] != '/')
		return NULL;
	return path + sub_len + 1;
}

/* Another program's lock there would stop a mailbox, and a delivery would take it for one. */
static bool is_lock(const char *part)
{
	size_t len = strcspn(part, "/");

	return len >= 5 && strncmp(part + len - 5, ".lock", 5) == 0;
}

static bool has_lock(const char *path)
{
	for (const char *part = path; part != NULL; part = strchr(part, '/')) {
		part += *part == '/';
		if (is_lock(part))
			return true;
	}
	return false;
}

/* In the spool lie the users' mailboxes, which have rules of their own. */
static enum pv_class check_in_spool(struct pv_walk *w, const struct pv_step *at, const char *path,
				    const char *rest, struct pv_error *e)
{
	const size_t len = strcspn(rest, "/");
	struct pv_route_user *u;
	struct pv_user name;

	if (pv_user_parse(rest, len, &name, NULL) != PV_OK)
		return pv_step_fail(at, e, "%.200s: no mailbox can have that name: write another", path);
	enum pv_class c = pv_walk_find_user(w, rest, len, &u, e);
	if (c == PV_OK && u != NULL)
		return pv_step_fail(at, e, "%.200s is where the mail of the user %s lies: write `%s`", path,
				    name.s, name.s);
	return c;
}

enum pv_class pv_walk_file(struct pv_walk *w, struct pv_step *at, const char *path, struct pv_error *e)
{
	struct pv_action a = { .kind = PV_ACTION_FILE };
	const struct pv_conf *conf = &w->q->store->conf;
	enum pv_class c = PV_OK;

	const char *in_spool = below(path, conf->spool_directory, w->r->folder.domain.s);
	const char *home = in_spool == NULL ? pv_walk_home(w) : NULL;
	const char *in_home = home != NULL ? below(path, home, "Mail") : NULL;
	const char *rest = in_spool != NULL ? in_spool : in_home;
	if (rest == NULL && home == NULL)
		return pv_step_fail(at, e, "%.200s: the home of the account is not known: set HOME", path);
	if (rest == NULL)
		return pv_step_fail(at, e,
				    "%.200s lies neither below %s/Mail nor below %s/%s: write such a one",
				    path, home, conf->spool_directory, w->r->folder.domain.s);
	if (!pv_path_is_plain(rest) || has_lock(rest) || strlen(path) >= PATH_MAX)
		return pv_step_fail(
			at, e, "%.200s: no part of it may begin with a dot, end in .lock or be empty", path);
	if (in_spool != NULL && (c = check_in_spool(w, at, path, rest, e)) != PV_OK)
		return c;
	if ((a.text = pv_arena_add(&w->r->arena, path, strlen(path))) == NULL)
		return pv_walk_no_memory(e);
	pv_trail_add(w->q->trail, at->file, at->line, "it is added to the %s %s",
		     path[strlen(path) - 1] == '/' ? "Maildir" : "mbox", path);
	return pv_walk_add(w, at, &a, NULL, e);
}
