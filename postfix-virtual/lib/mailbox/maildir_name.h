/*
 * maildir_name.h: names of the files in a Maildir: SECONDS.UNIQUE.HOST,S=SIZE.
 */
#ifndef PV_MAILDIR_NAME_H
#define PV_MAILDIR_NAME_H

#include "mailbox/mailbox.h"

#include <limits.h>
#include <time.h>

/*
 * Make the name of a message of `size` bytes that is stored at `when` by this process; id: the message's, or
 * NULL. UNIQUE is the part of a second, our pid and, where there is one, the beginning of the id:
 * M123456P4711 or M123456P4711_0123456789abcdef. Every byte of the host's name that a name of a file may not
 * hold, or that means something in one of a Maildir's, becomes `\ooo`.
 */
void pv_maildir_name(char out[NAME_MAX + 1], const struct timespec *when, const unsigned char *id,
		     uint64_t size);

/* Was the file `name` made for the message with this id? */
bool pv_maildir_name_has(const char *name, const unsigned char id[PV_ID_BYTES]);

/* The size that the name tells (`,S=`, in front of the flags). Returns false where it tells none. */
bool pv_maildir_name_size(const char *name, uint64_t *size_r);

/* How much of the name never changes: all in front of the flags. */
size_t pv_maildir_name_base(const char *name);

#endif
