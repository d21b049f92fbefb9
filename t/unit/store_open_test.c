/*
 * store_open_test.c: which configuration folder is taken, and whose is believed.
 */
#include "store_faults.h"

/* Make the tree that the table below needs. */
static void make_tree(const struct scratch *s)
{
	put_folder(s, "good", 0, 0755);
	put_folder(s, "writable", 0, 0777);
	put_folder(s, "writable/in", 0, 0755);
	put_folder(s, "group", 0, 0775);
	put_folder(s, "sticky", 0, 01777);
	put_folder(s, "sticky/in", 0, 0755);
	put_folder(s, "theirs", STRANGER, 0755);
	put_folder(s, "theirs/in", 0, 0755);
	put_folder(s, "account", ACCOUNT, 0700);
	put_folder(s, "account-group", ACCOUNT, 0770);
	put(s, "file", "", 0, 0644);
	put_symlink(s, "link", "good", 0);
	put_symlink(s, "link-up", "theirs/../good", 0);
	put_symlink(s, "link-round", "sticky/in/../../good/.", 0);
	put_symlink(s, "link-theirs", "good", STRANGER);
	put_symlink(s, "loop", "loop", 0);
	put_symlink(s, "dangling", "nothing", 0);
	put_symlink(s, "absolute", path_of(s, "good"), 0);
}

static void root_believes_only_what_is_roots_all_the_way(void **state)
{
	const struct scratch *s = *state;
	static const struct {
		const char *dir;
		const char *why; /* NULL: taken */
	} table[] = {
		{ "good", NULL },
		{ "good///", NULL },
		{ "./good/.", NULL },
		{ "sticky/../good", NULL },
		{ "sticky/in", NULL },
		{ "link", NULL },
		{ "link/", NULL },
		{ "link-round", NULL },
		{ "absolute", NULL },
		{ "missing", "is missing: run `postfix-virtual setup`" },
		{ "dangling", "is missing" },
		{ "file", "Not a directory" },
		{ "file/x", "Not a directory" },
		{ "writable", "must not be writable by group or others" },
		{ "writable/in", "folder `writable` on the way" },
		{ "group", "has mode 0775, must not be writable" },
		{ "sticky", "has mode 1777, must not be writable" },
		{ "theirs", "belongs to uid 60002, must be root's: chown it" },
		{ "theirs/in", "folder `theirs` on the way" },
		{ "theirs/../good", "folder `theirs` on the way" },
		{ "account", "belongs to uid 60001, must be root's" },
		{ "link-up", "folder `theirs` on the way" },
		{ "link-theirs", "symlink `link-theirs` on the way" },
		{ "loop", "Too many levels of symbolic links" },
	};
	struct pv_store store;
	struct pv_error e;

	make_tree(s);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		unsigned before = open_descriptors();
		enum pv_class c = pv_store_open(path_of(s, table[i].dir), &store, &e);
		if (table[i].why != NULL) {
			assert_deferred(c, &e, table[i].why);
			assert_null(store.dir);
		} else {
			if (c != PV_OK)
				fail_msg("%s: %s", table[i].dir, e.text);
			assert_int_equal(store.dir[0], '/');
			assert_int_not_equal(store.dir[strlen(store.dir) - 1], '/');
			assert_int_equal(store.trust.uid, 0);
			assert_ptr_equal(store.trust.where, store.dir);
			assert_false(store.dir_is_default);
			pv_store_close(&store);
		}
		assert_int_equal(open_descriptors(), before);
	}
}

static void a_relative_name_becomes_an_absolute_path(void **state)
{
	const struct scratch *s = *state;
	char back[PATH_MAX];
	struct pv_store store;
	struct pv_error e;

	make_tree(s);
	assert_non_null(getcwd(back, sizeof back));
	assert_int_equal(chdir(s->path), 0);
	assert_int_equal(pv_store_open("good/", &store, &e), PV_OK);
	assert_int_equal(chdir(back), 0);
	assert_string_equal(store.dir, path_of(s, "good"));
	pv_store_close(&store);
	assert_deferred(pv_store_open("", &store, &e), &e, "name is empty");
}

static void a_path_that_is_too_long_is_refused(void **state)
{
	char path[400] = "/";
	struct pv_store store;
	struct pv_error e;

	(void)state;
	memset(path + 1, 'a', 200);
	assert_deferred(pv_store_open(path, &store, &e), &e, "is missing");
	memset(path + 1, 'a', 256); /* its first 255 bytes might be somebody's folder */
	assert_deferred(pv_store_open(path, &store, &e), &e, "File name too long");
	memset(path + 1, '/', 300);
	memcpy(path + 301, "etc", 4);
	assert_deferred(pv_store_open(path, &store, &e), &e, "more than 300 bytes");
}

struct attempt {
	const char *dir, *environment;
	const char *expected; /* the folder that is opened; NULL: none */
	bool other_group;
};

static bool opens_as_expected(void *ctx)
{
	const struct attempt *a = ctx;
	struct pv_store store;
	struct pv_error e;

	if (a->environment != NULL && setenv("VIRTUAL_CONFIG", a->environment, 1) != 0)
		return false;
	enum pv_class c = pv_store_open(a->dir, &store, &e);
	if (a->expected == NULL)
		return c == PV_TEMPORARY;
	/* The real /etc/virtual may be there or not: the sentence names it just as well. */
	return c == PV_OK ? strcmp(store.dir, a->expected) == 0 : strstr(e.text, a->expected) != NULL;
}

static void an_account_believes_root_and_itself(void **state)
{
	const struct scratch *s = *state;
	static const struct {
		const char *dir;
		bool taken;
	} table[] = {
		{ "good", true },    { "account", true },	 { "link", true },	{ "theirs/in", true },
		{ "theirs", false }, { "account-group", false }, { "writable", false }, { "sticky", false },
		{ "group", false },  { "missing", false },	 { "file", false },
	};

	make_tree(s);
	assert_int_equal(chmod(s->path, 0755), 0);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const char *path = path_of(s, table[i].dir);
		struct attempt a = { .dir = path, .expected = table[i].taken ? path : NULL };
		if (!as_user(ACCOUNT, opens_as_expected, &a))
			fail_msg("%s", table[i].dir);
	}
}

/* As a set-group-id, and a set-user-id, program would find itself. */
static bool opens_with_another_group(void *ctx)
{
	return setresgid(ACCOUNT, STRANGER, STRANGER) == 0 && setresuid(ACCOUNT, ACCOUNT, ACCOUNT) == 0 &&
	       opens_as_expected(ctx);
}

static bool opens_with_another_user(void *ctx)
{
	return setresgid(ACCOUNT, ACCOUNT, ACCOUNT) == 0 && setresuid(ACCOUNT, STRANGER, STRANGER) == 0 &&
	       opens_as_expected(ctx);
}

static void the_environment_counts_only_for_an_ordinary_user(void **state)
{
	const struct scratch *s = *state;
	char good[PATH_MAX], account[PATH_MAX];

	make_tree(s);
	assert_int_equal(chmod(s->path, 0755), 0);
	(void)snprintf(good, sizeof good, "%s", path_of(s, "good"));
	(void)snprintf(account, sizeof account, "%s", path_of(s, "account"));
	struct attempt own = { .environment = good, .expected = good };
	struct attempt empty = { .environment = "", .expected = PV_DEFAULT_DIRECTORY };
	struct attempt none = { .environment = good, .expected = PV_DEFAULT_DIRECTORY };
	struct attempt both = { .dir = account, .environment = good, .expected = account };
	assert_true(as_user(ACCOUNT, opens_as_expected, &own));
	assert_true(as_user(ACCOUNT, opens_as_expected, &empty));
	assert_true(as_user(ACCOUNT, opens_as_expected, &both));
	assert_true(as_user(0, opens_as_expected, &none));
	assert_true(as_user(0, opens_with_another_user, &none));
	assert_true(as_user(0, opens_with_another_group, &none));
}

static void virtual_conf_must_be_the_folder_owners(void **state)
{
	const struct scratch *s = *state;
	struct pv_store store;
	struct pv_error e;

	make_tree(s);
	assert_int_equal(pv_store_open(path_of(s, "good"), &store, &e), PV_OK);
	assert_string_equal(store.conf.spool_directory, "/var/spool/virtual");
	pv_store_close(&store);
	put(s, "good/virtual.conf", "# x\nspool_directory = /srv/mail\n", 0, 0644);
	assert_int_equal(pv_store_open(path_of(s, "good"), &store, &e), PV_OK);
	assert_string_equal(store.conf.spool_directory, "/srv/mail");
	pv_store_close(&store);
	put(s, "good/virtual.conf", "\nspool_directory = srv\n", 0, 0644);
	assert_deferred(pv_store_open(path_of(s, "good"), &store, &e), &e, "/good/virtual.conf, line 2: ");
	put(s, "good/virtual.conf", "", ACCOUNT, 0644);
	assert_deferred(pv_store_open(path_of(s, "good"), &store, &e), &e,
			"virtual.conf belongs to uid 60001");
	put(s, "good/virtual.conf", "", 0, 0664);
	assert_deferred(pv_store_open(path_of(s, "good"), &store, &e), &e, "virtual.conf has mode 0664");
	assert_int_equal(unlinkat(s->fd, "good/virtual.conf", 0), 0);
	assert_int_equal(mkfifoat(s->fd, "good/virtual.conf", 0600), 0);
	assert_deferred(pv_store_open(path_of(s, "good"), &store, &e), &e, "not a regular file");
}

static bool costs_five_calls(void *ctx)
{
	struct pv_store store;

	memset(&calls, 0, sizeof calls);
	return pv_store_open(ctx, &store, NULL) == PV_OK && calls.open + calls.openat == 2 &&
	       calls.fstat == 1 && calls.read + calls.pread + calls.close == 0;
}

static void an_account_opens_it_with_few_calls(void **state)
{
	const struct scratch *s = *state;
	char path[PATH_MAX];

	make_tree(s);
	assert_int_equal(chmod(s->path, 0755), 0);
	(void)snprintf(path, sizeof path, "%s", path_of(s, "good"));
	assert_true(as_user(ACCOUNT, costs_five_calls, path));
}

static enum pv_class open_once(void *ctx, bool *right_r, struct pv_error *e)
{
	struct pv_store store;

	enum pv_class c = pv_store_open(ctx, &store, e);
	if (c != PV_OK)
		return c;
	*right_r = strcmp(store.conf.spool_directory, "/srv/mail") == 0;
	pv_store_close(&store);
	return c;
}

static void every_failing_call_is_temporary(void **state)
{
	const struct scratch *s = *state;
	char back[PATH_MAX], good[] = "good", link[] = "link";

	make_tree(s);
	put(s, "good/virtual.conf", "spool_directory = /srv/mail\n", 0, 0644);
	assert_non_null(getcwd(back, sizeof back));
	assert_int_equal(chdir(s->path), 0);
	assert_true(with_every_fault(open_once, good) > 50);
	assert_true(with_every_fault(open_once, link) > 50);
	assert_int_equal(chdir(back), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(root_believes_only_what_is_roots_all_the_way),
		T(a_relative_name_becomes_an_absolute_path),
		T(a_path_that_is_too_long_is_refused),
		T(an_account_believes_root_and_itself),
		T(the_environment_counts_only_for_an_ordinary_user),
		T(virtual_conf_must_be_the_folder_owners),
		T(an_account_opens_it_with_few_calls),
		T(every_failing_call_is_temporary),
	};

	return cmocka_run_group_tests_name("store_open", tests, NULL, NULL);
}
