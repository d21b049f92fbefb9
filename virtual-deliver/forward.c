#include "forward.h"

#include "base/log.h"
#include "report.h"
#include "sendmail.h"

#include <errno.h>
#include <unistd.h>

/* The copies that have one sender. */
struct copies {
	const char *sender;
	const char **to;
	size_t count;
	bool one_call; /* all of them fit */
};

static void log_call(const struct delivery *d, const struct copies *k, const char *first, size_t count,
		     enum pv_class c, const struct pv_error *e)
{
	pv_log(c == PV_OK ? PV_LOG_INFO : PV_LOG_WARNING,
	       "%s: forwarded, to=<%.250s>%s, count=%zu, from=<%.250s>, orig_to=<%.250s>, status=%s%s%s",
	       d->queue_id[0] != '\0' ? d->queue_id : "-", first, count > 1 ? " ..." : "", count, k->sender,
	       d->recipient.address, c == PV_OK ? "sent" : "deferred (", c == PV_OK ? "" : e->text,
	       c == PV_OK ? "" : ")");
}

/* One call is known by its sender: what changes in a list between two tries sends nothing twice. Of several,
 * each is known by whom it is for. */
static void make_key(const struct copies *k, size_t from, size_t count, struct pv_buf *key)
{
	pv_buf_adds(key, k->sender);
	for (size_t i = from; !k->one_call && i < from + count; i++) {
		pv_buf_addc(key, '\0');
		pv_buf_adds(key, k->to[i]);
	}
}

static enum pv_class call(struct delivery *d, const struct copies *k, size_t from, size_t count,
			  struct pv_error *e)
{
	struct pv_buf key = PV_BUF_INIT(8 * 1024 * 1024);
	bool done = false;
	int fd = -1;

	make_key(k, from, count, &key);
	enum pv_class c = pv_buf_check(&key, "the targets of a forward", e);
	if (c == PV_OK)
		c = records_look(&d->records, 'S', key.s, key.len, &done, e);
	if (c == PV_OK && !done)
		c = message_open(&d->message, MESSAGE_FROM_DELIVERED_TO, &fd, e);
	if (c == PV_OK && !done) {
		unsigned seconds = delivery_seconds(d, FORWARD_SECONDS, 0);
		c = seconds > 0 ? sendmail_run(d->store.conf.sendmail_program, k->sender, k->to + from, count,
					       fd, seconds, e)
				: pv_fail(e, PV_TEMPORARY, "4.3.0", "no time is left for a forward");
		(void)close(fd);
		log_call(d, k, k->to[from], count, c, e);
		if (c == PV_OK && !records_add(&d->records, 'S', key.s, key.len))
			report_not_noted(d, errno, "the call of sendmail for %zu address%s, %.250s%s,", count,
					 count > 1 ? "es" : "", k->to[from], count > 1 ? " ..." : "");
	}
	if (c == PV_OK)
		*(done ? &d->tally.done_before : &d->tally.forwarded) += (unsigned)count;
	pv_buf_free(&key);
	return c;
}

static enum pv_class send_copies(struct delivery *d, struct copies *k, struct pv_error *e)
{
	size_t count = sendmail_fits(k->to, k->count);

	k->one_call = count == k->count;
	enum pv_class c = call(d, k, 0, count, e);
	for (size_t from = count; c == PV_OK && from < k->count; from += count) {
		count = sendmail_fits(k->to + from, k->count - from);
		c = call(d, k, from, count, e);
	}
	return c;
}

/* An owner's, or the message's own. They may be the same: a call is known by its sender, so there must be one
 * for each alone. */
static const char *sender_of(const struct pv_action *a, const char *own)
{
	return a->owner != NULL ? a->owner : own;
}

/* Collect those that have the sender of actions[i] and were in no call yet. */
static void collect(const struct pv_action *actions, size_t i, size_t count, const char *own, bool *taken,
		    struct copies *k)
{
	k->sender = sender_of(&actions[i], own);
	k->count = 0;
	for (size_t j = i; j < count; j++) {
		const char *sender = sender_of(&actions[j], own);
		if (taken[j] || (k->sender != sender && strcmp(k->sender, sender) != 0))
			continue;
		k->to[k->count++] = actions[j].text;
		taken[j] = true;
	}
}

static enum pv_class each_sender(struct delivery *d, const struct pv_action *actions, size_t count,
				 const char *sender, struct copies *k, bool *taken, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < count; i++) {
		if (taken[i])
			continue;
		collect(actions, i, count, sender, taken, k);
		c = send_copies(d, k, e);
	}
	return c;
}

enum pv_class forward_all(struct delivery *d, const struct pv_action *actions, size_t count,
			  struct pv_error *e)
{
	struct copies k = { .to = calloc(count, sizeof *k.to) };
	bool *taken = calloc(count, sizeof *taken);
	char sender[1024];
	enum pv_class c;

	(void)snprintf(sender, sizeof sender, "%.*s", (int)d->hop.sender.len,
		       d->hop.sender.s != NULL ? d->hop.sender.s : "");
	if (k.to == NULL || taken == NULL)
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "send a message on: out of memory");
	else if (d->hop.sender.len >= sizeof sender)
		c = pv_fail(e, PV_TEMPORARY, "4.1.7",
			    "the sender's address is too long to send the message on");
	else
		c = each_sender(d, actions, count, sender, &k, taken, e);
	free((void *)k.to);
	free(taken);
	return c;
}
