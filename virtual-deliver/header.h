/*
 * header.h: the message on its way through: its header is read for what this program needs to know, and every
 * byte goes on, quoted, to what will be appended.
 */
#ifndef PV_HEADER_H
#define PV_HEADER_H

#include "base/buffer.h"
#include "mailbox/content.h"
#include "mailbox/mboxrd.h"

#include <stdbool.h>

/* Longer header fields than this are passed on unread. */
#define HEADER_FIELD_MAX (64 * 1024)

/* Called for the value of each Delivered-To that came with the message (unfolded, trimmed). Anything but
 * PV_OK ends the reading with that error. */
typedef enum pv_class header_delivered_to(void *ctx, const char *value, size_t len, struct pv_error *e);

enum header_state { HEADER_LINE_START, HEADER_LONG_LINE, HEADER_BODY };
enum header_field { FIELD_OTHER, FIELD_RETURN_PATH, FIELD_DELIVERED_TO, FIELD_RECEIVED, FIELD_MESSAGE_ID };

struct header {
	struct pv_content *out;
	header_delivered_to *delivered_to;
	void *ctx;
	struct pv_mboxrd quote;
	enum header_state state;
	enum header_field field; /* the one being read */
	bool any;		 /* a line was read */
	bool cut;		 /* the field is longer than is read */
	struct pv_buf line;	 /* the beginning of a line whose rest has not come yet */
	struct pv_buf value;	 /* of the field being read, its lines joined as they are */
	struct pv_buf received;	 /* the whole first field, if it is a Received; else empty */
	struct pv_buf message_id;
	uint64_t size; /* bytes read */
};

void header_start(struct header *h, struct pv_content *out, header_delivered_to *delivered_to, void *ctx);
/* Read the next piece of the message (behind the hop's own lines), of any length. */
enum pv_class header_add(struct header *h, const char *data, size_t len, struct pv_error *e);
/* The message ends here: a missing newline, the empty line that ends a header, the empty line behind all. */
enum pv_class header_finish(struct header *h, struct pv_error *e);
void header_free(struct header *h);

#endif
