#include "route/walk.h"
#include "store/folder_load.h"

#define INCLUDE "include"

/* The name below include/ of what a target says, or NULL: it lies elsewhere. */
static const char *name_below(const struct pv_walk *w, const char *said)
{
	const char *folder = w->r->folder.path;
	size_t len = strlen(folder);

	if (said[0] != '/')
		return said;
	if (strncmp(said, folder, len) != 0 || strncmp(said + len, "/" INCLUDE "/", sizeof INCLUDE + 1) != 0)
		return NULL;
	return said + len + sizeof INCLUDE + 1;
}

static enum pv_class follow_entries(struct pv_walk *w, struct pv_step *step, const struct pv_buf *list,
				    struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *at = list->s, *end = list->s + list->len;
	enum pv_class c = PV_OK;
	struct pv_target t;

	step->line = 0;
	while (c == PV_OK && pv_include_next(&at, end, &step->line, &text, &t, &c, e)) {
		if (c == PV_OK)
			c = pv_walk_target(w, step, &t, e);
		else
			(void)pv_step_place(step, e);
	}
	pv_buf_free(&text);
	return c;
}

/* Its way below the domain's folder, and the same with that in front, for sentences. */
static bool make_names(struct pv_walk *w, const char *name, const char **below_r, const char **path_r)
{
	const char *const below[] = { INCLUDE "/", name };
	const char *const path[] = { w->r->folder.path, "/" INCLUDE "/", name };

	*below_r = pv_arena_join(&w->r->arena, below, sizeof below / sizeof *below);
	*path_r = pv_arena_join(&w->r->arena, path, sizeof path / sizeof *path);
	return *below_r != NULL && *path_r != NULL;
}

enum pv_class pv_walk_list(struct pv_walk *w, struct pv_step *at, const char *said, struct pv_error *e)
{
	const struct pv_folder *f = &w->r->folder;
	struct pv_buf list = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *name = name_below(w, said), *below, *path;
	struct pv_step step;
	bool found, had;

	if (name == NULL || !pv_path_is_plain(name))
		return pv_step_fail(at, e,
				    ":include:%.100s: lists lie in %s/" INCLUDE
				    ": write the file's name, without `..` or a leading dot",
				    said, f->path);
	if (!make_names(w, name, &below, &path) || !pv_seen_add(&w->seen, &w->r->arena, 'l', path, &had))
		return pv_walk_no_memory(e);
	if (had && pv_step_find(at, PV_STEP_LIST, path) != NULL)
		return pv_step_fail_loop(at, path, e);
	if (had)
		return PV_OK;
	enum pv_class c = pv_step_enter(at, PV_STEP_LIST, path, &step, e);
	if (c == PV_OK)
		c = pv_folder_load(f, below, &list, &found, e);
	if (c == PV_OK && !found)
		c = pv_step_fail(at, e, ":include:%.100s: there is no file %s: make it, or take this out",
				 said, path);
	step.file = path;
	if (c == PV_OK) {
		pv_trail_add(w->q->trail, path, 0, "the list %s", name);
		c = follow_entries(w, &step, &list, e);
	}
	pv_buf_free(&list);
	return c;
}
