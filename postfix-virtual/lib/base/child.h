/*
 * child.h: what root lets a domain account do.
 *
 * Root never opens a file that an account controls. It starts a child that becomes the
 * account, does the work there, and hands back bytes through a pipe; the parent limits
 * their number and the time, and believes none of them.
 */
#ifndef PV_CHILD_H
#define PV_CHILD_H

#include "base/buffer.h"
#include "base/error.h"

#include <sys/types.h>

/*
 * The work, in the child: write what the parent shall get to out_fd (pv_write_all()).
 * Returns a class; on failure *e travels to the parent as the error of pv_child_run().
 */
typedef enum pv_class pv_child_work(void *ctx, int out_fd, struct pv_error *e);

struct pv_child_limits {
	unsigned seconds; /* wall clock: then SIGKILL, whatever it does (a stopped child too) */
	unsigned cpu_seconds;
};

/*
 * Run work(ctx) in a child that is uid and gid for good (pv_become()), in the folder `/`,
 * with umask 077, default signals (but SIGPIPE ignored), core dumps off, and no descriptor but
 * 0 to 2 and its two pipes (so work opens by absolute path what it needs); append what it writes
 * to *out (out->max is the limit). Where the caller is not root, uid and gid must be its own.
 * The caller must not ignore SIGCHLD.
 *
 * PV_OK: the work returned PV_OK and all its output is in *out. Otherwise the class and
 * sentence of the work (PV_BUG comes as PV_TEMPORARY); or PV_TEMPORARY: fork failed, too much output,
 * deadline, killed. *out may hold a part then.
 */
enum pv_class pv_child_run(uid_t uid, gid_t gid, const struct pv_child_limits *limits, pv_child_work *work,
			   void *ctx, struct pv_buf *out, struct pv_error *e);

#endif
