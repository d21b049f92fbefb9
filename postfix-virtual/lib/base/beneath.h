/*
 * beneath.h: opening a path below a folder, without leaving it and without any symlink.
 */
#ifndef PV_BENEATH_H
#define PV_BENEATH_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * openat() of the relative path below dirfd: no component, the last one included, may be a
 * symlink, and `..`, an empty component or an absolute path fail with EXDEV (openat2(2) where the kernel and
 * its filters allow it, else component by component). O_CLOEXEC is added. Returns the descriptor, or -1 and
 * errno (ELOOP for a symlink).
 */
int pv_open_beneath(int dirfd, const char *path, int flags, mode_t mode);

/*
 * Open the folder dir/name as O_PATH, where dir is absolute and may be reached through symlinks, and name,
 * one component, is none: one system call where dir has none either. Returns the descriptor, or -1 and errno;
 * *dir_missing_r tells whether it was dir that could not be opened.
 */
int pv_open_folder_in(const char *dir, const char *name, bool *dir_missing_r);

#endif
