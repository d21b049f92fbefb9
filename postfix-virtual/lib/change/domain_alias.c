#include "change/change.h"

#include "change/state.h"
#include "change/work.h"

#include <unistd.h>

enum pv_class pv_alias_of(const struct pv_store *s, const struct pv_domain *d, struct pv_domain *alias_r,
			  bool *found_r, struct pv_error *e)
{
	struct pv_registry r;

	*found_r = false;
	enum pv_class c = pv_registry_load(s, &r, e);
	for (size_t i = 0; c == PV_OK && i < r.count && !*found_r; i++) {
		*found_r = r.entries[i].is_alias && pv_domain_equal(&r.entries[i].alias_of, d);
		if (*found_r)
			*alias_r = r.entries[i].domain;
	}
	pv_registry_free(&r);
	return c;
}

/* The target's account may read what became of its alias. An alias has no other account. */
static enum pv_class take_account(struct pv_work *w, const struct pv_domain *target, bool *found_r,
				  struct pv_error *e)
{
	struct pv_folder f;

	*found_r = false;
	enum pv_class c = pv_folder_open(w->c->store, target, &f, e);
	if (c != PV_OK || f.fd < 0)
		return c;
	*found_r = true;
	c = pv_account_by_uid(f.uid, &w->account, &w->has_account, e);
	pv_folder_close(&f);
	return c;
}

static enum pv_class refuse_target(struct pv_work *w, const struct pv_domain *target, struct pv_error *e)
{
	struct pv_registry_entry entry;
	bool found;

	if (pv_domain_equal(&w->domain, target))
		return pv_fail(e, PV_PERMANENT, "5.1.2",
			       "%s cannot be an alias of itself: name another domain", target->s);
	enum pv_class c = pv_registry_find(w->c->store, target, &entry, &found, e);
	if (c != PV_OK)
		return c;
	if (entry.is_alias)
		return pv_fail(e, PV_PERMANENT, "5.1.2",
			       "%s is an alias itself: postfix-virtual domain alias %s %s", target->s,
			       w->domain.s, entry.alias_of.s);
	c = take_account(w, target, &found, e);
	if (c != PV_OK)
		return c;
	if (!found)
		return pv_fail(e, PV_PERMANENT, "5.1.2",
			       "%s is no domain here: postfix-virtual domain add %s", target->s, target->s);
	if (!w->has_account)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%s belongs to an account that is gone: postfix-virtual "
			       "domain show %s",
			       target->s, target->s);
	return PV_OK;
}

static enum pv_class refuse_alias(struct pv_work *w, struct pv_error *e)
{
	struct pv_domain other;
	bool found;

	if (w->folder.fd >= 0)
		return pv_fail(e, PV_PERMANENT, "5.1.2",
			       "%s is a domain with users of its own: postfix-virtual domain delete %s first",
			       w->domain.s, w->domain.s);
	enum pv_class c = pv_alias_of(w->c->store, &w->domain, &other, &found, e);
	if (c == PV_OK && found)
		c = pv_fail(e, PV_PERMANENT, "5.1.2",
			    "%s is an alias of %s, and an alias of an alias cannot be: postfix-virtual "
			    "domain delete "
			    "%s first",
			    other.s, w->domain.s, other.s);
	return c == PV_OK ? pv_refuse_postfix(w->c->store, &w->domain, e) : c;
}

static enum pv_class make_alias(struct pv_work *w, const struct pv_domain *target, struct pv_error *e)
{
	char what[2 * PV_DOMAIN_MAX + sizeof " alias_of="];
	struct pv_registry_entry entry;
	bool found;

	enum pv_class c = pv_registry_find(w->c->store, &w->domain, &entry, &found, e);
	if (c != PV_OK)
		return c;
	if (entry.is_alias && pv_domain_equal(&entry.alias_of, target)) {
		w->c->already = true;
		return PV_OK;
	}
	pv_domain_note_parent(w, target);
	w->mark.kind = PV_MARK_DOMAIN_ALIAS;
	(void)snprintf(w->mark.words, sizeof w->mark.words, "alias_of=%s", target->s);
	(void)snprintf(what, sizeof what, "%s %s", w->domain.s, target->s);
	return pv_work_carry_out(w, what, e);
}

/* Who deletes the target looks for aliases under the target's lock, so that one is held too. */
static enum pv_class lock_target(struct pv_change *c, const struct pv_domain *target, int *fd_r,
				 struct pv_error *e)
{
	return c->dry || geteuid() != 0
		       ? PV_OK
		       : pv_state_lock_domain(c->store, target, PV_LOCK_DEADLINE_MS, fd_r, e);
}

enum pv_class pv_domain_alias(struct pv_change *c, const struct pv_domain *d, const struct pv_domain *target,
			      struct pv_error *e)
{
	/* In the order of their names: two who make aliases the other way round would wait for each other. */
	int order = strcmp(target->s, d->s), lock = -1;
	enum pv_class r = PV_OK;
	struct pv_work w;

	if (order < 0)
		r = lock_target(c, target, &lock, e);
	if (r != PV_OK)
		return r;
	r = pv_work_begin(&w, c, d, false, e);
	if (r == PV_OK && order > 0)
		r = lock_target(c, target, &lock, e);
	if (r == PV_OK)
		r = refuse_target(&w, target, e);
	if (r == PV_OK)
		r = refuse_alias(&w, e);
	if (r == PV_OK)
		r = make_alias(&w, target, e);
	if (lock >= 0)
		(void)close(lock);
	pv_work_end(&w);
	return r;
}

enum pv_class pv_alias_remove(struct pv_work *w, const struct pv_domain *target, struct pv_error *e)
{
	bool found;

	/* Where the target is gone, there is nobody to read the history but root. */
	(void)take_account(w, target, &found, NULL);
	w->mark.kind = PV_MARK_DOMAIN_UNALIAS;
	(void)snprintf(w->mark.words, sizeof w->mark.words, "alias_of=");
	return pv_work_carry_out(w, w->domain.s, e);
}
