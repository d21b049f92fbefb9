/*
 * forward.h: `~account/.forward+user--domain`, by which local(8) starts virtual-deliver. As the account.
 * `~account/.forward` itself is never touched.
 */
#ifndef PV_FORWARD_H
#define PV_FORWARD_H

#include "change/account.h"
#include "change/edit.h"
#include "store/store.h"

/* PV_PERMANENT where a path in our settings would have to be quoted in such a file. */
enum pv_class pv_forward_check(const struct pv_store *s, struct pv_error *e);

/* Write it. Another file of that name goes to `.trash` beside it. */
enum pv_class pv_forward_put(struct pv_edit *ed, const struct pv_store *s, const struct pv_account *account,
			     const struct pv_address *a, time_t now, struct pv_error *e);

/* Remove it. A file that we did not write goes to `.trash` beside it. */
enum pv_class pv_forward_drop(struct pv_edit *ed, const struct pv_store *s, const struct pv_account *account,
			      const struct pv_address *a, time_t now, struct pv_error *e);

/* Remove those of every user of d. One whose name may also belong to another domain stays unless it is
 * our own and names d. */
enum pv_class pv_forward_drop_domain(struct pv_edit *ed, const struct pv_store *s,
				     const struct pv_account *account, const struct pv_domain *d, time_t now,
				     struct pv_error *e);

#endif
