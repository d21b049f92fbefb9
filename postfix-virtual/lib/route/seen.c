#include "route/seen.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

uint64_t pv_seen_hash(uint64_t seed, uint64_t fold, const char *word, size_t len)
{
	const uint64_t odd = 0x9e3779b97f4a7c15;
	uint64_t h = seed ^ len, piece;
	size_t left = len;

	for (; left >= sizeof piece; left -= sizeof piece, word += sizeof piece) {
		memcpy(&piece, word, sizeof piece);
		h = (h ^ (piece | fold)) * odd;
		h ^= h >> 29;
	}
	piece = 0;
	/* The last eight once more cost less than fewer than eight. */
	if (left > 0 && len >= sizeof piece)
		memcpy(&piece, word + left - sizeof piece, sizeof piece);
	else
		memcpy(&piece, word, left);
	h = (h ^ (piece | fold)) * odd;
	return h ^ h >> 32;
}

/* Where in a table of `room` places, a power of two, is word, or the free place for it? */
static size_t find(const struct pv_seen *s, const char *const *table, size_t room, const char *word)
{
	size_t at = (size_t)pv_seen_hash(s->seed, 0, word, strlen(word)) & (room - 1);

	while (table[at] != NULL && strcmp(table[at], word) != 0)
		at = (at + 1) & (room - 1);
	return at;
}

static const char **table_of(struct pv_seen *s)
{
	return s->many != NULL ? s->many : s->few;
}

/* Four times the places. */
static bool grow(struct pv_seen *s)
{
	size_t room = s->room * 4;
	const char **old = table_of(s), **fresh = calloc(room, sizeof *fresh);

	if (fresh == NULL)
		return false;
	for (size_t i = 0; i < s->room; i++)
		if (old[i] != NULL)
			fresh[find(s, fresh, room, old[i])] = old[i];
	free(s->many);
	s->many = fresh;
	s->room = room;
	return true;
}

uint64_t pv_seen_seed(void)
{
	uint64_t seed;

	memcpy(&seed, (const void *)getauxval(AT_RANDOM), sizeof seed);
	return seed;
}

static void start(struct pv_seen *s)
{
	s->room = PV_SEEN_FEW;
	s->seed = pv_seen_seed();
}

bool pv_seen_word(struct pv_seen *s, const char *word, bool *had_r)
{
	if (s->room == 0)
		start(s);
	if (s->count >= s->room / 4 * 3 && !grow(s))
		return false;
	const char **place = &table_of(s)[find(s, table_of(s), s->room, word)];
	*had_r = *place != NULL;
	if (!*had_r) {
		*place = word;
		s->count++;
	}
	return true;
}

bool pv_seen_add(struct pv_seen *s, struct pv_arena *a, char kind, const char *key, bool *had_r)
{
	const char start[] = { kind, '\0' };
	const char *const parts[] = { start, key };
	const char *word = pv_arena_join(a, parts, sizeof parts / sizeof *parts);

	return word != NULL && pv_seen_word(s, word, had_r);
}

void pv_seen_free(struct pv_seen *s)
{
	free(s->many);
	*s = (struct pv_seen){ .room = 0 };
}
