#include "route/walk.h"

/* --- sentences --- */

enum pv_class pv_step_place(const struct pv_step *at, struct pv_error *e)
{
	if (e != NULL)
		e->class = PV_TEMPORARY;
	if (e != NULL && e->status[0] != '4')
		(void)snprintf(e->status, sizeof e->status, "%s", "4.3.5");
	if (at->line > 0)
		(void)pv_error_prefix(e, "%s, line %u", at->file, at->line);
	else
		(void)pv_error_prefix(e, "%s", at->file);
	return PV_TEMPORARY;
}

enum pv_class(pv_step_fail)(const struct pv_step *at, struct pv_error *e, const char *fmt, ...)
{
	char text[PV_ERROR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	(void)pv_fail(e, PV_TEMPORARY, "4.3.5", "%s", text);
	return pv_step_place(at, e);
}

enum pv_class(pv_walk_no_memory)(struct pv_error *e)
{
	return pv_fail(e, PV_TEMPORARY, "4.3.0", "resolve an address: out of memory");
}

/* --- the way --- */

const struct pv_step *pv_step_find(const struct pv_step *at, enum pv_step_kind kind, const char *name)
{
	while (at != NULL && (at->kind != kind || strcmp(at->name, name) != 0))
		at = at->up;
	return at;
}

/* `a -> b -> c`, from the recipient on. */
static void add_way(const struct pv_step *at, struct pv_buf *out)
{
	if (at->up != NULL)
		add_way(at->up, out);
	if (at->kind == PV_STEP_RECIPIENT)
		return;
	pv_buf_adds(out, at->name);
	pv_buf_adds(out, " -> ");
}

static const char *way(const struct pv_step *at, struct pv_buf *memory)
{
	add_way(at, memory);
	return memory->failed ? "..." : memory->s;
}

enum pv_class pv_step_fail_loop(const struct pv_step *at, const char *name, struct pv_error *e)
{
	char memory[512] = "";
	struct pv_buf chain = PV_BUF_ON(memory, sizeof memory - 1);

	return pv_step_fail(at, e, "a loop: %s%s: take one of them out", way(at, &chain), name);
}

enum pv_class pv_step_enter(struct pv_step *up, enum pv_step_kind kind, const char *name,
			    struct pv_step *step, struct pv_error *e)
{
	*step = (struct pv_step){ .up = up,
				  .kind = kind,
				  .name = name,
				  .file = up->file,
				  .line = up->line,
				  .depth = up->depth + 1 };
	if (step->depth <= PV_ROUTE_DEPTH_MAX)
		return PV_OK;
	return pv_step_fail(up, e, "%s is the %uth step from an address: %d are enough", name, step->depth,
			    PV_ROUTE_DEPTH_MAX);
}

void pv_walk_skip(struct pv_walk *w, const char *status, enum pv_text text)
{
	if (w->skipped)
		return;
	w->skipped = true;
	w->skip_status = status;
	w->skip_text = text;
}

const char *pv_walk_home(struct pv_walk *w)
{
	if (!w->home_asked && w->q->account_home != NULL)
		w->home = w->q->account_home(w->q->ctx);
	w->home_asked = true;
	return w->home;
}
