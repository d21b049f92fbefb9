/*
 * ask.h: the resolver that deliveries use, asked by a child that became the account, of a change that is not
 * made yet.
 */
#ifndef PV_ASK_H
#define PV_ASK_H

#include "change/work.h"

#define PV_ASK_MAX ((size_t)8 << 20)

/*
 * What becomes of mail for local@d, which is account's? In the domain of w's change its file counts as having
 * the text of afterwards, and receive = no in domain.conf does not count. Append to out (which the child may
 * have made up):
 *
 *     same | differs | -                        does the file change? (-: it is none of that domain)
 *     refused TAB status TAB text               or: taken | fallback TAB name
 *     file TAB line TAB address                 for each that it is sent on to
 *
 * PV_TEMPORARY: as pv_route_resolve(). PV_PERMANENT: the file itself, domain.conf or users/<user>, would be
 * wrong.
 */
enum pv_class pv_ask_route(struct pv_work *w, const struct pv_account *account, const struct pv_domain *d,
			   const char *local, struct pv_buf *out, struct pv_error *e);

/*
 * Is mail for local@ w's domain refused as things stand, w's change apart, because whoever it is for takes
 * none or has expired? why[size]: what the sender is told, printable. What cannot be found out is no.
 */
bool pv_ask_takes_none(const struct pv_work *w, const char *local, char *why, size_t size);

/*
 * Would the further files of aliases do (extra_aliases), which domain.conf names after w's change? PV_OK:
 * each is there, and each of their entries is one and leads somewhere (beyond the first PV_ASK_ENTRIES_MAX
 * that is not asked). PV_PERMANENT, with file, line and mend: one that a delivery would defer for. As the
 * account, so a file that it cannot read is none.
 */
#define PV_ASK_ENTRIES_MAX 1000
enum pv_class pv_ask_extra_aliases(struct pv_work *w, struct pv_error *e);

#endif
