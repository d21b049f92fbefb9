#include "base/host.h"

#include <sys/utsname.h>

const char *pv_host_name(void)
{
	static struct utsname u;

	if (u.nodename[0] == '\0' && (uname(&u) != 0 || u.nodename[0] == '\0'))
		(void)snprintf(u.nodename, sizeof u.nodename, "-");
	return u.nodename;
}
