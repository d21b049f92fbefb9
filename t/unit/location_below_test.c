/*
 * A file that an alias names: below the folder that it may be below, and nowhere else.
 */
#include "store_faults.h"

#include "mailbox/location.h"

static void below_a_folder(void **state)
{
	static const struct {
		const char *path; /* behind the home */
		bool good;
	} rows[] = {
		{ "/Mail/list", true },
		{ "/Mail/lists/one", true },
		{ "/Mail/lists/none/x", false },
		{ "/Mail", false },
		{ "/Mail/", false },
		{ "/Mailing/list", false },
		{ "/Mail/.hidden", false },
		{ "/Mail/.d/list", false },
		{ "/Mail/../list", false },
		{ "/Mail/lists/..", false },
		{ "/Mail//list", false },
		{ "/Mail/lists//one", false },
		{ "/list", false },
		{ "/Mail/link/list", false },
		{ "/Mail/open/list", false },
		{ "/Mail/roots/list", false },
		{ "/Mail/list/one", false },
		{ "/Mail/lists/x.", true },
	};
	const struct scratch *s = *state;
	char base[700], path[1400];

	put_folder(s, "home", ACCOUNT, 0700);
	put_folder(s, "home/Mail", ACCOUNT, 0700);
	put_folder(s, "home/Mail/lists", ACCOUNT, 0700);
	put_folder(s, "home/Mail/ng", ACCOUNT, 0700);
	put_folder(s, "home/Mail/.d", ACCOUNT, 0700);
	put_folder(s, "home/Mail/open", ACCOUNT, 0770);
	put_folder(s, "home/Mail/roots", 0, 0755);
	put_folder(s, "home/Mailing", ACCOUNT, 0700);
	assert_int_equal(symlinkat("lists", s->fd, "home/Mail/link"), 0);
	scratch_write(s, "home/Mail/list", "", 0);
	for (int slashes = 0; slashes < 3; slashes++) {
		(void)snprintf(base, sizeof base, "%s/home/Mail%.*s", s->path, slashes, "//");
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			struct pv_error e = { .text = "" };
			struct pv_location l;
			unsigned before = open_descriptors();
			(void)snprintf(path, sizeof path, "%s/home%s", s->path, rows[i].path);
			enum pv_class c = pv_location_below(base, path, ACCOUNT, &l, &e);
			if (c != (rows[i].good ? PV_OK : PV_TEMPORARY))
				fail_msg("%s: class %d `%s`", rows[i].path, (int)c, e.text);
			if (c == PV_OK) {
				assert_string_equal(l.path, path);
				assert_string_equal(l.name, strrchr(path, '/') + 1);
				assert_int_equal(faccessat(l.dirfd, ".", F_OK, 0), 0);
				assert_false(l.shared);
				pv_location_free(&l);
			} else {
				assert_string_equal(e.status, "4.3.5");
			}
			assert_int_equal(open_descriptors(), before);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(below_a_folder, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
