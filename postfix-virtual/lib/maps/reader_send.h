/*
 * reader_send.h: the child's half of reader.h: it opens an account's files as that account,
 * and sends what is in them. Only reader.c includes this.
 */
#ifndef PV_MAPS_READER_SEND_H
#define PV_MAPS_READER_SEND_H

#include "base/buffer.h"
#include "maps/reader.h"
#include "store/folder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum pv_frame_type {
	PV_FRAME_STANDARD = 'V',
	PV_FRAME_PASSWD = 'P',
	PV_FRAME_CONF = 'C',
	PV_FRAME_ALIASES = 'A', /* and the two of extra_aliases: */
	PV_FRAME_EXTRA_1 = 'B',
	PV_FRAME_EXTRA_2 = 'D',
	PV_FRAME_RESPONDERS = 'R', /* names, each with a NUL behind it */
	PV_FRAME_NO_MAIL = 'N',
	PV_FRAME_EXPIRED = 'X',
	PV_FRAME_DOUBT = 'W',	/* a sentence about one of the files above */
	PV_FRAME_USER = 'U',	/* the user's name, a NUL, the file */
	PV_FRAME_PLACES = 'M',	/* a letter for each user of passwd: see reader.h */
	PV_FRAME_FINDING = 'K', /* a sentence */
	PV_FRAME_FORWARD = 'F', /* an address, a NUL, and `FILE, line N`, which sends mail on to it */
	PV_FRAME_ERROR = 'E',	/* likewise */
	PV_FRAME_END = 'Z',	/* of the domain */
};

/* In front of each frame. Both ends are one program: no byte order. */
struct pv_frame_head {
	uint32_t len;
	uint32_t domain; /* index */
	char type;
	char zero[3];
};

struct pv_send_order {
	const struct pv_store *store;
	uid_t uid;
	const struct pv_domain *const *domains;
	const bool *standard; /* [i]: domains[i] is a standard domain of Postfix's; NULL: none is */
	size_t count;
	enum pv_reader_purpose purpose;
};

/* Send one domain after the other, until all or enough (PV_READER_ENOUGH, _MS) is sent: its files, or the
 * reason why not. Fails only where nothing can be sent. */
enum pv_class pv_send_domains(const struct pv_send_order *order, int out_fd, struct pv_error *e);

/* --- inside of the child --- */

struct pv_sender {
	struct pv_store store; /* opened anew: the parent's descriptors are closed here */
	uid_t uid;
	int out;
	enum pv_reader_purpose purpose;
	size_t domain;
	size_t sent, sent_before; /* bytes in all, and up to the last domain's end */
	struct pv_buf text;	  /* of one file */
	struct pv_buf ready;	  /* to be written: a domain's small files go out together */
	int spool;		  /* spool_directory; -1: not open, -2: not asked yet */
	size_t doubts;		  /* about this domain */
	char *home;		  /* the account's; asked for once */
};

/* Send a frame; name: in front of data, with a NUL behind it, or NULL. */
enum pv_class pv_send_frame(struct pv_sender *s, char type, const char *name, const char *data, size_t len,
			    struct pv_error *e);

/* Send s->text, which is the file where/file (where NULL: file says it all); name: whose it is, for
 * PV_FRAME_USER, else NULL. PV_TEMPORARY: with it the domain's files are too large, or nothing can be sent
 * any more. */
enum pv_class pv_send_text(struct pv_sender *s, char type, const char *name, const char *where,
			   const char *file, struct pv_error *e);
/* Send the sentence as a doubt, where there are not too many: then it becomes what the domain's files end in.
 */
enum pv_class pv_send_doubt(struct pv_sender *s, const struct pv_error *why, struct pv_error *e);

/* reader_mail.c: what may happen to mail for a domain: the files of aliases, texts and responders.
 * has_aliases, has_texts: there is `aliases`, there is messages/, or it is not known. conf: the text of
 * domain.conf. */
enum pv_class pv_send_mail_files(struct pv_sender *s, const struct pv_folder *f, const struct pv_buf *conf,
				 bool has_aliases, bool has_texts, struct pv_error *e);

/* reader_check.c: everything that is wrong with the domain's files but with passwd. Fails only where nothing
 * can be sent. */
enum pv_class pv_send_findings(struct pv_sender *s, const struct pv_folder *f, struct pv_error *e);

/* reader_places.c: append to out the letters for the users of the folder's passwd, whose text this is.
 * PV_TEMPORARY: it cannot be parsed. */
enum pv_class pv_send_places(const struct pv_store *s, const struct pv_folder *f, const struct pv_buf *passwd,
			     struct pv_buf *out, struct pv_error *e);

#endif
