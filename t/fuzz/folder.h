/*
 * folder.h: a folder in memory for what a target writes, which goes with the process.
 */
#ifndef FUZZ_FOLDER_H
#define FUZZ_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *fuzz_folder; /* its path */

static inline int folder_remove_one(const char *name, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(name);
}

/* Remove what is there, with all that is in it. Returns 0, or not. */
static inline int folder_remove(const char *path)
{
	return nftw(path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void folder_remove_own(void)
{
	(void)folder_remove(fuzz_folder);
}

/* Make the folder of mkdtemp(3)'s template. Returns its descriptor. */
static inline int folder_make(char *template)
{
	int fd = mkdtemp(template) != NULL ? open(template, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	fuzz_folder = template;
	if (fd < 0 || atexit(folder_remove_own) != 0)
		abort();
	return fd;
}

#endif
