/*
 * report.h: what the system's log is told: one line for each message, and one more for what is out of the
 * ordinary.
 */
#ifndef PV_REPORT_H
#define PV_REPORT_H

#include "delivery.h"

/* The line about the message. us: what it took. */
void report_delivery(const struct delivery *d, enum pv_class c, const struct pv_error *e, int64_t us);

/* What the store has to say of a mailbox; "" for nothing. */
void report_note(const char *path, const char *note);
/* A filter wrote nothing. */
void report_dropped(const struct delivery *d, const struct pv_action *a);
/* One of several actions failed: which, and why. */
void report_failed(const struct delivery *d, const struct pv_action *a, enum pv_class c,
		   const struct pv_error *e);
/* What could not be done and does not matter to the message. */
void report_aside(const struct delivery *d, const char *what, const struct pv_error *e);

/* What was done could not be noted (records_add(), and err: why), so that another try of the message would do
 * it again. Nothing where a message has no id, and so no notes. */
void report_not_noted(const struct delivery *d, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The queue id for a line of the log, or `-`. */
const char *report_queue_id(const struct delivery *d);
/* What an action is about, for a sentence: a user, a path, a program, an address. */
const char *report_target(const struct pv_action *a);

#endif
