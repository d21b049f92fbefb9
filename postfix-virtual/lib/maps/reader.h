/*
 * reader.h: the files of domains, read by a child that became their account.
 *
 * The child only opens and sends; nothing that it says is believed before it was parsed here. Hashes of
 * passwords stay with the child, but for a run that writes them for a login server.
 */
#ifndef PV_MAPS_READER_H
#define PV_MAPS_READER_H

#include "address/address.h"
#include "base/buffer.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Limits of one domain. */
#define PV_READER_PASSWD_MAX ((size_t)32 << 20) /* bytes of passwd, hashes included */
#define PV_READER_ALIASES_MAX ((size_t)8 << 20) /* bytes of each file of aliases */
#define PV_READER_ALIASES_LINES 20000		/* entries of all of them */
#define PV_READER_CONF_MAX ((size_t)64 << 10)	/* of domain.conf, and of a file in users/ */
#define PV_READER_USERS_MAX 200000		/* files in users/ */
#define PV_READER_RESPONDERS_MAX 20000		/* names in .files/ */
#define PV_READER_DOMAIN_MAX ((size_t)11 << 20) /* bytes of all that is sent */
#define PV_READER_LOGINS_MAX ((size_t)40 << 20) /* the same for PV_READER_LOGINS */

/* A child ends after a domain with which it has sent so much, so that little is held at a time, or was at
 * work for so long, so that a slow disk is not taken for a domain that hangs. */
#define PV_READER_ENOUGH ((size_t)2 << 20)
#define PV_READER_ENOUGH_MS 1000

/* What is read. */
enum pv_reader_purpose {
	PV_READER_KEYS,	  /* what keys are made from: no hash */
	PV_READER_LOGINS, /* passwd with its hashes, settings, and where each mailbox is; no aliases */
	PV_READER_CHECK,  /* as for keys, and what else is wrong: lines, and where mail would lead */
};

/* Files of aliases, in the order in which they are searched: `aliases`, and those of extra_aliases. */
enum { PV_READER_ALIAS_FILES = 3, PV_READER_DOUBTS = 4 };
/* Texts of the domain's own for those who write to an address that takes no mail. */
enum pv_reader_text { PV_READER_NO_MAIL, PV_READER_EXPIRED, PV_READER_TEXTS };

struct pv_slice {
	const char *s; /* into struct pv_files; NULL: no such file */
	size_t len;
};

/* What came of one domain. */
struct pv_domain_files {
	bool ok;		  /* all of it, and passwd (or `virtual`) is there */
	struct pv_slice why;	  /* where it is not ok: pv_files_error() */
	struct pv_slice standard; /* of a standard domain: `virtual`, and none of the others */
	struct pv_slice passwd;	  /* the whole file, but for PV_READER_LOGINS with `*` for each hash */
	struct pv_slice conf;	  /* domain.conf; s NULL: none */
	struct pv_slice aliases[PV_READER_ALIAS_FILES]; /* s NULL: none */
	struct pv_slice responders;			/* names, each with a NUL behind it; s NULL: none */
	struct pv_slice texts[PV_READER_TEXTS];		/* as they are written; s NULL: the host's */
	/* What of the files of aliases and the responders could not be read, and why: there may be names in
	 * it that are not known. pv_slice_error() */
	struct pv_slice doubts[PV_READER_DOUBTS];
	size_t doubt_count;
	struct pv_slice users;	  /* frames: go through them with pv_files_next_user() */
	struct pv_slice findings; /* PV_READER_CHECK; frames: go through them with pv_files_next_finding() */
	struct pv_slice forwards; /* likewise: pv_files_next_forward() */
	/* PV_READER_LOGINS: a letter for each user of passwd, in its order: where the mailbox is. h: the
	 * home, m: mail_directory, s: the spool; the capital where it is a Maildir; ?: it cannot be said. */
	struct pv_slice places;
};

/* What came of a row of domains of one account. */
struct pv_files {
	struct pv_buf bytes;
	size_t done; /* how many came to their end, good or not; the others are not there */
	size_t at;   /* where pv_files_next() is */
};

/* The account that the domains belong to. */
struct pv_reader_account {
	uid_t uid;
	gid_t gid;
};

/* Why it is not ok, or one of its doubts: what the child said, made presentable; always PV_TEMPORARY. */
void pv_files_error(const struct pv_domain_files *d, struct pv_error *e);
void pv_slice_error(const struct pv_slice *said, struct pv_error *e);

/* The next file of users/: *u whose it is, *text its content. Start with *at = 0. Returns false at the end.
 */
bool pv_files_next_user(const struct pv_domain_files *d, size_t *at, struct pv_user *u,
			struct pv_slice *text);

/* The next thing that is wrong, likewise: a sentence. */
bool pv_files_next_finding(const struct pv_domain_files *d, size_t *at, struct pv_slice *said);

/* The next address that mail is sent on to, likewise, and the place that says so. Neither is checked. */
bool pv_files_next_forward(const struct pv_domain_files *d, size_t *at, struct pv_slice *address,
			   struct pv_slice *place);

/* The parser of what a child sent about `count` domains at most: f->done, from f->bytes. Returns whether all
 * bytes kept the rules; what came whole before those that did not counts. */
bool pv_files_parse(struct pv_files *f, size_t count);
/* Then, f->done times: the next domain's, the first one's first. */
void pv_files_next(struct pv_files *f, struct pv_domain_files *d);
void pv_files_free(struct pv_files *f);

#endif
