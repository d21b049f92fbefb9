#include "base/privilege.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool ids_are(uid_t uid, gid_t gid)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg, group;

	if (getresuid(&ru, &eu, &su) != 0 || getresgid(&rg, &eg, &sg) != 0)
		return false;
	int groups = getgroups(1, &group);
	return ru == uid && eu == uid && su == uid && rg == gid && eg == gid && sg == gid &&
	       (groups == 0 || (groups == 1 && group == gid));
}

/* Where a parent set PR_SET_KEEPCAPS or securebits, capabilities outlive root's uid. libcap would be
 * one more library for virtual-deliver, so the kernel is asked directly: capset(2), version 3. */
static int drop_capabilities(void)
{
	struct {
		uint32_t version;
		int pid;
	} self = { .version = 0x20080522, .pid = 0 };
	struct {
		uint32_t effective, permitted, inheritable;
	} none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	return (int)syscall(SYS_capset, &self, none);
}

enum pv_class pv_become(uid_t uid, gid_t gid, struct pv_error *e)
{
	if (uid == 0 || gid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1)
		return pv_fail(e, PV_PERMANENT, "5.3.5", "will not act as uid %lu, gid %lu",
			       (unsigned long)uid, (unsigned long)gid);
	if (geteuid() == 0 && setgroups(1, &gid) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "drop the supplementary groups");
	if (setresgid(gid, gid, gid) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "become gid %lu", (unsigned long)gid);
	if (setresuid(uid, uid, uid) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "become uid %lu", (unsigned long)uid);
	if (drop_capabilities() != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "drop the capabilities");
	if (!ids_are(uid, gid) || setuid(0) == 0 || setgid(0) == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "became uid %lu, but not for good",
			       (unsigned long)uid);
	return PV_OK;
}
