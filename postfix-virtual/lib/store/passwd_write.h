/*
 * passwd_write.h: the users of a domain: changing the text of a passwd file (see passwd.h).
 *
 * From text to text: who reads and who replaces the file is another's business.
 */
#ifndef PV_PASSWD_WRITE_H
#define PV_PASSWD_WRITE_H

#include "store/passwd.h"

/* The largest passwd file that is written: 100,000 users need about 15 MB. */
#define PV_PASSWD_FILE_MAX (64u << 20)

/* What a new domain's passwd holds: a file with a comment alone is whole, an empty one is not. */
#define PV_PASSWD_HEAD "# user:hash:uid:gid:name:home:\n"

/* What shall become of one user's line. */
struct pv_passwd_edit {
	const struct pv_user *user;   /* whose line */
	const struct pv_user *rename; /* its new name; NULL: the name stays */
	const char *hash;	      /* its new hash; NULL: stays */
	const char *insert; /* a whole line, without newline, for `user`, where there is none; or NULL */
	bool remove;	    /* take the line out */
};

/*
 * Write to out what text (all of a passwd file of `account`) becomes by the edit: blank lines and comments
 * first, in their order, then all users sorted by name, each line as it was. A user who is there
 * already is not inserted a second time, one who is not there is neither removed nor renamed: *found_r
 * tells whether `user` was in text.
 *
 * PV_TEMPORARY with `file` and line: a line that cannot be parsed, no newline at the end, a user twice.
 * PV_PERMANENT: the new name is another user's; the result would be too large.
 */
enum pv_class pv_passwd_change(const char *text, size_t len, const char *file, uid_t account,
			       const struct pv_passwd_edit *edit, bool *found_r, struct pv_buf *out,
			       struct pv_error *e);

/*
 * Write to out what text becomes when every password in plain text is hashed (unclear: also what may be a
 * hash; see pv_password_kind()). All other bytes, and the order of the lines, stay. The errors are those of
 * pv_passwd_change(), and PV_PERMANENT where a password cannot be hashed, with file and line.
 */
enum pv_class pv_passwd_hash_all(const char *text, size_t len, const char *file, uid_t account, bool unclear,
				 struct pv_buf *out, struct pv_error *e);

/*
 * Append the line for a user, without a newline. PV_PERMANENT, with the reason: a colon or control
 * character in name or home, a home that is neither `.` nor an absolute path without `..`, a line over 4,095
 * bytes.
 */
enum pv_class pv_passwd_line(const struct pv_user *u, const char *hash, uid_t uid, gid_t gid,
			     const char *name, const char *home, struct pv_buf *out, struct pv_error *e);

#endif
