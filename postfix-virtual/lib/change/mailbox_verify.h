/*
 * mailbox_verify.h: what is wrong with a user's mailbox, for root: looked at by a child that became the
 * account.
 */
#ifndef PV_MAILBOX_VERIFY_H
#define PV_MAILBOX_VERIFY_H

#include "change/read.h"
#include "mailbox/maildrop_verify.h"

struct pv_mailbox_verdict {
	char path[4096];
	bool exists, is_maildir;
	unsigned long long bytes, messages;
	size_t findings, mended; /* mended: of the findings, those that pv_mailbox_mend() mends */
};

/* Look, under the mailbox's lock, and call sink for each finding; names in it are printable. PV_TEMPORARY: it
 * cannot be opened or read. */
enum pv_class pv_mailbox_examine(const struct pv_store *s, const struct pv_folder *f,
				 const struct pv_account *account, const struct pv_user_info *u,
				 bool remove_nuls, pv_finding_sink *sink, void *ctx,
				 struct pv_mailbox_verdict *v, struct pv_error *e);

#endif
