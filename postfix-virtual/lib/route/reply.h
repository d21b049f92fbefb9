/*
 * reply.h: may a message be answered by a machine? (RFC 3834, section 2; RFC 5230, section 4.6.)
 */
#ifndef PV_REPLY_H
#define PV_REPLY_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* The field that says that a machine of ours wrote a message. Others write it too: whatever bears it is not
 * answered. */
#define PV_REPLY_LOOP_FIELD "X-Loop"

#define PV_REPLY_HEADER_MAX ((size_t)1 << 20) /* bytes of a header that are looked at */

/* What of a message's header counts. Strings are never NULL; "" where there is no such field. */
struct pv_reply_facts {
	const char *sender;	/* the envelope's, without <>; "" for the null sender */
	bool auto_submitted;	/* Auto-Submitted, other than `no` */
	bool bulk;		/* Precedence: bulk, list, junk */
	bool list;		/* any List-* */
	bool suppressed;	/* X-Auto-Response-Suppress: All, AutoReply, OOF, DR ...; anything but None */
	bool spam;		/* X-Spam-Flag: YES */
	bool loop_mark;		/* PV_REPLY_LOOP_FIELD */
	bool report;		/* multipart/report, or a notification of delivery or disposition */
	const char *message_id; /* for In-Reply-To */
	const char *references; /* for References; unfolded, as all are */
	const char *subject;
	const char *recipients; /* To, Cc, Bcc, Resent-*: their values, a line each */
};

/*
 * Read a header, up to its empty line or the end, into *f; the strings lie in *memory (set up by the caller
 * with room for PV_REPLY_HEADER_MAX) and in sender, which is borrowed. A first line `From ...` of an mbox is
 * passed over. Bytes that cannot stand in a field (NUL, CR, other control characters) become blanks: every
 * string can be put into a header again. PV_TEMPORARY: no memory.
 */
enum pv_class pv_reply_facts_read(const char *header, size_t len, const char *sender, struct pv_buf *memory,
				  struct pv_reply_facts *f, struct pv_error *e);

/* Is the envelope sender an address of a usual form, so that neither sendmail(1) nor a mail program takes it
 * for anything else: local part without quotes, a domain? UTF-8 may be in it. */
bool pv_reply_may_go_to(const char *sender);

/*
 * Why it may not be answered, as a short phrase (`it is from a mailing list`), or NULL: it may. own:
 * addresses that mean the one who answers, count of them, compared without regard to case and to a tag behind
 * `+`; to_all: it is not asked whether one of them stands in To, Cc, Bcc or a Resent-* field.
 */
const char *pv_reply_refusal(const struct pv_reply_facts *f, const char *const *own, size_t count,
			     bool to_all);

#endif
