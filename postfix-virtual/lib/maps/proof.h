/*
 * proof.h: the proof that the expressions of domains do what they are meant to, before they are written.
 *
 * Three kinds of addresses are looked up: examples, each of which must lead to its key; look-alikes of a
 * domain's addresses, none of which may lead into it; and random near-misses. What each must give
 * is worked out without any expression (pv_oracle), from the same rules in other words.
 */
#ifndef PV_MAPS_PROOF_H
#define PV_MAPS_PROOF_H

#include "maps/expression.h"
#include "maps/random.h"

struct pv_oracle;

/* What is known: l (sorted, borrowed), and the delimiters of tags. PV_TEMPORARY: no memory; PV_BUG: a
 * pattern. */
enum pv_class pv_oracle_make(const struct pv_expressions *l, const char *delimiters, struct pv_oracle **o_r,
			     struct pv_error *e);
void pv_oracle_free(struct pv_oracle *o);
/* What must come out for key: in *out; empty: nothing. */
void pv_oracle_ask(struct pv_oracle *o, const char *key, size_t len, struct pv_buf *out);

enum pv_case_kind { PV_CASE_EXAMPLE, PV_CASE_LOOK_ALIKE, PV_CASE_RANDOM, PV_CASE_KINDS };

struct pv_case {
	enum pv_case_kind kind;
	const char *key;
	const char *want; /* in lower case; "": nothing may come out */
	size_t owner;	  /* whose it is, where cases of several domains are together */
};

struct pv_cases {
	struct pv_case *v;
	size_t count, cap;
	struct pv_arena arena;
};

void pv_cases_free(struct pv_cases *c);

enum pv_class pv_cases_add(struct pv_cases *cases, enum pv_case_kind kind, const char *key, size_t len,
			   const char *want, struct pv_error *e);

/*
 * Append the examples and look-alikes of x. others: names of other domains, for look-alikes. PV_BUG: the
 * oracle disagrees with an example, or lets a look-alike in: the rules themselves are wrong.
 */
enum pv_class pv_cases_make(const struct pv_expressions *l, const struct pv_expression *x,
			    const char *delimiters, struct pv_oracle *o, struct pv_cases *cases,
			    struct pv_error *e);
/* Append an example for each block of x. */
enum pv_class pv_cases_few(const struct pv_expression *x, struct pv_oracle *o, struct pv_cases *cases,
			   struct pv_error *e);
/* Append `count` near-misses, each an example of cases (from `first` on) with one to three changes. */
enum pv_class pv_cases_mutate(struct pv_oracle *o, struct pv_cases *cases, size_t first, size_t count,
			      struct pv_random *random, struct pv_error *e);

/* What was proved of one domain. */
struct pv_proof {
	const char *domain;
	size_t counts[PV_CASE_KINDS];
	unsigned microseconds;
	const struct pv_cases *cases; /* NULL: it did not come to that */
};

struct pv_proof_job {
	const struct pv_expressions *l;
	const struct pv_buf *blocks; /* of l->v[i]: from starts[i] to starts[i + 1] */
	const size_t *starts;
	const char *lines; /* all blocks, nested */
	const bool
		*changed; /* [i]: that of l->v[i] is proved; of the others only that it still is in force */
	const char *delimiters;

	/* What came of each one; why NULL: it is proved. A class other than PV_OK ends the proof. */
	enum pv_class (*said)(void *ctx, size_t i, const struct pv_proof *p, const struct pv_error *why,
			      struct pv_error *e);
	void *ctx;

	/* Where the same is asked of Postfix itself: a file that holds `lines` (comments in front do not
	 * matter), and Postfix's configuration. NULL: nowhere. */
	const char *file, *postfix_dir;
};

/*
 * Prove the expressions. PV_OK: see what was said. PV_BUG: they are wrong in a way that is no single domain's
 * fault. PV_TEMPORARY: no memory, or postmap did not run or disagrees.
 */
enum pv_class pv_prove(const struct pv_proof_job *job, struct pv_error *e);

/* Ask Postfix's postmap for all keys of cases; *wrong_r: the first that gets another answer, or cases->count.
 */
enum pv_class pv_prove_by_postmap(const struct pv_proof_job *job, const struct pv_cases *cases,
				  size_t *wrong_r, struct pv_error *e);

#endif
