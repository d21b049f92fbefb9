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

static enum pv_class follow_entries(struct pv_walk *w, struct pv_step *step, struct pv_buf *list,
				    struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *end = list->s + list->len;
	char *at = list->s;
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

/* Copies go to addresses where they stand in the list, so it lasts as long as the route. */
static struct pv_route_list *new_list(struct pv_route *r)
{
	struct pv_route_list *l = pv_arena_zalloc(&r->arena, sizeof *l);

	if (l == NULL)
		return NULL;
	l->text = (struct pv_buf)PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	l->next = r->lists;
	r->lists = l;
	return l;
}

void pv_walk_lists_free(struct pv_route *r)
{
	for (struct pv_route_list *l = r->lists; l != NULL; l = l->next)
		pv_buf_free(&l->text);
	r->lists = NULL;
}

/* Read the list and follow it; where none of it is done in the end, nothing of it has to last. */
static enum pv_class read_list(struct pv_walk *w, struct pv_step *step, const char *below, const char *said,
			       struct pv_error *e)
{
	struct pv_route_list *list = new_list(w->r);
	size_t count = w->r->count;
	bool found;

	if (list == NULL)
		return pv_walk_no_memory(e);
	enum pv_class c = pv_folder_load(&w->r->folder, below, &list->text, &found, e);
	if (c == PV_OK && !found)
		c = pv_step_fail(step->up, e,
				 ":include:%.100s: there is no file %s: make it, or take this out", said,
				 step->name);
	if (c != PV_OK)
		return c;
	step->file = step->name;
	pv_trail_add(w->q->trail, step->file, 0, "the list %s", below + sizeof INCLUDE);
	c = follow_entries(w, step, &list->text, e);
	if (w->r->count == count)
		pv_buf_free(&list->text);
	return c;
}

enum pv_class pv_walk_list(struct pv_walk *w, struct pv_step *at, const char *said, struct pv_error *e)
{
	const char *name = name_below(w, said), *below, *path;
	struct pv_step step;
	bool had;

	if (name == NULL || !pv_path_is_plain(name))
		return pv_step_fail(at, e,
				    ":include:%.100s: lists lie in %s/" INCLUDE
				    ": write the file's name, without `..` or a leading dot",
				    said, w->r->folder.path);
	if (!make_names(w, name, &below, &path) || !pv_seen_add(&w->seen, &w->r->arena, 'l', path, &had))
		return pv_walk_no_memory(e);
	if (had && pv_step_find(at, PV_STEP_LIST, path) != NULL)
		return pv_step_fail_loop(at, path, e);
	if (had)
		return PV_OK;
	enum pv_class c = pv_step_enter(at, PV_STEP_LIST, path, &step, e);
	return c == PV_OK ? read_list(w, &step, below, said, e) : c;
}
