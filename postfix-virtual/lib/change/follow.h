/*
 * follow.h: where mail would go after a change that is not made yet: asked of the resolver that deliveries
 * use, of the text that the changed file would have, by children that become the accounts; on through all
 * domains of this host.
 */
#ifndef PV_FOLLOW_H
#define PV_FOLLOW_H

#include "change/work.h"

/* A name that nobody has, to ask what becomes of mail for such. */
#define PV_NOBODY "nobody.has.this.name"

struct pv_followed {
	bool same;	  /* the file says so already */
	bool is_wrong;	  /* where PV_PERMANENT was returned: the file itself, that is, could not be read */
	bool refused;	  /* mail for the address would be refused: status and text */
	bool by_fallback; /* it is nobody's own */
	char status[PV_ERROR_STATUS];
	char text[400];
};

/*
 * Follow `local` of w's domain, with the change that w->mark describes. PV_OK: *r is filled. PV_PERMANENT,
 * with file and line: what resolving it would find wrong; mail that comes back to where it began; an address
 * of this host that refuses it as unknown. What else is doubtful further on is a note.
 */
enum pv_class pv_follow(struct pv_work *w, const char *local, struct pv_followed *r, struct pv_error *e);

#endif
