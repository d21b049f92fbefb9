/* What virtual-deliver would do, action for action. */
#include "explain.h"

#include "mailbox/usage.h"
#include "route/answerer.h"
#include "route/place.h"
#include "route/user_limits.h"
#include "store/answer_text.h"
#include "store/texts.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

/* --- mailboxes and files --- */

static void put_owner(json_t *object, uid_t uid, unsigned mode)
{
	const struct passwd *pw = getpwuid(uid);
	char text[32];

	(void)snprintf(text, sizeof text, "%lu", (unsigned long)uid);
	put_text(object, "owner", pw != NULL ? pw->pw_name : text);
	(void)snprintf(text, sizeof text, "%04o", mode & 07777);
	put_text(object, "mode", text);
}

/* What is there, or what will be made. */
static void put_status(const struct explain_look *l, json_t *object, int dirfd, const char *name,
		       bool maildir)
{
	struct stat st;

	bool exists = fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (exists)
		maildir = S_ISDIR(st.st_mode);
	put_bool(object, "exists", exists);
	put_text(object, "format", maildir ? "maildir" : "mbox");
	put_owner(object, exists ? st.st_uid : l->q->account.uid,
		  exists    ? st.st_mode
		  : maildir ? 0700
			    : 0600);
}

void explain_worsen(struct explain_verdict *v, enum pv_class class, const char *status, const char *text)
{
	if (v->class != PV_OK && !(v->class == PV_PERMANENT && class == PV_TEMPORARY))
		return;
	v->class = class;
	(void)snprintf(v->status, sizeof v->status, "%s", status);
	(void)snprintf(v->text, sizeof v->text, "%s", text);
}

bool explain_has_failed(const json_t *object)
{
	return json_object_get(object, "status") != NULL;
}

/* In the domain's words, as virtual-deliver says it. */
static void refuse(const struct explain_look *l, const struct pv_action *a, enum pv_class class,
		   const char *status, enum pv_text text, const char *number, json_t *object,
		   struct explain_verdict *v)
{
	const struct pv_text_words words = { .user = a->of->user.s,
					     .domain = l->route->folder.domain.s,
					     .number = number };
	char line[400];

	pv_text_line(l->store, &l->route->folder, text, pv_text_language(l->store, a->of->conf.mail.language),
		     &words, line, sizeof line);
	put_text(object, "status", status);
	put_text(object, "reason", line);
	explain_worsen(v, class, status, line);
}

static void put_counts(json_t *object, const struct pv_quota *q, const struct pv_quota_state *s)
{
	static const char *const over[] = { [PV_OVER_BYTES] = "quota",
					    [PV_OVER_MESSAGES] = "quota_messages",
					    [PV_OVER_DOMAIN] = "domain_quota" };

	if (q->bytes > 0 || q->messages > 0) {
		put_number(object, "quota", q->bytes);
		put_number(object, "bytes_before", s->before.bytes);
		put_number(object, "bytes_after", s->after.bytes);
	}
	if (q->messages > 0) {
		put_number(object, "quota_messages", q->messages);
		put_number(object, "messages_before", s->before.messages);
		put_number(object, "messages_after", s->after.messages);
	}
	if (q->domain_bytes > 0) {
		put_number(object, "domain_quota", q->domain_bytes);
		put_number(object, "domain_bytes_before", s->domain_before);
	}
	if (s->over != PV_OVER_NOTHING)
		put_text(object, "over", over[s->over]);
	if (s->over != PV_OVER_NOTHING && s->admitted)
		put_bool(object, "goes_in_all_the_same", true);
}

static enum pv_class put_quota(const struct explain_look *l, const struct pv_action *a,
			       const struct pv_location *where, json_t *object, struct explain_verdict *v,
			       struct pv_error *e)
{
	struct pv_quota_state state;
	struct pv_quota quota;
	char folder[PATH_MAX];

	enum pv_class c =
		pv_user_limits_of(l->store, l->route, &l->q->to, a, folder, sizeof folder, &quota, e);
	if (c != PV_OK || quota.domain_folder == NULL)
		return c;
	c = pv_quota_look(&quota, where, l->q->account.uid, l->q->size, &state, e);
	if (c != PV_OK)
		return c;
	put_counts(object, &quota, &state);
	if (state.over != PV_OVER_NOTHING && !state.admitted)
		refuse(l, a, quota.refuse ? PV_PERMANENT : PV_TEMPORARY, quota.refuse ? "5.2.2" : "4.2.2",
		       PV_TEXT_OVER_QUOTA, NULL, object, v);
	return PV_OK;
}

static void put_programs(const struct pv_action *a, json_t *object)
{
	const struct pv_mail_conf *conf = &a->of->conf.mail;

	if (conf->filter[0] != '\0')
		put_text(object, "filter", conf->filter);
	if (conf->deliver_with[0] != '\0')
		put_text(object, "deliver_with", conf->deliver_with);
	if (conf->after_storing[0] != '\0')
		put_text(object, "after_storing", conf->after_storing);
}

/* Where it is, or will be. Another agent does not care what stands there. */
static enum pv_class look_at_place(const struct explain_look *l, const struct pv_action *a,
				   struct pv_location *where, json_t *object, struct pv_error *e)
{
	const struct pv_mail_conf *conf = &a->of->conf.mail;
	struct pv_passwd_entry p;

	p.user = a->of->user;
	p.home = a->of->home;
	enum pv_class c = pv_place_look(l->store, &l->route->folder, &p, l->q->account.home, where, e);
	if (c != PV_OK) {
		*where = (struct pv_location){ .dirfd = -1 };
		return conf->deliver_with[0] == '\0' ? c : PV_OK;
	}
	put_text(object, "mailbox", where->path);
	put_status(l, object, where->dirfd, where->name, conf->mailbox_format == PV_FORMAT_MAILDIR);
	return PV_OK;
}

enum pv_class explain_mailbox(const struct explain_look *l, const struct pv_action *a, json_t *object,
			      struct explain_verdict *v, struct pv_error *e)
{
	const struct pv_mail_conf *conf = &a->of->conf.mail;
	struct pv_location where;
	char number[24];

	put_text(object, "user", a->of->user.s);
	put_programs(a, object);
	if (conf->message_size > 0)
		put_number(object, "message_size", conf->message_size);
	enum pv_class c = look_at_place(l, a, &where, object, e);
	if (c != PV_OK)
		return c;
	(void)snprintf(number, sizeof number, "%llu", (unsigned long long)conf->message_size);
	if (conf->message_size > 0 && l->q->size > conf->message_size)
		refuse(l, a, PV_PERMANENT, "5.3.4", PV_TEXT_TOO_LARGE, number, object, v);
	explain_setting(l, a, "filter", conf->filter, object, v);
	explain_setting(l, a, "deliver_with", conf->deliver_with, object, v);
	if (conf->deliver_with[0] == '\0')
		explain_place(l, &where, object, v);
	if (conf->deliver_with[0] == '\0' && !explain_has_failed(object))
		c = put_quota(l, a, &where, object, v, e);
	pv_location_free(&where);
	return c;
}

/* --- the others --- */

static void put_file(const struct explain_look *l, const struct pv_action *a, json_t *object,
		     struct explain_verdict *v)
{
	size_t len = strlen(a->text);
	char path[PATH_MAX];

	(void)snprintf(path, sizeof path, "%.*s", (int)(len - (a->text[len - 1] == '/')), a->text);
	put_text(object, "mailbox", path);
	put_status(l, object, AT_FDCWD, path, a->text[len - 1] == '/');
	explain_file(l, a->text, object, v);
}

static void put_command(const struct pv_action *a, json_t *object, struct explain_verdict *v)
{
	json_t *argv = json_array();

	for (size_t i = 0; a->argv[i] != NULL; i++)
		(void)json_array_append_new(argv, json_text(a->argv[i]));
	(void)json_object_set_new(object, "command", argv);
	explain_program(a->argv[0], object, v);
}

static enum pv_class describe(const struct explain_look *l, const struct pv_action *a, json_t *object,
			      struct explain_verdict *v, struct pv_error *e)
{
	static const char *const words[] = {
		[PV_ACTION_MAILBOX] = "store",	 [PV_ACTION_FILE] = "append",  [PV_ACTION_COMMAND] = "run",
		[PV_ACTION_DISCARD] = "discard", [PV_ACTION_FORWARD] = "send", [PV_ACTION_RESPOND] = "answer",
		[PV_ACTION_VACATION] = "answer"
	};
	enum pv_class c = PV_OK;

	put_text(object, "do", words[a->kind]);
	switch (a->kind) {
	case PV_ACTION_MAILBOX:
		c = explain_mailbox(l, a, object, v, e);
		break;
	case PV_ACTION_FILE:
		put_file(l, a, object, v);
		break;
	case PV_ACTION_COMMAND:
		put_command(a, object, v);
		break;
	case PV_ACTION_FORWARD:
		put_text(object, "to", a->text);
		if (a->owner != NULL)
			put_text(object, "sender", a->owner);
		break;
	case PV_ACTION_RESPOND:
	case PV_ACTION_VACATION:
		c = explain_answer(l, a, v, object, e);
		break;
	case PV_ACTION_DISCARD:
		break;
	}
	put_text(object, "file", a->file);
	put_number(object, "line", a->line);
	return c;
}

enum pv_class explain_actions(const struct explain_look *l, json_t *list, struct explain_verdict *v,
			      struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < l->route->count; i++) {
		json_t *object = json_object();
		c = describe(l, &l->route->actions[i], object, v, e);
		(void)json_array_append_new(list, object);
	}
	return c;
}
