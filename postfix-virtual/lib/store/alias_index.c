/* Where the entry of a name is: by one pass, or by a table of hashes once there were several questions. */
#include "store/alias_lines.h"
#include "store/alias_scan.h"

#include "base/hash.h"
#include "base/random.h"

#include <stdint.h>

/* What a find costs, in looks at a line: a pass is one for so many bytes, and each line of note another. To
 * make the table costs about as much as a look at every few bytes, so it is made when so much was spent. */
enum { PASS_BYTES = 300, TABLE_BYTES = 5 };

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

/* How far the file was read entry by entry. */
struct cursor {
	size_t at;
	unsigned line;
};

/* Move c on, at most to the last entry that surely begins in front of `at`: what stands above the one there
 * is read with it. */
static void skip_to(const struct pv_buf *text, struct cursor *c, size_t at)
{
	size_t from = at;

	while (from > c->at) {
		const char *newline =
			from - 1 > c->at ? memrchr(text->s + c->at, '\n', from - 1 - c->at) : NULL;
		from = newline != NULL ? (size_t)(newline + 1 - text->s) : c->at;
		if (from > c->at && pv_alias_is_entry(text->s, from))
			break;
	}
	c->line += pv_alias_lines_count(text, c->at, from);
	c->at = from;
}

/* The entry that begins at `at`, if one does. */
static bool entry_at(const struct pv_buf *text, struct cursor *c, size_t at, struct pv_alias_raw *raw)
{
	skip_to(text, c, at);
	for (;;) {
		struct cursor before = *c;
		if (!pv_alias_raw_next(text, &c->at, &c->line, raw))
			return false;
		if (raw->at < at)
			continue;
		if (raw->at > at)
			*c = before;
		return raw->at == at;
	}
}

/* By a pass over the file. */
static enum pv_class search(struct pv_alias_file *f, const char *name, size_t len, struct pv_alias_raw *found,
			    bool *found_r, struct pv_error *e)
{
	struct pv_alias_raw raw, second = { .line = 0 };
	struct cursor c = { .at = 0, .line = f->lines_before };
	struct pv_alias_lines lines;
	size_t at;

	pv_alias_lines_start(&lines, &f->text, len > 0 ? name[0] : '\0');
	f->spent += f->text.len / PASS_BYTES + 1;
	while (pv_alias_lines_next(&lines, &at)) {
		f->spent++;
		/* What lies in an entry that was read is more of it. */
		if (at < c.at || !pv_alias_may_be(&f->text, at, name, len) ||
		    !entry_at(&f->text, &c, at, &raw) || !pv_alias_raw_is(&f->text, &raw, name, len))
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
	f->index = make_table(pv_alias_lines_count(&f->text, 0, f->text.len) + 1);
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
	if (f->index == NULL && f->spent > f->text.len / TABLE_BYTES + PASS_BYTES)
		make_index(f);
	return f->index != NULL ? look_up(f, name, len, raw, found_r, e)
				: search(f, name, len, raw, found_r, e);
}
