/*
 * For whom a message is: by the argument, or by the line that local(8) put on top.
 */
#include "store_faults.h"

#include "../../virtual-deliver/recipient.h"

#include <sys/stat.h>

static void make_tree(const struct scratch *s)
{
	put_folder(s, "kvt.dk", ACCOUNT, 0700);
	put_folder(s, "all.dk", ACCOUNT, 0700);
	put_folder(s, "b--c.dk", ACCOUNT, 0700);
	put_folder(s, "c.dk", ACCOUNT, 0700);
	put_folder(s, "xn--kbenhavn-54a.dk", ACCOUNT, 0700);
	put_folder(s, "d--e.dk", ACCOUNT, 0700);
	put_folder(s, "theirs.dk", STRANGER, 0700);
	put_folder(s, "open.dk", ACCOUNT, 0777);
	put(s, "domains", "kvt.dk sub_domains=yes\nkvt.org alias_of=kvt.dk\nour.org alias_of=theirs.dk\n", 0,
	    0644);
}

/* What came of it: `user@domain`, `own NAME`, or (deferred) a part of the sentence. */
struct row {
	const char *sentence;
	const char *argument, *original, *delivered_to, *extension;
	const char *to, *address;
};

#define AT "@virtual.invalid"

static const struct row rows[] = {
	/* the argument */
	{ "the argument", "abc@kvt.dk", NULL, "kvt_dk+abc--kvt.dk" AT, "abc--kvt.dk", "abc@kvt.dk",
	  "abc@kvt.dk" },
	{ "the argument alone", "abc@kvt.dk", NULL, NULL, NULL, "abc@kvt.dk", "abc@kvt.dk" },
	{ "the argument goes before everything", "abc@kvt.dk", NULL, "kvt_dk+kvt--all.dk" AT, "x",
	  "abc@kvt.dk", "abc@kvt.dk" },
	{ "capitals in the argument", "ABC@KVT.DK", NULL, NULL, NULL, "ABC@kvt.dk", "ABC@kvt.dk" },
	{ "a domain of nobody in the argument is a matter of the route", "abc@nowhere.dk", NULL, NULL, NULL,
	  "abc@nowhere.dk", "abc@nowhere.dk" },
	{ "a quoted argument with an @", "\"a@b\"@kvt.dk", NULL, NULL, NULL, "a@b@kvt.dk", "\"a@b\"@kvt.dk" },
	{ "an argument without a domain", "abc", NULL, NULL, NULL, "is not user@domain", NULL },
	{ "an argument without a user", "@kvt.dk", NULL, NULL, NULL, "is not user@domain", NULL },
	{ "an empty argument", "", NULL, NULL, NULL, "is not user@domain", NULL },
	{ "an argument with a domain that is none", "abc@..", NULL, NULL, NULL, "domain", NULL },
	{ "an argument with a path", "abc@../../etc", NULL, NULL, NULL, "domain", NULL },
	/* Delivered-To */
	{ "account+user--domain", NULL, NULL, "kvt_dk+abc--kvt.dk" AT, "abc--kvt.dk", "abc@kvt.dk",
	  "abc@kvt.dk" },
	{ "capitals", NULL, NULL, "KVT_DK+ABC--KVT.dk" AT, "abc--kvt.dk", "ABC@kvt.dk", "ABC@kvt.dk" },
	{ "account+user--domain+tag", NULL, NULL, "kvt_dk+abc--kvt.dk+tag" AT, "abc--kvt.dk+tag",
	  "abc+tag@kvt.dk", "abc@kvt.dk" },
	{ "2002's account+user+tag--domain", NULL, NULL, "kvt_dk+abc+tag--kvt.dk" AT, "abc+tag--kvt.dk",
	  "abc+tag@kvt.dk", "abc@kvt.dk" },
	{ "a sub-domain of 2002", NULL, NULL, "kvt_dk+abc--y.z.kvt.dk" AT, "abc--y.z.kvt.dk",
	  "abc@y.z.kvt.dk", "abc@y.z.kvt.dk" },
	{ "a domain alias", NULL, NULL, "kvt_dk+abc--kvt.org" AT, "abc--kvt.org", "abc@kvt.org",
	  "abc@kvt.org" },
	{ "an A-label", NULL, NULL, "kvt_dk+abc--xn--kbenhavn-54a.dk" AT, "abc--xn--kbenhavn-54a.dk",
	  "abc@xn--kbenhavn-54a.dk", "abc@xn--kbenhavn-54a.dk" },
	{ "a user with two hyphens", NULL, NULL, "kvt_dk+a--b--kvt.dk" AT, "a--b--kvt.dk", "a--b@kvt.dk",
	  "a--b@kvt.dk" },
	{ "two readings, both ours", NULL, NULL, "kvt_dk+a--b--c.dk" AT, "a--b--c.dk",
	  "can be read as two addresses", NULL },
	{ "two readings, one ours", NULL, NULL, "kvt_dk+a--d--e.dk" AT, "a--d--e.dk", "a@d--e.dk",
	  "a@d--e.dk" },
	{ "a tag that looks like a second address", NULL, NULL, "kvt_dk+abc--kvt.dk+x--all.dk" AT,
	  "abc--kvt.dk+x--all.dk", "abc+x--all.dk@kvt.dk", "abc@kvt.dk" },
	{ "a tag that is a domain", NULL, NULL, "kvt_dk+abc--kvt.dk+--kvt.dk" AT, "abc--kvt.dk+--kvt.dk",
	  "abc+--kvt.dk@kvt.dk", "abc@kvt.dk" },
	{ "an empty tag", NULL, NULL, "kvt_dk+abc--kvt.dk+" AT, "abc--kvt.dk+", "abc+@kvt.dk", "abc@kvt.dk" },
	{ "a tag in quotes", NULL, "\"abc+ y\"@kvt.dk", "\"kvt_dk+abc--kvt.dk+ y\"" AT, "abc--kvt.dk+_y",
	  "abc+ y@kvt.dk", "\"abc+ y\"@kvt.dk" },
	{ "a tag with a quote and a backslash", NULL, NULL, "\"kvt_dk+abc--kvt.dk+\\\"\\\\x\"" AT,
	  "abc--kvt.dk+__x", "abc+\"\\x@kvt.dk", "abc@kvt.dk" },
	{ "a catch-all in quotes", NULL, "\"a b\"@all.dk", "\"kvt_dk+--all.dk+ x\"" AT, "--all.dk+_x",
	  "a b@all.dk", "\"a b\"@all.dk" },
	{ "a catch-all in quotes, with a tag, a quote and a backslash", NULL, "\"a\\\"\\\\b+ t\"@all.dk",
	  "kvt_dk+--all.dk" AT, "--all.dk", "a\"\\b+ t@all.dk", "\"a\\\"\\\\b+ t\"@all.dk" },
	{ "a catch-all, nothing in quotes", NULL, "\"\"@all.dk", "kvt_dk+--all.dk" AT, "--all.dk", "@all.dk",
	  "\"\"@all.dk" },
	{ "a tag in quotes that only the true address has", NULL, "\"abc+ y\"@kvt.dk",
	  "kvt_dk+abc--kvt.dk" AT, "abc--kvt.dk", "abc+ y@kvt.dk", "\"abc+ y\"@kvt.dk" },
	{ "a tag with a letter that Postfix makes longer", NULL, NULL, "kvt_dk+abc--kvt.dk+\xc3\x9f.x" AT,
	  "abc--kvt.dk+sss.x", "abc+\xc3\x9f.x@kvt.dk", "abc@kvt.dk" },
	{ "such a letter, and EXTENSION says another user", NULL, NULL, "kvt_dk+abc--kvt.dk+\xc3\x9f" AT,
	  "abd--kvt.dk+ss", "the environment's EXTENSION", NULL },
	{ "such a letter, and EXTENSION says too little", NULL, NULL, "kvt_dk+abc--kvt.dk+\xc3\x9f" AT,
	  "abc--kvt.dk", "the environment's EXTENSION", NULL },
	{ "one quote", NULL, NULL, "\"" AT, NULL, "user's name", NULL },
	{ "a domain that is another account's", NULL, NULL, "kvt_dk+abc--theirs.dk" AT, "abc--theirs.dk",
	  "names no domain", NULL },
	{ "an alias of another account's", NULL, NULL, "kvt_dk+abc--our.org" AT, "abc--our.org",
	  "names no domain", NULL },
	{ "a domain of nobody", NULL, NULL, "kvt_dk+abc--nowhere.dk" AT, "abc--nowhere.dk", "names no domain",
	  NULL },
	{ "a folder that others may write", NULL, NULL, "kvt_dk+abc--open.dk" AT, "abc--open.dk", "open.dk",
	  NULL },
	{ "a catch-all, with the true address", NULL, "any.One@all.dk", "kvt_dk+--all.dk" AT, "--all.dk",
	  "any.One@all.dk", "any.One@all.dk" },
	{ "a catch-all, the true address in a sub-domain", NULL, "any@sub.all.dk", "kvt_dk+--all.dk" AT,
	  "--all.dk", "any@all.dk", "any@sub.all.dk" },
	{ "a catch-all without the true address", NULL, NULL, "kvt_dk+--all.dk" AT, "--all.dk", "@all.dk",
	  "@all.dk" },
	{ "a catch-all, X-Original-To of another domain of ours", NULL, "any@kvt.dk", "kvt_dk+--all.dk" AT,
	  "--all.dk", "@all.dk", "@all.dk" },
	{ "a catch-all, X-Original-To without an @", NULL, "any", "kvt_dk+--all.dk" AT, "--all.dk", "@all.dk",
	  "@all.dk" },
	/* X-Original-To */
	{ "the original with a tag that Postfix took off", NULL, "Abc+tag@kvt.dk", "kvt_dk+abc--kvt.dk" AT,
	  "abc--kvt.dk", "Abc+tag@kvt.dk", "Abc+tag@kvt.dk" },
	{ "the same with an argument", "abc@kvt.dk", "abc+tag@kvt.dk", "kvt_dk+abc--kvt.dk" AT, "abc--kvt.dk",
	  "abc+tag@kvt.dk", "abc+tag@kvt.dk" },
	{ "the original with a tag that is not all", NULL, "abc+x@kvt.dk", "kvt_dk+abc--kvt.dk+y" AT,
	  "abc--kvt.dk+y", "abc+y@kvt.dk", "abc+x@kvt.dk" },
	{ "the original with a name that begins alike", NULL, "abcd+x@kvt.dk", "kvt_dk+abc--kvt.dk" AT,
	  "abc--kvt.dk", "abc@kvt.dk", "abcd+x@kvt.dk" },
	{ "the original in a sub-domain", "abc@kvt.dk", "abc@y.z.kvt.dk", "kvt_dk+abc--kvt.dk" AT, NULL,
	  "abc@kvt.dk", "abc@y.z.kvt.dk" },
	{ "the original in a domain alias", "abc@kvt.dk", "abc@kvt.org", "x" AT, NULL, "abc@kvt.dk",
	  "abc@kvt.org" },
	{ "the original is another user's: shown, not believed", "abc@kvt.dk", "sales@kvt.dk", "x" AT, NULL,
	  "abc@kvt.dk", "sales@kvt.dk" },
	{ "a forged original of the host's", "abc@kvt.dk", "root@localhost", "x" AT, NULL, "abc@kvt.dk",
	  "abc@kvt.dk" },
	{ "a forged original of another account's", "abc@kvt.dk", "abc@theirs.dk", "x" AT, NULL, "abc@kvt.dk",
	  "abc@kvt.dk" },
	{ "a forged original in an alias of another's", "abc@kvt.dk", "abc@our.org", "x" AT, NULL,
	  "abc@kvt.dk", "abc@kvt.dk" },
	{ "a forged original with a path", "abc@kvt.dk", "abc@../kvt.dk", "x" AT, NULL, "abc@kvt.dk",
	  "abc@kvt.dk" },
	{ "an original with control characters", "abc@kvt.dk", "a\x1b\x7f\tb@kvt.dk", "x" AT, NULL,
	  "abc@kvt.dk", "a???b@kvt.dk" },
	{ "an original with 8-bit bytes", "abc@kvt.dk", "\xc3\xb8l@kvt.dk", "x" AT, NULL, "abc@kvt.dk",
	  "\xc3\xb8l@kvt.dk" },
	/* EXTENSION */
	{ "no EXTENSION (pipe)", NULL, NULL, "kvt_dk+abc--kvt.dk" AT, NULL, "abc@kvt.dk", "abc@kvt.dk" },
	{ "an empty EXTENSION", NULL, NULL, "kvt_dk+abc--kvt.dk" AT, "", "abc@kvt.dk", "abc@kvt.dk" },
	{ "EXTENSION is filtered", NULL, "o'c@all.dk", "kvt_dk+--all.dk+o'c$" AT, "--all.dk+o_c_",
	  "o'c@all.dk", "o'c@all.dk" },
	{ "EXTENSION says another user", NULL, NULL, "kvt_dk+abc--kvt.dk" AT, "abd--kvt.dk",
	  "the environment's EXTENSION", NULL },
	{ "EXTENSION says more", NULL, NULL, "kvt_dk+abc--kvt.dk" AT, "abc--kvt.dk+x",
	  "the environment's EXTENSION", NULL },
	{ "EXTENSION, but none in Delivered-To", NULL, NULL, "kvt_dk@host.example", "abc--kvt.dk",
	  "the environment's EXTENSION", NULL },
	/* the account's own mail */
	{ "no extension at all", NULL, NULL, "kvt_dk@host.example", NULL, "own kvt_dk",
	  "kvt_dk@host.example" },
	{ "an extension of the account's own", NULL, NULL, "kvt_dk+lists@host.example", "lists", "own kvt_dk",
	  "kvt_dk+lists@host.example" },
	{ "an extension that is only a bit like one", NULL, NULL, "kvt_dk+a--b@host.example", "a--b",
	  "own kvt_dk", "kvt_dk+a--b@host.example" },
	{ "an account with capitals", NULL, NULL, "KVT_DK@host.example", NULL, "own kvt_dk",
	  "KVT_DK@host.example" },
	{ "an account that is no name", NULL, NULL, "../etc@host.example", NULL, "user's name", NULL },
	/* nothing */
	{ "no argument and no Delivered-To", NULL, "abc@kvt.dk", NULL, "abc--kvt.dk", "no recipient", NULL },
	{ "a Delivered-To without an @", NULL, "abc@kvt.dk", "kvt_dk", NULL, "no recipient", NULL },
	{ "an empty Delivered-To", NULL, NULL, "", NULL, "no recipient", NULL },
};

static struct slice slice_of(const char *s)
{
	return (struct slice){ .s = s, .len = s != NULL ? strlen(s) : 0 };
}

static enum pv_class find(const struct pv_store *store, const struct row *row, struct recipient *r,
			  struct pv_error *e)
{
	const struct hop h = { .original = slice_of(row->original),
			       .recipient = slice_of(row->delivered_to) };

	(void)unsetenv("EXTENSION");
	if (row->extension != NULL)
		assert_int_equal(setenv("EXTENSION", row->extension, 1), 0);
	return recipient_find(store, ACCOUNT, row->argument, &h, r, e);
}

static void show(const struct recipient *r, char *out, size_t size)
{
	if (r->own)
		(void)snprintf(out, size, "own %s", r->account.s);
	else
		(void)snprintf(out, size, "%.*s@%s", (int)r->to.local_len, r->to.local, r->to.domain.s);
}

static void addresses(void **state)
{
	const struct scratch *s = *state;
	struct pv_store store;
	struct recipient r;
	char shown[1024];

	make_tree(s);
	assert_int_equal(pv_store_open(s->path, &store, NULL), PV_OK);
	for (const struct row *row = rows; row < rows + sizeof rows / sizeof *rows; row++) {
		struct pv_error e = { .text = "" };
		enum pv_class c = find(&store, row, &r, &e);
		if (c != PV_OK) {
			if (c != PV_TEMPORARY || row->address != NULL || strstr(e.text, row->to) == NULL)
				fail_msg("%s: class %d, `%s`, want `%s`", row->sentence, (int)c, e.text,
					 row->to);
			continue;
		}
		show(&r, shown, sizeof shown);
		if (row->address == NULL || strcmp(shown, row->to) != 0 ||
		    strcmp(r.address, row->address) != 0)
			fail_msg("%s: `%s` and `%s`, want `%s` and `%s`", row->sentence, shown, r.address,
				 row->to, row->address != NULL ? row->address : "");
	}
	pv_store_close(&store);
}

struct once {
	const struct scratch *s;
	const struct row *row;
};

static enum pv_class once(void *ctx, bool *right_r, struct pv_error *e)
{
	const struct once *o = ctx;
	struct pv_store store;
	struct recipient r;
	char shown[1024];

	enum pv_class c = pv_store_open(o->s->path, &store, e);
	if (c != PV_OK)
		return c;
	if ((c = find(&store, o->row, &r, e)) == PV_OK) {
		show(&r, shown, sizeof shown);
		/* What X-Original-To says may be lost: it is for people. The recipient may not. */
		*right_r = strcmp(shown, o->row->to) == 0 ||
			   (o->row->to[0] != '@' && shown[0] == '@' && o->row->original != NULL);
	}
	pv_store_close(&store);
	return c;
}

static void a_fault_never_makes_another_recipient(void **state)
{
	struct once o = { .s = *state };
	unsigned faults = 0;

	make_tree(o.s);
	for (const struct row *row = rows; row < rows + sizeof rows / sizeof *rows; row++)
		if (row->address != NULL && row->argument == NULL && row->original == NULL) {
			o.row = row;
			faults += with_every_fault(once, &o);
		}
	assert_true(faults > 500);
}

/* Longer than any address: still in one piece, with its NUL. */
static void long_originals(void **state)
{
	const struct scratch *s = *state;
	struct pv_store store;
	struct recipient r;
	char original[3000];

	make_tree(s);
	assert_int_equal(pv_store_open(s->path, &store, NULL), PV_OK);
	for (size_t len = 480; len < sizeof original - 10; len += len < 520 ? 1 : 400) {
		memset(original, 'x', len);
		(void)snprintf(original + len, 8, "@kvt.dk");
		const struct row row = { .argument = "abc@kvt.dk", .original = original };
		assert_int_equal(find(&store, &row, &r, NULL), PV_OK);
		assert_string_equal(r.address, len + 7 < sizeof r.address ? original : "abc@kvt.dk");
	}
	pv_store_close(&store);
}

/* An extension is as long as a sender likes: the tag is his. */
static void long_tags(void **state)
{
	const struct scratch *s = *state;
	struct pv_store store;
	struct recipient r;
	char extension[2100], delivered_to[2200];

	make_tree(s);
	assert_int_equal(pv_store_open(s->path, &store, NULL), PV_OK);
	for (size_t len = 1; len < 2000; len += len < 600 ? 7 : 300) {
		(void)snprintf(extension, sizeof extension, "abc--kvt.dk+%0*d", (int)len, 0);
		(void)snprintf(delivered_to, sizeof delivered_to, "kvt_dk+%s" AT, extension);
		const struct row row = { .delivered_to = delivered_to, .extension = extension };
		struct pv_error e = { .text = "" };
		if (find(&store, &row, &r, &e) != PV_OK)
			fail_msg("a tag of %zu bytes: %s", len, e.text);
		assert_string_equal(r.address, "abc@kvt.dk");
	}
	pv_store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(addresses, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_fault_never_makes_another_recipient, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(long_originals, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(long_tags, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
