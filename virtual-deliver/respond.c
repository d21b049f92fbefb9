#include "respond.h"

#include "answer.h"
#include "base/log.h"
#include "message.h"
#include "route/answerer.h"
#include "sendmail.h"
#include "store/texts.h"

#include <unistd.h>

enum { ANSWER_MAX = 1024 * 1024 };

/* One answer, or none. */
struct attempt {
	const struct respond_request *r;
	const struct pv_action *action;
	struct pv_answerer who;
	struct pv_reply_facts facts;
	struct pv_buf memory;  /* of the facts */
	struct pv_buf message; /* the answer */
	const char *why;       /* he is not answered, and nothing is wrong */
};

bool respond_read_header(const struct message *m, struct pv_buf *out)
{
	while (out->len < PV_REPLY_HEADER_MAX / 2 && memmem(out->s, out->len, "\n\n", 2) == NULL) {
		char *to = pv_buf_reserve(out, 16384);
		ssize_t n = to == NULL
				    ? -1
				    : pv_content_read(&m->content, to, 16384, m->return_path_at + out->len);
		if (n < 0)
			return false;
		if (n == 0)
			break;
		pv_buf_grew(out, (size_t)n);
	}
	return true;
}

const char *respond_objection(const struct message *m)
{
	struct pv_buf header = PV_BUF_INIT(PV_REPLY_HEADER_MAX), memory = PV_BUF_INIT(PV_REPLY_HEADER_MAX);
	const char *why = "its header cannot be read";
	struct pv_reply_facts facts;

	/* Sender and recipients are asked for when it is answered. */
	if (respond_read_header(m, &header) &&
	    pv_reply_facts_read(header.s, header.len, "any@example.org", &memory, &facts, NULL) == PV_OK)
		why = pv_reply_refusal(&facts, NULL, 0, true);
	pv_buf_free(&header);
	pv_buf_free(&memory);
	return why;
}

/* May this message be answered at all? t->why says why not. */
static enum pv_class judge(struct attempt *t, struct pv_error *e)
{
	const struct respond_request *r = t->r;

	t->why = r->objection;
	if (t->why != NULL)
		return PV_OK;
	enum pv_class c = pv_reply_facts_read(r->header, r->header_len, r->sender, &t->memory, &t->facts, e);
	if (c != PV_OK)
		return c;
	return pv_answerer_judge(r->store, r->folder, r->conf, &t->who, r->recipient, &t->facts, &t->why, e);
}

/* The text of a vacation for who writes none, in his language. */
static enum pv_class load_frame(const struct attempt *t, struct pv_buf *text, struct pv_error *e)
{
	const struct pv_mail_conf *conf =
		t->action->of != NULL ? &t->action->of->conf.mail : &t->r->conf->mail;
	const struct pv_text_words words = { .user = t->who.who.s, .domain = t->r->folder->domain.s };

	(void)pv_text_load(t->r->store, t->r->folder, PV_TEXT_VACATION,
			   pv_text_language(t->r->store, conf->language), &words, text);
	return pv_buf_check(text, "the text of a vacation", e);
}

/* Of a text without a subject, which a vacation must have, it is the frame's. */
static enum pv_class compose_with(struct attempt *t, const struct pv_answer_text *text, struct pv_error *e)
{
	struct answer a = { .sender = t->r->sender,
			    .address = t->who.address,
			    .name = t->who.vacation ? t->action->of->name : NULL,
			    .text = text,
			    .facts = &t->facts };
	struct pv_buf frame = PV_BUF_INIT(PV_TEXT_MAX);
	struct pv_answer_text frame_text = { .memory = PV_BUF_INIT(0) };
	enum pv_class c = PV_OK;

	if (t->who.vacation && (text->subject == NULL || *text->subject == '\0')) {
		c = load_frame(t, &frame, e);
		if (c == PV_OK)
			c = pv_answer_text_read(frame.s, frame.len, "the text vacation", &frame_text, e);
		a.subject = frame_text.subject;
	}
	if (c == PV_OK)
		c = answer_compose(&a, &t->message, e);
	pv_answer_text_free(&frame_text);
	pv_buf_free(&frame);
	return c;
}

static enum pv_class compose(struct attempt *t, struct pv_error *e)
{
	char file[sizeof t->who.files.where + sizeof t->who.files.text + 1];
	struct pv_buf raw = PV_BUF_INIT(PV_ANSWER_TEXT_MAX + 1);
	struct pv_answer_text text = { .memory = PV_BUF_INIT(0) };
	bool found;

	(void)snprintf(file, sizeof file, "%s/%s", t->who.files.where, t->who.files.text);
	enum pv_class c =
		pv_file_load(t->who.files.dirfd, t->who.files.text, &t->who.files.trust, &raw, &found, e);
	if (c == PV_OK && !found && !t->who.vacation) {
		t->why = "its file is gone";
		return PV_OK;
	}
	if (c == PV_OK && !found)
		c = load_frame(t, &raw, e);
	if (c == PV_OK)
		c = pv_answer_text_read(raw.s, raw.len, file, &text, e);
	if (c == PV_OK)
		c = compose_with(t, &text, e);
	pv_answer_text_free(&text);
	pv_buf_free(&raw);
	return c;
}

/* Note the sender, who is answered from then on. */
static enum pv_class note(struct attempt *t, struct pv_error *e)
{
	const struct pv_answered index = pv_answerer_index(&t->who);
	const struct pv_answered_rule rule = pv_answerer_rule(&t->who);
	bool may;

	enum pv_class c = pv_answered_note(&index, t->r->sender, &rule, time(NULL), &may, e);
	if (c == PV_OK && !may)
		t->why = pv_answerer_lately(&t->who);
	return c;
}

static enum pv_class send_it(const struct attempt *t, struct pv_error *e)
{
	const char *const to[] = { t->r->sender };
	int fd;

	enum pv_class c = message_file_of(t->message.s, t->message.len, &fd, e);
	if (c != PV_OK)
		return c;
	c = sendmail_run(t->r->store->conf.sendmail_program, "", to, 1, fd, t->r->seconds, e);
	(void)close(fd);
	return c;
}

static enum pv_class try_it(struct attempt *t, struct pv_error *e)
{
	enum pv_class c;

	if ((c = judge(t, e)) != PV_OK || t->why != NULL || (c = compose(t, e)) != PV_OK || t->why != NULL ||
	    (c = note(t, e)) != PV_OK || t->why != NULL)
		return c;
	return send_it(t, e);
}

static void log_it(const struct attempt *t, enum pv_class c, const struct pv_error *e)
{
	const char *by = t->who.vacation ? "vacation" : "responder";

	if (c != PV_OK)
		pv_log(PV_LOG_WARNING, "%s: %s=<%s>, from=<%.250s>, not answered: %s", t->r->queue_id, by,
		       t->who.address, t->r->sender, e->text);
	else
		pv_log(PV_LOG_INFO, "%s: %s=<%s>, from=<%.250s>, %s%s", t->r->queue_id, by, t->who.address,
		       t->r->sender, t->why != NULL ? "not answered: " : "answered",
		       t->why != NULL ? t->why : "");
}

enum pv_class respond_try(const struct respond_request *r, const struct pv_action *a, struct pv_error *e)
{
	struct attempt t = { .r = r,
			     .action = a,
			     .memory = PV_BUF_INIT(PV_REPLY_HEADER_MAX),
			     .message = PV_BUF_INIT(ANSWER_MAX) };
	struct pv_error aside;

	enum pv_class c = pv_answerer_open(r->store, r->folder, a, &t.who, e);
	/* Who is not to be answered needs no file. */
	if (c == PV_OK && !t.who.off && judge(&t, &aside) == PV_OK && t.why == NULL)
		c = compose(&t, e);
	if (c != PV_OK) {
		c = e->class = PV_TEMPORARY;
		(void)snprintf(e->status, sizeof e->status, "4.3.5");
	}
	pv_answerer_close(&t.who);
	pv_buf_free(&t.memory);
	pv_buf_free(&t.message);
	return c;
}

bool respond(const struct respond_request *r, const struct pv_action *a)
{
	struct attempt t = { .r = r,
			     .action = a,
			     .memory = PV_BUF_INIT(PV_REPLY_HEADER_MAX),
			     .message = PV_BUF_INIT(ANSWER_MAX) };
	struct pv_error e = { .text = "" };

	enum pv_class c = pv_answerer_open(r->store, r->folder, a, &t.who, &e);
	bool off = c == PV_OK && t.who.off;
	if (c == PV_OK && !off)
		c = try_it(&t, &e);
	if (!off)
		log_it(&t, c, &e);
	pv_answerer_close(&t.who);
	pv_buf_free(&t.memory);
	pv_buf_free(&t.message);
	return c == PV_OK && !off && t.why == NULL;
}
