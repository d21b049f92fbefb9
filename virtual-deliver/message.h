/*
 * message.h: a message in the two forms that are needed: as it is stored, and as programs read it.
 */
#ifndef PV_MESSAGE_H
#define PV_MESSAGE_H

#include "mailbox/content.h"
#include "mailbox/location.h"

struct message {
	/* As it stands in an mbox: From_ line, lines of ours on top, quoted (mboxrd), an empty line last. */
	struct pv_content content;
	size_t return_path_at;	/* where these lines of ours begin in it */
	size_t delivered_to_at; /* 0: there is none */
	int plain_fd;		/* the same without quotes and empty line; -1: not made yet */
	bool spent;		/* content's file has been linked beside a mailbox, which can be done once */
};

/* Where a program begins to read. */
enum message_part {
	MESSAGE_ALL,		   /* at the From_ line */
	MESSAGE_FROM_RETURN_PATH,  /* as it stands in a Maildir */
	MESSAGE_FROM_DELIVERED_TO, /* as it is sent on */
};

/* dirfd: as for pv_content_start(). */
void message_start(struct message *m, int dirfd);
void message_free(struct message *m);

/*
 * Open it for a program, as a file of its own that stands where `part` begins. The program may end unread,
 * and we may be killed: what it reads is always the whole message. PV_OK: close(*fd_r). PV_TEMPORARY: no
 * memory, no room for a temporary file.
 */
enum pv_class message_open(struct message *m, enum message_part part, int *fd_r, struct pv_error *e);

/*
 * The content to be appended at `where`: *c_r is m's own, or a copy in *copy (pv_content_free() it in any
 * case) where m's is in a file that cannot be linked there (any more).
 */
enum pv_class message_content_for(struct message *m, const struct pv_location *where, struct pv_content *copy,
				  const struct pv_content **c_r, struct pv_error *e);

/* A file without a name that holds text[0..len), to be read by a program from its beginning. */
enum pv_class message_file_of(const char *text, size_t len, int *fd_r, struct pv_error *e);

#endif
