#include "maps/alias_ends.h"

#include "route/route.h"
#include "store/alias_file.h"
#include "store/conf.h"
#include "store/folder.h"

#include <errno.h>

enum { AGAIN_MAX = 100000 }; /* targets that are looked at again, 0.05 s; what is left keeps its keys */

/* Walks over the aliases and forwards of a domain, each from one of them on. They go as a delivery goes
 * (route/). */
struct walks {
	struct pv_making *m;
	struct pv_alias_name *names;
	size_t count;
	size_t walk;  /* which one this is, from 1 on */
	size_t again; /* targets looked at by more than one */
	struct pv_keys responders;
	struct pv_domain asked; /* the sub-domain that was asked about last, len 0: none */
	bool asked_own;
};

bool pv_alias_has_expired(const struct pv_making *m, const struct pv_alias_name *n)
{
	return pv_day_is_set(&n->expires) && pv_day_compare(&m->today, &n->expires) > 0;
}

static void add_shut(struct pv_ends *ends, enum pv_reader_text why, bool is_asked)
{
	if (!ends->has_shut)
		ends->why = why;
	ends->has_shut = true;
	ends->is_asked = ends->is_asked || is_asked;
}

/* --- users --- */

static void follow(struct walks *w, struct pv_way *n, unsigned depth, struct pv_ends *up);

static bool is_asked(const struct pv_making *m, const struct pv_user *u)
{
	const struct pv_maps_options *o = m->w->options;

	for (size_t i = 0; i < o->only_user_count; i++)
		if (pv_user_equal(&o->only_users[i], u))
			return true;
	return false;
}

static bool is_ascii(const char *s)
{
	while (*s != '\0' && (unsigned char)*s < 0x80)
		s++;
	return *s == '\0';
}

/* One who takes mail: he has a mailbox, also where his forwards lead back to him. */
static void take_open(struct walks *w, const struct pv_user *u, unsigned depth, struct pv_ends *ends)
{
	struct pv_forwarder *f = pv_making_find_forwards(w->m, u);

	if (f != NULL && !(f->way.walk == w->walk && f->way.on_way)) {
		follow(w, &f->way, depth + 1, ends);
		return;
	}
	ends->is_open = true;
	ends->is_here = ends->is_here || f != NULL;
}

/* A full name that is not found may be written in other letters: not all of them are folded by a delivery. */
static bool take_full_name(struct walks *w, const char *name, unsigned depth, struct pv_ends *ends)
{
	bool several = false;

	if (!w->m->conf.match_full_name)
		return false;
	const struct pv_full_name *f = pv_making_find_full_name(w->m, name, &several);
	if (f != NULL && f->is_exact && f->closed != 0)
		add_shut(ends, (enum pv_reader_text)(f->closed - 1), is_asked(w->m, &f->user));
	else if (f != NULL && f->is_exact)
		take_open(w, &f->user, depth, ends);
	else
		ends->is_open = f != NULL || several || !is_ascii(name);
	return ends->is_open || f != NULL;
}

/* A user or a full name; false: there is none. The host's address is taken for an open one. */
static bool take_user(struct walks *w, const char *name, unsigned depth, struct pv_ends *ends)
{
	const struct pv_shut *shut;
	struct pv_user u;

	if (pv_user_parse(name, strlen(name), &u, NULL) != PV_OK)
		return take_full_name(w, name, depth, ends);
	if (pv_making_is_hosts(w->m, &u)) {
		ends->is_open = true;
		return true;
	}
	if (pv_making_get(w->m, u.s) != NULL) {
		take_open(w, &u, depth, ends);
		return true;
	}
	if ((shut = pv_making_find_shut(w->m, u.s)) == NULL)
		return take_full_name(w, name, depth, ends);
	add_shut(ends, shut->why, is_asked(w->m, &u));
	return true;
}

/* --- names --- */

static int compare_name(const void *key, const void *entry)
{
	return strcmp(key, ((const struct pv_alias_name *)entry)->s);
}

/* An alias, a user, a full name; false: there is none. */
static bool take_name(struct walks *w, const struct pv_way *from, const char *name, bool users_only,
		      unsigned depth, struct pv_ends *ends)
{
	struct pv_alias_name *n = users_only || w->count == 0
					  ? NULL
					  : bsearch(name, w->names, w->count, sizeof *n, compare_name);

	if (n == NULL)
		return take_user(w, name, depth, ends);
	if (n->bad) {
		ends->is_open = true;
	} else if (pv_alias_has_expired(w->m, n)) {
		if (!take_user(w, name, depth, ends))
			add_shut(ends, PV_READER_EXPIRED, false);
	} else if (n->way.walk == w->walk && n->way.on_way) {
		/* It leads back to itself: who has its name gets it. */
		ends->is_here = ends->is_here || &n->way != from;
		ends->is_open = !take_user(w, name, depth, ends) || ends->is_open;
	} else {
		follow(w, &n->way, depth + 1, ends);
	}
	return true;
}

static bool is_responder(const struct walks *w, const char *name)
{
	struct pv_user u;

	return pv_user_parse(name, strlen(name), &u, NULL) == PV_OK &&
	       pv_keys_find(&w->responders, u.s) != NULL;
}

/* A name of the domain. A responder alone takes no mail, and refuses none. */
static void take_local(struct walks *w, const struct pv_way *from, const char *s, size_t len, bool users_only,
		       unsigned depth, struct pv_ends *ends)
{
	char name[PV_ALIAS_NAME_MAX + 1];

	if (len == 0 || len > PV_ALIAS_NAME_MAX) {
		ends->is_open = true;
		return;
	}
	for (size_t i = 0; i < len; i++)
		name[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] - 'A' + 'a') : s[i];
	name[len] = '\0';
	if (take_name(w, from, name, users_only, depth, ends))
		return;
	bool responds = !users_only && is_responder(w, name);
	size_t front = strcspn(name, w->m->w->store->conf.recipient_delimiter);
	if (front < len && front > 0) {
		name[front] = '\0';
		if (take_name(w, from, name, users_only, depth, ends))
			return;
		responds = responds || (!users_only && is_responder(w, name));
	}
	ends->is_open = !responds;
}

/* --- targets --- */

/* The domain, or an alias of it. */
static bool is_named(const struct walks *w, const struct pv_domain *d)
{
	const struct pv_domain *ours = &w->m->d->domain;

	if (pv_domain_equal(d, ours))
		return true;
	const struct pv_registry_entry *line = pv_registry_get(&w->m->w->registry, d);
	return line != NULL && line->is_alias && pv_domain_equal(&line->alias_of, ours);
}

/* One below them, that stands for this domain's folder. */
static bool is_below(struct walks *w, const struct pv_domain *d)
{
	struct pv_domain at = *d;
	struct pv_folder f;

	if (w->asked.len > 0 && pv_domain_equal(d, &w->asked))
		return w->asked_own;
	w->asked = *d;
	w->asked_own = false;
	do
		if (!pv_domain_parent(&at, &at))
			return false;
	while (!is_named(w, &at));
	if (pv_folder_behind(w->m->w->store, d, &f, NULL) != PV_OK)
		return false;
	w->asked_own = f.fd >= 0 && pv_domain_equal(&f.domain, &w->m->d->domain);
	pv_folder_close(&f);
	return w->asked_own;
}

/* Is it an address of this domain? */
static bool is_own(struct walks *w, const char *domain)
{
	struct pv_domain d;

	if (pv_domain_parse(domain, strlen(domain), &d, NULL) != PV_OK)
		return false;
	return is_named(w, &d) || (w->m->says->sub_domains && is_below(w, &d));
}

static void take_target(struct walks *w, const struct pv_way *from, const struct pv_target *t, unsigned depth,
			struct pv_ends *ends)
{
	const char *at = t->kind == PV_TARGET_ADDRESS ? strrchr(t->text, '@') : NULL;

	if (t->kind == PV_TARGET_NAME || t->kind == PV_TARGET_USER)
		take_local(w, from, t->text, t->len, t->kind == PV_TARGET_USER, depth, ends);
	else if (at != NULL && is_own(w, at + 1))
		take_local(w, from, t->text, (size_t)(at - t->text), false, depth, ends);
	else
		ends->is_open = true;
}

static void take_targets(struct walks *w, const struct pv_way *n, bool is_again, unsigned depth,
			 struct pv_ends *ends)
{
	const char *list = n->targets, *end = n->targets + n->targets_len;
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	enum pv_class c = PV_OK;
	struct pv_target t;

	while (!ends->is_open && pv_target_next(&list, end, &text, &t, &c, NULL))
		if (c != PV_OK || (is_again && ++w->again > AGAIN_MAX))
			ends->is_open = true;
		else
			take_target(w, n, &t, depth, ends);
	pv_buf_free(&text);
}

static void merge(struct pv_ends *to, const struct pv_ends *from)
{
	if (from->has_shut)
		add_shut(to, from->why, from->is_asked);
	to->is_open = to->is_open || from->is_open;
	to->is_here = to->is_here || from->is_here;
	if (to->height < from->height + 1)
		to->height = from->height + 1;
}

/* An alias or forwards, as the depth-th step: each is followed once on a walk. What a walk finds out of it
 * that has met no loop holds for all others, and for a second way to it. */
static void follow(struct walks *w, struct pv_way *n, unsigned depth, struct pv_ends *up)
{
	if (n->walk == w->walk) {
		if (n->is_known)
			merge(up, &n->ends);
		else
			up->is_here = true;
		return;
	}
	const bool is_again = n->walk != 0;
	n->walk = w->walk;
	if (depth > PV_ROUTE_DEPTH_MAX || (n->is_known && depth + n->ends.height > PV_ROUTE_DEPTH_MAX)) {
		up->is_open = up->is_here = true;
		return;
	}
	if (!n->is_known) {
		n->ends = (struct pv_ends){ .is_asked = n->user != NULL && is_asked(w->m, n->user) };
		n->on_way = true;
		take_targets(w, n, is_again, depth, &n->ends);
		n->on_way = false;
		n->is_known = !n->ends.is_here;
	}
	merge(up, &n->ends);
}

/* --- all of them --- */

static enum pv_class read_responders(struct walks *w, struct pv_error *e)
{
	const struct pv_slice *names = &w->m->files->responders;
	enum pv_class c = PV_OK;
	struct pv_user u;

	for (size_t at = 0, len; c == PV_OK && at < names->len; at += len + 1) {
		len = strnlen(names->s + at, names->len - at);
		if (pv_user_parse(names->s + at, len, &u, NULL) != PV_OK)
			continue;
		const char *name = pv_arena_add(&w->m->w->arena, u.s, u.len);
		c = name != NULL ? pv_keys_add(&w->responders, name, "", e)
				 : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold responders");
	}
	pv_keys_sort(&w->responders);
	return c;
}

/* Most domains have neither. */
static bool is_any_shut(const struct pv_making *m, const struct pv_alias_name *names, size_t count)
{
	size_t i = 0;

	while (i < count && !pv_alias_has_expired(m, &names[i]))
		i++;
	return i < count || m->closed.count > 0;
}

static struct pv_ends walk_from(struct walks *w, struct pv_way *way)
{
	struct pv_ends ends = { .is_open = false };

	w->walk++;
	follow(w, way, 1, &ends);
	return ends;
}

enum pv_class pv_alias_ends_find(struct pv_making *m, struct pv_alias_name *names, size_t count,
				 struct pv_error *e)
{
	struct walks w = { .m = m, .names = names, .count = count };

	if (!is_any_shut(m, names, count))
		return PV_OK;
	enum pv_class c = read_responders(&w, e);
	for (size_t i = 0; c == PV_OK && i < count; i++) {
		if (names[i].bad || pv_alias_has_expired(m, &names[i]))
			continue;
		const struct pv_ends ends = walk_from(&w, &names[i].way);
		names[i].is_shut = ends.has_shut && !ends.is_open;
		names[i].why = ends.why;
		names[i].is_asked = ends.is_asked;
	}
	for (size_t i = 0; c == PV_OK && i < m->forwarder_count; i++) {
		struct pv_forwarder *f = &m->forwarders[i];
		const struct pv_ends ends = walk_from(&w, &f->way);
		f->is_shut = ends.has_shut && !ends.is_open;
		f->why = ends.why;
		f->is_asked = ends.is_asked;
	}
	pv_keys_free(&w.responders);
	return c;
}
