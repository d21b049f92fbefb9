/*
 * store_holds_test.c: what is in a domain's folder, told by one look at it, or not told. Run as root.
 */
#include "scratch.h"

#include "base/table.h"
#include "store/folder.h"
#include "store/store.h"

enum { ACCOUNT = 60001, CONF = 1, ALIASES = 2, USERS = 4 };

static const char *const names[] = { "domain.conf", "aliases", "users" };

static struct pv_store store;
static char top[400];

static int make(void **state)
{
	struct pv_error e;

	if (scratch_make(state) != 0)
		return -1;
	const struct scratch *s = *state;
	(void)snprintf(top, sizeof top, "%.390s", s->path);
	assert_int_equal(pv_store_open(top, &store, &e), PV_OK);
	return 0;
}

static int unmake(void **state)
{
	pv_store_close(&store);
	return scratch_remove(state);
}

static void put(const char *domain, const char *name)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof path, "%s/%s/%s", top, domain, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
}

/* A folder with these files, and `more` others. */
static void put_folder(const char *domain, const char *files, unsigned more)
{
	char path[PATH_MAX], words[200], *rest = words;

	(void)snprintf(path, sizeof path, "%s/%s", top, domain);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, ACCOUNT, ACCOUNT), 0);
	(void)snprintf(words, sizeof words, "%s", files);
	for (const char *word; (word = pv_word(&rest)) != NULL;)
		put(domain, word);
	for (unsigned i = 0; i < more; i++) {
		(void)snprintf(words, sizeof words, "file-with-a-long-name-%u", i);
		put(domain, words);
	}
}

/* Longer than a folder must have rested. */
static void rest(void)
{
	const struct timespec t = { 2, 100000000 };

	assert_int_equal(nanosleep(&t, NULL), 0);
}

static void open_domain(const char *domain, bool to_list, struct pv_folder *f)
{
	struct pv_domain d;
	struct pv_error e;

	assert_int_equal(pv_domain_parse(domain, strlen(domain), &d, &e), PV_OK);
	enum pv_class c =
		to_list ? pv_folder_open_to_list(&store, &d, f, &e) : pv_folder_open(&store, &d, f, &e);
	assert_int_equal(c, PV_OK);
	assert_true(f->fd >= 0);
}

static void a_folder_that_rested_says_what_is_in_it(void **state)
{
	static const struct {
		const char *domain, *files;
		unsigned more;
		bool told;
		unsigned holds;
	} rows[] = {
		{ "none.dk", "", 0, true, 0 },
		{ "usual.dk", "passwd", 0, true, 0 },
		{ "conf.dk", "domain.conf passwd", 0, true, CONF },
		{ "all.dk", "users aliases passwd domain.conf", 0, true, CONF | ALIASES | USERS },
		{ "like.dk", "passwd aliases~ users.old .domain.conf.new domain.con Users", 0, true, 0 },
		{ "some.dk", "users", 40, true, USERS },
		{ "large.dk", "passwd", 200, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		put_folder(rows[i].domain, rows[i].files, rows[i].more);
	rest();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_folder f;
		unsigned holds = 0;
		open_domain(rows[i].domain, true, &f);
		bool told = pv_folder_holds(&f, names, 3, &holds);
		if (told != rows[i].told || holds != rows[i].holds)
			fail_msg("%s: told %d, %x", rows[i].domain, told, holds);
		pv_folder_close(&f);
	}
}

static void what_was_changed_lately_or_meanwhile_does_not_tell(void **state)
{
	struct pv_folder f;
	unsigned holds = 0;

	(void)state;
	put_folder("new.dk", "passwd", 0);
	open_domain("new.dk", true, &f);
	assert_false(pv_folder_holds(&f, names, 3, &holds));
	pv_folder_close(&f);
	rest();
	open_domain("new.dk", true, &f);
	put("new.dk", "domain.conf");
	assert_false(pv_folder_holds(&f, names, 3, &holds));
	pv_folder_close(&f);
}

static void what_cannot_be_listed_does_not_tell(void **state)
{
	struct pv_folder f;
	unsigned holds = 0;

	(void)state;
	put_folder("path.dk", "passwd", 0);
	rest();
	open_domain("path.dk", false, &f);
	assert_false(pv_folder_holds(&f, names, 3, &holds));
	pv_folder_close(&f);
}

/* An account that took the right to list from itself: its files are found all the same. */
static void a_folder_that_may_only_be_passed_is_opened(void **state)
{
	char path[PATH_MAX];
	struct pv_folder f;
	unsigned holds = 0;

	(void)state;
	put_folder("passed.dk", "passwd", 0);
	(void)snprintf(path, sizeof path, "%s/passed.dk", top);
	assert_int_equal(chmod(path, 0300), 0);
	assert_int_equal(chmod(top, 0755), 0);
	assert_int_equal(seteuid(ACCOUNT), 0);
	open_domain("passed.dk", true, &f);
	assert_false(pv_folder_holds(&f, names, 3, &holds));
	pv_folder_close(&f);
	assert_int_equal(seteuid(0), 0);
}

#define HOLDS_TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOLDS_TEST(a_folder_that_rested_says_what_is_in_it),
		HOLDS_TEST(what_was_changed_lately_or_meanwhile_does_not_tell),
		HOLDS_TEST(what_cannot_be_listed_does_not_tell),
		HOLDS_TEST(a_folder_that_may_only_be_passed_is_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
