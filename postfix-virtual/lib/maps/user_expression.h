/*
 * user_expression.h: expressions that name the users of a domain themselves, for those who keep their own
 * main.cf and want no other table: `/^(a(?:bc|nna)|kvt)@kvt\.dk$/ kvt_dk+${1}--kvt.dk`.
 */
#ifndef PV_MAPS_USER_EXPRESSION_H
#define PV_MAPS_USER_EXPRESSION_H

#include "maps/factor.h"
#include "maps/plan.h"

struct pv_user_lines {
	const char *domain;
	const char *const *users; /* sorted, each once */
	size_t count;
	const char *before, *behind; /* of the user in the target: `kvt_dk+` and `--kvt.dk` */
	bool sub_domains;
	const struct pv_strings *cuts; /* as of struct pv_expression */
	enum pv_flavor flavor;
};

/* Append the lines: as many as are needed for none to be too large. PV_TEMPORARY: no memory. */
enum pv_class pv_user_lines_format(const struct pv_user_lines *u, struct pv_buf *out, struct pv_error *e);

/* The same, with a comment on their use, for d as it will be in the tables after this run. Comes after
 * pv_merge(). PV_PERMANENT: d is in no table, or has no users. */
enum pv_class pv_user_expression(struct pv_maps_work *w, const struct pv_domain *d, enum pv_flavor flavor,
				 struct pv_buf *out, struct pv_error *e);

#endif
