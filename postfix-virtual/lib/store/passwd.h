/*
 * passwd.h: the users of a domain: `/etc/virtual/<domain>/passwd`, seven fields as in
 * passwd(5): `abc:$y$j9T$...:601:100:abcname:.:`
 *
 * Reading. It may be unsorted, and hold blank lines and comments. What can't be parsed is never taken
 * for absence: "no such user" is said only of a file that was read whole and is whole.
 */
#ifndef PV_PASSWD_H
#define PV_PASSWD_H

#include "address/address.h"
#include "base/file.h"
#include "store/folder.h"

#define PV_PASSWD_LINE_MAX 4096 /* bytes of a line, the newline included */

struct pv_passwd_entry {
	struct pv_user user;
	uid_t uid;
	gid_t gid;
	const char *hash, *name, *home, *shell; /* into text[]: a copy of the struct has others' pointers */
	off_t at; /* where the line begins in the file that it was found in; see passwd_lines.h */
	char text[PV_PASSWD_LINE_MAX];
};

/*
 * Parse one line (no newline in it). PV_TEMPORARY: fewer or more than seven fields, a name that is
 * no user's, uid or gid not numbers, uid not `account`, a control character in it. The sentence is the
 * reason alone; the caller puts file and line in front.
 */
enum pv_class pv_passwd_parse(const char *line, size_t len, uid_t account, struct pv_passwd_entry *p,
			      struct pv_error *e);

/*
 * Look u up in the folder's passwd: binary search by pread(), since 100,000 users must not be
 * felt; a miss is confirmed by reading the whole file.
 * PV_OK: *found_r tells, *p is filled, with `at` (*p is of no use otherwise). PV_TEMPORARY: the file is
 * missing, not to be trusted, empty or changes while it is read; u's own line cannot be parsed, has no
 * newline, or stands there twice (always seen in a sorted file and in one of up to 32 KiB); or u was not
 * found, and some other line cannot be parsed or the last one has no newline. A file of comments alone is
 * whole.
 */
enum pv_class pv_passwd_find(const struct pv_folder *f, const struct pv_user *u, struct pv_passwd_entry *p,
			     bool *found_r, struct pv_error *e);

/* Does any other user of the folder's passwd have the same home as p (white space and
 * slashes at its end aside)? Such a home is no mailbox's place. Lines that cannot be parsed count too, as
 * far as they have six fields. */
enum pv_class pv_passwd_home_is_shared(const struct pv_folder *f, const struct pv_passwd_entry *p,
				       bool *shared_r, struct pv_error *e);

/* The bytes of a home that count when it is compared with another one. */
size_t pv_passwd_home_len(const char *home, size_t len);

/*
 * Read all of text (a whole passwd file) and call each(ctx, entry, line number) for every user, in
 * the file's order. Stops at the first line that cannot be parsed or when each() fails; nothing is
 * called for a file where a user stands twice or that does not end in a newline.
 * PV_TEMPORARY with file and line: that line, no final newline, a user twice; an empty text is PV_OK
 * only where `may_be_empty`.
 */
typedef enum pv_class pv_passwd_each(void *ctx, const struct pv_passwd_entry *p, unsigned line,
				     struct pv_error *e);
enum pv_class pv_passwd_scan(const char *text, size_t len, const char *file, uid_t account, bool may_be_empty,
			     pv_passwd_each *each, void *ctx, struct pv_error *e);

/*
 * Put `*` in the place of every hash in a whole passwd file, so that pv_passwd_scan() says of it what it
 * would have said before, for who has no use for hashes. Lines that it would refuse stay as they are.
 */
void pv_passwd_drop_hashes(struct pv_buf *text);

#endif
