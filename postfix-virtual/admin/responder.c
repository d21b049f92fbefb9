#include "answer_text.h"

#include "address/idn.h"
#include "base/file.h"
#include "base/utf8.h"
#include "change/answer_read.h"
#include "place.h"
#include "store/answer_text.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* It is written by hand: at a terminal somebody may wonder why nothing happens. */
static enum pv_class read_text(const char *file, struct pv_buf *out, struct pv_error *e)
{
	int fd = STDIN_FILENO;

	if (file != NULL && strcmp(file, "-") != 0) {
		fd = open(file, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return pv_fail_errno(e, PV_PERMANENT, NULL, errno, "open %s", file);
	} else if (isatty(STDIN_FILENO) != 0) {
		(void)fprintf(stderr, "the text, and Ctrl-D on a line of its own:\n");
	}
	enum pv_class c = pv_file_read(fd, file != NULL ? file : "the standard input", out, e);
	if (fd != STDIN_FILENO)
		(void)close(fd);
	if (c == PV_OK && out->len == 0)
		return pv_fail(e, PV_PERMANENT, NULL, "there is no text: nothing was read");
	if (c != PV_OK)
		e->class = PV_PERMANENT;
	return c == PV_OK ? c : PV_PERMANENT;
}

static enum pv_class add_header(struct pv_buf *out, const char *subject, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_ANSWER_TEXT_MAX);

	for (const char *p = subject; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return pv_fail(e, PV_PERMANENT, NULL,
				       "--subject has a control character in it: write one line");
	if (!pv_utf8_is_valid(subject, strlen(subject)))
		return pv_fail(e, PV_PERMANENT, NULL, "--subject is no UTF-8");
	pv_buf_addf(&text, "Subject: %s\n\n", subject);
	pv_buf_add(&text, out->s, out->len);
	if (out->s[out->len - 1] != '\n')
		pv_buf_addc(&text, '\n');
	pv_buf_free(out);
	*out = text;
	return PV_OK;
}

enum pv_class take_text(struct admin *a, struct pv_buf *out, struct pv_error *e)
{
	const char *subject = a->options[OPT_SUBJECT], *file = a->options[OPT_TEXT_FILE];

	if (file != NULL && a->options[OPT_FILE] != NULL)
		return usage_error(a, e, "only one of --file and --text-file");
	enum pv_class c = read_text(file != NULL ? file : a->options[OPT_FILE], out, e);
	if (c == PV_OK && subject != NULL)
		c = add_header(out, subject, e);
	if (c == PV_OK && pv_buf_check(out, "the text", e) != PV_OK) {
		e->class = PV_PERMANENT;
		c = PV_PERMANENT;
	}
	return c;
}

static enum pv_class address_object(const struct admin *a, struct pv_address *address, struct pv_error *e)
{
	return pv_idn_address(a->objects[0], address, e);
}

enum pv_class responder_set(struct admin *a, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_ANSWER_TEXT_MAX);
	struct pv_address address;

	enum pv_class c = address_object(a, &address, e);
	if (c == PV_OK)
		c = take_text(a, &text, e);
	if (c == PV_OK)
		c = pv_responder_set(&a->change, &address, text.s, text.len, e);
	if (c == PV_OK)
		say_done(a, a->change.already ? "%s@%s is answered so already" : "responder %s@%s set",
			 address.user.s, address.domain.s);
	pv_buf_free(&text);
	return c;
}

enum pv_class responder_delete(struct admin *a, struct pv_error *e)
{
	struct pv_address address;

	enum pv_class c = address_object(a, &address, e);
	if (c == PV_OK)
		c = pv_responder_delete(&a->change, &address, e);
	if (c == PV_OK)
		say_done(a, "responder %s@%s deleted", address.user.s, address.domain.s);
	return c;
}

/* The account chose it. */
static void put_words(json_t *o, const char *name, const char *words)
{
	struct pv_buf text = PV_BUF_INIT(4096);

	put_silent(&text, words, strlen(words));
	put_text(o, name, text.s);
	pv_buf_free(&text);
}

enum pv_class responder_list(struct admin *a, struct pv_error *e)
{
	char address[PV_USER_MAX + PV_DOMAIN_MAX + 2];
	struct pv_answer_info *list = NULL;
	struct place place;
	struct pv_domain d;
	size_t count = 0;

	enum pv_class c = pv_idn_domain(a->objects[0], &d, e);
	if (c != PV_OK)
		return c;
	c = open_place(a, &d, &place, e);
	if (c == PV_OK)
		c = pv_responders_list(&a->store, &place.folder, &place.account, &list, &count, e);
	a->result = json_array();
	for (size_t i = 0; c == PV_OK && i < count; i++) {
		json_t *o = json_object();
		(void)snprintf(address, sizeof address, "%s@%s", list[i].name.s, d.s);
		put_text(o, "address", address);
		put_words(o, "subject", list[i].subject);
		put_text(o, "problem", list[i].problem);
		(void)json_array_append_new(a->result, o);
	}
	free(list);
	close_place(&place);
	return c;
}

/* The message as it is, a line each, without what speaks to a terminal. */
static void put_message(struct admin *a, const struct pv_buf *text)
{
	struct pv_buf silent = PV_BUF_INIT(2 * PV_ANSWER_TEXT_MAX);

	for (const char *p = text->s; *p != '\0';) {
		size_t n = strcspn(p, "\n");
		put_silent(&silent, p, n);
		pv_buf_addc(&silent, '\n');
		p += n + (p[n] == '\n');
	}
	put_text(a->result, "text", silent.s);
	if (!a->json)
		pv_buf_add(&a->text, silent.s, silent.len);
	pv_buf_free(&silent);
}

enum pv_class responder_show(struct admin *a, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_ANSWER_TEXT_MAX + 1);
	struct pv_answer_info info;
	struct pv_address address;
	struct place place;

	enum pv_class c = address_object(a, &address, e);
	if (c != PV_OK)
		return c;
	c = open_place(a, &address.domain, &place, e);
	if (c == PV_OK)
		c = pv_responder_look(&a->store, &place.folder, &place.account, &address.user, &info, &text,
				      e);
	if (c == PV_OK && !info.on && info.problem[0] == '\0')
		c = pv_fail(e, PV_PERMANENT, NULL,
			    "%s@%s has no responder: postfix-virtual responder list %s", address.user.s,
			    address.domain.s, address.domain.s);
	a->result = json_object();
	if (c == PV_OK) {
		put_words(a->result, "subject", info.subject);
		put_number(a->result, "answered_today", info.answered);
		put_text(a->result, "problem", info.problem);
		put_message(a, &text);
		if (info.problem[0] != '\0')
			pv_buf_addf(&a->change.notes, "nobody is answered: %s\n", info.problem);
	}
	close_place(&place);
	pv_buf_free(&text);
	return c;
}
