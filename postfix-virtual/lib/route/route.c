#include "route/walk.h"

/* One of another account is none. */
enum pv_class pv_route_domain(const struct pv_store *s, uid_t account, const struct pv_domain *d,
			      struct pv_folder *f, struct pv_error *e)
{
	enum pv_class c = pv_folder_behind(s, d, f, e);

	if (c == PV_OK && f->fd >= 0 && f->uid != account)
		pv_folder_close(f);
	return c;
}

static enum pv_class refuse(struct pv_walk *w, const char *status, enum pv_text text, struct pv_error *e)
{
	struct pv_route *r = w->r;

	const char *local = pv_arena_add(&r->arena, w->q->to.local, w->q->to.local_len);
	if (local == NULL)
		return pv_walk_no_memory(e);
	const struct pv_text_words words = { .user = local, .domain = w->q->to.domain.s };
	r->refused = true;
	r->count = 0;
	(void)snprintf(r->status, sizeof r->status, "%s", status);
	pv_text_line(w->q->store, &r->folder, text, pv_text_language(w->q->store, r->conf.mail.language),
		     &words, r->text, sizeof r->text);
	pv_trail_add(w->q->trail, "", 0, "it is refused: %s %s", r->status, r->text);
	return PV_OK;
}

/* Neither an alias nor a user: a responder, or the fallback. */
static enum pv_class follow_unknown(struct pv_walk *w, struct pv_step *at, size_t front, struct pv_error *e)
{
	const struct pv_recipient *to = &w->q->to;
	bool found;

	enum pv_class c = pv_walk_respond(w, at, to->local, to->local_len, true, &found, e);
	if (c == PV_OK && !found && front < to->local_len)
		c = pv_walk_respond(w, at, to->local, front, true, &found, e);
	/* That nobody has the name is said only of files that were read whole. */
	if (c == PV_OK && !found)
		c = pv_walk_check_aliases(w, e);
	return c == PV_OK && !found ? pv_walk_fallback(w, at, e) : c;
}

/* The name up to its tag. */
static enum pv_class follow_front(struct pv_walk *w, struct pv_step *at, size_t front, bool *found_r,
				  struct pv_error *e)
{
	const struct pv_recipient *to = &w->q->to;

	w->r->tag = to->local + front + 1;
	w->r->tag_len = to->local_len - front - 1;
	return pv_walk_name(w, at, to->local, front, false, found_r, e);
}

/* As Postfix does: the whole name first, then the name without its tag. An alias `user+tag` that has expired
 * is a tag as any other: Postfix, which has no key for it, takes it for one. One that leads to somebody who
 * has expired is that alias still. */
static enum pv_class follow_recipient(struct pv_walk *w, struct pv_error *e)
{
	const struct pv_recipient *to = &w->q->to;
	struct pv_step start = { .kind = PV_STEP_RECIPIENT, .name = "", .file = w->passwd, .same = true };
	size_t front = pv_walk_tag_at(w, to->local, to->local_len);
	bool found, front_found = false;

	enum pv_class c = pv_walk_name(w, &start, to->local, to->local_len, false, &found, e);
	bool over = w->name_over;
	if (c != PV_OK || (found && !over))
		return c;
	if (front < to->local_len) {
		w->skipped = false;
		c = follow_front(w, &start, front, &front_found, e);
	}
	if (c != PV_OK || front_found)
		return c;
	if (!over)
		return follow_unknown(w, &start, front, e);
	w->skipped = false;
	pv_walk_skip(w, "5.2.1", PV_TEXT_EXPIRED);
	return PV_OK;
}

static enum pv_class make_paths(struct pv_walk *w, struct pv_error *e)
{
	const char *const passwd[] = { w->r->folder.path, "/passwd" };
	const char *const conf[] = { w->r->folder.path, "/domain.conf" };

	w->passwd = pv_arena_join(&w->r->arena, passwd, sizeof passwd / sizeof *passwd);
	w->domain_conf = pv_arena_join(&w->r->arena, conf, sizeof conf / sizeof *conf);
	return w->passwd == NULL || w->domain_conf == NULL ? pv_walk_no_memory(e) : PV_OK;
}

static enum pv_class settle(struct pv_walk *w, struct pv_error *e)
{
	struct pv_route *r = w->r;

	enum pv_class c = make_paths(w, e);
	if (c == PV_OK)
		c = pv_domain_conf_load(&r->folder, &r->conf, e);
	if (c != PV_OK)
		return c;
	if (!r->conf.receive) {
		pv_trail_add(w->q->trail, w->domain_conf, 0, "%s takes no mail: receive = no",
			     r->folder.domain.s);
		return refuse(w, "5.2.1", PV_TEXT_NO_MAIL, e);
	}
	if ((c = follow_recipient(w, e)) != PV_OK)
		return c;
	/* Whoever takes no mail answers none. */
	if (w->skipped && !pv_walk_delivers(w))
		return refuse(w, w->skip_status, w->skip_text, e);
	if (w->r->count == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s: what %.*s stands for leads to nobody",
			       r->folder.path, w->q->to.local_len > 100 ? 100 : (int)w->q->to.local_len,
			       w->q->to.local);
	return pv_walk_finish(w, e);
}

static void walk_free(struct pv_walk *w)
{
	pv_walk_aliases_free(w);
	pv_seen_free(&w->seen);
	pv_copies_free(&w->copies);
	pv_passwd_lines_free(&w->lines);
	if (w->registry_read)
		pv_registry_free(&w->registry);
	if (w->hosts_read)
		pv_hosts_free(&w->hosts);
}

enum pv_class pv_route_resolve(const struct pv_route_query *q, struct pv_route *r, struct pv_error *e)
{
	const struct pv_domain *d = &q->to.domain;
	struct pv_walk w = { .q = q, .r = r };

	*r = (struct pv_route){ .folder = { .fd = -1 } };
	pv_domain_conf_defaults(&r->conf);
	enum pv_class c = pv_route_domain(q->store, q->account, d, &r->folder, e);
	if (c == PV_OK && r->folder.fd < 0)
		return pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"%s is no domain of the account with uid %lu: run make-postfix-maps, or give the "
			"folder %s/%s back to it",
			d->s, (unsigned long)q->account, q->store->dir, d->s);
	if (c == PV_OK && !pv_domain_equal(d, &r->folder.domain))
		pv_trail_add(q->trail, r->folder.path, 0, "%s stands for %s", d->s, r->folder.domain.s);
	if (c == PV_OK)
		c = settle(&w, e);
	walk_free(&w);
	if (c != PV_OK)
		pv_route_free(r);
	return c;
}

void pv_route_free(struct pv_route *r)
{
	pv_folder_close(&r->folder);
	pv_walk_users_free(r);
	pv_walk_lists_free(r);
	pv_domain_conf_free(&r->conf);
	pv_arena_free(&r->arena);
	free(r->actions);
	r->actions = NULL;
	r->count = r->room = 0;
}
