/*
 * maps_names_test.c: the names that Postfix takes mail for by itself, read by its own programs from settings
 * of every kind and of two instances.
 */
#include "scratch.h"

#include "maps/postfix.h"
#include "store/conf.h"

#include <time.h>

static char config[2 * PATH_MAX + 2]; /* the value of postfix_config_directory */
static struct pv_store store = { .dirfd = -1 };

static void write_file(const struct scratch *s, const char *name, const char *text)
{
	static const struct timespec long_ago[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

	scratch_write(s, name, text, strlen(text));
	assert_int_equal(utimensat(s->fd, name, long_ago, 0), 0); /* postconf waits for a new file to age */
}

/* An instance in the folder `name` of the scratch folder, with these lines in main.cf; @: that folder. */
static void make_instance(const struct scratch *s, const char *name, const char *lines)
{
	struct pv_buf text = PV_BUF_INIT(1 << 20);
	char file[64];

	pv_buf_addf(&text, "compatibility_level = 3.6\nmyhostname = mail.example.net\n");
	for (; *lines != '\0'; lines++)
		if (*lines == '@')
			pv_buf_adds(&text, s->path);
		else
			pv_buf_addc(&text, *lines);
	(void)mkdirat(s->fd, name, 0755);
	(void)snprintf(file, sizeof file, "%s/main.cf", name);
	write_file(s, file, text.s);
	(void)snprintf(file, sizeof file, "%s/master.cf", name);
	write_file(s, file, "");
	pv_buf_free(&text);
}

static void use_instances(const struct scratch *s, const char *one, const char *two)
{
	pv_conf_defaults(&store.conf);
	(void)snprintf(config, sizeof config, "%s/%s%s%s%s", s->path, one, two != NULL ? ", " : "",
		       two != NULL ? s->path : "", two != NULL ? two : "");
	store.conf.postfix_config_directory = config;
}

/* All names as a text: `name setting`, `=` for itself, `.` for below. */
static void list_as_text(struct pv_buf *out, struct pv_buf *unlisted)
{
	struct pv_postfix_domains names;
	struct pv_error e = { .text = "" };

	if (pv_postfix_names_list(&store, &names, unlisted, &e) != PV_OK)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < names.count; i++)
		pv_buf_addf(out, "%s%s%s %s%zu\n", names.v[i].itself ? "=" : "", names.v[i].below ? "." : "",
			    names.v[i].domain.s, names.v[i].setting, names.v[i].instance);
	pv_postfix_domains_free(&names);
}

static void names_of_every_kind_are_listed(void **state)
{
	static const struct {
		const char *what, *lines, *want, *unlisted;
	} rows[] = {
		{ "words", "mydestination = $myhostname, localhost a.dk\n  b.dk\n",
		  "=a.dk mydestination0\n=b.dk mydestination0\n=mail.example.net mydestination0\n", "" },
		{ "all three settings",
		  "mydestination = c.dk\nrelay_domains = a.dk\nvirtual_mailbox_domains = b.dk\n",
		  "=.a.dk relay_domains0\n=b.dk virtual_mailbox_domains0\n=c.dk mydestination0\n", "" },
		{ "letters of any case", "mydestination = KvT.Dk\n", "=kvt.dk mydestination0\n", "" },
		{ "a dot means nothing where words are parents",
		  "mydestination =\nrelay_domains = .a.dk b.dk\n", "=.b.dk relay_domains0\n", "" },
		{ "and all below where they are not",
		  "mydestination =\nparent_domain_matches_subdomains =\nrelay_domains = .a.dk b.dk\n",
		  ".a.dk relay_domains0\n=b.dk relay_domains0\n", "" },
		{ "both together are one",
		  "mydestination =\nparent_domain_matches_subdomains = mynetworks\n"
		  "relay_domains = .a.dk a.dk\n",
		  "=.a.dk relay_domains0\n", "" },
		{ "a dot in the two other lists means nothing",
		  "mydestination = .a.dk\nvirtual_mailbox_domains = .b.dk\n", "", "" },
		{ "the default of old times", "compatibility_level = 1\nmydestination = a.dk\n",
		  "=.a.dk mydestination0\n", "" },
		{ "a file, with comments", "mydestination = @/file\n",
		  "=a.dk mydestination0\n=b.dk mydestination0\n=c.dk mydestination0\n", "" },
		{ "a file that is not there", "mydestination = @/none a.dk\n", "=a.dk mydestination0\n", "" },
		{ "tables", "mydestination = texthash:@/table, inline:{ x.dk=1, { y.dk = 2 3 } } z.dk\n",
		  "=t.dk mydestination0\n=u.dk mydestination0\n=x.dk mydestination0\n=y.dk mydestination0\n"
		  "=z.dk mydestination0\n",
		  "" },
		{ "a table of relay_domains", "mydestination =\nrelay_domains = texthash:@/table\n",
		  "=.t.dk relay_domains0\n=.u.dk relay_domains0\n", "" },
		{ "through proxymap", "mydestination = proxy:texthash:@/table\n",
		  "=t.dk mydestination0\n=u.dk mydestination0\n", "" },
		{ "a table that cannot be listed", "mydestination = static:all a.dk\n",
		  "=a.dk mydestination0\n",
		  "static:all in mydestination of @/one/main.cf: postmap: fatal: table static:all: "
		  "sequence operation is not supported\n" },
		{ "a word that takes out", "mydestination = !b.dk a.dk\n", "=a.dk mydestination0\n",
		  "!b.dk in mydestination of @/one/main.cf: what it takes out of the words behind it cannot "
		  "be listed\n" },
		{ "literals and bare labels", "mydestination = [127.0.0.1] localhost\n", "", "" },
		{ "nothing", "mydestination =\n", "", "" },
	};
	const struct scratch *s = *state;

	write_file(s, "file", "a.dk, b.dk\n# not.this.dk\nc.dk\n");
	write_file(s, "table", "t.dk x\nu.dk y\n");
	use_instances(s, "one", NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_buf got = PV_BUF_INIT(1 << 20), unlisted = PV_BUF_INIT(1 << 20);
		struct pv_buf want = PV_BUF_INIT(1 << 20);
		make_instance(s, "one", rows[i].lines);
		list_as_text(&got, &unlisted);
		for (const char *p = rows[i].unlisted; *p != '\0'; p++)
			if (*p == '@')
				pv_buf_adds(&want, s->path);
			else
				pv_buf_addc(&want, *p);
		if (strcmp(got.s, rows[i].want) != 0 || strcmp(unlisted.s, want.s) != 0)
			fail_msg("%s: got\n%s%s\nwant\n%s%s", rows[i].what, got.s, unlisted.s, rows[i].want,
				 want.s);
		pv_buf_free(&got);
		pv_buf_free(&unlisted);
		pv_buf_free(&want);
	}
}

static void all_instances_are_asked(void **state)
{
	struct pv_buf got = PV_BUF_INIT(1 << 20), unlisted = PV_BUF_INIT(1 << 20);
	struct pv_postfix_domains found;
	struct pv_domain asked[2];
	const struct pv_domain *const list[] = { &asked[0], &asked[1] };
	const struct scratch *s = *state;
	struct pv_error e;

	make_instance(s, "one", "mydestination = a.dk\nrelay_domains =\n");
	make_instance(s, "two", "mydestination = b.dk a.dk\nrelay_domains = inline:{c.dk=x}\n");
	use_instances(s, "one", "/two");
	list_as_text(&got, &unlisted);
	assert_string_equal(got.s, "=a.dk mydestination0\n=b.dk mydestination1\n=.c.dk relay_domains1\n");
	assert_int_equal(pv_domain_parse("c.dk", 4, &asked[0], NULL), PV_OK);
	assert_int_equal(pv_domain_parse("d.dk", 4, &asked[1], NULL), PV_OK);
	assert_int_equal(pv_postfix_domains_find(&store, list, 2, &found, &e), PV_OK);
	assert_int_equal(found.count, 1);
	assert_null(pv_postfix_domains_get(&found, &asked[1]));
	assert_int_equal(pv_postfix_domains_get(&found, &asked[0])->instance, 1);
	assert_string_equal(pv_postfix_domains_get(&found, &asked[0])->setting, "relay_domains");
	pv_postfix_domains_free(&found);
	pv_buf_free(&got);
	pv_buf_free(&unlisted);
}

static void an_instance_without_main_cf_is_an_error(void **state)
{
	struct pv_buf unlisted = PV_BUF_INIT(1 << 20);
	const struct scratch *s = *state;
	struct pv_postfix_domains names;
	struct pv_error e = { .text = "" };

	make_instance(s, "one", "");
	use_instances(s, "one", "/nowhere");
	assert_int_equal(pv_postfix_names_list(&store, &names, &unlisted, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "nowhere/main.cf"));
	pv_postfix_domains_free(&names);
	pv_buf_free(&unlisted);
}

static void a_hundred_thousand_names_take_no_time(void **state)
{
	enum { COUNT = 100000 };
	struct pv_buf table = PV_BUF_INIT(16 << 20), unlisted = PV_BUF_INIT(1 << 20);
	const struct scratch *s = *state;
	struct pv_postfix_domains names;
	struct pv_error e;

	for (int i = COUNT; i > 0; i--)
		pv_buf_addf(&table, "d%06d.example x\n", i);
	write_file(s, "large", table.s);
	make_instance(s, "one", "mydestination = texthash:@/large @/large\n");
	use_instances(s, "one", NULL);
	clock_t from = clock();
	assert_int_equal(pv_postfix_names_list(&store, &names, &unlisted, &e), PV_OK);
	assert_true(clock() - from < 2 * CLOCKS_PER_SEC);
	assert_int_equal(names.count, COUNT);
	assert_string_equal(names.v[0].domain.s, "d000001.example");
	pv_postfix_domains_free(&names);
	pv_buf_free(&table);
	pv_buf_free(&unlisted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_of_every_kind_are_listed, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(all_instances_are_asked, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(an_instance_without_main_cf_is_an_error, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(a_hundred_thousand_names_take_no_time, scratch_make,
						scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
