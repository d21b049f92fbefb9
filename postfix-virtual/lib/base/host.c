#include "base/host.h"

#include <sys/utsname.h>
#include <unistd.h>

static long process_id;

const char *pv_host_name(void)
{
	static struct utsname u;

	if (u.nodename[0] == '\0' && (uname(&u) != 0 || u.nodename[0] == '\0'))
		(void)snprintf(u.nodename, sizeof u.nodename, "-");
	return u.nodename;
}

long pv_process_id(void)
{
	if (process_id == 0)
		process_id = (long)getpid();
	return process_id;
}

void pv_process_forget(void)
{
	process_id = 0;
}
