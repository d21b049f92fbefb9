#include "sender.h"

#include "base/table.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KERNEL_EXITING = 4 }; /* PF_EXITING of the kernel, in field 9 of /proc/PID/stat */

/* Without a /proc the answer is no. */
static bool is_ending(pid_t pid)
{
	char path[40], text[1024], *word = NULL;
	unsigned long flags;

	(void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		(void)close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	/* The name of the program, in parentheses, may hold anything. */
	char *p = strrchr(text, ')');
	if (p == NULL)
		return false;
	p++;
	for (int field = 3; field <= 9 && (word = pv_word(&p)) != NULL; field++)
		;
	return word != NULL && pv_parse_number(word, strlen(word), ULONG_MAX / 2, &flags) &&
	       (flags & KERNEL_EXITING) != 0;
}

bool sender_is_gone(pid_t parent, bool ends_in_line)
{
	struct stat st;

	/* Postfix's daemons start us themselves: under Postfix (local(8) and pipe(8) set MAIL_CONFIG) a
	 * parent that was 1 from the start had died before we could ask. Elsewhere 1 may be who runs us, in a
	 * container. */
	bool orphan = parent == 1 && getenv("MAIL_CONFIG") != NULL;
	bool gone = orphan || getppid() != parent || (ends_in_line && is_ending(parent));
	return gone && fstat(STDIN_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}
