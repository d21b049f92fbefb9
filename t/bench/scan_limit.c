/*
 * scan_limit.c: the least time in which this machine can look at every line of a file, and in which it can
 * write it anew.
 *
 *     scan_limit scan FILE ROUNDS       every newline, by SSE2, read by pread() or mapped: the better of both
 *     scan_limit copy FILE ROUNDS [N]   copy (the first N bytes of) it in its folder, and fsync
 *
 * Prints one JSON object with the median in nanoseconds. The file is read once before, so that the page cache
 * holds it.
 */
#include <emmintrin.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (256 * 1024) /* stays in the cache of one core */
#define MOST_ROUNDS 99

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "scan_limit: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* How many newlines; what is done for each is nothing, and for each 64 bytes as little as SSE2 allows. */
static uint64_t newlines(const char *p, size_t len)
{
	const __m128i nl = _mm_set1_epi8('\n');
	uint64_t n = 0;
	size_t i = 0;

	for (; i + 64 <= len; i += 64) {
		uint64_t mask = 0;

		for (unsigned k = 0; k < 4; k++) {
			__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i + 16 * k));

			mask |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, nl)) << (16 * k);
		}
		/* A scanner has to find each line's end: it takes the bits one by one, too. */
		for (; mask; mask &= mask - 1)
			n++;
	}
	for (; i < len; i++)
		n += p[i] == '\n';
	return n;
}

static uint64_t scan_pread(int fd, char *block, uint64_t *lines)
{
	uint64_t begin = now_ns();
	off_t at = 0;
	ssize_t got;

	*lines = 0;
	while ((got = pread(fd, block, BLOCK, at)) > 0) {
		*lines += newlines(block, (size_t)got);
		at += got;
	}
	if (got < 0)
		fail("pread");
	return now_ns() - begin;
}

static uint64_t scan_mapped(int fd, size_t size, uint64_t *lines)
{
	uint64_t begin = now_ns();
	char *p = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	*lines = newlines(p, size);
	munmap(p, size);
	return now_ns() - begin;
}

static uint64_t copy_once(int fd, char *block, const char *to, uint64_t most)
{
	uint64_t begin = now_ns(), done = 0;
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (out < 0)
		fail(to);
	while (done < most) {
		size_t want = most - done < BLOCK ? (size_t)(most - done) : BLOCK;
		ssize_t got = pread(fd, block, want, (off_t)done);

		if (got <= 0)
			break;
		if (write(out, block, (size_t)got) != got)
			fail("write");
		done += (uint64_t)got;
	}
	if (fsync(out) != 0 || close(out) != 0)
		fail("fsync");
	begin = now_ns() - begin;
	unlink(to);
	return begin;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *t, unsigned n)
{
	qsort(t, n, sizeof *t, ascending);
	return n % 2 ? t[n / 2] : (t[n / 2 - 1] + t[n / 2]) / 2;
}

static void scan(int fd, size_t size, char *block, unsigned rounds)
{
	uint64_t by_pread[MOST_ROUNDS], mapped[MOST_ROUNDS], lines = 0, p, m;

	for (unsigned i = 0; i < rounds; i++) {
		by_pread[i] = scan_pread(fd, block, &lines);
		mapped[i] = scan_mapped(fd, size, &lines);
	}
	p = median(by_pread, rounds);
	m = median(mapped, rounds);
	printf("{\"scan_ns\": %llu, \"pread_ns\": %llu, \"mmap_ns\": %llu, \"lines\": %llu, \"bytes\": "
	       "%zu}\n",
	       (unsigned long long)(p < m ? p : m), (unsigned long long)p, (unsigned long long)m,
	       (unsigned long long)lines, size);
}

static void copy(int fd, const char *path, char *block, unsigned rounds, uint64_t most)
{
	char to[4096];
	uint64_t t[MOST_ROUNDS];

	if (snprintf(to, sizeof to, "%s.copy", path) >= (int)sizeof to)
		fail("path");
	for (unsigned i = 0; i < rounds; i++)
		t[i] = copy_once(fd, block, to, most);
	printf("{\"copy_ns\": %llu, \"bytes\": %llu}\n", (unsigned long long)median(t, rounds),
	       (unsigned long long)most);
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
	char *block = malloc(BLOCK);
	uint64_t lines;
	struct stat st;
	int fd;

	if (argc < 4 || !block || rounds < 1 || rounds > MOST_ROUNDS) {
		fputs("usage: scan_limit scan|copy FILE ROUNDS [N]\n", stderr);
		return 2;
	}
	fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		fail(argv[2]);
	(void)scan_pread(fd, block, &lines);
	if (strcmp(argv[1], "copy") == 0)
		copy(fd, argv[2], block, rounds,
		     argc > 4 ? strtoull(argv[4], NULL, 10) : (uint64_t)st.st_size);
	else
		scan(fd, (size_t)st.st_size, block, rounds);
	free(block);
	return fflush(stdout) != 0;
}
