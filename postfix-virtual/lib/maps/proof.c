#include "maps/proof.h"

#include "base/clock.h"
#include "maps/fold.h"
#include "maps/pcre_table.h"

#include <errno.h>
#include <strings.h>

/* Near-misses of a domain: RANDOM always the same, OTHERS by the clock; fewer where many domains are proved
 * at once. */
enum { RANDOM = 10000, OTHERS = 2000, ALL_RANDOM = 500000, RANDOM_LEAST = 200, SEED = 2002 };
/* Of the near-misses so many go to postmap too, which is asked about so many cases at once, some 10 MB. */
enum { POSTMAP_RANDOM = 300, POSTMAP_CASES = 50000 };

struct proving {
	const struct pv_proof_job *job;
	struct pv_pcre_table *table;
	struct pv_oracle *oracle;
	struct pv_cases asked; /* what goes to postmap */
	bool *failed;	       /* [i]: l->v[i] has been complained about */
	struct pv_random clock;
	struct pv_error *e;
};

static enum pv_class said(struct proving *p, size_t i, const struct pv_proof *proof,
			  const struct pv_error *why)
{
	p->failed[i] = p->failed[i] || why != NULL;
	return p->job->said(p->job->ctx, i, proof, why, p->e);
}

/* Is it what is wanted, where neither case nor letters beyond ASCII count, as in the table that is asked
 * next? */
static bool is_wanted(const char *got, size_t len, const char *want)
{
	struct pv_buf folded = PV_BUF_INIT(65536);

	if (!pv_fold_needed(got, len))
		return strcasecmp(got, want) == 0;
	pv_fold(got, len, &folded);
	bool same = !folded.failed && strcasecmp(folded.s, want) == 0;
	pv_buf_free(&folded);
	return same;
}

/* Look one key up. PV_BUG: the answer is not what is wanted. */
static enum pv_class try_case(struct proving *p, const struct pv_case *k, struct pv_buf *got,
			      struct pv_error *why)
{
	bool found = false;

	enum pv_class c = pv_pcre_table_ask(p->table, k->key, strlen(k->key), got, &found, why);
	if (c != PV_OK)
		return pv_error_prefix(why, "`%.80s`", k->key);
	if (found == (*k->want != '\0') && is_wanted(got->s, got->len, k->want))
		return PV_OK;
	return pv_fail(why, PV_BUG, NULL, "`%.80s` gives `%.80s` and must give `%.80s`", k->key, got->s,
		       k->want);
}

static enum pv_class try_cases(struct proving *p, const struct pv_cases *cases, struct pv_error *why)
{
	struct pv_buf got = PV_BUF_INIT(65536);
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < cases->count; i++)
		c = try_case(p, &cases->v[i], &got, why);
	pv_buf_free(&got);
	return c;
}

static size_t count_changed(const struct pv_proof_job *job)
{
	size_t n = 0;

	for (size_t i = 0; i < job->l->count; i++)
		n += job->changed[i];
	return n;
}

static enum pv_class make_cases(struct proving *p, size_t i, struct pv_cases *cases, struct pv_error *why)
{
	const struct pv_proof_job *job = p->job;
	struct pv_random fixed = { SEED };
	size_t changed = count_changed(job), share = changed == 0 ? 0 : ALL_RANDOM / changed;

	if (share < RANDOM_LEAST)
		share = RANDOM_LEAST;
	enum pv_class c = pv_cases_make(job->l, &job->l->v[i], job->delimiters, p->oracle, cases, why);
	if (c == PV_OK)
		c = pv_cases_mutate(p->oracle, cases, 0, share < RANDOM ? share : RANDOM, &fixed, why);
	if (c == PV_OK)
		c = pv_cases_mutate(p->oracle, cases, 0, share < OTHERS ? share : OTHERS, &p->clock, why);
	return c;
}

/* Keep for postmap what can be a line of its input. */
static enum pv_class keep(struct proving *p, size_t i, const struct pv_cases *cases)
{
	size_t random = 0;

	for (size_t n = 0; n < cases->count; n++) {
		const struct pv_case *k = &cases->v[n];
		if (*k->key == '\0' || (k->kind == PV_CASE_RANDOM && random++ >= POSTMAP_RANDOM))
			continue;
		/* Bytes that are no UTF-8 are complained about by postmap. */
		bool plain = true;
		for (const char *s = k->key; *s != '\0'; s++)
			plain = plain && (*s & 0x80) == 0;
		if (!plain && k->kind == PV_CASE_RANDOM)
			continue;
		enum pv_class c = pv_cases_add(&p->asked, k->kind, k->key, strlen(k->key), k->want, p->e);
		if (c != PV_OK)
			return c;
		p->asked.v[p->asked.count - 1].owner = i;
	}
	return PV_OK;
}

static enum pv_class prove_one(struct proving *p, size_t i)
{
	struct pv_cases cases = { 0 };
	struct pv_proof proof = { .domain = p->job->l->v[i].domain, .cases = &cases };
	struct pv_error why = { .class = PV_OK };
	int64_t start = pv_now_us();

	enum pv_class c = make_cases(p, i, &cases, &why);
	if (c == PV_OK)
		c = try_cases(p, &cases, &why);
	for (size_t n = 0; n < cases.count; n++)
		proof.counts[cases.v[n].kind]++;
	proof.microseconds = (unsigned)(pv_now_us() - start);
	if (c == PV_TEMPORARY) {
		*p->e = why;
	} else {
		bool good = c == PV_OK;
		c = said(p, i, &proof, good ? NULL : &why);
		if (c == PV_OK && good && p->job->file != NULL)
			c = keep(p, i, &cases);
	}
	pv_cases_free(&cases);
	return c;
}

/* One that was proved before, in a table that has changed around it. */
static enum pv_class prove_still_there(struct proving *p, size_t i)
{
	const struct pv_expression *x = &p->job->l->v[i];
	struct pv_cases cases = { 0 };

	enum pv_class c = pv_cases_few(x, p->oracle, &cases, p->e);
	if (c == PV_OK)
		c = try_cases(p, &cases, p->e);
	pv_cases_free(&cases);
	return c;
}

/* Which domain's lines cannot be compiled? */
static enum pv_class find_broken(struct proving *p, const struct pv_error *all)
{
	const struct pv_proof_job *job = p->job;
	struct pv_buf block = PV_BUF_INIT(SIZE_MAX);
	struct pv_error why;
	bool any = false;
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < job->l->count; i++) {
		struct pv_proof proof = { .domain = job->l->v[i].domain };
		pv_buf_reset(&block);
		pv_buf_add(&block, job->blocks->s + job->starts[i], job->starts[i + 1] - job->starts[i]);
		enum pv_class made = pv_pcre_table_make(block.s, &p->table, &why);
		pv_pcre_table_free(p->table);
		p->table = NULL;
		if (made == PV_OK)
			continue;
		any = true;
		c = said(p, i, &proof, &why);
	}
	pv_buf_free(&block);
	if (c == PV_OK && !any) {
		*p->e = *all;
		return PV_BUG;
	}
	return c;
}

/*
 * PCRE2 has agreed to all of them, so another answer of postmap's is more likely its own trouble (a file that
 * could not be read to its end) than a wrong expression: no domain's fault, and a reason to change nothing.
 */
static enum pv_class ask_postmap(struct proving *p)
{
	size_t wrong = 0;

	enum pv_class c = pv_prove_by_postmap(p->job, &p->asked, &wrong, p->e);
	if (c != PV_OK || wrong == p->asked.count)
		return c;
	return pv_fail(p->e, PV_TEMPORARY, "4.3.5", "postmap has another answer for `%.80s` than `%.80s`",
		       p->asked.v[wrong].key, p->asked.v[wrong].want);
}

/* Ask postmap about what was kept, and forget that. Where a domain failed there will be another text: no need
 * to ask about this one. */
static enum pv_class ask_and_forget(struct proving *p)
{
	bool any = false;

	for (size_t i = 0; i < p->job->l->count; i++)
		any = any || p->failed[i];
	enum pv_class c = !any && p->asked.count > 0 ? ask_postmap(p) : PV_OK;
	pv_cases_free(&p->asked);
	return c;
}

static enum pv_class prove_all(struct proving *p)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < p->job->l->count; i++) {
		c = p->job->changed[i] ? prove_one(p, i) : prove_still_there(p, i);
		if (c == PV_OK && p->asked.count >= POSTMAP_CASES)
			c = ask_and_forget(p);
	}
	return c == PV_OK ? ask_and_forget(p) : c;
}

static enum pv_class prove(struct proving *p)
{
	const struct pv_proof_job *job = p->job;
	struct pv_error why;

	enum pv_class c = pv_pcre_table_make(job->lines, &p->table, &why);
	if (c == PV_BUG)
		return find_broken(p, &why);
	if (c == PV_OK)
		c = pv_oracle_make(job->l, job->delimiters, &p->oracle, &why);
	if (c == PV_OK)
		return prove_all(p);
	*p->e = why;
	return c;
}

enum pv_class pv_prove(const struct pv_proof_job *job, struct pv_error *e)
{
	struct proving p = { .job = job, .e = e, .clock = { (uint64_t)pv_now_us() } };

	p.failed = calloc(job->l->count + 1, sizeof *p.failed);
	if (p.failed == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold a proof");
	enum pv_class c = prove(&p);
	pv_oracle_free(p.oracle);
	pv_pcre_table_free(p.table);
	pv_cases_free(&p.asked);
	free(p.failed);
	return c;
}
