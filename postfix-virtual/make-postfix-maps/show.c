#include "show.h"

#include "maps/proof.h"

#define EXPRESSION_MAX ((size_t)1 << 30)

struct showing {
	const struct pv_domain *domains;
	size_t count;
	bool *seen; /* [i]: domains[i] has expressions */
	bool verbose;
	size_t proved, failed;
};

/* A key may hold anything. */
static void print_case(const char *kind, const struct pv_case *k)
{
	char key[120];

	(void)snprintf(key, sizeof key, "%s", k->key);
	pv_printable(key, strlen(key));
	(void)printf("  %-11s %s%s\t%s\n", kind, key, strlen(k->key) < sizeof key ? "" : "...",
		     *k->want == '\0' ? "-" : k->want);
}

static void print_cases(const struct pv_cases *cases)
{
	static const char *const kinds[PV_CASE_KINDS] = { "example", "look-alike", "near-miss" };

	for (size_t i = 0; i < cases->count; i++)
		print_case(kinds[cases->v[i].kind], &cases->v[i]);
}

static void say(void *ctx, const struct pv_proof *p, const struct pv_error *why)
{
	struct showing *s = ctx;

	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->domains[i].s, p->domain) == 0)
			s->seen[i] = true;
	if (why != NULL) {
		s->failed++;
		(void)printf("%s: failed: %s\n", p->domain, why->text);
		return;
	}
	s->proved++;
	(void)printf("%s: proved: %zu examples, %zu look-alikes, %zu near-misses, %u ms\n", p->domain,
		     p->counts[PV_CASE_EXAMPLE], p->counts[PV_CASE_LOOK_ALIKE], p->counts[PV_CASE_RANDOM],
		     (p->microseconds + 999) / 1000);
	if (s->verbose)
		print_cases(p->cases);
}

static size_t print_complaints(const struct pv_maps_report *r)
{
	for (size_t i = 0; i < r->complaint_count; i++)
		(void)fprintf(stderr, "make-postfix-maps: %s\n", r->complaints[i].error.text);
	return r->complaint_count;
}

static struct pv_shown run(const struct pv_store *s, const struct pv_domain *domains, size_t count,
			   const struct pv_maps_options *options, struct pv_error *e)
{
	struct pv_maps_report r;
	struct pv_shown shown;

	shown.class = pv_maps_update(s, domains, count, options, &r, e);
	shown.complaints = print_complaints(&r);
	shown.failed = 0;
	pv_maps_report_free(&r);
	return shown;
}

struct pv_shown pv_show_proof(const struct pv_store *s, const struct pv_domain *domains, size_t count,
			      bool verbose, struct pv_error *e)
{
	struct showing showing = { domains, count, calloc(count + 1, sizeof(bool)), verbose, 0, 0 };
	const struct pv_maps_prove prove = { say, &showing };
	const struct pv_maps_options options = { .check = true, .must_exist = true, .prove = &prove };

	if (showing.seen == NULL)
		return (struct pv_shown){ pv_fail(e, PV_TEMPORARY, NULL, "no memory to prove anything"), 0,
					  0 };
	struct pv_shown shown = run(s, domains, count, &options, e);
	for (size_t i = 0; i < count; i++)
		if (!showing.seen[i])
			(void)printf("%s: has no expressions\n", domains[i].s);
	if (count == 0 && showing.proved + showing.failed == 0)
		(void)printf("no domain has expressions\n");
	shown.failed = showing.failed;
	free(showing.seen);
	return shown;
}

struct pv_shown pv_show_expression(const struct pv_store *s, const struct pv_domain *d, enum pv_flavor flavor,
				   struct pv_error *e)
{
	struct pv_buf out = PV_BUF_INIT(EXPRESSION_MAX);
	const struct pv_maps_expression expression = { flavor, &out };
	const struct pv_maps_options options = { .check = true,
						 .must_exist = true,
						 .expression = &expression };

	struct pv_shown shown = run(s, d, 1, &options, e);
	if (shown.class == PV_OK)
		(void)fwrite(out.s, 1, out.len, stdout);
	pv_buf_free(&out);
	return shown;
}
