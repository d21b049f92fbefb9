/*
 * answered.h: who was answered by a responder or a vacation, so that nobody is answered over and over.
 *
 * The index is a text file, a line for each sender: when he was first answered (seconds since 1970), how
 * often since then, and his address. It may be empty. It holds the PV_ANSWERED_MAX who were answered last;
 * the oldest go. Who stands in it wrote it himself, so nothing in it is believed: one that is damaged answers
 * nobody.
 */
#ifndef PV_ANSWERED_H
#define PV_ANSWERED_H

#include "base/file.h"

#include <stdbool.h>
#include <time.h>

#define PV_ANSWERED_MAX 4000
#define PV_ANSWERED_SENDER_MAX 320 /* bytes of an address (RFC 5321, section 4.5.3.1) */
#define PV_ANSWERED_FILE_MAX ((size_t)PV_ANSWERED_MAX * (PV_ANSWERED_SENDER_MAX + 40))

/* The index `name` in the folder dirfd. */
struct pv_answered {
	int dirfd;
	const char *name;
	const struct pv_trust *trust; /* its `where` is the folder's path */
	bool make;		      /* make the index where it is missing; else nobody is answered then */
};

/* A sender is answered `most` times within `seconds`. */
struct pv_answered_rule {
	unsigned most;
	time_t seconds;
};

/*
 * May the sender be answered now? If so it is noted, and synced, before PV_OK comes back with *may_r true:
 * who is killed between that and the answer answers once too few, never once too often. Waits for at most two
 * seconds for another that notes something. The index is replaced as a whole, and stays away where it was
 * removed meanwhile. PV_TEMPORARY, and *may_r false: it is damaged or not to be trusted (with line and mend),
 * cannot be read or written, is locked; the sender is too long or has control characters.
 */
enum pv_class pv_answered_note(const struct pv_answered *a, const char *sender,
			       const struct pv_answered_rule *rule, time_t now, bool *may_r,
			       struct pv_error *e);

/* The same question, and nothing is noted. */
enum pv_class pv_answered_ask(const struct pv_answered *a, const char *sender,
			      const struct pv_answered_rule *rule, time_t now, bool *may_r,
			      struct pv_error *e);

/* How many stand in the index; *found_r: it is there. PV_TEMPORARY as above. */
enum pv_class pv_answered_count(const struct pv_answered *a, size_t *count_r, bool *found_r,
				struct pv_error *e);

/* Exclude all who note something in the folder dirfd, for who makes or removes an index there. close(*fd_r).
 */
enum pv_class pv_answered_lock(int dirfd, int *fd_r, struct pv_error *e);

#endif
