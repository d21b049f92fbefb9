#include "route/walk.h"

/* Room for one more. Most routes have a few, and a list has thousands: to grow to them by small steps would
 * touch twice the memory, where what is not used costs nothing. */
static bool grow(struct pv_route *r)
{
	size_t room = r->room == 0 ? 4 : r->room * 32;

	if (room > PV_ROUTE_ACTIONS_MAX)
		room = PV_ROUTE_ACTIONS_MAX;
	struct pv_action *more = realloc(r->actions, room * sizeof *more);

	if (more == NULL)
		return false;
	r->actions = more;
	r->room = room;
	return true;
}

static enum pv_class add(struct pv_walk *w, const struct pv_step *at, const struct pv_action *a,
			 struct pv_error *e)
{
	struct pv_route *r = w->r;

	if (r->count == PV_ROUTE_ACTIONS_MAX)
		return pv_step_fail(at, e, "more than %d addresses", PV_ROUTE_ACTIONS_MAX);
	if (r->count == r->room && !grow(r))
		return pv_walk_no_memory(e);
	struct pv_action *added = &r->actions[r->count++];
	*added = *a;
	added->file = at->file;
	added->line = at->line;
	return PV_OK;
}

enum pv_class pv_walk_add(struct pv_walk *w, const struct pv_step *at, const struct pv_action *a,
			  const char *key, struct pv_error *e)
{
	const char mark = (char)('0' + a->kind);
	bool had;

	if (!pv_seen_add(&w->seen, &w->r->arena, mark, key != NULL ? key : a->text, &had))
		return pv_walk_no_memory(e);
	return had ? PV_OK : add(w, at, a, e);
}

enum pv_class pv_walk_add_copy(struct pv_walk *w, const struct pv_step *at, const struct pv_action *a,
			       size_t len, struct pv_error *e)
{
	bool had;

	if (!pv_copies_add(&w->copies, w->r, a->text, len, &had))
		return pv_walk_no_memory(e);
	return had ? PV_OK : add(w, at, a, e);
}

bool pv_walk_delivers(const struct pv_walk *w)
{
	for (size_t i = 0; i < w->r->count; i++)
		if (w->r->actions[i].kind != PV_ACTION_RESPOND && w->r->actions[i].kind != PV_ACTION_VACATION)
			return true;
	return false;
}

static bool is_sorted(const struct pv_route *r)
{
	size_t i = 1;

	while (i < r->count && r->actions[i - 1].kind <= r->actions[i].kind)
		i++;
	return i >= r->count;
}

enum pv_class pv_walk_finish(struct pv_walk *w, struct pv_error *e)
{
	struct pv_route *r = w->r;
	size_t at = 0;

	if (is_sorted(r))
		return PV_OK;
	struct pv_action *sorted = calloc(r->count, sizeof *sorted);
	if (sorted == NULL)
		return pv_walk_no_memory(e);
	for (unsigned k = 0; k < PV_ACTION_KINDS; k++)
		for (size_t i = 0; i < r->count; i++)
			if (r->actions[i].kind == k)
				sorted[at++] = r->actions[i];
	free(r->actions);
	r->actions = sorted;
	r->room = r->count;
	return PV_OK;
}

const struct pv_action *pv_route_mailbox_of(const struct pv_route *r, const struct pv_user *u)
{
	for (size_t i = 0; i < r->count && r->actions[i].kind == PV_ACTION_MAILBOX; i++)
		if (pv_user_equal(&r->actions[i].of->user, u))
			return &r->actions[i];
	return NULL;
}
