#include "maps/owners.h"

#include <errno.h>
#include <pwd.h>

static int compare(const void *a, const void *b)
{
	const struct pv_owner *x = a, *y = b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

static bool add(struct pv_owners *o, const struct passwd *p)
{
	if (o->count == o->cap) {
		size_t cap = o->cap == 0 ? 256 : o->cap * 2;
		struct pv_owner *list = reallocarray(o->list, cap, sizeof *list);
		if (list == NULL)
			return false;
		o->list = list;
		o->cap = cap;
	}
	const char *name = pv_arena_add(&o->arena, p->pw_name, strlen(p->pw_name));
	if (name == NULL)
		return false;
	o->list[o->count++] = (struct pv_owner){ p->pw_uid, p->pw_gid, name };
	return true;
}

/* Take out every uid that stands there more than once: which of its names comes first is for getpwuid() to
 * say. */
static void drop_twice(struct pv_owners *o)
{
	size_t to = 0;

	for (size_t i = 0, same; i < o->count; i += same) {
		for (same = 1; i + same < o->count && o->list[i + same].uid == o->list[i].uid;)
			same++;
		if (same == 1)
			o->list[to++] = o->list[i];
	}
	o->count = to;
}

void pv_owners_load(struct pv_owners *o, size_t accounts)
{
	const struct passwd *p;

	*o = (struct pv_owners){ .list = NULL };
	if (accounts < PV_OWNERS_MANY)
		return;
	setpwent();
	while ((p = getpwent()) != NULL && add(o, p))
		;
	endpwent();
	/* Without memory for all of them, none is known. */
	if (p != NULL)
		pv_owners_free(o);
	if (o->count > 0)
		qsort(o->list, o->count, sizeof *o->list, compare);
	drop_twice(o);
}

void pv_owners_free(struct pv_owners *o)
{
	free(o->list);
	pv_arena_free(&o->arena);
	*o = (struct pv_owners){ .list = NULL };
}

enum pv_class pv_owners_get(const struct pv_owners *o, uid_t uid, struct pv_owner *r, bool *found_r,
			    struct pv_error *e)
{
	const struct pv_owner key = { .uid = uid };
	const struct pv_owner *known =
		o->count == 0 ? NULL : bsearch(&key, o->list, o->count, sizeof key, compare);

	*found_r = known != NULL;
	if (known != NULL) {
		*r = *known;
		return PV_OK;
	}
	/* A name service may answer for those that it does not list. */
	errno = 0;
	const struct passwd *p = getpwuid(uid);
	if (p == NULL && errno != 0 && errno != ENOENT)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "look up uid %lu", (unsigned long)uid);
	*found_r = p != NULL;
	if (p != NULL)
		*r = (struct pv_owner){ uid, p->pw_gid, p->pw_name };
	return PV_OK;
}
