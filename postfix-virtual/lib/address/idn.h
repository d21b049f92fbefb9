/*
 * idn.h: domains as people type them. Needs libidn2: the programs of administrators, not
 * virtual-deliver.
 */
#ifndef PV_IDN_H
#define PV_IDN_H

#include "address/address.h"

/* A domain in U-labels (UTF-8) or A-labels, of any case, a dot at the end allowed → *d
 * (IDNA2008, RFC 5891). PV_PERMANENT where it is none. */
enum pv_class pv_idn_domain(const char *text, struct pv_domain *d, struct pv_error *e);

/* user@domain with such a domain. */
enum pv_class pv_idn_address(const char *text, struct pv_address *a, struct pv_error *e);

#endif
