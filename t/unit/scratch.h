/*
 * scratch.h: what unit tests share: cmocka itself, a folder of their own, counting open descriptors.
 */
#ifndef PV_TEST_SCRATCH_H
#define PV_TEST_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scratch {
	char path[512];
	int fd; /* of the folder */
};

static inline int scratch_make(void **state)
{
	struct scratch *s = calloc(1, sizeof *s);

	if (s == NULL)
		return -1;
	const char *parent = getenv("TMPDIR");
	(void)snprintf(s->path, sizeof s->path, "%s/pv-unit-XXXXXX", parent != NULL ? parent : "/tmp");
	if (mkdtemp(s->path) == NULL)
		return -1;
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = s;
	return s->fd >= 0 ? 0 : -1;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

static inline int scratch_remove(void **state)
{
	struct scratch *s = *state;

	(void)close(s->fd);
	int r = nftw(s->path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(s);
	return r;
}

/* Make a file with this content, or say so. */
static inline void scratch_write(const struct scratch *s, const char *name, const void *data, size_t len)
{
	int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(close(fd), 0);
}

/* Does the file hold exactly this? */
static inline bool scratch_holds(const struct scratch *s, const char *name, const void *data, size_t len)
{
	char found[65536];
	int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	ssize_t n = read(fd, found, sizeof found);
	(void)close(fd);
	return n >= 0 && (size_t)n == len && memcmp(found, data, len) == 0;
}

/* Entries of a folder, `.` and `..` aside. */
static inline unsigned scratch_count(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	for (const struct dirent *entry; (entry = readdir(d)) != NULL;)
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(d);
	return n;
}

static inline unsigned open_descriptors(void)
{
	return scratch_count("/proc/self/fd");
}

/* A fixed sequence of pseudo-random numbers: a failure can be had again. */
static inline uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005U + 1442695040888963407U;
	return (uint32_t)(*state >> 33);
}

#endif
