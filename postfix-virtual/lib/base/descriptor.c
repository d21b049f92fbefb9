#include "base/descriptor.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

void pv_close_from(int first)
{
	/* Where the kernel cannot close them at once, one by one. */
	if (syscall(SYS_close_range, (unsigned)first, ~0U, 0U) != 0)
		for (int fd = first; fd < 65536; fd++)
			(void)close(fd);
}

void pv_close_both(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;

	if (low >= 0 && high == low + 1 && syscall(SYS_close_range, (unsigned)low, (unsigned)high, 0U) == 0)
		return;
	if (low >= 0)
		(void)close(low);
	if (high >= 0 && high != low)
		(void)close(high);
}

int pv_keep_standard(const int fds[3])
{
	/* Above 2 first, so that none is overwritten before it was copied. */
	for (int i = 0; i < 3; i++) {
		int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 10 + i);
		if (fd < 0 || dup2(fd, i) != i)
			return -1;
	}
	pv_close_from(3);
	return 0;
}
