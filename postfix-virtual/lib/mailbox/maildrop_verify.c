#include "mailbox/maildrop_verify_parts.h"

#include "mailbox/journal.h"
#include "mailbox/lock.h"
#include "mailbox/mailbox.h"
#include "mailbox/maildir_parts.h"
#include "mailbox/maildrop_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

const char *pv_finding_text(enum pv_finding_kind kind)
{
	static const char *const texts[PV_FINDING_KINDS] = {
		[PV_FINDING_TORN] = "half a message, which a delivery that was cut off has left; the next "
				    "delivery cuts it off",
		[PV_FINDING_NO_FROM] = "the first message begins without a From_ line",
		[PV_FINDING_UNQUOTED] =
			"a line of a message begins with `From `: some programs begin another one there",
		[PV_FINDING_DOUBTFUL] = "a line of text begins with `From ` behind an empty line: programs "
					"begin another message there",
		[PV_FINDING_NO_DATE] = "a message's From_ line has no date that programs know",
		[PV_FINDING_CRLF_FROM] = "a From_ line ends in CRLF, which does no harm here",
		[PV_FINDING_NUL] = "NUL bytes, which do no harm here",
		[PV_FINDING_NO_NEWLINE] = "the last line has no end",
		[PV_FINDING_NO_FOLDER] = "a folder is missing",
		[PV_FINDING_STRAY] = "no message: move it away",
		[PV_FINDING_OWNER] = "it belongs to another account, and is no message for that: chown it to "
				     "the domain's account",
		[PV_FINDING_UNREADABLE] = "a message that its account cannot read: chmod 0600 it",
		[PV_FINDING_TWICE] = "the same message as another file: remove one",
		[PV_FINDING_LEFT_IN_TMP] = "half a message, which a delivery has left",
	};

	return texts[kind];
}

/* NULs only where that is asked for. */
static bool is_mended(const struct pv_verifying *v, enum pv_finding_kind kind)
{
	switch (kind) {
	case PV_FINDING_TORN:
	case PV_FINDING_NO_FROM:
	case PV_FINDING_UNQUOTED:
	case PV_FINDING_DOUBTFUL:
	case PV_FINDING_NO_NEWLINE:
	case PV_FINDING_NO_FOLDER:
	case PV_FINDING_LEFT_IN_TMP:
		return true;
	case PV_FINDING_NUL:
		return v->o->remove_nuls;
	case PV_FINDING_NO_DATE:
	case PV_FINDING_CRLF_FROM:
	case PV_FINDING_STRAY:
	case PV_FINDING_OWNER:
	case PV_FINDING_UNREADABLE:
	case PV_FINDING_TWICE:
	case PV_FINDING_KINDS:
		break;
	}
	return false;
}

void pv_find(const struct pv_verifying *v, enum pv_finding_kind kind, uint64_t offset, uint64_t length,
	     const char *name)
{
	const struct pv_finding f = {
		.kind = kind, .offset = offset, .length = length, .name = name, .mended = is_mended(v, kind)
	};

	v->r->findings++;
	v->r->mended += f.mended;
	v->sink(v->ctx, &f);
}

static enum pv_class fail_io(const struct pv_verifying *v, const char *what, struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "%s mailbox %s", what, v->where->path);
}

/* What has a delivery left that was cut off? *size_r: of the mailbox without it. */
static enum pv_class look_at_journal(const struct pv_verifying *v, int fd, uint64_t *size_r,
				     struct pv_error *e)
{
	enum pv_verdict verdict = PV_VERDICT_NOTHING;
	struct pv_content content;
	struct pv_journal j;
	bool open = false;

	if (v->where->shared || !pv_journal_exists(v->where))
		return PV_OK;
	int journal = pv_journal_open(v->where);
	if (journal < 0)
		return fail_io(v, "open the journal of", e);
	enum pv_class c = pv_journal_load(journal, v->where, &j, &content, &open, e);
	if (c == PV_OK && open) {
		c = pv_journal_judge(fd, *size_r, &j, &content, &verdict, e);
		pv_content_free(&content);
	}
	if (c == PV_OK && verdict == PV_VERDICT_TORN) {
		pv_find(v, PV_FINDING_TORN, j.start, *size_r - j.start, NULL);
		*size_r = j.start;
	}
	(void)close(journal);
	return c;
}

static enum pv_class verify_open(const struct pv_verifying *v, int fd, uint64_t size, struct pv_error *e)
{
	struct pv_records list = { .v = NULL };

	enum pv_class c = look_at_journal(v, fd, &size, e);
	if (c == PV_OK)
		c = pv_scan_mbox(fd, 0, size, PV_SCAN_BLOCK, &list, e);
	v->r->messages = list.n;
	pv_records_free(&list);
	if (c == PV_OK && pv_verify_lines(v, fd, size) != 0)
		c = fail_io(v, "read", e);
	return c;
}

static enum pv_class verify_mbox(const struct pv_verifying *v, struct pv_error *e)
{
	const struct pv_lock_options lo = { .uid = v->o->uid,
					    .deadline_ms = v->o->lock_deadline_ms,
					    .to_read = true };
	struct pv_lock k;

	enum pv_class c = pv_lock_take(v->where, &lo, &k, e);
	if (c != PV_OK)
		return c;
	v->r->bytes = (uint64_t)k.st.st_size;
	c = verify_open(v, k.fd, (uint64_t)k.st.st_size, e);
	enum pv_class closed = pv_lock_release(&k, v->where, c == PV_OK ? e : NULL);
	return c != PV_OK ? c : closed;
}

static enum pv_class repair_mbox(const struct pv_verifying *v, struct pv_error *e)
{
	const struct pv_mailbox_options mo = { .uid = v->o->uid,
					       .lock_deadline_ms = v->o->lock_deadline_ms,
					       .use = PV_TO_REMOVE };
	struct pv_mailbox box;

	/* Opening it cuts off what is torn; so that is told before. */
	enum pv_class c = verify_mbox(v, e);
	if (c == PV_OK)
		c = pv_mailbox_open(v->where, &mo, &box, e);
	if (c != PV_OK)
		return c;
	c = pv_mend_mbox(v, &box, e);
	enum pv_class closed = pv_mailbox_close(&box, c == PV_OK ? e : NULL);
	return c != PV_OK ? c : closed;
}

static enum pv_class repair_maildir(const struct pv_verifying *v, struct pv_error *e)
{
	const struct pv_maildir_options mo = { .uid = v->o->uid, .lock_deadline_ms = v->o->lock_deadline_ms };
	struct pv_maildir_box box;
	bool there = false;

	enum pv_class c = pv_verify_maildir(v, e);
	if (c == PV_OK)
		c = pv_maildir_box_open(v->where, &mo, &box, &there, e);
	if (c != PV_OK || !there)
		return c;
	pv_maildir_clean(&box);
	pv_maildir_box_close(&box);
	return c;
}

/* What stands there? 0: nothing, or *c_r is an error. */
static mode_t look(const struct pv_verifying *v, enum pv_class *c_r, struct pv_error *e)
{
	struct stat st;

	*c_r = PV_OK;
	*v->r = (struct pv_verified){ .exists = false };
	if (v->where->dirfd < 0)
		return 0;
	v->r->exists = fstatat(v->where->dirfd, v->where->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!v->r->exists && errno != ENOENT)
		*c_r = fail_io(v, "look for", e);
	v->r->maildir = v->r->exists && S_ISDIR(st.st_mode);
	return v->r->exists ? st.st_mode & S_IFMT : 0;
}

enum pv_class pv_mailbox_verify(const struct pv_location *where, const struct pv_verify_options *o,
				pv_finding_sink *sink, void *ctx, struct pv_verified *r, struct pv_error *e)
{
	const struct pv_verifying v = { .where = where, .o = o, .sink = sink, .ctx = ctx, .r = r };
	enum pv_class c;

	mode_t kind = look(&v, &c, e);
	if (kind == 0)
		return c;
	return kind == S_IFDIR ? pv_verify_maildir(&v, e) : verify_mbox(&v, e);
}

enum pv_class pv_mailbox_repair(const struct pv_location *where, const struct pv_verify_options *o,
				pv_finding_sink *sink, void *ctx, struct pv_verified *r, struct pv_error *e)
{
	const struct pv_verifying v = { .where = where, .o = o, .sink = sink, .ctx = ctx, .r = r };
	enum pv_class c;

	mode_t kind = look(&v, &c, e);
	if (kind == 0)
		return c;
	return kind == S_IFDIR ? repair_maildir(&v, e) : repair_mbox(&v, e);
}
