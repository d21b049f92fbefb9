/*
 * compose.h: from what came on standard input to a message as it is stored.
 */
#ifndef PV_COMPOSE_H
#define PV_COMPOSE_H

#include "delivery.h"

enum { COMPOSE_FIRST_MAX = 1024 * 1024 }; /* of the input are read before anything is resolved */

/* Read them, and what the hop put on top of it. */
enum pv_class compose_read_first(struct delivery *d, struct pv_error *e);
/* Pass the whole message through the header reader into d->message. dirfd: where a large one is kept
 * meanwhile; -1: /var/tmp. */
enum pv_class compose_message(struct delivery *d, int dirfd, struct pv_error *e);

/* The lines on top of a message that a filter wrote: its other ones come from the filter. */
enum pv_class compose_filtered_top(const struct delivery *d, struct message *m, struct pv_error *e);

#endif
