/*
 * program.h: other programs: started by absolute path, without a shell, with limits.
 */
#ifndef PV_PROGRAM_H
#define PV_PROGRAM_H

#include "base/buffer.h"
#include "base/error.h"

/*
 * Run argv[0] (absolute) with argv (NULL at the end), as who we are, in the folder `/` and a process group of
 * its own; its environment is PATH and LANG alone, its standard input is `input` (NULL: /dev/null), what it
 * writes is appended to *out (may be NULL) and *err (limits are theirs). It ends with us. *status_r: its
 * exit status. PV_OK: it ran and ended by itself. PV_TEMPORARY: it is missing, could not be started, was
 * killed, wrote too much, or took longer than `seconds`: then it is killed with its group. The caller must
 * not ignore SIGCHLD.
 */
enum pv_class pv_program_run(const char *const argv[], const struct pv_buf *input, unsigned seconds,
			     struct pv_buf *out, struct pv_buf *err, int *status_r, struct pv_error *e);

#endif
