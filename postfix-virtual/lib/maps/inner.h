/*
 * inner.h: the second half of `virtual_refused`: addresses of the kind that exist inside this host only,
 * account+user--domain. At a domain of the host's own, Postfix's local(8) would find the user's .forward file
 * for one of them, and no table was asked whether he takes mail.
 *
 * One expression tells them by their form, and names the account that it is about; whether that is a domain
 * account the exact table says. So the expression stays the same for good. Behind it stand the lines of
 * virtual_regexp about sub-domains (maps/regexp.h): an address below a domain is refused as that in the
 * domain is.
 */
#ifndef PV_MAPS_INNER_H
#define PV_MAPS_INNER_H

#include "base/buffer.h"
#include "maps/map.h"

#define PV_INNER_NAME "virtual_refused_regexp" /* the file in map_directory */
#define PV_INNER_KEY "+--@"		       /* in the exact table, behind the account's name */
#define PV_INNER_REFUSAL "550 5.7.1 This address is for the use of this host alone"

/* Append what the text of the file begins with. */
void pv_inner_text(struct pv_buf *out);

#endif
