/* What was found last time: a line for each finding, so that cron(8) sends a letter only where something
 * changed. */
#include "check/check.h"

#include "base/file.h"
#include "change/state.h"

#include <limits.h>
#include <unistd.h>

#define FILE_MAX ((size_t)256 << 20)

/* Figures in a sentence change from day to day, what it says does not: a number is equal to any other. */
static int compare_text(const char *a, const char *b)
{
	static const char digits[] = "0123456789";

	for (;; a++, b++) {
		size_t n = strspn(a, digits), m = strspn(b, digits);
		if (n > 0 && m > 0) {
			a += n;
			b += m;
		}
		if (*a != *b || *a == '\0')
			return (unsigned char)*a - (unsigned char)*b;
	}
}

static int compare(const void *a, const void *b)
{
	const struct pv_finding *x = a, *y = b;
	int r = (int)x->severity - (int)y->severity;

	r = r != 0 ? r : strcmp(x->object, y->object);
	r = r != 0 ? r : strcmp(x->id, y->id);
	return r != 0 ? r : compare_text(x->text, y->text);
}

static void copy(struct pv_findings *to, const struct pv_finding *f)
{
	pv_findings_add(to, f->id, f->severity, f->object, f->text);
}

/* Two sorted lists side by side. Where a sentence stands in both, however often, it is nothing new. */
static void divide(const struct pv_findings *before, const struct pv_findings *now, struct pv_findings *new,
		   struct pv_findings *gone)
{
	size_t i = 0, j = 0;

	while (i < before->count && j < now->count) {
		const struct pv_finding *a = &before->list[i], *b = &now->list[j];
		int r = compare(a, b);
		if (r < 0) {
			copy(gone, a);
			i++;
		} else if (r > 0) {
			copy(new, b);
			j++;
		} else {
			while (i < before->count && compare(&before->list[i], b) == 0)
				i++;
			while (j < now->count && compare(a, &now->list[j]) == 0)
				j++;
		}
	}
	for (; i < before->count; i++)
		copy(gone, &before->list[i]);
	for (; j < now->count; j++)
		copy(new, &now->list[j]);
}

static void sort(struct pv_findings *f)
{
	if (f->count > 1)
		qsort(f->list, f->count, sizeof *f->list, compare);
}

/* Lines `SEVERITY ID OBJECT TEXT`, tabs between. One that is damaged is no finding: it counts as new again.
 */
static void parse(struct pv_buf *text, struct pv_findings *f)
{
	char *rest = text->s, *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		const char *severity = strsep(&line, "\t"), *id = strsep(&line, "\t");
		const char *object = strsep(&line, "\t");
		for (enum pv_severity s = PV_WARNING; line != NULL && s <= PV_UNKNOWN; s++)
			if (strcmp(severity, pv_severity_name(s)) == 0)
				pv_findings_add(f, id, s, object, line);
	}
}

static void format(const struct pv_findings *f, struct pv_buf *text)
{
	for (size_t i = 0; i < f->count; i++)
		pv_buf_addf(text, "%s\t%s\t%s\t%s\n", pv_severity_name(f->list[i].severity), f->list[i].id,
			    f->list[i].object, f->list[i].text);
}

enum pv_class pv_checkup_changes(const struct pv_store *s, const char *scope, const struct pv_findings *now,
				 struct pv_findings *new, struct pv_findings *gone, struct pv_error *e)
{
	struct pv_findings before = { .list = NULL }, ours = { .list = NULL };
	struct pv_buf old = PV_BUF_INIT(FILE_MAX), text = PV_BUF_INIT(FILE_MAX);
	struct pv_trust trust = { .uid = geteuid(), .where = s->conf.state_directory };
	bool found;
	int dirfd, lock = -1;

	*new = *gone = (struct pv_findings){ .list = NULL };
	enum pv_class c = pv_state_open(s->conf.state_directory, "doctor", 0700, &dirfd, e);
	if (c != PV_OK)
		return c;
	c = pv_lock_file(dirfd, ".lock", PV_LOCK_DEADLINE_MS, &lock, e);
	if (c == PV_OK)
		c = pv_file_load(dirfd, scope, &trust, &old, &found, e);
	if (c == PV_OK) {
		parse(&old, &before);
		for (size_t i = 0; i < now->count; i++)
			if (now->list[i].severity != PV_NOTE)
				copy(&ours, &now->list[i]);
		sort(&before);
		sort(&ours);
		divide(&before, &ours, new, gone);
		format(&ours, &text);
		c = pv_buf_check(&text, "what was found", e);
	}
	if (c == PV_OK && (new->failed || gone->failed || ours.failed))
		c = pv_fail(e, PV_TEMPORARY, NULL, "no memory for all findings");
	if (c == PV_OK)
		c = pv_file_replace(dirfd, scope, text.s, text.len, 0600, (uid_t)-1, (gid_t)-1, e);
	pv_findings_sort(new);
	pv_findings_sort(gone);
	pv_findings_free(&before);
	pv_findings_free(&ours);
	pv_buf_free(&old);
	pv_buf_free(&text);
	if (lock >= 0)
		(void)close(lock);
	(void)close(dirfd);
	return c;
}
