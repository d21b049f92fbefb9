/*
 * journal.h: .NAME.journal, what a delivery means to write, noted before the first byte of it is.
 *
 * A journal proves nothing by itself. It is believed only so far as the bytes of the mailbox agree with it,
 * so it may be older or newer than the mailbox, from another backup, torn, or missing: then nothing happens.
 */
#ifndef PV_JOURNAL_H
#define PV_JOURNAL_H

#include "base/error.h"
#include "mailbox/mailbox.h"

#include <stdint.h>

enum { PV_JOURNAL_ANCHOR = 4096 }; /* bytes before the append that tell whether the mailbox is the same */

/* One append. What it writes is `lead` newlines and then the content. */
struct pv_journal {
	uint64_t start;	 /* S: size of the mailbox before */
	uint64_t length; /* of all that it writes: lead and content */
	uint64_t anchor; /* checksum of the up to PV_JOURNAL_ANCHOR bytes before start */
	int64_t begun;	 /* when, as done.h counts: at or before the append's mtime */
	int64_t doubt;	 /* what done.h has from before this time is not to be believed unseen */
	uint32_t lead;
	bool spooled; /* the content is in .NAME.spooled */
	bool has_id;
	unsigned char id[PV_ID_BYTES];
};

/* Open, or make, the journal of the mailbox. Returns the descriptor, or -1 and errno. */
int pv_journal_open(const struct pv_location *l);

/* Is there one, or may there be? errno stays. */
bool pv_journal_exists(const struct pv_location *l);

/* Write j and, where it is in memory, the content; mark the journal open. Not synced: a power cut may
 * lose it. A content in a file is linked to .NAME.spooled. */
enum pv_class pv_journal_begin(int fd, const struct pv_location *l, const struct pv_journal *j,
			       const struct pv_content *content, struct pv_error *e);

/* The append is over, one way or the other: remove .NAME.spooled, mark the journal closed. */
void pv_journal_end(int fd, const struct pv_location *l, bool spooled);

/*
 * Read the journal. PV_OK: *j is filled, with zeros where there is none that is whole. *open_r tells whether
 * its append is under way; then *content holds its content (to be freed). A torn or foreign one is not open.
 * PV_TEMPORARY: it cannot be read now, and stays as it is.
 */
enum pv_class pv_journal_load(int fd, const struct pv_location *l, struct pv_journal *j,
			      struct pv_content *content, bool *open_r, struct pv_error *e);

/* Is the append of the journal under way, or was it cut off? For who only looks: nothing is changed. */
bool pv_journal_is_open(int fd);

/* The checksum of the bytes before `start` in the mailbox. Returns 0, or -1 and errno. tail[] gets the last
 * two of them (NUL where there are fewer). */
int pv_journal_anchor(int mailbox_fd, uint64_t start, uint64_t *anchor_r, char tail[2]);

enum pv_verdict {
	PV_VERDICT_NOTHING,   /* the journal does not speak of this mailbox */
	PV_VERDICT_UNTOUCHED, /* nothing was written yet */
	PV_VERDICT_STORED,    /* all of it stands there, behind the same bytes as before */
	PV_VERDICT_TORN,      /* a true beginning of it stands at the end, and nothing else */
	PV_VERDICT_FOREIGN,   /* somebody else's bytes are there: nothing may be cut */
};

/* Compare the mailbox, `size` bytes long, with the journal: the rule of design, bytes decide. */
enum pv_class pv_journal_judge(int mailbox_fd, uint64_t size, const struct pv_journal *j,
			       const struct pv_content *content, enum pv_verdict *verdict_r,
			       struct pv_error *e);

#endif
