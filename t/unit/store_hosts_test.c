/* store_hosts_test.c: changing the text of host-addresses. */
#include "scratch.h"

#include "store/hosts.h"

#define DEFAULTS "abuse postmaster\npostmaster postmaster\n"

static struct pv_user user(const char *name)
{
	struct pv_user u;

	assert_int_equal(pv_user_parse(name, strlen(name), &u, NULL), PV_OK);
	return u;
}

static void a_line_is_changed_and_the_others_stay(void **state)
{
	static const struct {
		const char *text, *name, *targets, *result;
	} table[] = {
		/* A file that is not there says what it stands for. */
		{ NULL, "webmaster", "root", DEFAULTS "webmaster root\n" },
		{ NULL, "abuse", NULL, "postmaster postmaster\n" },
		{ NULL, "abuse", "a,b@example.org , c",
		  "abuse a, b@example.org, c\npostmaster postmaster\n" },
		{ "", "abuse", "root", "abuse root\n" },
		{ "", "abuse", NULL, "" },
		{ "# c\n\nABUSE x,\n  y\n# d\nother z\n", "abuse", "root",
		  "# c\n\nabuse root\n# d\nother z\n" },
		{ "# c\nabuse x,\n  y\nother z", "abuse", NULL, "# c\nother z\n" },
		{ "abuse2 x\nxabuse y\n", "abuse", NULL, "abuse2 x\nxabuse y\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_buf text = PV_BUF_INIT(1000), out = PV_BUF_INIT(1000);
		struct pv_user name = user(table[i].name);
		struct pv_hosts hosts;
		if (table[i].text != NULL)
			pv_buf_adds(&text, table[i].text);
		assert_int_equal(pv_hosts_change(table[i].text != NULL ? &text : NULL, &name,
						 table[i].targets, &out, NULL),
				 PV_OK);
		assert_string_equal(out.s, table[i].result);
		/* What we write, we read. */
		assert_int_equal(pv_hosts_parse(&out, "host-addresses", &hosts, NULL), PV_OK);
		assert_int_equal(pv_hosts_get(&hosts, &name) != NULL, table[i].targets != NULL);
		pv_hosts_free(&hosts);
		pv_buf_free(&text);
		pv_buf_free(&out);
	}
}

static void what_is_no_target_is_refused(void **state)
{
	static const struct {
		const char *targets, *why;
	} table[] = {
		{ "", "abuse leads nowhere" },
		{ " , ", "abuse leads nowhere" },
		{ "|/bin/sh", "`|/bin/sh` is neither a local name nor an address" },
		{ "/etc/passwd", "is neither" },
		{ ":include:/x", "is neither" },
		{ "root,-f", "`-f` is neither" },
		{ "a@b", "is neither" },
		{ "root\nevil x", NULL }, /* white space divides, so it cannot become a line */
	};
	struct pv_user name = user("abuse");
	char many[PV_HOST_TARGETS_MAX + 10];
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_buf out = PV_BUF_INIT(4000);
		enum pv_class c = pv_hosts_change(NULL, &name, table[i].targets, &out, &e);
		if (table[i].why == NULL) {
			assert_int_equal(c, PV_OK);
			assert_string_equal(out.s, "abuse root, evil, x\npostmaster postmaster\n");
		} else if (c != PV_PERMANENT || strstr(e.text, table[i].why) == NULL) {
			fail_msg("`%s`: class %d %s", table[i].targets, (int)c, e.text);
		}
		pv_buf_free(&out);
	}
	memset(many, 'x', sizeof many - 1);
	many[sizeof many - 1] = '\0';
	struct pv_buf out = PV_BUF_INIT(4000);
	assert_int_equal(pv_hosts_change(NULL, &name, many, &out, &e), PV_PERMANENT);
	assert_non_null(strstr(e.text, "longer than"));
	pv_buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_changed_and_the_others_stay),
		cmocka_unit_test(what_is_no_target_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
