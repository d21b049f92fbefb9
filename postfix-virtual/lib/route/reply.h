/*
 * reply.h: may a message be answered by a machine? (RFC 3834, section 2; RFC 5230, section 4.)
 */
#ifndef PV_REPLY_H
#define PV_REPLY_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* What of a message's header counts. Strings are never NULL; "" where there is no such field. */
struct pv_reply_facts {
	const char *sender;	    /* the envelope's, without <>; "" for the null sender */
	bool auto_submitted;	    /* Auto-Submitted, other than `no` */
	bool bulk;		    /* Precedence: bulk, list, junk */
	bool list;		    /* any List-* */
	bool suppressed;	    /* X-Auto-Response-Suppress: DR, AutoReply, All, OOF ... */
	bool spam;		    /* X-Spam-Flag: YES */
	bool loop_mark;		    /* ours: X-Loop or Delivered-To of one of our answers */
	bool report;		    /* multipart/report, or a disposition notification */
	const char *message_id;	    /* for In-Reply-To */
	const char *references;	    /* for References */
	const char *subject;
	const char *recipients; /* To, Cc, Bcc, Resent-*: their values, a line each */
};

/* Read a header, up to its empty line or the end, into facts; the strings lie in *memory. */
enum pv_class pv_reply_facts_read(const char *header, size_t len, const char *sender, struct pv_buf *memory,
				  struct pv_reply_facts *f, struct pv_error *e);

/*
 * Why it may not be answered, as a short phrase (`it is from a mailing list`), or NULL: it may. own:
 * addresses that mean the one who answers, count of them; to_all: not asked whether one of them stands in To or
 * Cc.
 */
const char *pv_reply_refusal(const struct pv_reply_facts *f, const char *const *own, size_t count, bool to_all);

#endif
