/*
 * progress.h: a line on a terminal that tells how far a run is, once it takes longer than a second.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "maps/update.h"

#include <stdint.h>

struct progress {
	int64_t shown_ms; /* when the line was written last, or this began */
	int width;	  /* of the line that stands there; 0: none */
};

/* Have the run of *o show how far it is on standard error, if that is a terminal. *p must outlive it. */
void progress_start(struct progress *p, struct pv_maps_options *o);
/* Wipe the line away. */
void progress_end(struct progress *p);

#endif
