/*
 * delivery.h: what is known of the delivery in hand. One for each process.
 */
#ifndef PV_DELIVERY_H
#define PV_DELIVERY_H

#include "deliver.h"
#include "header.h"
#include "hop.h"
#include "identity.h"
#include "message.h"
#include "recipient.h"
#include "records.h"
#include "route/route.h"

enum {
	DEADLINE_MS =
		600 * 1000, /* of all; below Postfix's command_time_limit (1000 s), whose end is a bounce */
	LOCK_DEADLINE_MS = 20 * 1000,
	FORWARD_SECONDS = 120, /* of one call of sendmail */
	LOOPED_MAX = 32,       /* users to whom the message came before; more is a loop of everything */
};

/* What became of the actions. */
struct tally {
	unsigned stored, before /* stored */, done_before /* anything else */, handed, dropped, forwarded,
		answered, failed;
	enum pv_class class; /* the worst that happened */
};

/* Whose filter made of the message one that is not answered, and why. */
struct objection {
	struct pv_user user;
	const char *why;
	const struct objection *next;
};

/*
 * In an order in which an ordinary delivery touches two pages of it: each costs more than a system call. What
 * it does not need stands last, and the arrays of paths lie between.
 */
struct delivery {
	const struct deliver_options *options;
	uid_t uid;
	pid_t parent;	  /* when we started */
	int64_t begun_us; /* by pv_now_us() */
	struct pv_store store;
	struct pv_buf input; /* the first megabyte */
	bool input_ended;
	bool routed;
	bool home_known;
	bool has_id;
	const char *home; /* the account's; see delivery_home() */
	unsigned loop_lookups;
	unsigned looped_count;
	struct hop hop;
	struct pv_location location; /* of the first mailbox */
	struct message message;
	struct header header;
	char queue_id[QUEUE_ID_MAX + 1];
	struct tally tally;
	struct pv_route route; /* valid if routed; never where recipient.own */
	struct recipient recipient;
	struct pv_user looped[LOOPED_MAX]; /* whose mailboxes had the message before */
	struct pv_error first_failure;	   /* the sentence for tally.class */
	struct records records;
	const struct objection *objections; /* in the route's arena */
};

/*
 * The home of the account, as far as it can be known: HOME if it is ours (a pipe(8) gives none, and whoever
 * tries by hand may have another's), else what passwd(5) says; NULL.
 */
const char *delivery_home(struct delivery *d);
/* The same for struct pv_route_query; ctx is the delivery. */
const char *delivery_home_for(void *ctx);

/* The seconds that a program may take which may take `want` (0: command_time_limit, which is the most in any
 * case) and must leave `reserve` to others; 0: too few are left. */
unsigned delivery_seconds(const struct delivery *d, unsigned want, unsigned reserve);

/* Is the program that wrote the message to us gone? Then it may not be whole, and nothing is done with it.
 * ctx is the delivery. */
enum pv_class delivery_last_look(void *ctx, struct pv_error *e);

/*
 * Open SPOOL/<domain>/.files, which is made where it is missing. path[size]: becomes its path; NULL: not
 * wanted. Returns its descriptor, which can be used to make files; -1 and *e: it is missing, or another's.
 */
int delivery_files_folder(const struct delivery *d, char *path, size_t size, struct pv_error *e);

#endif
