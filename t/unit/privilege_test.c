/*
 * privilege_test.c: root is dropped for good, or not at all. Each case runs in a child. Run as root.
 */
#include "scratch.h"

#include "base/privilege.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { ACCOUNT = 60001, GROUP = 60002 };

/* The fault: this call fails, or (lie) says that it worked and does nothing. */
static const char *failing;
static bool lies;

static bool trips(const char *call)
{
	errno = EPERM;
	return failing != NULL && strcmp(failing, call) == 0;
}

int __real_setgroups(size_t n, const gid_t *groups);
int __wrap_setgroups(size_t n, const gid_t *groups);
int __wrap_setgroups(size_t n, const gid_t *groups)
{
	return trips("setgroups") ? (lies ? 0 : -1) : __real_setgroups(n, groups);
}

int __real_setresgid(gid_t r, gid_t e, gid_t s);
int __wrap_setresgid(gid_t r, gid_t e, gid_t s);
int __wrap_setresgid(gid_t r, gid_t e, gid_t s)
{
	return trips("setresgid") ? (lies ? 0 : -1) : __real_setresgid(r, e, s);
}

int __real_setresuid(uid_t r, uid_t e, uid_t s);
int __wrap_setresuid(uid_t r, uid_t e, uid_t s);
int __wrap_setresuid(uid_t r, uid_t e, uid_t s)
{
	return trips("setresuid") ? (lies ? 0 : -1) : __real_setresuid(r, e, s);
}

/* Run inside() in a child; returns its exit status. */
static int in_child(int (*inside)(void))
{
	int status;

	pid_t pid = fork();
	if (pid == 0)
		_exit(inside());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool status_says(const char *name, const char *want)
{
	char line[200];
	FILE *f = fopen("/proc/self/status", "re");
	bool found = false;

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			found = strcmp(line + strlen(name), want) == 0;
	if (f != NULL)
		(void)fclose(f);
	return found;
}

static int seen_from_inside(void)
{
	const gid_t many[] = { 0, 4, 6, 60005 };
	const char *none = "\t0000000000000000\n";

	if (setgroups(4, many) != 0 || pv_become(ACCOUNT, GROUP, NULL) != PV_OK)
		return 1;
	if (!status_says("Uid:", "\t60001\t60001\t60001\t60001\n") ||
	    !status_says("Gid:", "\t60002\t60002\t60002\t60002\n") || !status_says("Groups:", "\t60002 \n"))
		return 2;
	if (!status_says("CapEff:", none) || !status_says("CapPrm:", none) || !status_says("CapAmb:", none) ||
	    !status_says("CapInh:", none))
		return 3;
	if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 || setegid(0) == 0 ||
	    setresuid(0, 0, 0) == 0 || setgroups(0, NULL) == 0)
		return 4;
	return access("/root", R_OK) == 0 ? 5 : 0;
}

static void root_is_gone_for_good(void **state)
{
	(void)state;
	assert_int_equal(in_child(seen_from_inside), 0);
}

static int nobody_stays_root(void)
{
	const struct {
		uid_t uid;
		gid_t gid;
	} refused[] = {
		{ 0, GROUP }, { ACCOUNT, 0 }, { 0, 0 }, { (uid_t)-1, GROUP }, { ACCOUNT, (gid_t)-1 }
	};

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if (pv_become(refused[i].uid, refused[i].gid, NULL) != PV_PERMANENT || geteuid() != 0)
			return 1;
	return 0;
}

static void uid_and_gid_0_are_refused(void **state)
{
	(void)state;
	assert_int_equal(in_child(nobody_stays_root), 0);
}

static int become_temporary(void)
{
	const gid_t many[] = { 0, 4, 6, 60005 };
	struct pv_error e;

	return setgroups(4, many) == 0 || trips("setgroups") ? pv_become(ACCOUNT, GROUP, &e) != PV_TEMPORARY
							     : 2;
}

static void a_call_that_fails_or_lies_is_an_error(void **state)
{
	static const char *const calls[] = { "setgroups", "setresgid", "setresuid" };

	(void)state;
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (int lie = 0; lie < 2; lie++) {
			/* What is kept from root's groups must show: the lie leaves them. */
			const gid_t many[] = { 0, 4 };
			assert_int_equal(__real_setgroups(2, many), 0);
			failing = calls[i], lies = lie != 0;
			int r = in_child(become_temporary);
			failing = NULL;
			if (r != 0)
				fail_msg("%s %s: %d", calls[i], lie ? "lies" : "fails", r);
		}
}

/* A caller that keeps its capabilities over setresuid() could have root back by them. */
static int with_kept_capabilities(void)
{
	return prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) != 0 ? 6 : seen_from_inside();
}

static void capabilities_go_too(void **state)
{
	(void)state;
	assert_int_equal(in_child(with_kept_capabilities), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_is_gone_for_good),
		cmocka_unit_test(uid_and_gid_0_are_refused),
		cmocka_unit_test(capabilities_go_too),
		cmocka_unit_test(a_call_that_fails_or_lies_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
