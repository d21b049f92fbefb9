#include "change/full_names.h"

#include "store/full_name.h"

#include <stdlib.h>

struct row {
	char *folded; /* owned */
	const struct pv_user_info *user;
};

static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->folded, y->folded);

	return order != 0 ? order : strcmp(x->user->user.s, y->user->user.s);
}

static enum pv_class refuse(const struct pv_domain *d, const char *a, const char *b, const char *folded,
			    struct pv_error *e)
{
	return pv_fail(
		e, PV_PERMANENT, "5.1.3",
		"with match_full_name = yes %s@%s would be both %s's and %s's: give one of them another name",
		folded, d->s, a, b);
}

static size_t fill(const struct pv_users *u, struct row *rows)
{
	char folded[PV_FULL_NAME_SIZE];
	size_t count = 0;

	for (size_t i = 0; i < u->count; i++) {
		if (pv_full_name_fold(u->list[i].name, folded) == 0)
			continue;
		rows[count].user = &u->list[i];
		rows[count].folded = strdup(folded);
		if (rows[count].folded == NULL)
			break;
		count++;
	}
	return count;
}

enum pv_class pv_full_names_refuse(const struct pv_users *u, const struct pv_domain *d, struct pv_error *e)
{
	struct row *rows = calloc(u->count + 1, sizeof *rows);
	enum pv_class c = PV_OK;

	if (rows == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for the names of users");
	size_t count = fill(u, rows);
	qsort(rows, count, sizeof *rows, compare);
	for (size_t i = 1; c == PV_OK && i < count; i++)
		if (strcmp(rows[i - 1].folded, rows[i].folded) == 0)
			c = refuse(d, rows[i - 1].user->user.s, rows[i].user->user.s, rows[i].folded, e);
	for (size_t i = 0; i < count; i++)
		free(rows[i].folded);
	free(rows);
	return c;
}

enum pv_class pv_full_name_refuse(const struct pv_users *u, const struct pv_domain *d, const char *name,
				  struct pv_error *e)
{
	char folded[PV_FULL_NAME_SIZE], other[PV_FULL_NAME_SIZE];

	if (pv_full_name_fold(name, folded) == 0)
		return PV_OK;
	for (size_t i = 0; i < u->count; i++)
		if (pv_full_name_fold(u->list[i].name, other) > 0 && strcmp(folded, other) == 0)
			return pv_fail(
				e, PV_PERMANENT, "5.1.3",
				"%s@%s has that name already, and with match_full_name = yes %s@%s is his: "
				"give another name",
				u->list[i].user.s, d->s, folded, d->s);
	return PV_OK;
}
