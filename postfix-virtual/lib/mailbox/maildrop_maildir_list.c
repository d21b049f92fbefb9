#include "mailbox/maildrop_maildir.h"

#include "mailbox/maildir_name.h"
#include "mailbox/maildir_parts.h"

#include <errno.h>

void pv_maildir_list_free(struct pv_maildir_listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
	*l = (struct pv_maildir_listing){ .v = NULL };
}

/* The digits at the start, without zeros in front. */
static size_t time_digits(const struct pv_maildir_entry *x, const char **digits_r)
{
	size_t zeros = strspn(x->name, "0");

	*digits_r = x->name + zeros;
	return strspn(*digits_r, "0123456789");
}

int pv_maildir_compare(const struct pv_maildir_entry *a, const struct pv_maildir_entry *b)
{
	const char *x, *y;
	size_t len_x = time_digits(a, &x), len_y = time_digits(b, &y);

	if (len_x != len_y)
		return len_x < len_y ? -1 : 1;
	int order = memcmp(x, y, len_x);
	if (order == 0)
		order = memcmp(a->name, b->name, a->base < b->base ? a->base : b->base);
	if (order == 0 && a->base != b->base)
		order = a->base < b->base ? -1 : 1;
	return order;
}

/* A message that was moved while we read is in both folders: the one in cur/ comes first, and stays. */
static int compare(const void *a, const void *b)
{
	const struct pv_maildir_entry *x = a, *y = b;
	int order = pv_maildir_compare(x, y);

	return order != 0 ? order : (int)x->in_new - (int)y->in_new;
}

/* A folder that is being listed. */
struct listed {
	struct pv_maildir_listing *l;
	bool in_new;
};

static int add_entry(void *ctx, int folder, const struct dirent *d)
{
	const struct listed *to = ctx;
	struct pv_maildir_listing *l = to->l;

	(void)folder;
	if (l->n == l->room) {
		size_t room = l->room == 0 ? 64 : l->room * 2;
		struct pv_maildir_entry *v = reallocarray(l->v, room, sizeof *v);
		if (v == NULL)
			return -1;
		l->v = v;
		l->room = room;
	}
	struct pv_maildir_entry *x = &l->v[l->n];
	*x = (struct pv_maildir_entry){ .name = strdup(d->d_name), .inode = d->d_ino, .in_new = to->in_new };
	if (x->name == NULL)
		return -1;
	x->base = (unsigned)pv_maildir_name_base(x->name);
	l->n++;
	return 0;
}

static void drop_doubles(struct pv_maildir_listing *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (kept > 0 && pv_maildir_compare(&l->v[kept - 1], &l->v[i]) == 0)
			free(l->v[i].name);
		else
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
}

int pv_maildir_list(const int folders[2], struct pv_maildir_listing *l)
{
	*l = (struct pv_maildir_listing){ .v = NULL };
	/* new/ first: what moves to cur/ meanwhile is seen twice, and not missed. */
	for (int k = 1; k >= 0; k--) {
		struct listed to = { .l = l, .in_new = k == 1 };
		if (folders[k] >= 0 && pv_maildir_each(folders[k], ".", add_entry, &to) != 0) {
			int err = errno;
			pv_maildir_list_free(l);
			errno = err;
			return -1;
		}
	}
	if (l->n > 0)
		qsort(l->v, l->n, sizeof *l->v, compare);
	drop_doubles(l);
	return 0;
}
