#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

/* What an ordinary delivery needs fits into the first. */
enum { FIRST_BLOCK = 1024, LAST_BLOCK = 1 << 20 };

struct pv_arena_block {
	struct pv_arena_block *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

void pv_arena_free(struct pv_arena *a)
{
	while (a->blocks != NULL) {
		struct pv_arena_block *next = a->blocks->next;
		free(a->blocks);
		a->blocks = next;
	}
}

static struct pv_arena_block *new_block(size_t size)
{
	if (size > SIZE_MAX - sizeof(struct pv_arena_block))
		return NULL;
	struct pv_arena_block *b = malloc(sizeof *b + size);
	if (b != NULL) {
		b->next = NULL;
		b->used = 0;
		b->size = size;
	}
	return b;
}

/* What is large for the next block gets one of its own, behind the one that is being filled: that one's rest
 * is not lost. */
static struct pv_arena_block *more_room(struct pv_arena *a, size_t need)
{
	size_t size = a->blocks == NULL ? FIRST_BLOCK : a->blocks->size * 2;

	if (size > LAST_BLOCK)
		size = LAST_BLOCK;
	bool own = need > size / 4;
	struct pv_arena_block *b = new_block(own ? need : size);
	if (b == NULL)
		return NULL;
	if (own && a->blocks != NULL) {
		b->next = a->blocks->next;
		a->blocks->next = b;
	} else {
		b->next = a->blocks;
		a->blocks = b;
	}
	return b;
}

/* Room for size bytes at a multiple of align (a power of two), or NULL. */
static char *take_room(struct pv_arena *a, size_t size, size_t align)
{
	struct pv_arena_block *b = a->blocks;
	size_t pad = b != NULL ? -b->used & (align - 1) : 0;

	if (b == NULL || b->size - b->used < pad || b->size - b->used - pad < size) {
		b = more_room(a, size);
		pad = 0;
	}
	if (b == NULL)
		return NULL;
	char *to = b->bytes + b->used + pad;
	b->used += pad + size;
	return to;
}

char *pv_arena_string(struct pv_arena *a, size_t len)
{
	char *to = len < SIZE_MAX ? take_room(a, len + 1, 1) : NULL;

	if (to != NULL)
		to[len] = '\0';
	return to;
}

const char *pv_arena_add(struct pv_arena *a, const char *s, size_t len)
{
	char *to = pv_arena_string(a, len);

	if (to != NULL && len > 0)
		memcpy(to, s, len);
	return to;
}

const char *pv_arena_join(struct pv_arena *a, const char *const *parts, size_t count)
{
	size_t len = 0, at = 0;

	for (size_t i = 0; i < count; i++)
		len += strlen(parts[i]);
	char *to = pv_arena_string(a, len);
	for (size_t i = 0; to != NULL && i < count; i++) {
		size_t n = strlen(parts[i]);
		memcpy(to + at, parts[i], n);
		at += n;
	}
	return to;
}

void *pv_arena_zalloc(struct pv_arena *a, size_t size)
{
	char *to = take_room(a, size, alignof(max_align_t));

	if (to != NULL)
		memset(to, 0, size);
	return to;
}
