#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

enum pv_class pv_random_bytes(void *to, size_t len, struct pv_error *e)
{
	char *p = to;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "get random bytes");
		p += n;
		len -= (size_t)n;
	}
	return PV_OK;
}
