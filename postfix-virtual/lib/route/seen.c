#include "route/seen.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* Where in a table of `room` places, a power of two, is word, or the free place for it? */
static size_t find(const char *const *table, size_t room, const char *word)
{
	struct pv_sum sum;

	pv_sum_start(&sum);
	pv_sum_add(&sum, word, strlen(word));
	size_t at = (size_t)pv_sum_finish(&sum) & (room - 1);
	while (table[at] != NULL && strcmp(table[at], word) != 0)
		at = (at + 1) & (room - 1);
	return at;
}

static const char **table_of(struct pv_seen *s)
{
	return s->many != NULL ? s->many : s->few;
}

/* Twice the places. */
static bool grow(struct pv_seen *s)
{
	size_t room = s->room * 2;
	const char **old = table_of(s), **fresh = calloc(room, sizeof *fresh);

	if (fresh == NULL)
		return false;
	for (size_t i = 0; i < s->room; i++)
		if (old[i] != NULL)
			fresh[find(fresh, room, old[i])] = old[i];
	free(s->many);
	s->many = fresh;
	s->room = room;
	return true;
}

bool pv_seen_add(struct pv_seen *s, struct pv_arena *a, char kind, const char *key, bool *had_r)
{
	size_t len = strlen(key);

	if (s->room == 0)
		s->room = PV_SEEN_FEW;
	char *word = pv_arena_zalloc(a, len + 2);
	if (word == NULL || (s->count >= s->room / 2 && !grow(s)))
		return false;
	word[0] = kind;
	memcpy(word + 1, key, len + 1);
	const char **place = &table_of(s)[find(table_of(s), s->room, word)];
	*had_r = *place != NULL;
	if (!*had_r) {
		*place = word;
		s->count++;
	}
	return true;
}

void pv_seen_free(struct pv_seen *s)
{
	free(s->many);
	*s = (struct pv_seen){ .room = 0 };
}
