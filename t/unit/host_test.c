/* host_test.c: the machine's name is asked once, and is never empty. */
#include "scratch.h"

#include "base/host.h"

#include <sys/utsname.h>
#include <sys/wait.h>

static const char *answer; /* NULL: uname() fails */
static unsigned asked;

int __wrap_uname(struct utsname *u);
int __wrap_uname(struct utsname *u)
{
	asked++;
	if (answer == NULL) {
		errno = EFAULT;
		return -1;
	}
	(void)snprintf(u->nodename, sizeof u->nodename, "%s", answer);
	return 0;
}

/* What a fresh process is told, twice: does it want this, after that many questions? */
static void a_process_hears(const char *says, const char *want)
{
	int status;

	pid_t pid = fork();
	if (pid == 0) {
		answer = says;
		bool good = strcmp(pv_host_name(), want) == 0 && strcmp(pv_host_name(), want) == 0;
		_exit(good && asked == 1 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void the_name_is_asked_once(void **state)
{
	(void)state;
	a_process_hears("mail.example.org", "mail.example.org");
}

static void no_name_is_a_hyphen(void **state)
{
	(void)state;
	a_process_hears("", "-");
	a_process_hears(NULL, "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_name_is_asked_once),
		cmocka_unit_test(no_name_is_a_hyphen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
