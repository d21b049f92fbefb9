#include "route/copies.h"

#include "route/seen.h"

#define CASE 0x2020202020202020 /* the bits by which letters differ from capitals */
#define PART 0xffff0000		/* of a place: what is of the sum */

_Static_assert(PV_ROUTE_ACTIONS_MAX < 0xffff, "the number of an action takes half of a place");

static uint32_t *table_of(struct pv_copies *s)
{
	return s->many != NULL ? s->many : s->few;
}

/* The place of the address in a table of `room` places, a power of two, or the free one for it. */
static size_t find(const uint32_t *table, size_t room, uint64_t sum, const struct pv_route *r,
		   const char *address)
{
	size_t at = (size_t)sum & (room - 1);

	for (; table[at] != 0; at = (at + 1) & (room - 1))
		if (((table[at] ^ sum >> 32) & PART) == 0 &&
		    strcasecmp(r->actions[(table[at] & ~PART) - 1].text, address) == 0)
			break;
	return at;
}

/* Eight times the places. */
static bool grow(struct pv_copies *s, const struct pv_route *r)
{
	size_t room = s->room * 8;
	uint32_t *old = table_of(s), *fresh = calloc(room, sizeof *fresh);

	if (fresh == NULL)
		return false;
	for (size_t i = 0; i < s->room; i++) {
		if (old[i] == 0)
			continue;
		const char *text = r->actions[(old[i] & ~PART) - 1].text;
		uint64_t sum = pv_seen_hash(s->seed, CASE, text, strlen(text));
		fresh[find(fresh, room, sum, r, text)] = old[i];
	}
	free(s->many);
	s->many = fresh;
	s->room = room;
	return true;
}

static void start(struct pv_copies *s)
{
	s->room = PV_COPIES_FEW;
	s->seed = pv_seen_seed();
}

bool pv_copies_add(struct pv_copies *s, const struct pv_route *r, const char *address, size_t len,
		   bool *had_r)
{
	if (s->room == 0)
		start(s);
	if (s->count >= s->room / 4 * 3 && !grow(s, r))
		return false;
	uint64_t sum = pv_seen_hash(s->seed, CASE, address, len);
	uint32_t *place = &table_of(s)[find(table_of(s), s->room, sum, r, address)];
	*had_r = *place != 0;
	if (!*had_r) {
		*place = ((uint32_t)(sum >> 32) & PART) | (uint32_t)(r->count + 1);
		s->count++;
	}
	return true;
}

void pv_copies_free(struct pv_copies *s)
{
	free(s->many);
	*s = (struct pv_copies){ .room = 0 };
}
