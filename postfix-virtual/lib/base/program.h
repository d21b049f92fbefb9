/*
 * program.h: other programs: started by absolute path, without a shell, with limits.
 */
#ifndef PV_PROGRAM_H
#define PV_PROGRAM_H

#include "base/buffer.h"
#include "base/error.h"

/*
 * Takes a piece of what a program wrote to its standard output (fd 1) or error (fd 2). Anything but PV_OK
 * ends the program, and is what pv_program_do() returns.
 */
typedef enum pv_class pv_program_output(void *ctx, int fd, const char *data, size_t len, struct pv_error *e);

struct pv_program {
	const char *const *argv;	/* argv[0] absolute; NULL at the end */
	const char *const *environment; /* `NAME=value`, NULL at the end; NULL: PATH and LANG alone */
	const char *folder;		/* where it works; NULL: / */
	const struct pv_buf *input;	/* its standard input, through a pipe; NULL: */
	int input_fd;			/* this, from where it stands on; -1: /dev/null */
	unsigned seconds;		/* it may take */
	bool until_closed; /* it has ended when it and all that it started have closed their output; else it
			    * ends alone, and what of its group is left is killed */
	pv_program_output *output; /* NULL: read and dropped */
	void *ctx;		   /* of output */
};

/*
 * Run it as who we are: in a process group of its own, with umask 077, default signals, no descriptor but 0
 * to 2, no core dumps; it ends with us. It may leave its input unread.
 *
 * PV_OK: it ended by itself, and *status_r is its exit status (127, with the reason in its error output: it
 * could not be started). PV_TEMPORARY: it is missing; it was killed by a signal; it took longer than
 * `seconds`: then it was killed with its group. Otherwise what output() said. The caller has no other child
 * that it must not lose.
 */
enum pv_class pv_program_do(const struct pv_program *p, int *status_r, struct pv_error *e);

/*
 * The same, until_closed, with nothing in its environment but PATH and LANG, in the folder /: `input` may be
 * NULL; what it writes is appended to *out and *err (may be NULL; more than they take is an error).
 */
enum pv_class pv_program_run(const char *const argv[], const struct pv_buf *input, unsigned seconds,
			     struct pv_buf *out, struct pv_buf *err, int *status_r, struct pv_error *e);

#endif
