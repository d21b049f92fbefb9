/*
 * answer.h: the message that a responder or a vacation answers with.
 */
#ifndef PV_ANSWER_H
#define PV_ANSWER_H

#include "base/buffer.h"
#include "route/reply.h"
#include "store/answer_text.h"

struct answer {
	const char *sender;		   /* who gets it, see pv_reply_may_go_to() */
	const char *address;		   /* who answers: user@domain */
	const char *name;		   /* his name; may be NULL or "", and of any letters */
	const struct pv_answer_text *text; /* what is answered */
	const char *subject; /* where text has none; NULL: `Re: ` and the subject of the message */
	const struct pv_reply_facts *facts; /* of the message that is answered: all of it a stranger's */
};

/* Write it to out: a header of our own, with what of the text's is passed on, and the body, in which
 * `$SUBJECT` is the subject of the message. PV_TEMPORARY: out is full. */
enum pv_class answer_compose(const struct answer *a, struct pv_buf *out, struct pv_error *e);

#endif
