#include "change/change.h"

#include "base/file.h"
#include "change/work.h"
#include "store/hosts.h"

#include <unistd.h>

enum { FILE_MAX = 256 * 1024 };

/* The text of the file now and then. `text` is NULL-like (found_r false) where there is none. */
static enum pv_class change_text(const struct pv_store *s, const struct pv_mark *m, struct pv_buf *old,
				 struct pv_buf *new, bool *found_r, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = s->dir };

	enum pv_class c = pv_file_load(s->dirfd, "host-addresses", &trust, old, found_r, e);
	return c == PV_OK ? pv_hosts_change(*found_r ? old : NULL, &m->user,
					    m->kind == PV_MARK_HOST_SET ? m->words : NULL, new, e)
			  : c;
}

enum pv_class pv_step_host_address(struct pv_step *s, struct pv_error *e)
{
	struct pv_buf old = PV_BUF_INIT(FILE_MAX), new = PV_BUF_INIT(FILE_MAX);
	bool found;

	/* One writer: who changes this file holds the lock that is in place of a domain's. */
	enum pv_class c = change_text(s->store, s->mark, &old, &new, &found, e);
	if (c == PV_OK)
		c = pv_edit_file(&s->edit, s->store->dirfd, s->store->dir, "host-addresses",
				 found ? &old : NULL, &new, 0644, (uid_t)-1, (gid_t)-1, e);
	pv_buf_free(&old);
	pv_buf_free(&new);
	return c;
}

/* Would the file say something else afterwards? And could it be read? */
static enum pv_class check(struct pv_work *w, bool *changes_r, struct pv_error *e)
{
	struct pv_buf old = PV_BUF_INIT(FILE_MAX), new = PV_BUF_INIT(FILE_MAX);
	struct pv_hosts hosts, next;
	bool found;

	*changes_r = false;
	enum pv_class c = pv_hosts_load(w->c->store, &hosts, e);
	if (c != PV_OK)
		return c;
	const struct pv_host_address *now = pv_hosts_get(&hosts, &w->mark.user);
	c = change_text(w->c->store, &w->mark, &old, &new, &found, e);
	if (c == PV_OK)
		c = pv_hosts_parse(&new, "host-addresses", &next, e);
	if (c == PV_OK) {
		const struct pv_host_address *then = pv_hosts_get(&next, &w->mark.user);
		*changes_r =
			now == NULL || then == NULL ? now != then : strcmp(now->targets, then->targets) != 0;
		pv_hosts_free(&next);
	}
	pv_hosts_free(&hosts);
	pv_buf_free(&old);
	pv_buf_free(&new);
	return c;
}

static void advise(const struct pv_work *w)
{
	if (w->mark.kind == PV_MARK_HOST_DELETE && strcmp(w->mark.user.s, "postmaster") == 0)
		pv_buf_adds(&w->c->notes,
			    "every domain must take mail for postmaster (RFC 5321): see that each has a "
			    "user of that name\n");
}

static enum pv_class change(struct pv_work *w, struct pv_error *e)
{
	char what[PV_USER_MAX + PV_MARK_WORDS_MAX + 2];
	bool changes;

	enum pv_class c = check(w, &changes, e);
	if (c == PV_OK && !changes) {
		w->c->already = true;
		return PV_OK;
	}
	if (c != PV_OK)
		return c;
	advise(w);
	(void)snprintf(what, sizeof what, "%s%s%s", w->mark.user.s, *w->mark.words != '\0' ? " " : "",
		       w->mark.words);
	return pv_work_carry_out(w, what, e);
}

static enum pv_class begin_and_change(struct pv_change *c, enum pv_mark_kind kind, const struct pv_user *name,
				      const char *targets, struct pv_error *e)
{
	struct pv_work w;

	enum pv_class r = pv_work_begin(&w, c, &pv_domain_host, false, e);
	w.mark.kind = kind;
	w.mark.user = *name;
	if (r == PV_OK &&
	    (size_t)snprintf(w.mark.words, sizeof w.mark.words, "%s", targets) >= sizeof w.mark.words)
		r = pv_fail(e, PV_PERMANENT, "5.3.5", "these are too many targets: name fewer, or an alias");
	if (r == PV_OK)
		r = change(&w, e);
	pv_work_end(&w);
	return r;
}

enum pv_class pv_host_address_set(struct pv_change *c, const struct pv_user *name, const char *targets,
				  struct pv_error *e)
{
	return begin_and_change(c, PV_MARK_HOST_SET, name, targets, e);
}

enum pv_class pv_host_address_delete(struct pv_change *c, const struct pv_user *name, struct pv_error *e)
{
	return begin_and_change(c, PV_MARK_HOST_DELETE, name, "", e);
}
