#include "mailbox/mailbox.h"
#include "mailbox/maildrop_match.h"
#include "mailbox/maildrop_rewrite.h"

#include <errno.h>
#include <fcntl.h>

/* What is to be done to the messages that are there now. */
struct plan {
	size_t removed, noted;
	bool suffix;  /* those that are removed are the last ones */
	uint64_t cut; /* ... and begin here */
};

static struct plan make_plan(const struct pv_records *list)
{
	struct plan p = { .suffix = true };

	for (size_t i = 0; i < list->n; i++) {
		const struct pv_record *r = &list->v[i];
		bool removed = (r->flags & PV_RECORD_DELETED) != 0;
		if (removed && p.removed == 0)
			p.cut = i == 0 ? 0 : r->offset;
		p.suffix = p.suffix && (removed || p.removed == 0);
		p.removed += removed;
		p.noted += !removed && (r->flags & (PV_RECORD_READ | PV_RECORD_SEEN)) == PV_RECORD_READ;
	}
	return p;
}

static enum pv_class carry_out(struct pv_maildrop *m, const struct pv_mailbox *box,
			       const struct pv_records *list, bool in_place, struct pv_error *e)
{
	uint64_t was = (uint64_t)box->st.st_size;

	const struct plan p = make_plan(list);
	if (p.removed + p.noted == 0)
		return PV_OK;
	m->updated = true;
	/* Nothing is cut that was not there when the session began. */
	if (p.noted == 0 && p.suffix && in_place && was == (uint64_t)m->st.st_size)
		return pv_mbox_truncate(box, p.cut, was, e);
	if (!box->locked_by_dotlock)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "mailbox %s cannot be rewritten without a dotlock, and its folder takes none: "
			       "only all messages, or the last ones, can be removed",
			       m->where->path);
	return pv_mbox_rewrite(box, list, m->block, e);
}

/* With the locks held. */
static enum pv_class update(struct pv_maildrop *m, const struct pv_mailbox *box, struct pv_error *e)
{
	struct pv_records now = { .v = NULL };
	bool in_place = false;
	size_t lost = 0;

	enum pv_class c = pv_scan_mbox(box->fd, 0, (uint64_t)box->st.st_size, PV_SCAN_BLOCK, &now, e);
	if (c == PV_OK)
		c = pv_match(m, box->fd, &box->st, &now, &in_place, &lost, e);
	if (c == PV_OK)
		c = carry_out(m, box, &now, in_place, e);
	pv_records_free(&now);
	if (c == PV_OK && lost > 0)
		return pv_fail(e, PV_TEMPORARY, "4.2.0",
			       "mailbox %s was rewritten by another program: %zu messages that were to be "
			       "removed could not be told for certain, and stay",
			       m->where->path, lost);
	return c;
}

/* What is to be removed must be known by what it says. */
static enum pv_class learn_marked(struct pv_maildrop *m, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < m->list.n; i++)
		if ((m->list.v[i].flags & PV_RECORD_DELETED) != 0)
			c = pv_maildrop_learn(m, i, e);
	return c;
}

enum pv_class pv_mbox_update(struct pv_maildrop *m, struct pv_error *e)
{
	const struct pv_mailbox_options bo = { .uid = m->o.uid,
					       .lock_deadline_ms = m->o.lock_deadline_ms,
					       .fcntl_only = m->o.fcntl_only,
					       .use = PV_TO_REMOVE };
	struct pv_mailbox box;
	struct stat st;

	/* Nothing is made where there is nothing. */
	if (fstatat(m->where->dirfd, m->where->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? pv_maildrop_break(m, e)
				       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "look for mailbox %s",
						       m->where->path);
	enum pv_class c = learn_marked(m, e);
	if (c == PV_OK)
		c = pv_mailbox_open(m->where, &bo, &box, e);
	if (c != PV_OK)
		return c;
	c = update(m, &box, e);
	enum pv_class closed = pv_mailbox_close(&box, c == PV_OK ? e : NULL);
	return c != PV_OK ? c : closed;
}
