/*
 * store_folder_test.c: a domain's folder, and the list of them.
 */
#include "store_faults.h"

static void open_store(const struct scratch *s, struct pv_store *store)
{
	struct pv_error e;

	if (pv_store_open(s->path, store, &e) != PV_OK)
		fail_msg("%s", e.text);
}

static void which_folder_is_taken(void **state)
{
	static const struct {
		const char *name, *why; /* why: NULL: taken; "": there is none */
	} table[] = {
		{ "kvt.dk", NULL },
		{ "old.dk", NULL },
		{ "missing.dk", "" },
		{ "group.dk", "group.dk has mode 0770, must not be writable" },
		{ "others.dk", "others.dk has mode 0702, must not be writable" },
		{ "root.dk", "root.dk belongs to root, must be the domain's account's" },
		{ "link.dk", "link.dk is not a folder" },
		{ "file.dk", "file.dk is not a folder" },
		{ "fifo.dk", "fifo.dk is not a folder" },
	};
	const struct scratch *s = *state;
	struct pv_store store;
	struct pv_folder f;
	struct pv_error e;

	put_folder(s, "kvt.dk", ACCOUNT, 0700);
	put_folder(s, "old.dk", ACCOUNT, 0755);
	put_folder(s, "group.dk", ACCOUNT, 0770);
	put_folder(s, "others.dk", ACCOUNT, 0702);
	put_folder(s, "root.dk", 0, 0755);
	put_symlink(s, "link.dk", "kvt.dk", ACCOUNT);
	put(s, "file.dk", "", ACCOUNT, 0600);
	assert_int_equal(mkfifoat(s->fd, "fifo.dk", 0600), 0);
	open_store(s, &store);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_domain d = domain(table[i].name);
		unsigned before = open_descriptors();
		enum pv_class c = pv_folder_open(&store, &d, &f, &e);
		if (table[i].why != NULL && table[i].why[0] != '\0') {
			assert_deferred(c, &e, s->path, table[i].why);
			assert_int_equal(f.fd, -1);
		} else if (c != PV_OK) {
			fail_msg("%s: %s", table[i].name, e.text);
		}
		assert_int_equal(f.fd >= 0, table[i].why == NULL);
		assert_string_equal(f.domain.s, table[i].name);
		assert_string_equal(f.path, path_of(s, table[i].name));
		if (f.fd >= 0) {
			assert_int_equal(f.uid, ACCOUNT);
			assert_int_equal(f.gid, ACCOUNT);
			assert_int_equal(f.trust.uid, ACCOUNT);
			assert_ptr_equal(f.trust.where, f.path);
		}
		pv_folder_close(&f);
		pv_folder_close(&f);
		/* A look says the same, and opens nothing. */
		struct pv_folder looked;
		struct pv_error why;
		bool found;
		assert_int_equal(pv_folder_look(&store, &d, &looked, &found, &why), c);
		if (c != PV_OK)
			assert_string_equal(why.text, e.text);
		else
			assert_int_equal(found, table[i].why == NULL);
		assert_int_equal(looked.fd, -1);
		assert_string_equal(looked.path, path_of(s, table[i].name));
		if (c == PV_OK && found)
			assert_int_equal(looked.uid, ACCOUNT);
		assert_int_equal(open_descriptors(), before);
	}
	pv_store_close(&store);
}

static void the_list_has_what_looks_like_a_domain(void **state)
{
	static const char *const folders[] = { "kvt.dk", "a.kvt.dk", "maps",	 "hooks", "Upper.dk",
					       "x..dk",	 ".dk",	     "old.conf", "z.org", "x.lock" };
	static const char *const expected[] = { "a.kvt.dk", "kvt.dk", "link.dk", "z.org" };
	const struct scratch *s = *state;
	struct pv_domain *list;
	struct pv_store store;
	size_t count;

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		put_folder(s, folders[i], ACCOUNT, 0700);
	put_symlink(s, "link.dk", "kvt.dk", 0);
	put(s, "readme.txt", "", 0, 0644);
	put(s, "virtual.conf", "", 0, 0644);
	open_store(s, &store);
	assert_int_equal(pv_folder_list(&store, &list, &count, NULL), PV_OK);
	assert_int_equal(count, sizeof expected / sizeof *expected);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(list[i].s, expected[i]);
	free(list);
	pv_store_close(&store);
}

static void a_list_of_many_and_of_none(void **state)
{
	const struct scratch *s = *state;
	struct pv_domain *list;
	struct pv_store store;
	char name[32];
	size_t count;

	open_store(s, &store);
	assert_int_equal(pv_folder_list(&store, &list, &count, NULL), PV_OK);
	assert_int_equal(count, 0);
	free(list);
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof name, "d%03u.dk", i * 7 % 1000);
		put_folder(s, name, ACCOUNT, 0700);
	}
	assert_int_equal(pv_folder_list(&store, &list, &count, NULL), PV_OK);
	assert_int_equal(count, 1000);
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof name, "d%03u.dk", i);
		assert_string_equal(list[i].s, name);
	}
	free(list);
	pv_store_close(&store);
}

static enum pv_class folder_once(void *ctx, bool *right_r, struct pv_error *e)
{
	struct pv_domain d = domain("kvt.dk");
	struct pv_folder f;

	enum pv_class c = pv_folder_open(ctx, &d, &f, e);
	*right_r = c == PV_OK && f.fd >= 0;
	pv_folder_close(&f);
	return c;
}

static enum pv_class list_once(void *ctx, bool *right_r, struct pv_error *e)
{
	struct pv_domain *list;
	size_t count;

	enum pv_class c = pv_folder_list(ctx, &list, &count, e);
	if (c != PV_OK)
		return c;
	*right_r = count == 1 && strcmp(list[0].s, "kvt.dk") == 0;
	free(list);
	return c;
}

static void every_failing_call_is_temporary(void **state)
{
	const struct scratch *s = *state;
	struct pv_store store;

	put_folder(s, "kvt.dk", ACCOUNT, 0700);
	open_store(s, &store);
	assert_true(with_every_fault(folder_once, &store) > 10);
	assert_true(with_every_fault(list_once, &store) > 10);
	pv_store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(which_folder_is_taken),
		T(the_list_has_what_looks_like_a_domain),
		T(a_list_of_many_and_of_none),
		T(every_failing_call_is_temporary),
	};

	return cmocka_run_group_tests_name("store_folder", tests, NULL, NULL);
}
