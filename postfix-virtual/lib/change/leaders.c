/* Aliases that lead to one that is changed. */
#include "change/depend.h"

#include "change/ask.h"

#include <stdlib.h>
#include <string.h>

static bool works(struct pv_work *w, const char *local, struct pv_error *why)
{
	struct pv_buf out = PV_BUF_INIT(PV_ASK_MAX);

	enum pv_class c = pv_ask_route(w, &w->account, &w->domain, local, &out, why);
	pv_buf_free(&out);
	return c == PV_OK;
}

/* What was wrong already is not this change's fault. */
static enum pv_class refuse_one(struct pv_work *w, struct pv_work *before, const char *local,
				struct pv_error *e)
{
	struct pv_error why;

	if (works(w, local, &why) || !works(before, local, NULL))
		return PV_OK;
	return pv_fail(e, PV_PERMANENT, "5.3.5", "%.100s@%s leads here, and would not work any more: %s",
		       local, w->domain.s, why.text);
}

static enum pv_class refuse_any(struct pv_work *w, const struct pv_buf *names, struct pv_error *e)
{
	struct pv_work *before = malloc(sizeof *before);
	enum pv_class c = PV_OK;
	size_t at = 0, count = 0;

	if (before == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory to follow aliases");
	*before = *w;
	before->mark = (struct pv_mark){ .domain = w->domain };
	for (; c == PV_OK && at < names->len && count < PV_LEADERS_MAX; count++) {
		c = refuse_one(w, before, names->s + at, e);
		at += strlen(names->s + at) + 1;
	}
	if (c == PV_OK && at < names->len)
		pv_buf_addf(&w->c->notes, "only the first %d aliases that lead to it were looked at\n",
			    PV_LEADERS_MAX);
	free(before);
	return c;
}

enum pv_class pv_depend_refuse_broken(struct pv_work *w, const char *name, struct pv_error *e)
{
	struct pv_buf names = PV_BUF_INIT(PV_ASK_MAX);
	struct pv_error why;

	enum pv_class c = pv_depend_leaders(w, name, &names, &why);
	if (c == PV_OK)
		c = refuse_any(w, &names, e);
	else
		pv_buf_addf(&w->c->notes, "whether something leads to %s could not be found out: %s\n", name,
			    why.text);
	pv_buf_free(&names);
	return c == PV_PERMANENT ? c : PV_OK;
}
