#include "mailbox/store_message.h"

#include "mailbox/maildir.h"

/* A conversion changes what a mailbox is, once. */
enum { TURNS_MAX = 4 };

static void take_note(struct pv_stored *r, const char *note)
{
	if (note[0] != '\0')
		(void)snprintf(r->note, sizeof r->note, "%s", note);
}

/* What pv_mailbox_append_if() asks. */
struct gate {
	const struct pv_store_options *o;
	const struct pv_content *content;
	struct pv_stored *r;
};

static enum pv_class may_append(void *ctx, const struct pv_mailbox *m, struct pv_error *e)
{
	const struct gate *g = ctx;
	const struct pv_quota *q = &g->o->quota;
	struct pv_quota_state *s = &g->r->quota;
	uint64_t size = (uint64_t)m->st.st_size;

	enum pv_class c = g->o->last_look != NULL ? g->o->last_look(g->o->ctx, e) : PV_OK;
	if (c != PV_OK)
		return c;
	if (q->messages > 0 && pv_usage_of_mbox(m->fd, size, &s->before.messages) != 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.0",
			       "count the messages in mailbox %s: it cannot be read", m->where->path);
	s->before.bytes = size;
	return pv_quota_judge(q, m->where, m->uid, g->content->size, s, e);
}

/* *other_r: it is a Maildir, and nothing was done. */
static enum pv_class into_mbox(const struct pv_location *where, const struct gate *g, const unsigned char *id,
			       bool *other_r, struct pv_error *e)
{
	const struct pv_mailbox_options mo = { .uid = g->o->uid,
					       .lock_deadline_ms = g->o->lock_deadline_ms,
					       .fcntl_only = g->o->fcntl_only };
	struct gate gate = *g;
	struct pv_mailbox m;

	enum pv_class c = pv_mailbox_open(where, &mo, &m, e);
	*other_r = c != PV_OK && m.is_folder;
	take_note(g->r, m.note);
	if (c != PV_OK)
		return c;
	g->r->created = m.created;
	c = pv_mailbox_append_if(&m, g->content, id, may_append, &gate, &g->r->result, e);
	enum pv_class closed = pv_mailbox_close(&m, c == PV_OK ? e : NULL);
	return c != PV_OK ? c : closed;
}

/* *other_r: it is none, and nothing was done. */
static enum pv_class into_maildir(const struct pv_location *where, const struct gate *g,
				  const unsigned char *id, bool *other_r, struct pv_error *e)
{
	const struct pv_maildir_options mo = { .uid = g->o->uid,
					       .lock_deadline_ms = g->o->lock_deadline_ms,
					       .make = g->o->maildir };
	struct pv_maildir_box b;
	bool there = false;

	enum pv_class c = pv_maildir_box_open(where, &mo, &b, &there, e);
	*other_r = c == PV_OK && !there;
	take_note(g->r, b.note);
	if (c != PV_OK || !there)
		return c;
	g->r->created = b.created;
	c = pv_maildir_box_store(&b, g->o, g->content, id, g->r, e);
	pv_maildir_box_close(&b);
	return c;
}

enum pv_class pv_mailbox_store(const struct pv_location *where, const struct pv_store_options *o,
			       const struct pv_content *content, const unsigned char id[PV_ID_BYTES],
			       struct pv_stored *r, struct pv_error *e)
{
	const struct gate g = { .o = o, .content = content, .r = r };
	bool other = true;

	*r = (struct pv_stored){ .maildir = !o->maildir };
	/* What is asked for goes first: that needs no look at a mailbox that is missing, or as it is wanted.
	 */
	for (int i = 0; i < TURNS_MAX; i++) {
		r->maildir = !r->maildir;
		enum pv_class c = r->maildir ? into_maildir(where, &g, id, &other, e)
					     : into_mbox(where, &g, id, &other, e);
		if (!other)
			return c;
	}
	return pv_fail(e, PV_TEMPORARY, "4.2.0", "mailbox %s is now a file and now a folder", where->path);
}
