#include "store/program_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum pv_class pv_program_file_check(const char *path, const char *account, struct pv_error *e)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return pv_fail_errno(e, PV_PERMANENT, "5.3.5", errno,
				     "%s, looked at as account %s: name a program that is there", path,
				     account);
	if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) != 0)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%s is no program that account %s may execute: name one, or chmod +x it", path,
			       account);
	return PV_OK;
}
