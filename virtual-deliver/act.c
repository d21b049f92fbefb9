#include "act.h"

#include "append.h"
#include "command.h"
#include "forward.h"
#include "report.h"
#include "respond.h"
#include "user.h"

#include <errno.h>

/* What became of an action. */
enum fate { FATE_NONE, FATE_DONE, FATE_DROPPED };

/* A program of the domain's stands between the message and his mailbox. */
static bool has_program(const struct pv_action *a)
{
	return a->of->conf.mail.filter[0] != '\0' || a->of->conf.mail.deliver_with[0] != '\0';
}

bool act_is_plain(const struct delivery *d)
{
	const struct pv_action *a = d->route.actions;

	return d->route.count == 1 && a->kind == PV_ACTION_MAILBOX && !has_program(a) &&
	       a->of->conf.mail.after_storing[0] == '\0';
}

/* --- records --- */

/* What an action is known by: its kind and its target. Returns the kind. */
typedef char action_key(const struct pv_action *a, struct pv_buf *key);

static char key_of_action(const struct pv_action *a, struct pv_buf *key)
{
	static const char letters[] = {
		[PV_ACTION_MAILBOX] = 'M', [PV_ACTION_FILE] = 'F',    [PV_ACTION_COMMAND] = 'C',
		[PV_ACTION_DISCARD] = 'D', [PV_ACTION_FORWARD] = 'S', [PV_ACTION_RESPOND] = 'R',
		[PV_ACTION_VACATION] = 'V'
	};

	if (a->kind == PV_ACTION_COMMAND)
		for (size_t i = 0; a->argv[i] != NULL; i++)
			pv_buf_add(key, a->argv[i], strlen(a->argv[i]) + 1);
	else
		pv_buf_adds(key, report_target(a));
	return letters[a->kind];
}

/* What a program does that is started when his mail was stored. */
static char key_of_after_storing(const struct pv_action *a, struct pv_buf *key)
{
	pv_buf_adds(key, a->of->user.s);
	return 'A';
}

/* That his filter wanted nothing of it stored. */
static char key_of_drop(const struct pv_action *a, struct pv_buf *key)
{
	pv_buf_adds(key, a->of != NULL ? a->of->user.s : "");
	return 'X';
}

static enum pv_class look(struct delivery *d, const struct pv_action *a, action_key *key_of, bool *done_r,
			  struct pv_error *e)
{
	struct pv_buf key = PV_BUF_INIT(1024 * 1024);
	char kind = key_of(a, &key);

	*done_r = false;
	enum pv_class c = pv_buf_check(&key, "an action", e);
	if (c == PV_OK)
		c = records_look(&d->records, kind, key.s, key.len, done_r, e);
	pv_buf_free(&key);
	return c;
}

static void record(struct delivery *d, const struct pv_action *a, action_key *key_of)
{
	struct pv_buf key = PV_BUF_INIT(1024 * 1024);
	char kind = key_of(a, &key);

	if (key.failed || !records_add(&d->records, kind, key.s, key.len))
		report_not_noted(d, key.failed ? ENOMEM : errno, "what was done for %.1000s",
				 report_target(a));
	pv_buf_free(&key);
}

static enum pv_class open_records(struct delivery *d, struct pv_error *e)
{
	unsigned char message[PV_ID_BYTES];
	char path[4096 - 16];

	records_none(&d->records);
	if (!d->has_id)
		return PV_OK;
	int dirfd = delivery_files_folder(d, path, sizeof path, e);
	if (dirfd < 0)
		return PV_TEMPORARY;
	identity_make("", &d->hop, &d->header, message);
	return records_open(&d->records, dirfd, path, message, LOCK_DEADLINE_MS, e);
}

/* --- actions --- */

/* Mailboxes know by themselves what they got. */
static bool is_remembered(const struct pv_action *a)
{
	return (a->kind == PV_ACTION_MAILBOX && !has_program(a)) || a->kind == PV_ACTION_FILE;
}

static enum pv_class do_one(struct delivery *d, const struct pv_action *a, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	switch (a->kind) {
	case PV_ACTION_MAILBOX:
		return user_deliver(d, a, e);
	case PV_ACTION_FILE:
		return append_to_file(d, a, e);
	case PV_ACTION_COMMAND:
		c = command_deliver(d, a, e);
		d->tally.handed += c == PV_OK;
		return c;
	case PV_ACTION_DISCARD:
		d->tally.dropped++;
		return PV_OK;
	case PV_ACTION_FORWARD:
	case PV_ACTION_RESPOND:
	case PV_ACTION_VACATION:
		break;
	}
	return pv_fail(e, PV_BUG, "4.3.0", "an action that has its own time");
}

static void note_failure(struct delivery *d, const struct pv_action *a, enum pv_class c,
			 const struct pv_error *e)
{
	struct tally *t = &d->tally;
	bool worse = t->class == PV_OK || (t->class == PV_PERMANENT && c != PV_PERMANENT);

	t->failed++;
	if (worse) {
		t->class = c;
		d->first_failure = *e;
	}
	if (d->route.count > 1)
		report_failed(d, a, c, e);
}

/* What an earlier try has made of it. */
static enum pv_class look_back(struct delivery *d, const struct pv_action *a, enum fate *fate_r,
			       struct pv_error *e)
{
	bool done = false, dropped = false;
	enum pv_class c = PV_OK;

	if (a->kind == PV_ACTION_MAILBOX && has_program(a))
		c = look(d, a, key_of_drop, &dropped, e);
	if (c == PV_OK && !dropped)
		c = look(d, a, key_of_action, &done, e);
	*fate_r = dropped ? FATE_DROPPED : done ? FATE_DONE : FATE_NONE;
	return c;
}

static enum pv_class do_now(struct delivery *d, const struct pv_action *a, enum fate *fate_r,
			    struct pv_error *e)
{
	unsigned dropped = d->tally.dropped;
	enum pv_class c = PV_OK;

	/* A mailbox asks by itself, at the last moment. */
	if (a->kind != PV_ACTION_MAILBOX || has_program(a))
		c = delivery_last_look(d, e);
	if (c == PV_OK)
		c = do_one(d, a, e);
	if (c != PV_OK)
		return c;
	*fate_r = d->tally.dropped > dropped ? FATE_DROPPED : FATE_DONE;
	if (!is_remembered(a))
		record(d, a, *fate_r == FATE_DROPPED ? key_of_drop : key_of_action);
	return PV_OK;
}

static enum fate do_unless_done(struct delivery *d, const struct pv_action *a)
{
	struct pv_error e = { .class = PV_OK };
	enum fate fate = FATE_NONE;

	enum pv_class c = look_back(d, a, &fate, &e);
	if (c == PV_OK && fate != FATE_NONE)
		d->tally.done_before++;
	else if (c == PV_OK)
		c = do_now(d, a, &fate, &e);
	if (c != PV_OK)
		note_failure(d, a, c, &e);
	return c == PV_OK ? fate : FATE_NONE;
}

/* All that comes before the forwards. Where something is left for another try, what mailboxes and files got
 * is recorded too: their own memory is of their last messages, and a message may be tried for days. */
static enum pv_class act_first(struct delivery *d, enum fate *fates, struct pv_error *e)
{
	const struct pv_action *actions = d->route.actions;
	size_t count = 0;

	for (; count < d->route.count && actions[count].kind < PV_ACTION_FORWARD; count++)
		fates[count] = do_unless_done(d, &actions[count]);
	if (d->tally.class == PV_OK || d->tally.class == PV_PERMANENT)
		return PV_OK;
	for (size_t i = 0; i < count; i++)
		if (fates[i] == FATE_DONE && is_remembered(&actions[i]))
			record(d, &actions[i], key_of_action);
	*e = d->first_failure;
	return d->tally.class;
}

static enum pv_class act_forwards(struct delivery *d, struct pv_error *e)
{
	size_t from = 0, count = 0;
	enum pv_class c;

	while (from < d->route.count && d->route.actions[from].kind < PV_ACTION_FORWARD)
		from++;
	while (from + count < d->route.count && d->route.actions[from + count].kind == PV_ACTION_FORWARD)
		count++;
	if (count == 0 || (c = delivery_last_look(d, e)) == PV_OK)
		c = count > 0 ? forward_all(d, d->route.actions + from, count, e) : PV_OK;
	return c;
}

/* --- what comes when the message is safe, and cannot change that --- */

/* What his filter made of the message may forbid to answer it. */
static const char *objection_of(const struct delivery *d, const struct pv_user *u)
{
	const struct objection *o = d->objections;

	while (o != NULL && !pv_user_equal(&o->user, u))
		o = o->next;
	return o != NULL ? o->why : NULL;
}

/* Did what comes before the answers leave anything to be answered? Nobody thanks for what his filter dropped,
 * and what is refused bounces. u: in his mailbox; NULL: anywhere. */
static bool is_kept(const struct delivery *d, const enum fate *fates, const struct pv_user *u)
{
	const struct pv_action *actions = d->route.actions;
	bool any = false;

	for (size_t i = 0; i < d->route.count && actions[i].kind <= PV_ACTION_FORWARD; i++) {
		if (u != NULL &&
		    (actions[i].kind != PV_ACTION_MAILBOX || !pv_user_equal(&actions[i].of->user, u)))
			continue;
		any = true;
		if (actions[i].kind == PV_ACTION_FORWARD || fates[i] == FATE_DONE)
			return true;
	}
	return !any;
}

/* PV_TEMPORARY only where nothing but the answer takes the message: it would be lost without a word. */
static enum pv_class answer(struct delivery *d, struct respond_request *r, const struct pv_action *a,
			    struct pv_error *e)
{
	struct pv_error aside = { .text = "" };
	bool alone = d->route.actions[0].kind == PV_ACTION_RESPOND, was_done;

	r->seconds = delivery_seconds(d, FORWARD_SECONDS, 0);
	if (r->seconds == 0)
		return PV_OK;
	if (look(d, a, key_of_action, &was_done, &aside) != PV_OK) {
		report_aside(d, "answer", &aside);
		return PV_OK;
	}
	if (was_done) {
		d->tally.done_before++;
		return PV_OK;
	}
	if (alone && respond_try(r, a, e) != PV_OK)
		return PV_TEMPORARY;
	/* Before it is sent: a kill must not make it two. */
	record(d, a, key_of_action);
	d->tally.answered += respond(r, a);
	return PV_OK;
}

static enum pv_class act_answers(struct delivery *d, const enum fate *fates, struct pv_error *e)
{
	const struct slice from = d->hop.sender;
	struct pv_buf header = PV_BUF_INIT(PV_REPLY_HEADER_MAX);
	char sender[1024] = "";
	enum pv_class c = PV_OK;
	size_t i = 0;

	while (i < d->route.count && d->route.actions[i].kind < PV_ACTION_RESPOND)
		i++;
	if (i == d->route.count || !respond_read_header(&d->message, &header))
		return PV_OK;
	if (from.len < sizeof sender)
		(void)snprintf(sender, sizeof sender, "%.*s", (int)from.len, from.len > 0 ? from.s : "");
	struct respond_request r = { .store = &d->store,
				     .folder = &d->route.folder,
				     .conf = &d->route.conf,
				     .sender = sender,
				     .recipient = d->recipient.address,
				     .queue_id = report_queue_id(d),
				     .header = header.s,
				     .header_len = header.len };
	for (; i < d->route.count && c == PV_OK; i++) {
		const struct pv_action *a = &d->route.actions[i];
		bool vacation = a->kind == PV_ACTION_VACATION;
		/* A responder may have a user's name. */
		r.objection = objection_of(d, vacation ? &a->of->user : &d->route.name);
		if (is_kept(d, fates, vacation ? &a->of->user : NULL))
			c = answer(d, &r, a, e);
	}
	pv_buf_free(&header);
	return c;
}

static void run_after_storing(struct delivery *d, const struct pv_action *a)
{
	bool was_done;

	if (look(d, a, key_of_after_storing, &was_done, NULL) != PV_OK || was_done)
		return;
	command_after_storing(d, a);
	record(d, a, key_of_after_storing);
}

static void act_afterwards(struct delivery *d, const enum fate *fates)
{
	for (size_t i = 0; i < d->route.count && d->route.actions[i].kind == PV_ACTION_MAILBOX; i++)
		if (fates[i] == FATE_DONE && d->route.actions[i].of->conf.mail.after_storing[0] != '\0')
			run_after_storing(d, &d->route.actions[i]);
}

static enum pv_class act_in_order(struct delivery *d, struct pv_error *e)
{
	enum fate *fates = calloc(d->route.count + 1, sizeof *fates);
	enum pv_class c;

	if (fates == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "deliver a message: out of memory");
	if ((c = act_first(d, fates, e)) == PV_OK && (c = act_forwards(d, e)) == PV_OK &&
	    (c = act_answers(d, fates, e)) == PV_OK)
		act_afterwards(d, fates);
	free(fates);
	return c;
}

enum pv_class act(struct delivery *d, struct pv_error *e)
{
	if (act_is_plain(d))
		return user_deliver(d, d->route.actions, e);
	enum pv_class c = open_records(d, e);
	if (c == PV_OK)
		c = act_in_order(d, e);
	records_close(&d->records);
	if (c == PV_OK && d->tally.class == PV_PERMANENT) {
		*e = d->first_failure;
		c = PV_PERMANENT;
	}
	return c;
}

static void say_mailbox(struct delivery *d, const struct pv_action *a)
{
	const struct pv_mail_conf *m = &a->of->conf.mail;
	struct pv_location l = { .path = NULL };
	struct pv_error e;

	if (m->deliver_with[0] != '\0')
		(void)printf("hand over for %s to %s", a->of->user.s, m->deliver_with);
	else if (user_find_mailbox(d, a, &l, &e) == PV_OK)
		(void)printf("store for %s in %s", a->of->user.s, l.path);
	else
		(void)printf("store for %s", a->of->user.s);
	if (m->filter[0] != '\0')
		(void)printf(", filtered by %s", m->filter);
	pv_location_free(&l);
}

static void say_one(struct delivery *d, const struct pv_action *a)
{
	static const char *const words[] = {
		[PV_ACTION_MAILBOX] = "",	    [PV_ACTION_FILE] = "append to",
		[PV_ACTION_COMMAND] = "run",	    [PV_ACTION_DISCARD] = "throw it away",
		[PV_ACTION_FORWARD] = "forward to", [PV_ACTION_RESPOND] = "answer with",
		[PV_ACTION_VACATION] = "answer for"
	};

	(void)printf("%s: would %s", d->recipient.address, words[a->kind]);
	if (a->kind == PV_ACTION_MAILBOX)
		say_mailbox(d, a);
	else if (a->kind != PV_ACTION_DISCARD)
		(void)printf(" %s", report_target(a));
	(void)puts("");
}

void act_say(struct delivery *d)
{
	for (size_t i = 0; i < d->route.count; i++)
		say_one(d, &d->route.actions[i]);
}
