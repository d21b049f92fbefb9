/*
 * maildrop_index.h: .NAME.index, what the last session found in a mailbox, so that the next one need not
 * read it again. It may be missing, old, torn or wrong: what is doubtful is scanned. Nothing is ever cut
 * because of it.
 */
#ifndef PV_MAILDROP_INDEX_H
#define PV_MAILDROP_INDEX_H

#include "mailbox/maildrop_parts.h"

/*
 * Fill m->list with the messages of the mbox m->fd, of status m->st, as far as the index has them. Returns up
 * to which byte that is: the whole size where the mailbox has not changed since; where it has grown, and the
 * bytes at the old end and at some messages' starts are the same, the old size; else 0.
 */
uint64_t pv_index_load(struct pv_maildrop *m);

/* Read the digests that go with m->list, once, when they are asked for. What cannot be had is not known. */
void pv_index_load_digests(struct pv_maildrop *m);

/* Write what m has learnt, if another session can use it. It may fail, and nobody is worse off. The marks of
 * the session are gone afterwards. */
void pv_index_save(struct pv_maildrop *m);

/* Would a further change of a file with this status be seen in its times? Not within a second of the last. */
bool pv_index_is_settled(const struct stat *st);

/* Remove what a killed session left of it. */
void pv_index_clean(const struct pv_location *l);

/* --- for maildrop_maildir_index.c too --- */

/* Open .NAME.index. Returns -1 where there is none that is the account's alone. *size_r: of the file. */
int pv_index_open(const struct pv_maildrop *m, uint64_t *size_r);

struct pv_index_part {
	const void *data;
	size_t len;
};

/* Replace .NAME.index as a whole. Not synced: one that a power cut tears is none. */
void pv_index_replace(const struct pv_location *l, const struct pv_index_part *parts, size_t n);

#endif
