/*
 * What local(8) put on top is read; what a sender wrote below it is not.
 */
#include "scratch.h"

#include "../../virtual-deliver/hop.h"

#define FROM "From s@x  Fri Nov 20 09:56:12 2026\n"
#define PATH "Return-Path: <s@x>\n"
#define ORIGINAL "X-Original-To: abc@kvt.dk\n"
#define TO "Delivered-To: kvt_dk+abc--kvt.dk@virtual.invalid\n"

static const struct row {
	const char *sentence, *message;
	const char *sender, *original, *recipient; /* NULL: no such line */
	const char *rest;			   /* where the message begins */
} rows[] = {
	{ "all four lines", FROM PATH ORIGINAL TO "Subject: x\n", "s@x", "abc@kvt.dk",
	  "kvt_dk+abc--kvt.dk@virtual.invalid", "Subject: x\n" },
	{ "no line at all", "Subject: x\n", NULL, NULL, NULL, "Subject: x\n" },
	{ "an empty input", "", NULL, NULL, NULL, "" },
	{ "nothing behind them", FROM PATH ORIGINAL TO, "s@x", "abc@kvt.dk",
	  "kvt_dk+abc--kvt.dk@virtual.invalid", "" },
	{ "no X-Original-To (enable_original_recipient = no)", FROM PATH TO "A: b\n", "s@x", NULL,
	  "kvt_dk+abc--kvt.dk@virtual.invalid", "A: b\n" },
	{ "a sender's X-Original-To behind the real Delivered-To", FROM PATH TO ORIGINAL "A: b\n", "s@x",
	  NULL, "kvt_dk+abc--kvt.dk@virtual.invalid", ORIGINAL "A: b\n" },
	{ "a sender's second Delivered-To", FROM PATH ORIGINAL TO "Delivered-To: me@evil\n", "s@x",
	  "abc@kvt.dk", "kvt_dk+abc--kvt.dk@virtual.invalid", "Delivered-To: me@evil\n" },
	{ "a sender's second X-Original-To", FROM PATH ORIGINAL ORIGINAL TO, "s@x", "abc@kvt.dk", NULL,
	  ORIGINAL TO },
	{ "a Delivered-To behind a Received", FROM PATH "Received: x\n" TO, "s@x", NULL, NULL,
	  "Received: x\n" TO },
	{ "a Delivered-To behind an empty line", FROM PATH "\n" TO, "s@x", NULL, NULL, "\n" TO },
	{ "a Return-Path behind X-Original-To", FROM ORIGINAL PATH TO, "s@x", "abc@kvt.dk", NULL, PATH TO },
	{ "another From_ line behind the first", FROM FROM PATH, "s@x", NULL, NULL, FROM PATH },
	{ "other case", FROM "RETURN-path: <s@x>\nx-original-TO: abc@kvt.dk\ndelivered-to: a@b\nZ: 1\n",
	  "s@x", "abc@kvt.dk", "a@b", "Z: 1\n" },
	{ "the null sender", "From MAILER-DAEMON  Fri Nov 20 09:56:12 2026\nReturn-Path: <>\n" TO, "", NULL,
	  "kvt_dk+abc--kvt.dk@virtual.invalid", "" },
	{ "the null sender, in the From_ line alone", "From MAILER-DAEMON  Fri Nov 20 09:56:12 2026\n" TO, "",
	  NULL, "kvt_dk+abc--kvt.dk@virtual.invalid", "" },
	{ "a sender in the From_ line alone", FROM TO, "s@x", NULL, "kvt_dk+abc--kvt.dk@virtual.invalid",
	  "" },
	{ "a sender with blanks", "From \"a b\"@x  Fri Nov 20 09:56:12 2026\n" TO, "\"a b\"@x", NULL,
	  "kvt_dk+abc--kvt.dk@virtual.invalid", "" },
	{ "a From_ line without a date", "From s@x\n" TO, "s@x", NULL, "kvt_dk+abc--kvt.dk@virtual.invalid",
	  "" },
	{ "an empty Return-Path", FROM "Return-Path:\n" TO, "", NULL, "kvt_dk+abc--kvt.dk@virtual.invalid",
	  "" },
	{ "brackets around all addresses",
	  FROM "Return-Path: <s@x>\nX-Original-To: <o@x>\nDelivered-To: <d@x>\n", "s@x", "o@x", "d@x", "" },
	{ "blanks around a value", FROM PATH "X-Original-To: \t o@x \t\nDelivered-To:d@x\r\n", "s@x", "o@x",
	  "d@x", "" },
	{ "a folded X-Original-To is none of local(8)'s", FROM PATH "X-Original-To: o@x\n y\n" TO, "s@x",
	  NULL, NULL, "X-Original-To: o@x\n y\n" TO },
	{ "a line without its newline is not read", FROM PATH "Delivered-To: d@x", "s@x", NULL, NULL,
	  "Delivered-To: d@x" },
	{ "a name that only begins like one", FROM "Return-Pathological: x\n", "s@x", NULL, NULL,
	  "Return-Pathological: x\n" },
	{ "From: is no From_ line", "From: a@b\n", NULL, NULL, NULL, "From: a@b\n" },
};

static bool same(struct slice got, const char *want)
{
	if (got.s == NULL || want == NULL)
		return got.s == NULL && want == NULL;
	return got.len == strlen(want) && memcmp(got.s, want, got.len) == 0;
}

static void tops(void **state)
{
	struct hop h;

	(void)state;
	for (const struct row *r = rows; r < rows + sizeof rows / sizeof *rows; r++) {
		/* A copy without a NUL behind it: a read too far is seen by the sanitizers. */
		size_t len = strlen(r->message);
		char *message = malloc(len + 1);
		assert_non_null(message);
		char *exact = message + 1;
		memcpy(exact, r->message, len);
		hop_parse(exact, len, &h);
		if (!same(h.sender, r->sender) || !same(h.original, r->original) ||
		    !same(h.recipient, r->recipient))
			fail_msg("%s: sender `%.*s`, original `%.*s`, recipient `%.*s`", r->sentence,
				 (int)h.sender.len, h.sender.s, (int)h.original.len, h.original.s,
				 (int)h.recipient.len, h.recipient.s);
		if (len - h.length != strlen(r->rest) ||
		    memcmp(exact + h.length, r->rest, len - h.length) != 0)
			fail_msg("%s: the message begins at %zu", r->sentence, h.length);
		free(message);
	}
}

/* Cut anywhere, it is read without going beyond the end, and never more than whole lines. */
static void cut_anywhere(void **state)
{
	static const char whole[] = FROM PATH ORIGINAL TO "Subject: x\n\nbody\n";
	struct hop h;

	(void)state;
	for (size_t len = 0; len < sizeof whole; len++) {
		char *exact = malloc(len != 0 ? len : 1);
		assert_non_null(exact);
		memcpy(exact, whole, len);
		hop_parse(exact, len, &h);
		assert_true(h.length <= len);
		assert_true(h.length == 0 || exact[h.length - 1] == '\n');
		assert_true(h.delivered_to.s == NULL || len >= strlen(FROM PATH ORIGINAL TO));
		free(exact);
	}
}

/* A NUL, or any other byte, in a value belongs to it. */
static void any_byte(void **state)
{
	struct hop h;

	(void)state;
	for (int b = 0; b < 256; b++) {
		char message[] =
			"From s@x  Fri Nov 20 09:56:12 2026\nReturn-Path: <a?b@x>\nDelivered-To: a?b@x\n";
		if (b == '\n')
			continue;
		for (char *p = message; (p = strchr(p, '?')) != NULL; p++)
			*p = (char)(b == 0 ? 1 : b);
		if (b == 0)
			for (size_t i = 0; i < sizeof message - 1; i++)
				if (message[i] == 1)
					message[i] = '\0';
		hop_parse(message, sizeof message - 1, &h);
		assert_int_equal(h.sender.len, 5);
		assert_int_equal((unsigned char)h.sender.s[1], b);
		assert_int_equal(h.recipient.len, 5);
		assert_int_equal((unsigned char)h.recipient.s[1], b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tops),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(any_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
