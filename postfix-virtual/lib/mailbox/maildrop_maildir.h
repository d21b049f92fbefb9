/*
 * maildrop_maildir.h: a Maildir as a maildrop: a file for each message, in new/ or cur/, known by the part of
 * its name before the flags, that no two have and that never changes.
 *
 * A file that is a symlink, no regular file or another owner's is no message.
 */
#ifndef PV_MAILDROP_MAILDIR_H
#define PV_MAILDROP_MAILDIR_H

#include "mailbox/maildrop_parts.h"

#include <sys/types.h>

struct pv_maildir_entry {
	char *name; /* the file's, flags and all; in the listing's names */
	uint64_t inode;
	unsigned base; /* how long the part is by which it is known */
	bool in_new, gone;
};

struct pv_maildir_listing {
	struct pv_maildir_entry *v;
	size_t n, room;
};

struct pv_maildir {
	int folders[2];			/* cur, new */
	struct pv_maildir_listing list; /* in the order of m->list */
};

/* Open the Maildir at m->where and list its messages, by time, into m->dir and m->list. PV_TEMPORARY: it is
 * none, is not the account's alone, or cannot be read. */
enum pv_class pv_maildir_open(struct pv_maildrop *m, struct pv_error *e);

/* pv_source_open() for a Maildir: looks for the file anew where its flags were changed. */
enum pv_class pv_maildir_source(struct pv_maildrop *m, size_t i, struct pv_source *s, struct pv_error *e);

/* pv_maildrop_update() for a Maildir: each message for itself. */
enum pv_class pv_maildir_update(struct pv_maildrop *m, struct pv_error *e);

void pv_maildir_close(struct pv_maildir *d);

/* --- for its own files (maildrop_maildir_list.c, maildrop_maildir_index.c) --- */

/* List the messages in both folders, sorted by pv_maildir_compare(), each once. Returns 0, or -1 and errno.
 */
int pv_maildir_list(const int folders[2], struct pv_maildir_listing *l);
void pv_maildir_list_free(struct pv_maildir_listing *l);

/* By the time in their names, then by name. 0: the same message. */
int pv_maildir_compare(const struct pv_maildir_entry *a, const struct pv_maildir_entry *b);

/* Fill m->list and m->digests of those messages that the index has. done[i] says which. */
void pv_maildir_index_load(struct pv_maildrop *m, bool *done);
void pv_maildir_index_save(struct pv_maildrop *m);

#endif
