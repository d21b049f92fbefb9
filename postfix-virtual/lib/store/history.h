/*
 * history.h: state_directory/history/<domain>: one line for every change of a domain: when
 * (UTC), who, from where, what. No hash stands in it, nor any word of a message.
 *
 *     2026-11-20T10:56:12Z root local user add abc@kvt.dk
 */
#ifndef PV_HISTORY_H
#define PV_HISTORY_H

#include "address/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* Write such a line, without newline. Blanks in who and where become `_`, what cannot be printed `?`. */
void pv_history_format(time_t when, const char *who, const char *where, const char *what, char *out,
		       size_t size);

/*
 * Append line to the file of d in the folder `dirfd`, which root owns, and sync it. A new file is root's and
 * `group`'s, 0640. What a power cut left of a line gets its newline. `again`: who finishes a change that was
 * killed cannot know how far it came; if the last line is the same already, nothing is done.
 * PV_TEMPORARY: nothing of the line stands there, or it could not be made durable.
 */
enum pv_class pv_history_add(int dirfd, const struct pv_domain *d, gid_t group, const char *line, bool again,
			     struct pv_error *e);

/*
 * Drop the lines of before `since` from the front of d's file in dirfd; a file with none left goes. (dry:
 * count them only.) Under d's lock. PV_TEMPORARY: it is as it was.
 */
enum pv_class pv_history_trim(int dirfd, const struct pv_domain *d, time_t since, bool dry, size_t *dropped_r,
			      struct pv_error *e);

#endif
