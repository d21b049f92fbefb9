#include "check/check.h"

static const char *const names[] = {
	[PV_NOTE] = "ok",
	[PV_WARNING] = "warning",
	[PV_CRITICAL] = "critical",
	[PV_UNKNOWN] = "unknown",
};

/* What comes first in a list. */
static const int rank[] = { [PV_CRITICAL] = 0, [PV_UNKNOWN] = 1, [PV_WARNING] = 2, [PV_NOTE] = 3 };

const char *pv_severity_name(enum pv_severity s)
{
	return names[s];
}

static void copy_printable(char *to, size_t size, const char *from)
{
	int n = snprintf(to, size, "%s", from);
	size_t len = strlen(to);

	if (n > 0 && (size_t)n >= size)
		memcpy(to + size - 4, "...", 4);
	pv_printable(to, len);
}

void pv_findings_add(struct pv_findings *f, const char *id, enum pv_severity severity, const char *object,
		     const char *text)
{
	if (f->count == f->room) {
		size_t room = f->room == 0 ? 16 : 2 * f->room;
		struct pv_finding *list = reallocarray(f->list, room, sizeof *list);
		f->failed = f->failed || list == NULL;
		if (list == NULL)
			return;
		f->list = list;
		f->room = room;
	}
	struct pv_finding *new = &f->list[f->count++];
	new->severity = severity;
	copy_printable(new->id, sizeof new->id, id);
	copy_printable(new->object, sizeof new->object, object);
	copy_printable(new->text, sizeof new->text, text);
}

static int compare(const void *a, const void *b)
{
	const struct pv_finding *x = a, *y = b;
	int r = rank[x->severity] - rank[y->severity];

	r = r != 0 ? r : strcmp(x->object, y->object);
	r = r != 0 ? r : strcmp(x->id, y->id);
	return r != 0 ? r : strcmp(x->text, y->text);
}

void pv_findings_sort(struct pv_findings *f)
{
	if (f->count > 1)
		qsort(f->list, f->count, sizeof *f->list, compare);
}

size_t pv_findings_count(const struct pv_findings *f, enum pv_severity severity)
{
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++)
		n += f->list[i].severity == severity;
	return n;
}

enum pv_severity pv_findings_worst(const struct pv_findings *f)
{
	static const enum pv_severity order[] = { PV_CRITICAL, PV_WARNING, PV_UNKNOWN };

	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if (pv_findings_count(f, order[i]) > 0)
			return order[i];
	return PV_NOTE;
}

void pv_findings_free(struct pv_findings *f)
{
	free(f->list);
	*f = (struct pv_findings){ .list = NULL };
}
