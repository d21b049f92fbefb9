#include "route/walk.h"

char pv_walk_mark(enum pv_action_kind kind)
{
	return (char)('0' + kind);
}

static enum pv_class add(struct pv_walk *w, const struct pv_step *at, const struct pv_action *a,
			 struct pv_error *e)
{
	struct pv_arena *arena = &w->r->arena;

	if (w->count == PV_ROUTE_ACTIONS_MAX)
		return pv_step_fail(at, e, "more than %d addresses", PV_ROUTE_ACTIONS_MAX);
	struct pv_walk_node *node = pv_arena_zalloc(arena, sizeof *node);
	if (node == NULL)
		return pv_walk_no_memory(e);
	node->action = *a;
	node->action.file = at->file;
	node->action.line = at->line;
	if (w->last[a->kind] != NULL)
		w->last[a->kind]->next = node;
	else
		w->first[a->kind] = node;
	w->last[a->kind] = node;
	w->count++;
	return PV_OK;
}

enum pv_class pv_walk_add(struct pv_walk *w, const struct pv_step *at, const struct pv_action *a,
			  const char *key, struct pv_error *e)
{
	bool had;

	if (!pv_seen_add(&w->seen, &w->r->arena, pv_walk_mark(a->kind), key != NULL ? key : a->text, &had))
		return pv_walk_no_memory(e);
	return had ? PV_OK : add(w, at, a, e);
}

enum pv_class pv_walk_add_word(struct pv_walk *w, const struct pv_step *at, const struct pv_action *a,
			       const char *word, struct pv_error *e)
{
	bool had;

	if (!pv_seen_word(&w->seen, word, &had))
		return pv_walk_no_memory(e);
	return had ? PV_OK : add(w, at, a, e);
}

bool pv_walk_delivers(const struct pv_walk *w)
{
	for (unsigned k = 0; k < PV_ACTION_KINDS; k++)
		if (k != PV_ACTION_RESPOND && k != PV_ACTION_VACATION && w->first[k] != NULL)
			return true;
	return false;
}

enum pv_class pv_walk_finish(struct pv_walk *w, struct pv_error *e)
{
	struct pv_route *r = w->r;
	size_t at = 0;

	r->actions = pv_arena_zalloc(&r->arena, w->count * sizeof *r->actions);
	if (r->actions == NULL)
		return pv_walk_no_memory(e);
	for (unsigned k = 0; k < PV_ACTION_KINDS; k++)
		for (const struct pv_walk_node *n = w->first[k]; n != NULL; n = n->next)
			r->actions[at++] = n->action;
	r->count = at;
	return PV_OK;
}

const struct pv_action *pv_route_mailbox_of(const struct pv_route *r, const struct pv_user *u)
{
	for (size_t i = 0; i < r->count && r->actions[i].kind == PV_ACTION_MAILBOX; i++)
		if (pv_user_equal(&r->actions[i].user, u))
			return &r->actions[i];
	return NULL;
}
