/*
 * edit.h: the steps of a change on files: done, or, in a dry run, only told.
 *
 * What the steps say (the diff of a file, a sentence for the administrator) is collected as records,
 * because the steps run in a child that became the account, and the parent gets bytes.
 */
#ifndef PV_EDIT_H
#define PV_EDIT_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

#define PV_EDIT_RECORDS_MAX ((size_t)192 << 20)

struct pv_edit {
	bool dry;
	unsigned *steps;       /* counts what was changed; in memory that parent and child share */
	struct pv_buf records; /* out */
};

/*
 * Make the file `name` in the folder dirfd (path `where`, for sentences) hold `new` (NULL: be gone) where it
 * holds `old` now (NULL: it is not there). Equal: nothing is done. Owner uid:gid as of pv_file_replace().
 */
enum pv_class pv_edit_file(struct pv_edit *ed, int dirfd, const char *where, const char *name,
			   const struct pv_buf *old, const struct pv_buf *new, mode_t mode, uid_t uid,
			   gid_t gid, struct pv_error *e);

/* Something was changed, or would be, that is no file's text: a sentence for the administrator. */
void pv_edit_note(struct pv_edit *ed, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Count a step that was not made by pv_edit_file(). */
void pv_edit_done(struct pv_edit *ed);

/*
 * Read records[0..len), which an account may have made up: sentences go to notes, made printable, each file
 * to diff as a unified diff. PV_TEMPORARY: they are no records, or diff(1) failed.
 */
enum pv_class pv_edit_read(const char *records, size_t len, struct pv_buf *notes, struct pv_buf *diff,
			   struct pv_error *e);

#endif
