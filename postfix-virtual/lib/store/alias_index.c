/* Where the entry of a name is: by one pass, or by a table of hashes once there were several questions. */
#include "store/alias_scan.h"

#include "base/hash.h"
#include "base/random.h"

#include <stdint.h>

/* To make the table takes as long as three or four passes, so it is made when so many were made. */
enum { PASSES = 3 };

struct slot {
	uint32_t hash;
	uint32_t from, at, line; /* of an entry, as in pv_alias_raw; line 0: none */
};

struct pv_alias_index {
	unsigned char key[PV_SUM_KEY];
	size_t mask;
	struct slot slots[];
};

static enum pv_class fail_twice(const struct pv_alias_file *f, const struct pv_alias_raw *first,
				const struct pv_alias_raw *second, const char *name, size_t len,
				struct pv_error *e)
{
	return pv_alias_fail(f, second->line, e,
			     "%.*s stands in line %u already: join the two, or remove one",
			     (int)(len < 60 ? len : 60), name, first->line);
}

/* By a pass over the file, all of which is counted. */
static enum pv_class search(struct pv_alias_file *f, const char *name, size_t len, struct pv_alias_raw *found,
			    bool *found_r, struct pv_error *e)
{
	struct pv_alias_raw raw, second = { .line = 0 };
	unsigned line = 0;
	size_t at = 0;

	f->entries = 0;
	while (pv_alias_raw_next(&f->text, &at, &line, &raw)) {
		f->entries++;
		if (!pv_alias_raw_is(&f->text, &raw, name, len))
			continue;
		if (!*found_r)
			*found = raw;
		else if (second.line == 0)
			second = raw;
		*found_r = true;
	}
	return second.line == 0 ? PV_OK : fail_twice(f, found, &second, name, len, e);
}

/* With a key that nobody knows, so that nobody writes names which all meet in one place. */
static uint32_t hash(const struct pv_alias_index *x, const char *name, size_t len)
{
	struct pv_sum s;

	pv_sum_start_keyed(&s, x->key);
	pv_sum_add(&s, name, len);
	return (uint32_t)pv_sum_finish(&s);
}

static struct pv_alias_index *make_table(size_t entries)
{
	size_t slots = 64;

	while (slots / 4 * 3 < entries)
		slots *= 2;
	struct pv_alias_index *x = calloc(1, sizeof *x + slots * sizeof x->slots[0]);
	if (x == NULL)
		return NULL;
	x->mask = slots - 1;
	if (pv_random_bytes(x->key, sizeof x->key, NULL) == PV_OK)
		return x;
	free(x);
	return NULL;
}

static void put(struct pv_alias_index *x, const struct pv_buf *text, const struct pv_alias_raw *raw)
{
	char name[PV_ALIAS_NAME_MAX];
	const char *s = text->s + raw->at, *behind;
	size_t len;

	if (*s == '/' || raw->stray)
		return;
	enum pv_alias_name how = pv_alias_name_read(s, text->s + raw->eol, name, &len, &behind);
	if (how != PV_ALIAS_NAMED && how != PV_ALIAS_NO_COLON)
		return;
	struct slot slot = { .hash = hash(x, name, len),
			     .from = (uint32_t)raw->from,
			     .at = (uint32_t)raw->at,
			     .line = raw->line };
	size_t i = slot.hash & x->mask;
	while (x->slots[i].line != 0)
		i = (i + 1) & x->mask;
	x->slots[i] = slot;
}

/* Where there is no memory, it goes without one. */
static void make_index(struct pv_alias_file *f)
{
	struct pv_alias_raw raw;
	unsigned line = 0;
	size_t at = 0;

	if (f->text.len > UINT32_MAX)
		return;
	f->index = make_table(f->entries);
	while (f->index != NULL && pv_alias_raw_next(&f->text, &at, &line, &raw))
		put(f->index, &f->text, &raw);
}

static void read_slot(const struct pv_buf *text, const struct slot *slot, struct pv_alias_raw *raw)
{
	size_t at = slot->at;
	unsigned line = slot->line - 1;

	(void)pv_alias_raw_next(text, &at, &line, raw);
	raw->from = slot->from;
}

static enum pv_class look_up(struct pv_alias_file *f, const char *name, size_t len,
			     struct pv_alias_raw *found, bool *found_r, struct pv_error *e)
{
	const struct pv_alias_index *x = f->index;
	uint32_t h = hash(x, name, len);
	struct pv_alias_raw raw;

	for (size_t i = h & x->mask; x->slots[i].line != 0; i = (i + 1) & x->mask) {
		if (x->slots[i].hash != h)
			continue;
		read_slot(&f->text, &x->slots[i], &raw);
		if (!pv_alias_raw_is(&f->text, &raw, name, len))
			continue;
		if (*found_r)
			return fail_twice(f, found, &raw, name, len, e);
		*found = raw;
		*found_r = true;
	}
	return PV_OK;
}

enum pv_class pv_alias_raw_find(struct pv_alias_file *f, const char *name, size_t len,
				struct pv_alias_raw *raw, bool *found_r, struct pv_error *e)
{
	*found_r = false;
	if (f->finds++ == PASSES)
		make_index(f);
	return f->index != NULL ? look_up(f, name, len, raw, found_r, e)
				: search(f, name, len, raw, found_r, e);
}
