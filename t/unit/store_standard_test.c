/*
 * store_standard_test.c: the addresses of a standard Postfix virtual domain: what is taken, what leads where,
 * and what is refused with its line and mend.
 */
#include "scratch.h"

#include "store/standard.h"

static struct pv_domain domain;

static int set_domain(void **state)
{
	(void)state;
	return pv_domain_parse("std.dk", 6, &domain, NULL) == PV_OK ? 0 : -1;
}

static enum pv_class parse(const char *text, struct pv_standard *s, struct pv_error *e)
{
	struct pv_buf b = PV_BUF_INIT(PV_STANDARD_FILE_MAX);

	pv_buf_adds(&b, text);
	enum pv_class c = pv_standard_parse(&b, "f", &domain, s, e);
	pv_buf_free(&b);
	return c;
}

/* All entries as `local>targets;`. */
static const char *print(const struct pv_standard *s)
{
	static char text[4096];

	text[0] = '\0';
	for (size_t i = 0; i < s->count; i++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s>%s;", s->list[i].local.s,
			       pv_standard_targets(s, &s->list[i]));
	return text;
}

static void lines_become_entries(void **state)
{
	static const struct {
		const char *text, *entries;
	} rows[] = {
		{ "info someone@example.org\n", "info>someone@example.org;" },
		{ "b root\na root\n", "a>root;b>root;" },
		{ "Info\t A.b+tag@Example.ORG ,root,, x_y=z-1@xn--n3h.dk \n",
		  "info>A.b+tag@example.org, root, x_y=z-1@xn--n3h.dk;" },
		{ "@ all@example.org\n", ">all@example.org;" },
		{ "info a@example.org,\n  b@example.org\n\n# c\n\tc@example.org\nx root\n",
		  "info>a@example.org, b@example.org, c@example.org;x>root;" },
		{ "# nobody\n", "" },
		{ "\n", "" },
		{ "a b@std.dk\nb a-b@std.dk\n", "a>b@std.dk;b>a-b@std.dk;" },
		{ "a a+x@std.dk\n", "a>a+x@std.dk;" },
		{ "a a@sub.std.dk\n", "a>a@sub.std.dk;" },
		{ "@ root\n a@example.org\n", ">root, a@example.org;" },
		{ "list list+x-y@example.org, a--b@example.org\n",
		  "list>list+x-y@example.org, a--b@example.org;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_standard s;
		struct pv_error e;
		if (parse(rows[i].text, &s, &e) != PV_OK)
			fail_msg("%s: %s", rows[i].text, e.text);
		assert_string_equal(print(&s), rows[i].entries);
		pv_standard_free(&s);
	}
}

static void what_is_refused_has_its_line_and_mend(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "f is empty: put the addresses back" },
		{ "a root", "f does not end in a newline" },
		{ "#", "f does not end in a newline" },
		{ "a root\nb\n", "f, line 2: it leads nowhere" },
		{ "a ,,\n", "f, line 1: it leads nowhere" },
		{ "a@std.dk root\n", "`a@std.dk` is not a user's name" },
		{ "a+b root\n", "`a+b` is not a user's name" },
		{ "a..b root\n", "is not a user's name" },
		{ "\"a\" root\n", "is not a user's name" },
		{ "@std.dk root\n", "is not a user's name" },
		{ "a.lock root\n", "is not a user's name" },
		{ "a \"|/bin/sh\"\n", "neither an address nor" },
		{ "a |/bin/sh\n", "`|/bin/sh` is neither an address nor a local user's name" },
		{ "a /etc/passwd\n", "neither" },
		{ "a :include:/etc/passwd\n", "neither" },
		{ "a ~root\n", "neither" },
		{ "a root+x\n", "neither" },
		{ "a kvt_dk+abc--kvt.dk\n", "neither" },
		{ "a kvt_dk+abc--kvt.dk@example.org\n", "has the form of an address inside of us" },
		{ "a kvt_dk+--kvt.dk@example.org\n", "inside of us" },
		{ "a kvt_dk+abc--kvt.dk@virtual.invalid\n", "neither" },
		{ "a x@any.invalid\n", "neither" },
		{ "a x@localhost\n", "neither" },
		{ "a x@@example.org\n", "neither" },
		{ "a x%y@example.org\n", "neither" },
		{ "a y!x@example.org\n", "neither" },
		{ "a \"x\"@example.org\n", "neither" },
		{ "a @b.dk:x@example.org\n", "neither" },
		{ "a -x@example.org\n", "neither" },
		{ "a .x@example.org\n", "neither" },
		{ "a x.@example.org\n", "neither" },
		{ "a x..y@example.org\n", "neither" },
		{ "a @example.org\n", "neither" },
		{ "a x@\n", "neither" },
		{ "a x@example.org:25\n", "neither" },
		{ "a x@[127.0.0.1]\n", "neither" },
		{ "a \xc3\xa6@example.org\n", "neither" },
		{ "a A@std.dk\n", "f, line 1: a@std.dk leads to itself" },
		{ "a root\nb root\nA x@example.org\n", "f, line 3: a stands in line 1 already" },
		{ "@ root\n@ root\n", "f, line 2: @ stands in line 1 already" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_standard s;
		struct pv_error e;
		if (parse(rows[i].text, &s, &e) != PV_TEMPORARY || strstr(e.text, rows[i].why) == NULL)
			fail_msg("%s: %s", rows[i].text, e.text);
		assert_true(s.list == NULL && s.count == 0);
	}
}

static void a_nul_is_refused(void **state)
{
	struct pv_buf b = PV_BUF_INIT(100);
	struct pv_standard s;
	struct pv_error e;

	(void)state;
	pv_buf_add(&b, "a root\n#\0\n", 10);
	assert_int_equal(pv_standard_parse(&b, "f", &domain, &s, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "the line holds a NUL"));
	pv_buf_free(&b);
}

/* A file of `lines` lines, each with `targets` targets. */
static enum pv_class parse_many(unsigned lines, unsigned targets, struct pv_standard *s, struct pv_error *e)
{
	struct pv_buf b = PV_BUF_INIT(PV_STANDARD_FILE_MAX);

	for (unsigned i = 0; i < lines; i++) {
		pv_buf_addf(&b, "u%u", i * 7919 % lines);
		for (unsigned j = 0; j < targets; j++)
			pv_buf_addf(&b, "%s t%u@example.org", j == 0 ? "" : ",", j);
		pv_buf_addc(&b, '\n');
	}
	enum pv_class c = pv_standard_parse(&b, "f", &domain, s, e);
	pv_buf_free(&b);
	return c;
}

static void lines_and_targets_are_limited(void **state)
{
	struct pv_standard s;
	struct pv_error e;

	(void)state;
	assert_int_equal(parse_many(1, PV_STANDARD_TARGETS_MAX, &s, &e), PV_OK);
	pv_standard_free(&s);
	assert_int_equal(parse_many(1, PV_STANDARD_TARGETS_MAX + 1, &s, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "f, line 1: more than 100 targets"));
	assert_int_equal(parse_many(PV_STANDARD_LINES_MAX, 1, &s, &e), PV_OK);
	assert_int_equal(s.count, PV_STANDARD_LINES_MAX);
	pv_standard_free(&s);
	assert_int_equal(parse_many(PV_STANDARD_LINES_MAX + 1, 1, &s, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "f, line 10001: more than 10000 addresses"));
}

static void an_entry_is_found_by_its_name(void **state)
{
	struct pv_standard s;
	struct pv_user u;
	struct pv_error e;
	char name[20];

	(void)state;
	assert_int_equal(parse("@ root\n", &s, &e), PV_OK);
	assert_int_equal(pv_user_parse("u1", 2, &u, NULL), PV_OK);
	assert_null(pv_standard_get(&s, &u));
	pv_standard_free(&s);
	assert_int_equal(parse_many(301, 1, &s, &e), PV_OK);
	for (int i = 0; i < 310; i++) {
		int n = snprintf(name, sizeof name, "u%d", i);
		assert_int_equal(pv_user_parse(name, (size_t)n, &u, NULL), PV_OK);
		const struct pv_standard_entry *entry = pv_standard_get(&s, &u);
		assert_int_equal(entry != NULL, i < 301);
		if (entry != NULL)
			assert_true(pv_user_equal(&entry->local, &u));
	}
	pv_standard_free(&s);
}

static bool no_memory;
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	errno = ENOMEM;
	return no_memory ? NULL : __real_reallocarray(p, n, size);
}

static void without_memory_nothing_is_taken(void **state)
{
	struct pv_standard s;
	struct pv_error e;

	(void)state;
	no_memory = true;
	assert_int_equal(parse("a root\n", &s, &e), PV_TEMPORARY);
	no_memory = false;
	assert_null(s.list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_entries),
		cmocka_unit_test(what_is_refused_has_its_line_and_mend),
		cmocka_unit_test(a_nul_is_refused),
		cmocka_unit_test(lines_and_targets_are_limited),
		cmocka_unit_test(an_entry_is_found_by_its_name),
		cmocka_unit_test(without_memory_nothing_is_taken),
	};

	return cmocka_run_group_tests(tests, set_domain, NULL);
}
