/*
 * maildrop_verify_parts.h: for maildrop_verify*.c and maildrop_repair.c alone.
 */
#ifndef PV_MAILDROP_VERIFY_PARTS_H
#define PV_MAILDROP_VERIFY_PARTS_H

#include "mailbox/maildir.h"
#include "mailbox/maildrop_verify.h"

struct pv_verifying {
	const struct pv_location *where;
	const struct pv_verify_options *o;
	pv_finding_sink *sink;
	void *ctx;
	struct pv_verified *r;
};

/* Tell of a finding, and count it. */
void pv_find(const struct pv_verifying *v, enum pv_finding_kind kind, uint64_t offset, uint64_t length,
	     const char *name);

/* Look through `size` bytes of an mbox, all but its messages' number. Returns 0, or -1 and errno. */
int pv_verify_lines(const struct pv_verifying *v, int fd, uint64_t size);

/* Look through a Maildir. Nothing is changed. */
enum pv_class pv_verify_maildir(const struct pv_verifying *v, struct pv_error *e);

/* With an mbox that is open with its locks and repaired after deliveries: put a mended one in its place. */
struct pv_mailbox;
enum pv_class pv_mend_mbox(const struct pv_verifying *v, const struct pv_mailbox *box, struct pv_error *e);

#endif
