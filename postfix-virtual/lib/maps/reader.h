/*
 * reader.h: the files of domains, read by a child that became their account.
 *
 * The child only opens and sends; nothing that it says is believed before it was parsed here.
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

enum { /* limits of one account */
       PV_READER_SECONDS = 10,
       PV_READER_CPU_SECONDS = 5,
};
#define PV_READER_ACCOUNT_MAX ((size_t)64 << 20) /* bytes of all files of all its domains */
#define PV_READER_FILE_MAX ((size_t)32 << 20)	 /* bytes of one file */
#define PV_READER_ALIASES_MAX ((size_t)8 << 20)	 /* of `aliases` */

struct pv_slice {
	const char *s; /* into struct pv_files; NULL: no such file */
	size_t len;
};

/* What came of one domain. */
struct pv_domain_files {
	bool ok;		 /* all of it, and passwd is there */
	struct pv_error error;	 /* where it is not ok */
	struct pv_slice passwd;	 /* the whole file */
	struct pv_slice conf;	 /* domain.conf; s NULL: none */
	struct pv_slice aliases; /* s NULL: none */
	struct pv_slice users;	 /* frames: go through them with pv_files_next_user() */
};

struct pv_files {
	struct pv_buf bytes;
	struct pv_domain_files *list; /* [i] for domains[i] */
};

/* The account that the domains belong to. */
struct pv_reader_account {
	uid_t uid;
	gid_t gid;
};

/*
 * Read passwd, domain.conf, aliases and users/ of domains[0..count), which all belong to `account`. PV_OK:
 * see each domain's `ok`; what one of them does, up to stopping the child, is that account's trouble alone.
 * PV_TEMPORARY: no memory. Free *f with pv_files_free() in either case.
 */
enum pv_class pv_files_read(const struct pv_store *s, const struct pv_reader_account *account,
			    const struct pv_domain *const *domains, size_t count, struct pv_files *f,
			    struct pv_error *e);
void pv_files_free(struct pv_files *f);

/* The next file of users/: *u whose it is, *text its content. Start with *at = 0. Returns false at the end.
 */
bool pv_files_next_user(const struct pv_domain_files *d, size_t *at, struct pv_user *u,
			struct pv_slice *text);

/* The parser of what a child sent, for pv_files_read() and for tests: fill f->list from f->bytes.
 * why: the error of a domain that did not arrive whole. */
void pv_files_parse(struct pv_files *f, size_t count, const struct pv_error *why);

#endif
