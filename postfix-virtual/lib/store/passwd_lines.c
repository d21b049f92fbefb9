#include "store/passwd_lines.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 16 * 1024 };

static unsigned count(const char *s, size_t len)
{
	const char *end = s + len;
	unsigned lines = 0;

	while ((s = memchr(s, '\n', (size_t)(end - s))) != NULL) {
		s++;
		lines++;
	}
	return lines;
}

/* The newlines in len bytes of a block. Returns false where there are fewer bytes. */
static bool count_block(int fd, size_t block, size_t len, unsigned *lines_r)
{
	char buf[BLOCK];

	if (pv_read_all_at(fd, buf, len, (off_t)block * BLOCK) != (ssize_t)len)
		return false;
	*lines_r = count(buf, len);
	return true;
}

static bool count_all(struct pv_passwd_lines *l, int fd, off_t size)
{
	const size_t blocks = (size_t)(size / BLOCK) + 1;
	unsigned lines = 0, more = 0;

	l->before = calloc(blocks, sizeof *l->before);
	if (l->before == NULL)
		return false;
	/* No block comes after the last one, so that its newlines need not be known. */
	for (size_t i = 0; i < blocks; i++) {
		l->before[i] = lines;
		if (i + 1 < blocks && !count_block(fd, i, BLOCK, &more))
			return false;
		lines += more;
	}
	l->blocks = blocks;
	return true;
}

unsigned pv_passwd_line_at(struct pv_passwd_lines *l, const struct pv_folder *f, off_t at)
{
	const size_t block = (size_t)(at / BLOCK);
	unsigned line = 0, lines;
	struct stat st;
	int fd;

	if (pv_file_open(f->fd, "passwd", &f->trust, &fd, &st, NULL) != PV_OK || fd < 0)
		return 0;
	if ((l->before != NULL || count_all(l, fd, st.st_size)) && block < l->blocks &&
	    count_block(fd, block, (size_t)(at % BLOCK), &lines))
		line = l->before[block] + lines + 1;
	(void)close(fd);
	return line;
}

void pv_passwd_lines_free(struct pv_passwd_lines *l)
{
	free(l->before);
	*l = (struct pv_passwd_lines){ .before = NULL };
}
