/*
 * filter.h: a domain's or a user's filter: it reads the message and writes the one to be stored, or nothing.
 */
#ifndef PV_FILTER_H
#define PV_FILTER_H

#include "delivery.h"

enum { FILTER_ADDS_MAX = 10 * 1024 * 1024 /* bytes, to the message's own */ };

/*
 * Run the filter of a's user over the message in hand. It reads the message with Return-Path, X-Original-To
 * and Delivered-To on top, without a From_ line. PV_OK: *to holds what it wrote, composed for an mbox in the
 * folder dirfd (message_free() it), or *dropped_r: it wrote nothing, or ended with 99. Otherwise:
 * filter_verdict(); or PV_TEMPORARY: it hung, wrote too much, was killed, could not be started.
 */
enum pv_class filter_run(struct delivery *d, const struct pv_action *a, int dirfd, struct message *to,
			 bool *dropped_r, struct pv_error *e);

#endif
