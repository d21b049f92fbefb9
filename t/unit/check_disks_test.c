/* check_disks_test.c: quota(5) and kinds of file systems that no test can have for real: the kernel's answers
 * are made up. */
#include "scratch.h"

#include "check/inside.h"

#include <sys/quota.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

static struct dqblk quota;
static int quota_error;
static long fs_type;

long __wrap_syscall(long number, int fd, int command, uid_t uid, struct dqblk *q);
long __wrap_syscall(long number, int fd, int command, uid_t uid, struct dqblk *q)
{
	assert_int_equal(number, SYS_quotactl_fd);
	assert_true(fd >= 0);
	assert_int_equal((unsigned)command, (unsigned)Q_GETQUOTA << SUBCMDSHIFT | USRQUOTA);
	assert_int_equal(uid, 1234);
	*q = quota;
	errno = quota_error;
	return quota_error != 0 ? -1 : 0;
}

int __wrap_fstatfs(int fd, struct statfs *s);
int __wrap_fstatfs(int fd, struct statfs *s)
{
	(void)fd;
	memset(s, 0, sizeof *s);
	s->f_type = fs_type;
	return 0;
}

/* Look at a home and a spool that are one scratch folder; says must be all that is said, or NULL. */
static void visit_says(const struct scratch *s, bool has_homes, const char *says)
{
	struct pv_account account = { .name = "kvt_dk", .uid = 1234 };
	struct pv_subject subject = { .has_account = true };
	const struct pv_subject *list[] = { &subject };
	struct pv_store store = { .conf = { .spool_directory = s->path } };
	struct pv_buf out = PV_BUF_INIT(65536);
	struct pv_visit v = { .account = &account,
			      .domains = list,
			      .count = 1,
			      .store = &store,
			      .out = &out,
			      .has_homes = has_homes };

	(void)snprintf(account.home, sizeof account.home, "%s", s->path);
	assert_int_equal(pv_domain_parse("kvt.dk", 6, &subject.domain, NULL), PV_OK);
	(void)mkdirat(s->fd, "kvt.dk", 0700);
	pv_visit_disks(&v);
	if (says == NULL)
		assert_string_equal(out.s, "");
	else if (strstr(out.s, says) == NULL || strchr(out.s, '\n') != strrchr(out.s, '\n'))
		fail_msg("not one line with `%s`: %s", says, out.s);
	pv_buf_free(&out);
}

static void a_quota_of_which_nine_tenths_are_used_is_told(void **state)
{
	static const struct {
		const char *sentence;
		unsigned long long soft, hard, space, isoft, ihard, inodes;
		const char *says;
	} rows[] = {
		{ "no limit", 0, 0, 1ull << 40, 0, 0, 1000000, NULL },
		{ "half", 1000, 2000, 500 * 1024, 100, 200, 50, NULL },
		{ "just below", 1000, 2000, 899 * 1024, 100, 200, 89, NULL },
		{ "the soft limit", 1000, 2000, 900 * 1024, 0, 0, 1, "it has used 900 of 1000 KB" },
		{ "the hard limit alone", 0, 1000, 950 * 1024, 0, 0, 1, "it has used 950 of 1000 KB" },
		{ "over it", 1000, 2000, 5000 * 1024, 0, 0, 1, "it has used 5000 of 1000 KB" },
		{ "files", 0, 0, 1, 100, 200, 90, "it has used 90 of 100 files" },
		{ "files by the hard limit", 0, 0, 1, 0, 100, 99, "it has used 99 of 100 files" },
	};

	fs_type = 0xef53;
	quota_error = 0;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		quota = (struct dqblk){ .dqb_bsoftlimit = rows[i].soft,
					.dqb_bhardlimit = rows[i].hard,
					.dqb_curspace = rows[i].space,
					.dqb_isoftlimit = rows[i].isoft,
					.dqb_ihardlimit = rows[i].ihard,
					.dqb_curinodes = rows[i].inodes };
		visit_says(*state, false, rows[i].says);
	}
	quota_error = ESRCH;
	visit_says(*state, false, NULL);
	quota_error = ENOSYS;
	visit_says(*state, false, NULL);
}

static void a_home_on_a_network_is_told_where_mail_goes_there(void **state)
{
	static const unsigned types[] = { 0x6969, 0x517b, 0xff534d42u, 0xfe534d42u };

	quota_error = ESRCH;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		/* As the kernel hands it over: a word of the machine. */
		fs_type = (long)types[i];
		visit_says(*state, true, "lies on a network file system");
		visit_says(*state, false, NULL);
	}
	fs_type = 0xef53;
	visit_says(*state, true, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_quota_of_which_nine_tenths_are_used_is_told, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(a_home_on_a_network_is_told_where_mail_goes_there,
						scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
