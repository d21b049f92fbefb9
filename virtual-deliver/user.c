#include "user.h"

#include "append.h"
#include "command.h"
#include "filter.h"
#include "loop.h"
#include "quota.h"
#include "report.h"
#include "respond.h"
#include "route/place.h"

#include <unistd.h>

enum pv_class user_find_mailbox(struct delivery *d, const struct pv_action *a, struct pv_location *l,
				struct pv_error *e)
{
	struct pv_passwd_entry entry;
	const char *home = a->of->home[0] == '/' ? delivery_home(d) : NULL;

	entry.user = a->of->user;
	entry.home = a->of->home;
	return pv_place_find(&d->store, &d->route.folder, &entry, home, l, e);
}

/* Append m to his mailbox. */
static enum pv_class store(struct delivery *d, const struct pv_action *a, const struct pv_location *where,
			   struct message *m, struct pv_error *e)
{
	bool maildir = a->of->conf.mail.mailbox_format == PV_FORMAT_MAILDIR;
	struct pv_stored stored = { .note = "" };
	struct pv_quota quota;

	enum pv_class c = quota_of(d, a, &quota, e);
	if (c == PV_OK)
		c = append_message(d, where, m, maildir, &quota, &stored, e);
	if (c != PV_OK && stored.quota.over != PV_OVER_NOTHING && !stored.quota.admitted) {
		quota_warn_of_no_room(d, a, where, &quota, &stored);
		return quota_explain(d, a, e);
	}
	if (c != PV_OK)
		return c;
	if (stored.result == PV_APPENDED)
		quota_warn(d, a, where, &quota, &stored);
	return PV_OK;
}

/* Another agent stores it in our place. */
static enum pv_class hand_over(struct delivery *d, const struct pv_action *a, struct message *m,
			       struct pv_error *e)
{
	struct command command = { .action = a, .reserve = FORWARD_SECONDS };
	struct pv_command_line line;
	struct said said;
	int status;

	enum pv_class c = command_split(d, a, "deliver_with", a->of->conf.mail.deliver_with, &line, e);
	if (c != PV_OK)
		return c;
	command.argv = line.argv;
	c = message_open(m, MESSAGE_ALL, &command.input_fd, e);
	if (c == PV_OK)
		c = command_start(d, &command, &said, &status, e);
	if (command.input_fd >= 0)
		(void)close(command.input_fd);
	if (c == PV_OK)
		c = command_verdict(line.argv[0], status, &said, e);
	pv_command_line_free(&line);
	if (c == PV_OK)
		d->tally.handed++;
	return c;
}

static enum pv_class put(struct delivery *d, const struct pv_action *a, const struct pv_location *where,
			 struct message *m, struct pv_error *e)
{
	return a->of->conf.mail.deliver_with[0] != '\0' ? hand_over(d, a, m, e) : store(d, a, where, m, e);
}

/* A filter may have found that it is spam: nobody answers that. */
static void look_at_filtered(struct delivery *d, const struct pv_action *a, const struct message *m)
{
	const struct pv_action *last = &d->route.actions[d->route.count - 1];
	const char *why = last->kind >= PV_ACTION_RESPOND ? respond_objection(m) : NULL;
	struct objection *o = why != NULL ? pv_arena_zalloc(&d->route.arena, sizeof *o) : NULL;

	if (o == NULL)
		return;
	*o = (struct objection){ .user = a->of->user, .why = why, .next = d->objections };
	d->objections = o;
}

static enum pv_class filter_and_put(struct delivery *d, const struct pv_action *a,
				    const struct pv_location *where, struct pv_error *e)
{
	struct message filtered;
	bool dropped;

	enum pv_class c = filter_run(d, a, where->shared ? -1 : where->dirfd, &filtered, &dropped, e);
	if (c == PV_OK && dropped) {
		d->tally.dropped++;
		report_dropped(d, a);
	} else if (c == PV_OK) {
		look_at_filtered(d, a, &filtered);
		c = put(d, a, where, &filtered, e);
	}
	message_free(&filtered);
	return c;
}

static enum pv_class deliver_to(struct delivery *d, const struct pv_action *a,
				const struct pv_location *where, struct pv_error *e)
{
	enum pv_class c;

	if (loop_had(d, &a->of->user))
		return loop_fail(d, e);
	if ((c = quota_check_size(d, a, e)) != PV_OK)
		return c;
	if (a->of->conf.mail.filter[0] != '\0')
		return filter_and_put(d, a, where, e);
	return put(d, a, where, &d->message, e);
}

enum pv_class user_deliver(struct delivery *d, const struct pv_action *a, struct pv_error *e)
{
	struct pv_location own = { .dirfd = -1 };

	/* The first one's was found before, since a large message lies beside it. */
	if (a == d->route.actions && d->location.path != NULL)
		return deliver_to(d, a, &d->location, e);
	enum pv_class c = PV_OK;
	if (a->of->conf.mail.deliver_with[0] == '\0')
		c = user_find_mailbox(d, a, &own, e);
	if (c == PV_OK)
		c = deliver_to(d, a, &own, e);
	pv_location_free(&own);
	return c;
}
