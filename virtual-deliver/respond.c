#include "respond.h"

#include "answer.h"
#include "base/log.h"
#include "message.h"
#include "sendmail.h"
#include "store/answer_files.h"
#include "store/registry.h"
#include "store/texts.h"

#include <unistd.h>

enum { OWN_MAX = 64, ANSWER_MAX = 1024 * 1024 };

/* One answer, or none. */
struct attempt {
	const struct respond_request *r;
	const struct pv_action *action;
	bool vacation;
	struct pv_user who;
	char address[PV_USER_MAX + 1 + PV_DOMAIN_MAX + 1];
	struct pv_answer_files files;
	struct pv_reply_facts facts;
	struct pv_buf memory;	  /* of the facts */
	const char *own[OWN_MAX]; /* addresses that mean him */
	size_t own_count;
	struct pv_buf own_text;
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

static bool identify(struct attempt *t)
{
	const char *name = t->action->text;

	if (t->vacation)
		t->who = t->action->user;
	else if (pv_user_parse(name, strlen(name), &t->who, NULL) != PV_OK)
		return false;
	(void)snprintf(t->address, sizeof t->address, "%s@%s", t->who.s, t->r->folder->domain.s);
	return true;
}

/* Open the folder of his files. */
static enum pv_class find_files(struct attempt *t, struct pv_error *e)
{
	const char *path = t->action->text, *slash = strrchr(path, '/');
	char dir[PATH_MAX], name[NAME_MAX + 1];

	if (t->vacation && slash == NULL)
		return pv_fail(e, PV_BUG, "4.3.0", "`%s` is no path", path);
	if (t->vacation) {
		(void)snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
		(void)snprintf(name, sizeof name, "%s", slash + 1);
	} else {
		(void)snprintf(dir, sizeof dir, "%s/%s/" PV_ANSWER_FOLDER, t->r->store->conf.spool_directory,
			       t->r->folder->domain.s);
		(void)snprintf(name, sizeof name, "%s" PV_ANSWER_RESPONDER, t->who.s);
	}
	return pv_answer_files_open(dir, name, t->r->folder->uid, &t->files, e);
}

/* user@domain in own_text. */
static void add_own(struct attempt *t, const char *domain, size_t at[OWN_MAX])
{
	if (t->own_count == OWN_MAX - 1)
		return;
	at[t->own_count++] = t->own_text.len;
	pv_buf_addf(&t->own_text, "%s@%s", t->who.s, domain);
	pv_buf_addc(&t->own_text, '\0');
}

/* His address in the domain and in its aliases, and the one that the message came to, which may be an alias
 * that leads to him. */
static enum pv_class list_own(struct attempt *t, struct pv_error *e)
{
	const struct pv_domain *d = &t->r->folder->domain;
	struct pv_registry aliases;
	size_t at[OWN_MAX] = { 0 };

	enum pv_class c = pv_registry_load_about(t->r->store, d, &aliases, e);
	if (c != PV_OK)
		return c;
	add_own(t, d->s, at);
	for (size_t i = 0; i < aliases.count; i++)
		if (aliases.entries[i].is_alias && pv_domain_equal(&aliases.entries[i].alias_of, d))
			add_own(t, aliases.entries[i].domain.s, at);
	pv_registry_free(&aliases);
	if ((c = pv_buf_check(&t->own_text, "addresses", e)) != PV_OK)
		return c;
	for (size_t i = 0; i < t->own_count; i++)
		t->own[i] = t->own_text.s + at[i];
	t->own[t->own_count++] = t->r->recipient;
	return PV_OK;
}

/* May this message be answered at all? t->why says why not. */
static enum pv_class judge(struct attempt *t, struct pv_error *e)
{
	const struct pv_mail_conf *conf =
		t->action->conf != NULL ? &t->action->conf->mail : &t->r->conf->mail;
	const struct pv_day today = pv_day_today();

	t->why = t->r->objection;
	if (t->why == NULL && t->vacation && t->action->conf != NULL)
		t->why = pv_vacation_pause(t->action->conf, &today);
	if (t->why != NULL)
		return PV_OK;
	enum pv_class c =
		pv_reply_facts_read(t->r->header, t->r->header_len, t->r->sender, &t->memory, &t->facts, e);
	if (c == PV_OK)
		c = list_own(t, e);
	if (c != PV_OK)
		return c;
	t->why = pv_reply_refusal(&t->facts, t->own, t->own_count, conf->vacation_to_all);
	if (t->why == NULL && !answer_may_go_to(t->r->sender))
		t->why = "its sender is no plain address";
	return PV_OK;
}

/* The text of a vacation for who writes none, in his language. */
static enum pv_class load_frame(const struct attempt *t, struct pv_buf *text, struct pv_error *e)
{
	const struct pv_mail_conf *conf =
		t->action->conf != NULL ? &t->action->conf->mail : &t->r->conf->mail;
	const struct pv_text_words words = { .user = t->who.s, .domain = t->r->folder->domain.s };

	(void)pv_text_load(t->r->store, t->r->folder, PV_TEXT_VACATION,
			   pv_text_language(t->r->store, conf->language), &words, text);
	return pv_buf_check(text, "the text of a vacation", e);
}

/* Of a text without a subject, which a vacation must have, it is the frame's. */
static enum pv_class compose_with(struct attempt *t, const struct pv_answer_text *text, struct pv_error *e)
{
	struct answer a = { .sender = t->r->sender,
			    .address = t->address,
			    .name = t->vacation ? t->action->name : NULL,
			    .text = text,
			    .facts = &t->facts };
	struct pv_buf frame = PV_BUF_INIT(PV_TEXT_MAX);
	struct pv_answer_text frame_text = { .memory = PV_BUF_INIT(0) };
	enum pv_class c = PV_OK;

	if (t->vacation && (text->subject == NULL || *text->subject == '\0')) {
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
	char file[sizeof t->files.where + sizeof t->files.text + 1];
	struct pv_buf raw = PV_BUF_INIT(PV_ANSWER_TEXT_MAX + 1);
	struct pv_answer_text text = { .memory = PV_BUF_INIT(0) };
	bool found;

	(void)snprintf(file, sizeof file, "%s/%s", t->files.where, t->files.text);
	enum pv_class c = pv_file_load(t->files.dirfd, t->files.text, &t->files.trust, &raw, &found, e);
	if (c == PV_OK && !found && !t->vacation) {
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
	const struct pv_answered index = { .dirfd = t->files.dirfd,
					   .name = t->files.index,
					   .trust = &t->files.trust,
					   .make = !t->vacation };
	const struct pv_user_conf *conf = t->action->conf;
	const struct pv_answered_rule rule =
		pv_answer_rule(t->vacation, conf != NULL ? conf->mail.vacation_interval : 0);
	bool may;

	enum pv_class c = pv_answered_note(&index, t->r->sender, &rule, time(NULL), &may, e);
	if (c == PV_OK && !may)
		t->why = t->vacation ? "the sender was answered lately (vacation_interval)"
				     : "the sender was answered often enough today";
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

/* *off_r: a vacation that is not on. */
static enum pv_class try_it(struct attempt *t, bool *off_r, struct pv_error *e)
{
	enum pv_class c = find_files(t, e);

	*off_r = c == PV_OK && (t->files.dirfd < 0 ||
				(t->vacation && faccessat(t->files.dirfd, t->files.index, F_OK, 0) != 0));
	if (c != PV_OK || *off_r || (c = judge(t, e)) != PV_OK || t->why != NULL ||
	    (c = compose(t, e)) != PV_OK || t->why != NULL || (c = note(t, e)) != PV_OK || t->why != NULL)
		return c;
	return send_it(t, e);
}

static void log_it(const struct attempt *t, enum pv_class c, const struct pv_error *e)
{
	const char *by = t->vacation ? "vacation" : "responder";

	if (c != PV_OK)
		pv_log(PV_LOG_WARNING, "%s: %s=<%s>, from=<%.250s>, not answered: %s", t->r->queue_id, by,
		       t->address, t->r->sender, e->text);
	else
		pv_log(PV_LOG_INFO, "%s: %s=<%s>, from=<%.250s>, %s%s", t->r->queue_id, by, t->address,
		       t->r->sender, t->why != NULL ? "not answered: " : "answered",
		       t->why != NULL ? t->why : "");
}

bool respond(const struct respond_request *r, const struct pv_action *a)
{
	struct attempt t = { .r = r,
			     .action = a,
			     .vacation = a->kind == PV_ACTION_VACATION,
			     .files = { .dirfd = -1 },
			     .memory = PV_BUF_INIT(PV_REPLY_HEADER_MAX),
			     .own_text = PV_BUF_INIT(OWN_MAX * (PV_USER_MAX + PV_DOMAIN_MAX + 2)),
			     .message = PV_BUF_INIT(ANSWER_MAX) };
	struct pv_error e = { .text = "" };
	bool off = false;

	if (!identify(&t))
		return false;
	enum pv_class c = try_it(&t, &off, &e);
	if (!off)
		log_it(&t, c, &e);
	pv_answer_files_close(&t.files);
	pv_buf_free(&t.memory);
	pv_buf_free(&t.own_text);
	pv_buf_free(&t.message);
	return c == PV_OK && !off && t.why == NULL;
}
