/*
 * memory.c: malloc() for a process that lives for one message.
 *
 * A delivery asks for a few kilobytes, or for one buffer that grows to a megabyte, and ends. So memory comes
 * from one static block, whose pages cost nothing until they are touched, and from mmap(2) behind that; what
 * is freed is used again only if it was the last. It replaces musl's own, which takes five system calls and
 * as many page faults to begin: a tenth of the whole delivery. Only the static build has it (the Makefile).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#define ALIGN 16
#define ROUND_UP(n) (((n) + ALIGN - 1) & ~(size_t)(ALIGN - 1))

enum { BLOCK_SIZE = 192 * 1024, OWN_BLOCK = 64 * 1024 }; /* OWN_BLOCK and more gets a mapping of its own */

/* In front of each piece. */
struct head {
	_Alignas(ALIGN) size_t size; /* rounded up, without the head */
	size_t mapped;		     /* bytes of its own mapping; 0: it lies in the block */
};

/* A common symbol as in deliver.c. `used` lies on a page that is touched before anything runs. */
_Alignas(ALIGN) char virtual_deliver_block[BLOCK_SIZE];
static char *const block = virtual_deliver_block;
static __attribute__((section(".data.used"))) size_t used = 0;

static struct head *head_of(void *p)
{
	return (struct head *)(void *)((char *)p - sizeof(struct head));
}

static bool is_last(const struct head *h)
{
	return h->mapped == 0 && (const char *)(h + 1) + h->size == block + used;
}

/* The bytes of a mapping for a piece and its head. */
static size_t whole_pages(size_t size)
{
	return (size + sizeof(struct head) + 4095) & ~(size_t)4095;
}

/* What mmap() or mremap() made, as a piece. */
static void *piece_of(struct head *h, size_t bytes)
{
	if (h == MAP_FAILED) {
		errno = ENOMEM;
		return NULL;
	}
	h->size = bytes - sizeof *h;
	h->mapped = bytes;
	return h + 1;
}

static void *map_piece(size_t size)
{
	size_t bytes = whole_pages(size);

	return piece_of(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), bytes);
}

void *malloc(size_t n)
{
	size_t size = ROUND_UP(n == 0 ? 1 : n);

	if (n > SIZE_MAX / 2) {
		errno = ENOMEM;
		return NULL;
	}
	if (size >= OWN_BLOCK || size + sizeof(struct head) > BLOCK_SIZE - used)
		return map_piece(size);
	struct head *h = (struct head *)(void *)(block + used);
	h->size = size;
	h->mapped = 0;
	used += sizeof *h + size;
	return h + 1;
}

void free(void *p)
{
	if (p == NULL)
		return;
	struct head *h = head_of(p);
	if (h->mapped != 0)
		(void)munmap(h, h->mapped);
	else if (is_last(h))
		used = (size_t)((char *)h - block);
}

void *calloc(size_t n, size_t each)
{
	if (each != 0 && n > SIZE_MAX / 2 / each) {
		errno = ENOMEM;
		return NULL;
	}
	void *p = malloc(n * each);
	/* The kernel's pages are empty: not touched, they cost nothing. */
	if (p != NULL && head_of(p)->mapped == 0)
		memset(p, 0, n * each);
	return p;
}

/* Its pages move with it, and are not copied. */
static void *map_again(struct head *h, size_t size)
{
	size_t bytes = whole_pages(size);

	return piece_of(mremap(h, h->mapped, bytes, MREMAP_MAYMOVE), bytes);
}

void *realloc(void *p, size_t n)
{
	if (p == NULL)
		return malloc(n);
	if (n > SIZE_MAX / 2) { /* rounded up it could be 0 */
		errno = ENOMEM;
		return NULL;
	}
	struct head *h = head_of(p);
	size_t size = ROUND_UP(n);
	if (size <= h->size && n != 0)
		return p;
	if (h->mapped != 0 && n != 0)
		return map_again(h, size);
	if (is_last(h) && size < OWN_BLOCK && size - h->size <= BLOCK_SIZE - used) {
		used += size - h->size;
		h->size = size;
		return p;
	}
	void *fresh = malloc(n);
	if (fresh != NULL) {
		memcpy(fresh, p, h->size < n ? h->size : n);
		free(p);
	}
	return fresh;
}
