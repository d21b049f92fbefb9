/*
 * folder_load.h: files that a domain's own files name: lists that are included, further files of aliases.
 */
#ifndef PV_FOLDER_LOAD_H
#define PV_FOLDER_LOAD_H

#include "store/folder.h"

/* Is every part of it a name, and none of them hidden? A slash may stand at the end. */
bool pv_path_is_plain(const char *path);

/* Load NAME of the open folder f, which may have folders in it, none of which leads away. PV_OK: *found_r
 * tells. PV_TEMPORARY: it leads away, is not to be trusted or cannot be read. */
enum pv_class pv_folder_load(const struct pv_folder *f, const char *name, struct pv_buf *text, bool *found_r,
			     struct pv_error *e);
/* The same, or, where name begins with a slash, a file anywhere: it and its folder must be the account's or
 * root's, and not writable by others. */
enum pv_class pv_folder_load_any(const struct pv_folder *f, const char *name, struct pv_buf *text,
				 bool *found_r, struct pv_error *e);

/* The same of a file that may be large: where it has more than `most` bytes, it is not loaded, but open:
 * *fd_r, which is the caller's (else -1), has *size_r bytes. */
enum pv_class pv_folder_load_or_open(const struct pv_folder *f, const char *name, off_t most,
				     struct pv_buf *text, int *fd_r, off_t *size_r, bool *found_r,
				     struct pv_error *e);

#endif
