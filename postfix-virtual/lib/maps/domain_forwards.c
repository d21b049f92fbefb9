#include "maps/making.h"

static bool add(struct pv_making *m, const struct pv_user *u, const char *targets)
{
	const size_t n = m->forwarder_count, len = strlen(targets);

	/* Full at each power of two. */
	if ((n & (n - 1)) == 0) {
		struct pv_forwarder *v = reallocarray(m->forwarders, n == 0 ? 1 : n * 2, sizeof *v);
		if (v == NULL)
			return false;
		m->forwarders = v;
	}
	const char *copy = pv_arena_add(&m->w->arena, targets, len);
	if (copy == NULL)
		return false;
	m->forwarders[m->forwarder_count++] =
		(struct pv_forwarder){ .user = *u, .way = { .targets = copy, .targets_len = len } };
	return true;
}

/* One that is not remembered has a mailbox, as far as the keys know. */
void pv_making_note_forwards(struct pv_making *m, const struct pv_user *u, const struct pv_user_conf *conf)
{
	if (conf->forward[0] != '\0' && !conf->keep_copy && !m->forwarders_failed)
		m->forwarders_failed = !add(m, u, conf->forward);
}

static int compare(const void *a, const void *b)
{
	const struct pv_forwarder *x = a, *y = b;

	return strcmp(x->user.s, y->user.s);
}

void pv_making_sort_forwarders(struct pv_making *m)
{
	if (m->forwarder_count > 1)
		qsort(m->forwarders, m->forwarder_count, sizeof *m->forwarders, compare);
	for (size_t i = 0; i < m->forwarder_count; i++)
		m->forwarders[i].way.user = &m->forwarders[i].user;
}

struct pv_forwarder *pv_making_find_forwards(struct pv_making *m, const struct pv_user *u)
{
	const struct pv_forwarder wanted = { .user = *u };

	if (m->forwarder_count == 0)
		return NULL;
	return bsearch(&wanted, m->forwarders, m->forwarder_count, sizeof wanted, compare);
}

enum pv_class pv_making_close_forwarders(struct pv_making *m, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	bool any = false;

	for (size_t i = 0; c == PV_OK && i < m->forwarder_count; i++) {
		const struct pv_forwarder *f = &m->forwarders[i];
		const char *target = f->is_shut ? pv_making_get(m, f->user.s) : NULL;
		if (target == NULL)
			continue;
		any = true;
		c = pv_making_close(m, f->user.s, target, f->why, f->is_asked, e);
	}
	if (!any)
		return c;
	pv_keys_squeeze(&m->d->keys);
	return c == PV_OK ? pv_making_settle(m, e) : c;
}
