/* store_texts_test.c: what is said is the domain's own text, else the host's, else built in; and one harmless
 * line. */
#include "store_faults.h"

#include "store/texts.h"

static const struct pv_text_words words = { .user = "abc", .domain = "kvt.dk", .number = "93" };

static struct pv_store store;
static struct pv_folder folder;

static void open_both(const struct scratch *s)
{
	struct pv_error e;

	open_kvt(s, &folder);
	if (pv_store_open(s->path, &store, &e) != PV_OK)
		fail_msg("%s", e.text);
}

static void close_both(void)
{
	pv_folder_close(&folder);
	pv_store_close(&store);
}

static const char *load(enum pv_text t, const char *language, bool own)
{
	static char kept[4096];
	struct pv_buf out = PV_BUF_INIT(4 * PV_TEXT_MAX);

	bool found = pv_text_load(&store, &folder, t, language, &words, &out);
	if (found != own)
		fail_msg("%s, %s: own %d: %s", pv_text_name(t), language, found, out.s);
	(void)snprintf(kept, sizeof kept, "%s", out.s);
	pv_buf_free(&out);
	return kept;
}

static const char *line_of(enum pv_text t, const char *language)
{
	static char line[200];

	pv_text_line(&store, &folder, t, language, &words, line, sizeof line);
	return line;
}

/* Each place goes before the ones behind it. */
static void texts_are_looked_for_in_order(void **state)
{
	static const char *const places[] = { "kvt.dk/messages/no-user.en", "kvt.dk/.no-user.msg",
					      "messages/no-user.en", ".no-user.msg" };
	const struct scratch *s = *state;

	open_both(s);
	put_folder(s, "kvt.dk/messages", ACCOUNT, 0700);
	put_folder(s, "messages", 0, 0755);
	assert_string_equal(load(PV_TEXT_NO_USER, "en", false), "no such user here");
	for (size_t i = sizeof places / sizeof *places; i-- > 0;) {
		put(s, places[i], places[i], i < 2 ? ACCOUNT : 0, 0644);
		assert_string_equal(load(PV_TEXT_NO_USER, "en", true), places[i]);
	}
	/* Another language, another text, and where it is not looked for. */
	assert_string_equal(load(PV_TEXT_NO_USER, "da", true), places[1]);
	assert_string_equal(load(PV_TEXT_OVER_QUOTA, "en", false), "the mailbox is full");
	struct pv_buf out = PV_BUF_INIT(1000);
	assert_true(pv_text_load(&store, NULL, PV_TEXT_NO_USER, "en", NULL, &out));
	assert_string_equal(out.s, places[2]);
	pv_buf_reset(&out);
	assert_true(pv_text_load(NULL, &folder, PV_TEXT_NO_USER, "en", NULL, &out));
	assert_string_equal(out.s, places[0]);
	pv_buf_reset(&out);
	assert_false(pv_text_load(NULL, NULL, PV_TEXT_NO_USER, "en", NULL, &out));
	assert_string_equal(out.s, "no such user here");
	pv_buf_free(&out);
	put(s, "kvt.dk/.over-quota.msg", "no room\n", ACCOUNT, 0600);
	assert_string_equal(load(PV_TEXT_OVER_QUOTA, "da", true), "no room\n");
	close_both();
}

static void what_cannot_be_trusted_is_missing(void **state)
{
	const struct scratch *s = *state;
	static char large[PV_TEXT_MAX + 2];

	open_both(s);
	put_folder(s, "kvt.dk/messages", ACCOUNT, 0700);
	put(s, "kvt.dk/messages/closed.en", "mine", ACCOUNT, 0600);
	assert_string_equal(load(PV_TEXT_CLOSED, "en", true), "mine");
	put_folder(s, "kvt.dk/messages", ACCOUNT, 0770);
	(void)load(PV_TEXT_CLOSED, "en", false);
	put_folder(s, "kvt.dk/messages", STRANGER, 0700);
	(void)load(PV_TEXT_CLOSED, "en", false);
	put_folder(s, "kvt.dk/messages", ACCOUNT, 0700);
	(void)load(PV_TEXT_CLOSED, "en", true);
	put(s, "kvt.dk/messages/closed.en", "forged", STRANGER, 0644);
	(void)load(PV_TEXT_CLOSED, "en", false);
	put(s, "kvt.dk/messages/closed.en", "", ACCOUNT, 0600);
	(void)load(PV_TEXT_CLOSED, "en", false);
	put(s, "kvt.dk/messages/closed.en", " \r\n\t\n", ACCOUNT, 0600);
	(void)load(PV_TEXT_CLOSED, "en", false);
	memset(large, 'x', sizeof large - 1);
	put(s, "kvt.dk/messages/closed.en", large, ACCOUNT, 0600);
	(void)load(PV_TEXT_CLOSED, "en", false);
	scratch_write(s, "kvt.dk/messages/closed.en", "a\0b", 3);
	(void)load(PV_TEXT_CLOSED, "en", false);
	assert_int_equal(unlinkat(s->fd, "kvt.dk/messages/closed.en", 0), 0);
	assert_int_equal(mkfifoat(s->fd, "kvt.dk/messages/closed.en", 0600), 0);
	(void)load(PV_TEXT_CLOSED, "en", false);
	put(s, "kvt.dk/.no-user.msg", "forged", STRANGER, 0644);
	(void)load(PV_TEXT_NO_USER, "en", false);
	close_both();
}

static void tokens_are_replaced(void **state)
{
	static const struct {
		const char *text, *result;
	} table[] = {
		{ "%u@%d %p%%", "abc@kvt.dk 93%" },
		{ "%", "%" },
		{ "100% full", "100% full" },
		{ "%x%n%s", "%x%n%s" },
		{ "%%u", "%u" },
		{ "%%%u%", "%abc%" },
		{ "%U", "%U" },
	};
	const struct scratch *s = *state;

	open_both(s);
	put_folder(s, "kvt.dk/messages", ACCOUNT, 0700);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		put(s, "kvt.dk/messages/warning.en", table[i].text, ACCOUNT, 0600);
		assert_string_equal(load(PV_TEXT_WARNING, "en", true), table[i].result);
	}
	/* A word is no text: what a sender made up brings neither tokens nor lines. */
	const struct pv_text_words hostile = { .user = "a%d\r\nBcc: x\x1b\xc3\xa6",
					       .domain = NULL,
					       .number = NULL };
	struct pv_buf out = PV_BUF_INIT(1000);
	put(s, "kvt.dk/messages/warning.en", "<%u> <%d> <%p>", ACCOUNT, 0600);
	(void)pv_text_load(&store, &folder, PV_TEXT_WARNING, "en", &hostile, &out);
	assert_string_equal(out.s, "<a%d??Bcc: x?\xc3\xa6> <> <>");
	pv_buf_free(&out);
	close_both();
}

static void a_line_is_one_line_of_ascii(void **state)
{
	static const struct {
		const char *text, *line;
	} table[] = {
		{ "one", "one" },
		{ "one\n", "one" },
		{ "\n\n one\r\n  two \n\n\nthree\n\n", "one two three" },
		{ "Gr\xc3\xb8nl\xc3\xa6nder p\xc3\xa5 \xc3\x86r\xc3\xb8 \xc3\x98 \xc3\x85",
		  "Groenlaender paa Aeroe Oe Aa" },
		{ "\xc3\xbc\xff\x1b[2J\t\x7f", "????[2J??" },
		{ "\xc3", "?" },
	};
	char line[10], many[300];
	const struct scratch *s = *state;

	open_both(s);
	put_folder(s, "kvt.dk/messages", ACCOUNT, 0700);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		put(s, "kvt.dk/messages/no-user.en", table[i].text, ACCOUNT, 0600);
		if (strcmp(line_of(PV_TEXT_NO_USER, "en"), table[i].line) != 0)
			fail_msg("row %zu: `%s`", i, line_of(PV_TEXT_NO_USER, "en"));
	}
	/* Cut at the end, inside of two letters for one too. */
	static const char *const cut[] = { "12345678\xc3\xa6", "1234567890\xc3\xa6", "12345678\n9" };
	static const char *const want[] = { "12345678a", "123456789", "12345678 " };
	for (size_t i = 0; i < 3; i++) {
		put(s, "kvt.dk/messages/no-user.en", cut[i], ACCOUNT, 0600);
		pv_text_line(&store, &folder, PV_TEXT_NO_USER, "en", NULL, line, sizeof line);
		assert_string_equal(line, want[i]);
	}
	pv_text_line(&store, &folder, PV_TEXT_NO_USER, "en", NULL, line, 1);
	assert_string_equal(line, "");
	memset(many, 'u', sizeof many - 1);
	many[sizeof many - 1] = '\0';
	put(s, "kvt.dk/messages/no-user.en", "%u%u", ACCOUNT, 0600);
	pv_text_line(&store, &folder, PV_TEXT_NO_USER, "en",
		     &(struct pv_text_words){ .user = many, .domain = "kvt.dk", .number = NULL }, line,
		     sizeof line);
	assert_string_equal(line, "uuuuuuuuu");
	close_both();
}

/* Built in: all, in both languages; the ones for replies are a line of ASCII, the others are UTF-8. */
static void every_text_is_built_in(void **state)
{
	open_both(*state);
	for (enum pv_text t = PV_TEXT_NO_USER; t <= PV_TEXT_VACATION; t++) {
		char english[1000];
		assert_non_null(pv_text_name(t));
		(void)snprintf(english, sizeof english, "%s", load(t, "en", false));
		const char *danish = load(t, "da", false);
		assert_true(english[0] != '\0' && danish[0] != '\0');
		assert_string_not_equal(english, danish);
		bool whole = t >= PV_TEXT_WARNING;
		assert_int_equal(strchr(english, '\n') != NULL, whole);
		assert_int_equal(strchr(danish, '\n') != NULL, whole);
		if (!whole) {
			assert_null(strchr(line_of(t, "da"), '?'));
			assert_string_equal(line_of(t, "en"), english);
		}
	}
	assert_string_equal(line_of(PV_TEXT_EXPIRED, "da"), "denne adresse bruges ikke laengere");
	assert_non_null(strstr(load(PV_TEXT_WARNING, "en", false), "abc@kvt.dk is 93 percent full"));
	assert_non_null(
		strstr(load(PV_TEXT_WARNING_DOMAIN, "en", false), "of kvt.dk together are 93 percent full"));
	assert_non_null(strstr(load(PV_TEXT_NO_ROOM, "da", false), "abc@kvt.dk: 93 procent"));
	assert_ptr_equal(strstr(load(PV_TEXT_VACATION, "da", false), "Subject: "),
			 load(PV_TEXT_VACATION, "da", false));
	/* Anything but Danish is English. */
	assert_string_equal(load(PV_TEXT_NO_USER, "", false), "no such user here");
	close_both();
}

static void the_language_is_the_own_or_the_hosts(void **state)
{
	const struct scratch *s = *state;

	put(s, "virtual.conf", "language = da\n", 0, 0644);
	open_both(s);
	assert_string_equal(pv_text_language(&store, "en"), "en");
	assert_string_equal(pv_text_language(&store, ""), "da");
	close_both();
}

/* No failing call is told, and none leaves a descriptor open; what comes is the text or the built-in one. */
static void a_failing_call_is_no_reason_not_to_deliver(void **state)
{
	static const char *const names[] = { "openat", "fstat",	  "fstatat", "read",
					     "close",  "realloc", "malloc" };
	const struct scratch *s = *state;
	unsigned faults = 0;

	open_both(s);
	put_folder(s, "kvt.dk/messages", ACCOUNT, 0700);
	put(s, "kvt.dk/messages/closed.en", "mine", ACCOUNT, 0600);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (unsigned nth = 1;; nth++) {
			char line[100];
			unsigned before = open_descriptors();
			fault.call = names[i], fault.nth = nth, fault.seen = 0, fault.err = EIO;
			pv_text_line(&store, &folder, PV_TEXT_CLOSED, "en", &words, line, sizeof line);
			bool met = fault.seen >= nth;
			fault.call = NULL;
			assert_int_equal(open_descriptors(), before);
			assert_true(strcmp(line, "mine") == 0 || line[0] == '\0' ||
				    strcmp(line, "Mail cannot be fetched from this mailbox") == 0);
			if (!met) {
				assert_string_equal(line, "mine");
				break;
			}
			faults++;
		}
	assert_true(faults > 6);
	close_both();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(texts_are_looked_for_in_order),
		T(what_cannot_be_trusted_is_missing),
		T(tokens_are_replaced),
		T(a_line_is_one_line_of_ascii),
		T(every_text_is_built_in),
		T(the_language_is_the_own_or_the_hosts),
		T(a_failing_call_is_no_reason_not_to_deliver),
	};

	return cmocka_run_group_tests_name("store_texts", tests, NULL, NULL);
}
