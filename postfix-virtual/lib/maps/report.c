#include "maps/report.h"

#include <errno.h>

#define DIFF_MAX ((size_t)1 << 30)

void pv_report_start(struct pv_maps_report *r)
{
	*r = (struct pv_maps_report){ .diff = PV_BUF_INIT(DIFF_MAX) };
}

enum pv_class pv_report_complain(struct pv_maps_report *r, const struct pv_domain *d,
				 const struct pv_error *why, struct pv_error *e)
{
	size_t n = r->complaint_count;

	/* Full at each power of two. */
	if ((n & (n - 1)) == 0) {
		struct pv_maps_complaint *v = reallocarray(r->complaints, n == 0 ? 1 : n * 2, sizeof *v);
		if (v == NULL)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu complaints", n + 1);
		r->complaints = v;
	}
	r->complaints[n] = (struct pv_maps_complaint){ .error = *why };
	if (d != NULL)
		r->complaints[n].domain = *d;
	r->complaint_count = n + 1;
	return PV_OK;
}

size_t pv_report_place(const char *sentence, size_t *file_len_r, unsigned *line_r)
{
	static const char mark[] = ", line ";
	const char *colon = strstr(sentence, ": "), *line = strstr(sentence, mark);
	size_t len = colon != NULL ? (size_t)(colon - sentence) : strlen(sentence);

	*line_r = 0;
	*file_len_r = len;
	if (line == NULL || (size_t)(line - sentence) >= len)
		return len;
	*file_len_r = (size_t)(line - sentence);
	line += sizeof mark - 1;
	*line_r = (unsigned)strtoul(line, NULL, 10);
	return (size_t)(line - sentence) + strspn(line, "0123456789");
}

/* Stable: of equals, the one that lies in front came first. */
static int compare(const void *a, const void *b)
{
	const struct pv_maps_complaint *const *x = a, *const *y = b;
	int order = strcmp((*x)->domain.s, (*y)->domain.s);

	return order != 0 ? order : (*x > *y) - (*x < *y);
}

static int compare_places(const void *a, const void *b)
{
	const struct pv_maps_complaint *const *x = a, *const *y = b;
	unsigned line_x, line_y;
	size_t len_x, len_y;

	int order = strcmp((*x)->domain.s, (*y)->domain.s);
	(void)pv_report_place((*x)->error.text, &len_x, &line_x);
	(void)pv_report_place((*y)->error.text, &len_y, &line_y);
	if (order == 0)
		order = memcmp((*x)->error.text, (*y)->error.text, len_x < len_y ? len_x : len_y);
	if (order == 0)
		order = (len_x > len_y) - (len_x < len_y);
	if (order == 0)
		order = (line_x > line_y) - (line_x < line_y);
	return order != 0 ? order : (*x > *y) - (*x < *y);
}

void pv_report_sort(struct pv_maps_report *r, bool by_place)
{
	size_t n = r->complaint_count;

	if (n < 2)
		return;
	struct pv_maps_complaint *sorted = reallocarray(NULL, n, sizeof *sorted);
	const struct pv_maps_complaint **order = reallocarray(NULL, n, sizeof *order);
	/* Without memory for it they stay in the order in which they came. */
	if (sorted != NULL && order != NULL) {
		for (size_t i = 0; i < n; i++)
			order[i] = &r->complaints[i];
		qsort(order, n, sizeof *order, by_place ? compare_places : compare);
		for (size_t i = 0; i < n; i++)
			sorted[i] = *order[i];
		memcpy(r->complaints, sorted, n * sizeof *sorted);
	}
	free(sorted);
	free(order);
}

void pv_progress(const struct pv_maps_options *o, enum pv_progress what, size_t done, size_t total)
{
	if (o->progress != NULL)
		o->progress(o->progress_ctx, what, done, total);
}

const struct pv_error *pv_maps_complaint_about(const struct pv_maps_report *r, const struct pv_domain *d)
{
	for (size_t i = 0; i < r->complaint_count; i++)
		if (pv_domain_equal(&r->complaints[i].domain, d))
			return &r->complaints[i].error;
	return NULL;
}

void pv_maps_report_free(struct pv_maps_report *r)
{
	free(r->complaints);
	pv_buf_free(&r->diff);
	*r = (struct pv_maps_report){ .diff = PV_BUF_INIT(0) };
}
