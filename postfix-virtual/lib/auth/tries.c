#include "auth/tries.h"

#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

/*
 * The table: buckets of places, chosen by a part of the key; a key may stand in any place of its bucket, and
 * is told from others by all of its 64 bits. Where a bucket is full, the lowest of it makes room.
 */
struct place {
	uint64_t key;
	uint32_t when;	/* second of the monotonic clock at which `score` was right */
	uint32_t score; /* wrong tries, in units of 1/ONE; 0: the place is free */
};

enum {
	PLACES = 8, /* of a bucket */
	BUCKETS = 8192,
	LOCK_MS = 2000,	 /* a refusal waits about as long in any case */
	HALF_LIFE = 600, /* seconds */
	ONE = 256,
	SCORE_MAX = 4096 * ONE,
	/* From so many wrong tries on: */
	ADDRESS_REFUSED = 30,
	PAIR_REFUSED = 12, /* an address is refused for one user: a forgotten device must not cost its
			      neighbours their mail */
	USER_WAIT_MAX = 2, /* seconds */
};

struct bucket {
	struct place places[PLACES];
};

enum kind { OF_ADDRESS = 'a', OF_PAIR = 'p', OF_USER = 'u' };

/* Upper and lower case are one name, or each spelling would have tries of its own. */
static void add_folded(struct pv_sum *s, const char *who)
{
	char piece[256];
	size_t n = 0;

	for (; *who != '\0'; who++) {
		piece[n++] = (char)(*who >= 'A' && *who <= 'Z' ? *who - 'A' + 'a' : *who);
		if (n == sizeof piece) {
			pv_sum_add(s, piece, n);
			n = 0;
		}
	}
	pv_sum_add(s, piece, n);
}

static uint64_t key_of(const struct pv_tries *t, enum kind kind, const struct pv_client *c, const char *who)
{
	const unsigned char front = (unsigned char)kind;
	struct pv_sum s;

	pv_sum_start_keyed(&s, t->file.key);
	pv_sum_add(&s, &front, 1);
	if (kind != OF_USER)
		pv_sum_add(&s, c->bytes, c->len);
	if (kind != OF_ADDRESS)
		add_folded(&s, who);
	return pv_sum_finish(&s);
}

/* What is left of a place's tries: half of them after each HALF_LIFE, on a straight line between. */
static uint32_t left_of(const struct place *p, uint32_t now)
{
	/* Of before the last boot: the clock began anew. */
	if (p->when > now)
		return 0;
	uint32_t age = now - p->when, halves = age / HALF_LIFE;
	if (halves >= 32)
		return 0;
	uint32_t score = p->score >> halves;
	return score - (uint32_t)((uint64_t)score * (age % HALF_LIFE) / (2 * HALF_LIFE));
}

/* Seconds until `score` is below `limit`. */
static unsigned seconds_until_below(uint32_t score, uint32_t limit)
{
	unsigned seconds = 0;

	for (; score >= 2 * limit; score /= 2)
		seconds += HALF_LIFE;
	if (score >= limit)
		seconds += (unsigned)((uint64_t)(score - limit + 1) * 2 * HALF_LIFE / score) + 1;
	return seconds;
}

/* A bucket while it is locked, and the place of a key in it. */
struct hold {
	off_t at; /* of the bucket */
	struct bucket bucket;
	struct place *place; /* the key's, or the lowest */
	uint32_t now;
};

static void find_place(struct hold *h, uint64_t key)
{
	h->place = NULL;
	for (unsigned i = 0; i < PLACES; i++) {
		struct place *p = &h->bucket.places[i];
		p->score = left_of(p, h->now);
		p->when = h->now;
		if (p->key == key && p->score > 0) {
			h->place = p;
			return;
		}
		if (h->place == NULL || p->score < h->place->score)
			h->place = p;
	}
	*h->place = (struct place){ .key = key, .when = h->now };
}

/* Lock the bucket of a key and read it. False: it cannot be had in time, so this is not counted. */
static bool hold(const struct pv_tries *t, uint64_t key, struct hold *h)
{
	h->at = (off_t)(PV_KEYED_HEAD + (key >> 32) % BUCKETS * sizeof(struct bucket));
	if (pv_keyed_lock(t->file.fd, F_WRLCK, h->at, sizeof h->bucket, LOCK_MS) != 0)
		return false;
	/* Under the lock: it is never less than what others wrote. */
	h->now = (uint32_t)(pv_now_ms() / 1000);
	if (pread(t->file.fd, &h->bucket, sizeof h->bucket, h->at) != sizeof h->bucket)
		memset(&h->bucket, 0, sizeof h->bucket);
	find_place(h, key);
	return true;
}

static void let_go(const struct pv_tries *t, const struct hold *h, bool changed)
{
	if (changed)
		(void)pv_write_all_at(t->file.fd, &h->bucket, sizeof h->bucket, h->at);
	(void)pv_keyed_lock(t->file.fd, F_UNLCK, h->at, sizeof h->bucket, 0);
}

static uint32_t score_of(const struct pv_tries *t, uint64_t key)
{
	struct hold h;

	if (!hold(t, key, &h))
		return 0;
	uint32_t score = h.place->score;
	let_go(t, &h, false);
	return score;
}

static void add(const struct pv_tries *t, uint64_t key)
{
	struct hold h;

	if (!hold(t, key, &h))
		return;
	h.place->score = h.place->score > SCORE_MAX - ONE ? SCORE_MAX : h.place->score + ONE;
	let_go(t, &h, true);
}

/* Take `score` away; returns what there was. */
static uint32_t take(const struct pv_tries *t, uint64_t key, uint32_t score)
{
	struct hold h;

	if (!hold(t, key, &h))
		return 0;
	uint32_t was = h.place->score;
	h.place->score = was > score ? was - score : 0;
	let_go(t, &h, was > 0);
	return was;
}

enum pv_class pv_tries_open(const struct pv_store *s, struct pv_tries *t, struct pv_error *e)
{
	return pv_keyed_open(s, "tries", (off_t)(BUCKETS * sizeof(struct bucket)), &t->file, e);
}

void pv_tries_close(struct pv_tries *t)
{
	if (t->file.fd >= 0)
		(void)close(t->file.fd);
	t->file.fd = -1;
}

/* A wait that grows with the tries: none, 1 s from `first` on, 2 s and 4 s. */
static unsigned wait_for(uint32_t score, uint32_t first, uint32_t second, uint32_t third)
{
	return score >= third * ONE ? 4 : score >= second * ONE ? 2 : score >= first * ONE ? 1 : 0;
}

static unsigned larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

bool pv_tries_allow(struct pv_tries *t, const struct sockaddr *client, const char *who, unsigned *wait_s_r)
{
	struct pv_client c;

	*wait_s_r = 0;
	if (t->file.fd < 0)
		return true;
	pv_client_of(client, &c);
	unsigned wait = wait_for(score_of(t, key_of(t, OF_USER, &c, who)), 10, 30, UINT32_MAX / ONE);
	*wait_s_r = wait > USER_WAIT_MAX ? USER_WAIT_MAX : wait;
	if (c.len == 0)
		return true;
	uint32_t address = score_of(t, key_of(t, OF_ADDRESS, &c, who));
	uint32_t pair = score_of(t, key_of(t, OF_PAIR, &c, who));
	if (address >= ADDRESS_REFUSED * ONE || pair >= PAIR_REFUSED * ONE) {
		*wait_s_r = larger(seconds_until_below(address, ADDRESS_REFUSED * ONE),
				   seconds_until_below(pair, PAIR_REFUSED * ONE));
		return false;
	}
	*wait_s_r = larger(*wait_s_r, wait_for(pair, 1, 3, 6));
	*wait_s_r = larger(*wait_s_r, wait_for(address, 5, 10, 20));
	return true;
}

void pv_tries_wrong(struct pv_tries *t, const struct sockaddr *client, const char *who)
{
	struct pv_client c;

	if (t->file.fd < 0)
		return;
	pv_client_of(client, &c);
	add(t, key_of(t, OF_USER, &c, who));
	if (c.len == 0)
		return;
	add(t, key_of(t, OF_PAIR, &c, who));
	add(t, key_of(t, OF_ADDRESS, &c, who));
}

void pv_tries_right(struct pv_tries *t, const struct sockaddr *client, const char *who)
{
	struct pv_client c;

	pv_client_of(client, &c);
	if (t->file.fd < 0 || c.len == 0)
		return;
	uint32_t forgiven = take(t, key_of(t, OF_PAIR, &c, who), SCORE_MAX);
	if (forgiven > 0)
		(void)take(t, key_of(t, OF_ADDRESS, &c, who), forgiven);
}
