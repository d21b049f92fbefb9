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

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The work, in the child: write what the parent shall get to out_fd (pv_write_all()).
 * Returns a class; on failure *e travels to the parent as the error of pv_child_run().
 */
typedef enum pv_class pv_child_work(void *ctx, int out_fd, struct pv_error *e);

struct pv_child_limits {
	unsigned seconds; /* wall clock: then SIGKILL, whatever it does (a stopped child too) */
	unsigned cpu_seconds;
	size_t memory; /* bytes of address space, what the caller has included; 0: no limit */
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

/* --- several at once: pv_child_run() is pv_child_start(), and pv_child_wait() until it runs no more --- */

#define PV_CHILDREN_MAX 64 /* that one pv_child_wait() can serve */

/* A child that was started. All 0: none. */
struct pv_child {
	bool runs;
	pid_t pid;
	int pidfd, out_fd, error_fd; /* -1: closed, or there is none */
	bool killed;		     /* by us: class and error say why */
	bool full;		     /* the last read was a whole one: there is more */
	unsigned seconds;
	int64_t deadline, heard; /* by pv_now_ms(): when it is killed, and when it last wrote or began */
	struct pv_buf *out;
	enum pv_class class; /* once it has ended: what pv_child_run() would return, and its sentence */
	struct pv_error error;
};

/* Start one. PV_OK: *child runs, and *out takes what it writes during pv_child_wait(); both must stay where
 * they are. PV_TEMPORARY: none was started. */
enum pv_class pv_child_start(uid_t uid, gid_t gid, const struct pv_child_limits *limits, pv_child_work *work,
			     void *ctx, struct pv_buf *out, struct pv_child *child, struct pv_error *e);

/*
 * Serve those of list[0..count) that run until one of them has ended, and return its number: it runs no more,
 * nothing of it is left open, and its class and error are set. Returns count where none has ended: something
 * was read (at most 64 KiB of each, so that the caller may look at how much is held), until_ms of
 * pv_now_ms() has come (INT64_MAX: never), or none runs.
 *
 * One that passes its deadline or out->max is killed; where even that takes over a second (it hangs in a
 * file system that does not answer), it is left to end by itself.
 */
size_t pv_child_wait(struct pv_child *list, size_t count, int64_t until_ms);

/* Kill a child that runs, because of *why: pv_child_wait() then returns it with this error. */
void pv_child_kill(struct pv_child *child, const struct pv_error *why);

#endif
