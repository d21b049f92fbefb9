/*
 * regexp_prove.h: the proof of a new text of virtual_regexp, within a run.
 */
#ifndef PV_MAPS_REGEXP_PROVE_H
#define PV_MAPS_REGEXP_PROVE_H

#include "maps/plan.h"

/* A text on its way. */
struct pv_regexp_text {
	struct pv_buf blocks; /* of l->v[i]: from starts[i] to starts[i + 1] */
	size_t *starts;
	struct pv_buf lines; /* the blocks, nested */
};

/*
 * Prove what has changed of the domains in l (or, with w->options->prove, the domains of the run), whose
 * lines are in w->regexp. failed[i]: that of l->v[i] must go; it has been complained about. PV_BUG,
 * PV_TEMPORARY: the text cannot be used as a whole.
 */
enum pv_class pv_regexp_prove(struct pv_maps_work *w, const struct pv_expressions *l,
			      const struct pv_regexp_text *t, bool *failed, struct pv_error *e);

#endif
