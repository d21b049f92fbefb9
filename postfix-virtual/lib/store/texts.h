/*
 * texts.h: what is said to senders and users, in their language. Each text is looked for in the domain
 * (`messages/NAME.LANG`; `.no-user.msg` and `.over-quota.msg` of vpopmail's are read too), then in the host's
 * /etc/virtual/messages/, and is built in.
 */
#ifndef PV_TEXTS_H
#define PV_TEXTS_H

#include "store/folder.h"

enum pv_text {
	PV_TEXT_NO_USER,	/* no-user: why an unknown name is refused */
	PV_TEXT_CLOSED,		/* closed: the users' mail cannot be fetched */
	PV_TEXT_NO_MAIL,	/* no-mail: receive = no, of a user or a domain */
	PV_TEXT_EXPIRED,	/* expired: an address that was valid until some day */
	PV_TEXT_OVER_QUOTA,	/* over-quota: why a message does not fit */
	PV_TEXT_TOO_LARGE,	/* too-large: message_size */
	PV_TEXT_WARNING,	/* warning: a whole message body to a user whose mailbox is nearly full */
	PV_TEXT_WARNING_DOMAIN, /* warning-domain: the same where all mailboxes of his domain together are */
	PV_TEXT_NO_ROOM,	/* no-room: the same where a message for him did not fit */
	PV_TEXT_VACATION,	/* vacation: a whole message with its header, for a user who writes none */
};

#define PV_TEXT_MAX ((size_t)64 << 10)

/* Its name in messages/: `no-user`. */
const char *pv_text_name(enum pv_text t);

/* What takes the place of %u, %d and %p in a text; NULL: nothing. `%%` is one `%`, and any other `%` itself.
 */
struct pv_text_words {
	const char *user, *domain, *number;
};

/*
 * Append a text to out. language: en or da. What cannot be read or trusted, is empty or holds a NUL counts as
 * missing: a text is no reason not to deliver. f or s may be NULL: then it is not looked for there; words may
 * be NULL. Returns whether it is an administrator's own.
 */
bool pv_text_load(const struct pv_store *s, const struct pv_folder *f, enum pv_text t, const char *language,
		  const struct pv_text_words *words, struct pv_buf *out);

/* The same in two steps, for who has a domain's text from elsewhere: as it is written, tokens and all; and
 * with the words in their places, as a line for pv_text_line(). */
bool pv_text_load_raw(const struct pv_store *s, const struct pv_folder *f, enum pv_text t,
		      const char *language, struct pv_buf *out);
void pv_text_raw_line(const char *raw, const struct pv_text_words *words, char *line, size_t size);

/* The same as one line of at most size - 1 bytes, for an SMTP or POP3 reply: lines are joined by a blank,
 * Danish letters are spelled out, and whatever else is no printable ASCII becomes `?`. */
void pv_text_line(const struct pv_store *s, const struct pv_folder *f, enum pv_text t, const char *language,
		  const struct pv_text_words *words, char *line, size_t size);

/* The language of what is said about a domain: its own, else the host's. */
const char *pv_text_language(const struct pv_store *s, const char *own);

#endif
