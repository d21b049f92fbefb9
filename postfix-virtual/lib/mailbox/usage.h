/*
 * usage.h: how full is a mailbox, and may one more message go into it?
 *
 * An mbox counts with its size, a Maildir with the sizes of the files in new/ and cur/ (what `,S=` in their
 * names says, where it stands there). Side files do not count, nor does what an IMAP server keeps elsewhere.
 */
#ifndef PV_USAGE_H
#define PV_USAGE_H

#include "base/error.h"
#include "mailbox/location.h"

#include <stdbool.h>
#include <stdint.h>

struct pv_usage {
	uint64_t bytes;
	uint64_t messages; /* 0 where they were not counted */
};

/*
 * Count what is in the mailbox at `where`; nothing where it is missing. with_messages: count messages too,
 * which costs a pass over an mbox. No lock is taken. PV_TEMPORARY: it cannot be read.
 */
enum pv_class pv_usage_of(const struct pv_location *where, bool with_messages, struct pv_usage *u,
			  struct pv_error *e);

/*
 * Bytes of all mailboxes of uid's in a domain's folder of the spool (absolute; mailboxes in homes are not
 * there, and do not count). A folder that is missing holds none. anew: of each Maildir every file is counted,
 * and not what the last delivery noted. PV_TEMPORARY: the folder cannot be read.
 */
enum pv_class pv_usage_of_folder(const char *folder, uid_t uid, bool anew, uint64_t *bytes_r,
				 struct pv_error *e);

/* Limits; 0 is none. All zeros: no limit at all. */
struct pv_quota {
	uint64_t bytes;		   /* of this mailbox */
	uint64_t messages;	   /* in this mailbox */
	uint64_t domain_bytes;	   /* of all mailboxes in domain_folder; counted without their locks, so
				    * what is delivered at the same moment may pass it */
	const char *domain_folder; /* the domain's folder in the spool, absolute; borrowed */
	bool exempt; /* postmaster's, or as small as below before lines were put on top: over the
		      * limits it goes in all the same */
	bool refuse; /* over them: PV_PERMANENT and 5.2.2; else PV_TEMPORARY and 4.2.2 */
};

/* Messages up to this size always go in: somebody may have to be told. */
enum { PV_QUOTA_EXEMPT_BYTES = 1024 };

enum pv_over {
	PV_OVER_NOTHING,
	PV_OVER_BYTES,
	PV_OVER_MESSAGES,
	PV_OVER_DOMAIN,
};

/* What a message does to the limits. What no limit asks for is not counted, and 0. */
struct pv_quota_state {
	struct pv_usage before, after; /* of the mailbox; after: with the message in it */
	uint64_t domain_before;	       /* bytes in domain_folder */
	enum pv_over over;	       /* the first limit that the message would pass */
	bool admitted;		       /* it may be stored all the same: it is small, or exempt */
};

/* Would a message of `size` bytes pass a limit? For who only asks; no lock is taken. */
enum pv_class pv_quota_look(const struct pv_quota *q, const struct pv_location *where, uid_t uid,
			    uint64_t size, struct pv_quota_state *s, struct pv_error *e);

/* How full is a mailbox with this usage, in percent of the nearer of its own limits? 0: it has none. */
unsigned pv_quota_percent(const struct pv_quota *q, const struct pv_usage *u);
/* How full is the domain with `bytes` in its mailboxes? 0: it has no limit. */
unsigned pv_quota_domain_percent(const struct pv_quota *q, uint64_t bytes);

/* --- for who delivers: under the mailbox's lock --- */

/* Does any limit ask for a count of the mailbox? */
static inline bool pv_quota_asks(const struct pv_quota *q)
{
	return q->bytes > 0 || q->messages > 0;
}

/* Count what is in new/ and cur/ of the Maildir whose folder is top. Returns 0, or -1 and errno. */
int pv_usage_of_maildir(int top, struct pv_usage *u);
/* Count the messages in the first `size` bytes of an mbox: its lines `From ` at the start and behind empty
 * lines. Returns 0, or -1 and errno. */
int pv_usage_of_mbox(int fd, uint64_t size, uint64_t *messages_r);

/* Fill *s from s->before. PV_OK: the message may be stored. Otherwise the class and status that q says. */
enum pv_class pv_quota_judge(const struct pv_quota *q, const struct pv_location *where, uid_t uid,
			     uint64_t size, struct pv_quota_state *s, struct pv_error *e);

#endif
