/*
 * explain.h: the parts of `postfix-virtual explain`. The parent asks Postfix's tables; a child that is the
 * account reads what is the account's, and reports as JSON; the parent believes nothing of that but its form,
 * and shows it.
 *
 * The report: `steps` (objects: file, line, says), `actions` (objects: do, ...; see explain_actions.c), and
 *     forward_file, forward_exists, forward_says    what local(8) would find
 *     elsewhere                                     true: that file leads past virtual-deliver
 *     class, status, reason                         of what virtual-deliver would exit with
 *     refused, by_fallback, domain
 *     user, mailbox, mailbox_exists, login, login_refused, password     of the first mailbox
 */
#ifndef ADMIN_EXPLAIN_H
#define ADMIN_EXPLAIN_H

#include "admin.h"
#include "change/account.h"
#include "mailbox/location.h"
#include "route/route.h"

enum { EXPLAIN_LOCAL_MAX = 2048, EXPLAIN_SIZE = 10000 };

/* The largest report of a child: a list of all that a route may hold. */
#define EXPLAIN_REPORT_MAX ((size_t)32 << 20)

struct question {
	const char *dir; /* the configuration folder */
	struct pv_recipient to;
	struct pv_domain ours; /* a domain of the account */
	bool is_below;	       /* it was a sub-domain of that, or of an alias of it */
	struct pv_account account;
	char matched[EXPLAIN_LOCAL_MAX]; /* the name that a pattern of the domain's made a user of; "": none
					    did */
	const char *address;		 /* as it was asked about */
	const char *sender;		 /* NULL: nobody in particular */
	unsigned long long size;
	char extension[512]; /* of the account's address, as the map gives it: `abc--kvt.dk+tag`; "": none
				does */
};

/* explain_inside.c: the child. ctx is the question. */
enum pv_class explain_inside(void *ctx, int out_fd, struct pv_error *e);

/* explain_actions.c: what virtual-deliver would end with, as far as it can be known before. */
struct explain_verdict {
	enum pv_class class;
	char status[PV_ERROR_STATUS], text[PV_ERROR_TEXT];
};

struct explain_look {
	const struct question *q;
	const struct pv_store *store;
	const struct pv_route *route;
};

/* Describe each action of the route in list. */
enum pv_class explain_actions(const struct explain_look *l, json_t *list, struct explain_verdict *v,
			      struct pv_error *e);
/* One more failure: one that is temporary goes before one that is not, else the first counts. */
void explain_worsen(struct explain_verdict *v, enum pv_class class, const char *status, const char *text);
/* Is it known that this action would fail? */
bool explain_has_failed(const json_t *object);
/* The mailbox of a's user: path, whether it is there, ... in object. */
enum pv_class explain_mailbox(const struct explain_look *l, const struct pv_action *a, json_t *object,
			      struct explain_verdict *v, struct pv_error *e);

/* explain_program.c: status and reason in object where the delivery could not begin: a program that is
 * missing or cannot be executed; a setting of a's user that is no command line for this sender (`line` empty,
 * or object failed before: nothing is asked); a file in a folder that is not to be trusted; a mailbox, or
 * such a file, that is there and no delivery would touch. */
void explain_program(const char *path, json_t *object, struct explain_verdict *v);
void explain_setting(const struct explain_look *l, const struct pv_action *a, const char *setting,
		     const char *line, json_t *object, struct explain_verdict *v);
void explain_place(const struct explain_look *l, const struct pv_location *where, json_t *object,
		   struct explain_verdict *v);
void explain_file(const struct explain_look *l, const char *path, json_t *object, struct explain_verdict *v);

/* Would he answer, and why not? */
enum pv_class explain_answer(const struct explain_look *l, const struct pv_action *a,
			     const struct explain_verdict *v, json_t *object, struct pv_error *e);

/* explain_inside.c: one more step of the report. */
void explain_step(json_t *report, const char *file, unsigned line, const char *says);

/* Add the step of the pattern alias that q->matched is matched by, for who is the account. f: q's domain. */
void explain_pattern(const struct question *q, const struct pv_folder *f, json_t *report);

/* explain_show.c */

/* A copy of what a child reported, without what it may not hold: names that are not ours, control characters,
 * numbers that are none. NULL: no memory, or nothing that is good. */
json_t *explain_clean(const char *report, size_t len);
/* The result as people read it. */
void explain_write(json_t *result, struct pv_buf *out);

#endif
