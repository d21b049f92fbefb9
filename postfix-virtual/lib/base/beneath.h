/*
 * beneath.h: opening a path below a folder, without leaving it and without any symlink.
 */
#ifndef PV_BENEATH_H
#define PV_BENEATH_H

#include <sys/types.h>

/*
 * openat() of the relative path below dirfd: no component, the last one included, may be a
 * symlink, and `..` or an absolute path fail with EXDEV (openat2(2) where the kernel and its
 * filters allow it, else component by component). O_CLOEXEC is added. Returns the descriptor, or
 * -1 and errno (ELOOP for a symlink).
 */
int pv_open_beneath(int dirfd, const char *path, int flags, mode_t mode);

#endif
