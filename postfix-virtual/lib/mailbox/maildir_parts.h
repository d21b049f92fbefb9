/*
 * maildir_parts.h: a Maildir's folders: opened with care, made, and looked through.
 */
#ifndef PV_MAILDIR_PARTS_H
#define PV_MAILDIR_PARTS_H

#include "mailbox/maildir.h"

#include <dirent.h>

/* Open top, tmp and new of b->where. Returns as pv_maildir_box_open(), but nothing is locked or repaired. */
enum pv_class pv_maildir_open_folders(struct pv_maildir_box *b, bool make, bool *there_r, struct pv_error *e);

/* Make the folder `name` in dirfd, and tmp, new and cur in it, 0700, synced; what is there already is taken.
 * Returns 0, or -1 and errno. */
int pv_maildir_make(int dirfd, const char *name);

/* Take the times of new/ and cur/ anew. Returns 0, or -1 and errno. */
int pv_maildir_take_times(struct pv_maildir_box *b);

/*
 * Call use(ctx, folder, entry) for each file in the folder `name` of dirfd that may be a message (no leading
 * dot; d_type DT_REG or DT_UNKNOWN), until it returns something else than 0. Returns that; -1 and errno where
 * the folder cannot be read.
 */
int pv_maildir_each(int dirfd, const char *name,
		    int (*use)(void *ctx, int folder, const struct dirent *entry), void *ctx);

/* Is the message whose file was called `name` in new/ or cur/? Returns 1 or 0; -1 and errno. */
int pv_maildir_has_name(const struct pv_maildir_box *b, const char *name);
/* Is one there whose file was made for this id? */
int pv_maildir_has_id(const struct pv_maildir_box *b, const unsigned char id[PV_ID_BYTES]);

/* Remove files of uid's from tmp/ that nobody has touched for 36 hours. */
void pv_maildir_clean(const struct pv_maildir_box *b);

#endif
