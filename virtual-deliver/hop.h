/*
 * hop.h: the lines that local(8) or pipe(8) put on top of the message for this very delivery.
 */
#ifndef PV_HOP_H
#define PV_HOP_H

#include <stddef.h>

/* A piece of the input, borrowed. s is NULL where the line is missing. */
struct slice {
	const char *s;
	size_t len;
};

/* Only lines before the first other field count, in this order, each at most once: what stands lower came
 * with the message, and a sender wrote it. */
struct hop {
	struct slice from_line;	  /* `From sender  date`, without its newline */
	struct slice return_path; /* the whole lines, without their newlines, as received */
	struct slice original_to;
	struct slice delivered_to;
	struct slice
		sender; /* the envelope sender, without <>; empty for the null sender; s NULL: not said */
	struct slice original;	/* the address in X-Original-To */
	struct slice recipient; /* the address in Delivered-To */
	size_t length;		/* of all of them: the message begins behind */
};

/* Read the top of message[0..len). */
void hop_parse(const char *message, size_t len, struct hop *h);

#endif
