/* descriptor_test.c: both of two descriptors are closed, and no other. */
#include "scratch.h"

#include "base/descriptor.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static bool old_kernel;
static unsigned asked;

long __wrap_syscall(long number, ...)
{
	va_list ap;

	va_start(ap, number);
	unsigned first = va_arg(ap, unsigned), last = va_arg(ap, unsigned), flags = va_arg(ap, unsigned);
	va_end(ap);
	assert_int_equal(number, SYS_close_range);
	asked++;
	if (!old_kernel)
		return __real_syscall(number, first, last, flags);
	errno = ENOSYS;
	return -1;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void both_are_closed_and_no_other(void **state)
{
	enum { FIRST = 40, COUNT = 6 };
	static const struct {
		int a, b; /* from FIRST on; -1: none */
		unsigned calls;
	} table[] = { { 1, 2, 1 },  { 2, 1, 1 },  { 1, 3, 0 },	{ 3, 1, 0 },
		      { -1, 2, 0 }, { 2, -1, 0 }, { -1, -1, 0 } };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof table / sizeof *table; i++) {
		const int a = table[i / 2].a, b = table[i / 2].b;
		for (int k = 0; k < COUNT; k++)
			assert_int_equal(dup2(STDERR_FILENO, FIRST + k), FIRST + k);
		old_kernel = i % 2 != 0;
		asked = 0;
		pv_close_both(a < 0 ? -1 : FIRST + a, b < 0 ? -1 : FIRST + b);
		assert_int_equal(asked, table[i / 2].calls);
		for (int k = 0; k < COUNT; k++)
			assert_int_equal(is_open(FIRST + k), k != a && k != b);
	}
	for (int k = 0; k < COUNT; k++)
		(void)close(FIRST + k);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(both_are_closed_and_no_other) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
