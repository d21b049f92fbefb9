/* check_dns_test.c: what is made of a name server's bytes; reverse names; opendkim's tables. */
#include "scratch.h"

#include "check/network.h"

/* A message: header with flags and count, the question kvt.dk, then `answer`. */
static size_t build(unsigned char *m, unsigned flags, unsigned count, const char *answer, size_t len)
{
	static const char question[] = "\3kvt\2dk\0\0\1\0";

	memset(m, 0, 12);
	m[2] = (unsigned char)(flags >> 8);
	m[3] = (unsigned char)flags;
	m[5] = 1;
	m[7] = (unsigned char)count;
	memcpy(m + 12, question, sizeof question);
	memcpy(m + 12 + sizeof question, answer, len);
	return 12 + sizeof question + len;
}

#define ANSWER(s) s, sizeof(s) - 1
#define OWNER "\xc0\x0c"
#define IN_60 "\0\1\0\0\0\x3c"

static const struct {
	const char *sentence;
	ns_type type;
	unsigned flags, count;
	const char *answer;
	size_t len;
	enum pv_dns_state state;
	size_t records;
	const char *first;
} rows[] = {
	{ "an address", ns_t_a, 0x8180, 1, ANSWER(OWNER "\0\1" IN_60 "\0\4\177\0\0\1"), PV_DNS_FOUND, 1,
	  "127.0.0.1" },
	{ "an address of IPv6", ns_t_aaaa, 0x8180, 1,
	  ANSWER(OWNER "\0\x1c" IN_60 "\0\x10\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"), PV_DNS_FOUND, 1,
	  "2001:db8::1" },
	{ "an MX", ns_t_mx, 0x8180, 1, ANSWER(OWNER "\0\xf" IN_60 "\0\7\0\xa\2mx" OWNER), PV_DNS_FOUND, 1,
	  "mx.kvt.dk" },
	{ "a null MX", ns_t_mx, 0x8180, 1, ANSWER(OWNER "\0\xf" IN_60 "\0\3\0\0\0"), PV_DNS_FOUND, 1, "" },
	{ "a text in two strings", ns_t_txt, 0x8180, 1, ANSWER(OWNER "\0\x10" IN_60 "\0\x6\2ab\2cd"),
	  PV_DNS_FOUND, 1, "abcd" },
	{ "a text with a NUL and an escape", ns_t_txt, 0x8180, 1,
	  ANSWER(OWNER "\0\x10" IN_60 "\0\5\4a\0\x1b"
		       "b"),
	  PV_DNS_FOUND, 1, "a??b" },
	{ "no record", ns_t_a, 0x8180, 0, ANSWER(""), PV_DNS_NOTHING, 0, NULL },
	{ "no such name", ns_t_a, 0x8183, 0, ANSWER(""), PV_DNS_NO_NAME, 0, NULL },
	{ "a server that failed", ns_t_a, 0x8182, 0, ANSWER(""), PV_DNS_FAILED, 0, NULL },
	{ "a server that refuses", ns_t_a, 0x8185, 0, ANSWER(""), PV_DNS_FAILED, 0, NULL },
	{ "a question", ns_t_a, 0x0100, 0, ANSWER(""), PV_DNS_FAILED, 0, NULL },
	{ "another type alone", ns_t_a, 0x8180, 1, ANSWER(OWNER "\0\x10" IN_60 "\0\1\0"), PV_DNS_NOTHING, 0,
	  NULL },
	{ "another class", ns_t_a, 0x8180, 1, ANSWER(OWNER "\0\1\0\3\0\0\0\x3c\0\4\177\0\0\1"),
	  PV_DNS_NOTHING, 0, NULL },
	{ "an address of five bytes", ns_t_a, 0x8180, 1, ANSWER(OWNER "\0\1" IN_60 "\0\5\177\0\0\1\1"),
	  PV_DNS_FAILED, 0, NULL },
	{ "a string that is longer than its record", ns_t_txt, 0x8180, 1,
	  ANSWER(OWNER "\0\x10" IN_60 "\0\3\7ab"), PV_DNS_FAILED, 0, NULL },
	{ "a name that leads to itself", ns_t_mx, 0x8180, 1, ANSWER(OWNER "\0\xf" IN_60 "\0\4\0\xa\xc0\x25"),
	  PV_DNS_FAILED, 0, NULL },
	{ "a name that ends too early", ns_t_mx, 0x8180, 1, ANSWER(OWNER "\0\xf" IN_60 "\0\3\0\xa\xc0"),
	  PV_DNS_FAILED, 0, NULL },
	{ "an MX without a name", ns_t_mx, 0x8180, 1, ANSWER(OWNER "\0\xf" IN_60 "\0\2\0\xa"), PV_DNS_FAILED,
	  0, NULL },
	{ "a record that is cut", ns_t_a, 0x8180, 1, ANSWER(OWNER "\0\1" IN_60 "\0\4\177\0"), PV_DNS_FAILED,
	  0, NULL },
	{ "more records than are there", ns_t_a, 0x8180, 2, ANSWER(OWNER "\0\1" IN_60 "\0\4\177\0\0\1"),
	  PV_DNS_FAILED, 0, NULL },
};

static void each_answer_is_what_it_says(void **state)
{
	unsigned char m[512];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_dns_answer a;
		size_t len = build(m, rows[i].flags, rows[i].count, rows[i].answer, rows[i].len);
		pv_dns_parse(m, len, rows[i].type, &a);
		if (a.state != rows[i].state || (a.state == PV_DNS_FOUND && a.count != rows[i].records))
			fail_msg("%s: state %d, %zu records", rows[i].sentence, (int)a.state, a.count);
		if (rows[i].first != NULL)
			assert_string_equal(a.list[0].text, rows[i].first);
		pv_dns_free(&a);
	}
}

static void every_shorter_message_is_no_answer(void **state)
{
	unsigned char m[512];
	struct pv_dns_answer a;

	(void)state;
	size_t len = build(m, 0x8180, 1, rows[2].answer, rows[2].len);
	for (size_t n = 0; n < len; n++) {
		pv_dns_parse(m, n, ns_t_mx, &a);
		assert_int_equal(a.state, PV_DNS_FAILED);
		pv_dns_free(&a);
	}
}

static void reverse_names_are_those_of_the_rfcs(void **state)
{
	char name[80];

	(void)state;
	assert_true(pv_dns_reverse_name("192.0.2.10", name, sizeof name));
	assert_string_equal(name, "10.2.0.192.in-addr.arpa");
	assert_true(pv_dns_reverse_name("2001:db8::567:89ab", name, sizeof name));
	assert_string_equal(name, "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
	assert_false(pv_dns_reverse_name("kvt.dk", name, sizeof name));
}

static void selectors_are_opendkims(void **state)
{
	const struct scratch *s = *state;
	char conf[600], table[600], text[1300];
	struct pv_dkim_key *keys;
	struct pv_error e;
	size_t count;

	static const char list[] =
		"# keys\nk1 kvt.dk:s1:/etc/k1.private\nbroken\nk2\tother.dk:s2:/etc/k2.private\n";
	(void)snprintf(table, sizeof table, "%s/table", s->path);
	(void)snprintf(conf, sizeof conf, "%s/opendkim.conf", s->path);
	(void)snprintf(text, sizeof text,
		       "# Domain no.dk\nDomain one.dk\nSelector mail\nKeyTable refile:%s\n", table);
	scratch_write(s, "table", list, sizeof list - 1);
	scratch_write(s, "opendkim.conf", text, strlen(text));
	assert_int_equal(pv_dkim_keys(conf, &keys, &count, &e), PV_OK);
	assert_int_equal(count, 3);
	assert_string_equal(keys[0].domain, "kvt.dk");
	assert_string_equal(keys[0].selector, "s1");
	assert_string_equal(keys[1].domain, "other.dk");
	assert_string_equal(keys[2].selector, "mail");
	free(keys);
	assert_int_equal(pv_dkim_keys("/nowhere/opendkim.conf", &keys, &count, &e), PV_OK);
	assert_int_equal(count, 0);
	free(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_is_what_it_says),
		cmocka_unit_test(every_shorter_message_is_no_answer),
		cmocka_unit_test(reverse_names_are_those_of_the_rfcs),
		cmocka_unit_test_setup_teardown(selectors_are_opendkims, scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
