/*
 * content.h: the bytes that a delivery appends: in memory while they are few, in an
 * unnamed temporary file of the mailbox's folder when they are many, so that a message of any
 * size costs little memory and a killed delivery leaves nothing behind.
 */
#ifndef PV_CONTENT_H
#define PV_CONTENT_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"

#include <stdint.h>
#include <sys/types.h>

#define PV_CONTENT_MEMORY (1024 * 1024 + 128 * 1024) /* bytes that stay in memory */

struct pv_content {
	struct pv_buf memory; /* everything, or what is not yet in fd */
	int dirfd;	      /* where the temporary file is made; borrowed; -1: /var/tmp */
	int fd;		      /* -1: all is in memory */
	uint64_t size;	      /* bytes in all */
	struct pv_sum sum;    /* over all of them, once pv_content_finish() was called */
};

/* dirfd: the mailbox's folder; -1: it is not ours to make files in, and /var/tmp has to serve. */
void pv_content_start(struct pv_content *c, int dirfd);
/* PV_TEMPORARY: no memory, the temporary file cannot be made (too little disk, no O_TMPFILE). */
enum pv_class pv_content_add(struct pv_content *c, const void *data, size_t len, struct pv_error *e);
enum pv_class pv_content_finish(struct pv_content *c, struct pv_error *e);
/* Read up to len bytes from offset. Returns how many (0 at the end), or -1 and errno. */
ssize_t pv_content_read(const struct pv_content *c, void *to, size_t len, uint64_t offset);
void pv_content_free(struct pv_content *c);

#endif
