/*
 * random.h: randomness for secrets.
 */
#ifndef PV_RANDOM_H
#define PV_RANDOM_H

#include "base/error.h"

/* Fill `to` from the kernel's generator. PV_TEMPORARY: it gives none. */
enum pv_class pv_random_bytes(void *to, size_t len, struct pv_error *e);

#endif
