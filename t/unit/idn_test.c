/* idn_test.c: domains as people type them, and the tricks that must not become a domain. */
#include "scratch.h"

#include "address/idn.h"

static const struct {
	const char *text, *want; /* want NULL: refused */
} cases[] = {
	{ "kvt.dk", "kvt.dk" },
	{ "KVT.dk", "kvt.dk" },
	{ "kvt.dk.", "kvt.dk" },
	{ "b\303\274cher.example", "xn--bcher-kva.example" },
	{ "B\303\234CHER.example", "xn--bcher-kva.example" },
	{ "bu\314\210cher.example", "xn--bcher-kva.example" }, /* u and a combining mark */
	{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ "XN--BCHER-KVA.EXAMPLE", "xn--bcher-kva.example" },
	{ "stra\303\237e.example", "xn--strae-oqa.example" },
	{ "\327\220\327\221.example", "xn--4dbc.example" },		       /* Hebrew */
	{ "\331\205\330\253\330\247\331\204.example", "xn--mgbh0fb.example" }, /* Arabic */
	{ "\344\276\213\345\255\220.example", "xn--fsqu00a.example" },	       /* Chinese */
	{ "kvt.inval\304\261d", "kvt.xn--invald-t9a" }, /* a dotless i is another letter */
	{ "kvt\343\200\202dk", "kvt.dk" },		/* an ideographic full stop is one */
	{ "xn--e28h.example", NULL },			/* an emoji's A-label */
	{ "", NULL },
	{ ".", NULL },
	{ "..", NULL },
	{ "kvt.dk..", NULL },
	{ "kvt..dk", NULL },
	{ "kvt", NULL },
	{ "kvt/x.dk", NULL },
	{ "kvt x.dk", NULL },
	{ "kvt_x.dk", NULL },
	{ "127.0.0.1", NULL },
	{ "\360\237\230\200.example", NULL },  /* emoji */
	{ "i\342\235\244.example", NULL },     /* a symbol */
	{ "a\327\220.example", NULL },	       /* Latin before Hebrew: bidi rule */
	{ "\327\220a.example", NULL },	       /* Hebrew before Latin: bidi rule */
	{ "kvt\342\200\256dk.example", NULL }, /* right-to-left override */
	{ "a\357\274\217b.example", NULL },    /* full-width `/` */
	{ "a\357\274\240b.example", NULL },    /* full-width `@` */
	{ "kvt.conf\343\200\202", NULL },      /* a reserved end and an ideographic full stop */
	{ "kvt.\357\275\211nvalid", NULL },    /* full-width i: folds to a reserved end */
	{ "\314\210a.example", NULL },	       /* begins with a combining mark */
	{ "a\377.example", NULL },	       /* no UTF-8 */
	{ "a\303.example", NULL },	       /* cut UTF-8 */
	{ "a\355\240\200.example", NULL },     /* surrogate */
	{ "a\300\257.example", NULL },	       /* overlong `/` */
	{ "xn--a.example", NULL },	       /* no punycode */
	{ "xn--bcher-kv.example", NULL },      /* decodes to what may not be */
	{ "ab--cd\303\246.example", NULL },    /* hyphens in third and fourth place */
	{ "-\303\246.example", NULL },
	{ "\303\246-.example", NULL },
};

static void domains_as_typed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pv_domain d = { .s = "before" };
		struct pv_error e = { .text = "" };
		enum pv_class c = pv_idn_domain(cases[i].text, &d, &e);
		if (c != (cases[i].want != NULL ? PV_OK : PV_PERMANENT))
			fail_msg("`%s`: class %d, `%s`, %s", cases[i].text, c, d.s, e.text);
		assert_string_equal(d.s, cases[i].want != NULL ? cases[i].want : "before");
		if (c != PV_OK) {
			assert_string_equal(e.status, "5.1.2");
			assert_true(strlen(e.text) > 10);
		}
	}
}

static void long_ones_end_in_a_refusal(void **state)
{
	static const char *const pieces[] = { "a", "a.", "\xc3\xbc", "\xc3\xbc.", "xn--", ".", "\xff" };
	static char text[10001];
	struct pv_domain d;

	(void)state;
	for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++)
		for (size_t len = 254 * 2 + 2; len < sizeof text; len = len * 5 / 4) {
			for (size_t i = 0; i < len; i++)
				text[i] = pieces[p][i % strlen(pieces[p])];
			text[len] = '\0';
			assert_int_equal(pv_idn_domain(text, &d, NULL), PV_PERMANENT);
		}
}

/* The longest label is 63 bytes of the A-label, not of what was typed. */
static void labels_are_measured_as_a_labels(void **state)
{
	char text[400];
	struct pv_domain d;
	size_t longest = 0;

	(void)state;
	for (size_t letters = 1; letters < 90; letters++) {
		for (size_t i = 0; i < letters; i++)
			memcpy(text + 2 * i, "\xc3\xa6", 2);
		memcpy(text + 2 * letters, ".dk", 4);
		if (pv_idn_domain(text, &d, NULL) == PV_OK) {
			assert_true(strchr(d.s, '.') - d.s <= 63);
			longest = letters;
		}
	}
	assert_true(longest > 40 && longest < 63);
}

static void addresses_as_typed(void **state)
{
	static const struct {
		const char *text, *user, *domain, *status;
	} addresses[] = {
		{ "abc@kvt.dk", "abc", "kvt.dk", NULL },
		{ "ABC@b\303\274cher.example.", "abc", "xn--bcher-kva.example", NULL },
		{ "\xc3\xa6@kvt.dk", NULL, NULL, "5.1.3" },
		{ "a@b@kvt.dk", NULL, NULL, "5.1.3" },
		{ "kvt.dk", NULL, NULL, "5.1.3" },
		{ "@kvt.dk", NULL, NULL, "5.1.3" },
		{ "abc@", NULL, NULL, "5.1.2" },
		{ "abc@\xf0\x9f\x98\x80.dk", NULL, NULL, "5.1.2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		struct pv_address a;
		struct pv_error e;
		enum pv_class c = pv_idn_address(addresses[i].text, &a, &e);
		assert_int_equal(c, addresses[i].user != NULL ? PV_OK : PV_PERMANENT);
		if (c == PV_OK) {
			assert_string_equal(a.user.s, addresses[i].user);
			assert_string_equal(a.domain.s, addresses[i].domain);
		} else {
			assert_string_equal(e.status, addresses[i].status);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domains_as_typed),
		cmocka_unit_test(long_ones_end_in_a_refusal),
		cmocka_unit_test(labels_are_measured_as_a_labels),
		cmocka_unit_test(addresses_as_typed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
