/*
 * answer_fuzz.c: whatever stands in the file of a responder, and in the header of the message that it
 * answers, the answer is one header of ours in ASCII, of short lines, with the fields that it must have, and
 * then a body. The first five lines of the input are subject, Message-ID, References, a name and the envelope
 * sender.
 *
 * fuzz-sources: virtual-deliver/answer.c
 * fuzz-max-len: 16384
 */
#include "virtual-deliver/answer.h"

#include "base/utf8.h"
#include "t/fuzz/require.h"

#include <ctype.h>
#include <stdint.h>

/* Cut a line; a NUL ends it too. */
static char *cut(const uint8_t **data, const uint8_t *end)
{
	const uint8_t *newline = memchr(*data, '\n', (size_t)(end - *data));
	size_t len = (size_t)((newline != NULL ? newline : end) - *data);
	char *line = malloc(len + 1);

	require(line != NULL);
	memcpy(line, *data, len);
	line[len] = '\0';
	*data = newline != NULL ? newline + 1 : end;
	return line;
}

static bool is_field(const char *line, const char *name)
{
	return strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':';
}

static void check_header(const char *message, size_t len, const char **body_r)
{
	static const char *const once[] = { "From",	    "To",
					    "Subject",	    "Auto-Submitted",
					    "X-Loop",	    "MIME-Version",
					    "Content-Type", "X-Auto-Response-Suppress" };
	static const char *const never[] = { "Bcc",	  "Cc",		 "Sender",
					     "Received",  "Return-Path", "Delivered-To",
					     "Resent-To", "Date",	 "Message-ID" };
	unsigned count[sizeof once / sizeof *once] = { 0 };
	const char *p = message, *end = message + len;

	while (p < end && *p != '\n') {
		size_t n = strcspn(p, "\n");
		bool is_to = is_field(p, "To");
		require(n <= 998 && p[n] == '\n');
		for (size_t i = 0; i < n; i++)
			require((p[i] >= ' ' && p[i] < 0x7f) || (is_to && (unsigned char)p[i] >= 0x80));
		if (*p == ' ') {
			require(p > message && strspn(p, " ") < n);
		} else {
			size_t name = strcspn(p, ":");
			require(name > 0 && name < n && memchr(p, ' ', name) == NULL);
		}
		for (size_t i = 0; i < sizeof once / sizeof *once; i++)
			count[i] += is_field(p, once[i]);
		for (size_t i = 0; i < sizeof never / sizeof *never; i++)
			require(!is_field(p, never[i]));
		p += n + 1;
	}
	require(p < end);
	for (size_t i = 0; i < sizeof once / sizeof *once; i++)
		require(count[i] == 1);
	*body_r = p + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	char *subject = cut(&data, end), *id = cut(&data, end), *references = cut(&data, end),
	     *name = cut(&data, end), *sender = cut(&data, end);
	const struct pv_reply_facts facts = { .sender = sender,
					      .message_id = id,
					      .references = references,
					      .subject = subject,
					      .recipients = "" };
	struct pv_buf file = PV_BUF_INIT(65536), out = PV_BUF_INIT((size_t)4 << 20);
	struct pv_answer_text text;
	const char *body;
	struct pv_error e;

	pv_buf_add(&file, data, (size_t)(end - data));
	enum pv_class c = pv_answer_text_read(file.s, file.len, "fuzz", &text, &e);
	require(c == PV_OK || (c == PV_TEMPORARY && strncmp(e.text, "fuzz", 4) == 0));
	if (pv_answer_text_check(file.s, file.len, "fuzz", true, NULL, &e) == PV_OK)
		require(c == PV_OK && text.subject != NULL && *text.subject != '\0');
	if (c == PV_OK) {
		struct answer a = { .address = "info@kvt.dk", .name = name, .text = &text, .facts = &facts };
		a.sender = pv_reply_may_go_to(sender) ? sender : "s@example.org";
		require(answer_compose(&a, &out, &e) == PV_OK);
		check_header(out.s, out.len, &body);
		require(text.has_type || pv_utf8_is_valid(body, out.len - (size_t)(body - out.s)));
	}
	pv_answer_text_free(&text);
	pv_buf_free(&file);
	pv_buf_free(&out);
	free(subject);
	free(id);
	free(references);
	free(name);
	free(sender);
	return 0;
}
