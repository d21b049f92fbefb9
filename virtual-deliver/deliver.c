#include "deliver.h"

#include "act.h"
#include "append.h"
#include "base/clock.h"
#include "base/log.h"
#include "compose.h"
#include "report.h"
#include "route/place.h"
#include "user.h"

#include <sys/auxv.h>
#include <unistd.h>

/* Where does a large message lie while it is read? Beside the first mailbox, which then needs no copy; else
 * with the domain's files. */
static enum pv_class find_place(struct delivery *d, int *dirfd_r, struct pv_error *e)
{
	const struct pv_action *first = d->route.actions;
	enum pv_class c = PV_OK;

	*dirfd_r = -1;
	if (d->recipient.own)
		c = pv_place_own(&d->store, d->uid, &d->recipient.account, delivery_home(d), &d->location, e);
	else if (first != NULL && first->kind == PV_ACTION_MAILBOX &&
		 first->of->conf.mail.deliver_with[0] == '\0')
		c = user_find_mailbox(d, first, &d->location, e);
	else if (!d->input_ended)
		*dirfd_r = delivery_files_folder(d, NULL, 0, NULL); /* without it /var/tmp has to serve */
	if (c == PV_OK && d->location.dirfd >= 0 && !d->location.shared)
		*dirfd_r = d->location.dirfd;
	return c;
}

static enum pv_class resolve_route(struct delivery *d, struct pv_error *e)
{
	char sender[1024];
	struct pv_route_query q = { .store = &d->store,
				    .account = d->uid,
				    .account_home = delivery_home_for,
				    .ctx = d,
				    .to = d->recipient.to };

	if (d->hop.sender.s != NULL && d->hop.sender.len < sizeof sender) {
		(void)snprintf(sender, sizeof sender, "%.*s", (int)d->hop.sender.len, d->hop.sender.s);
		q.sender = sender;
	}
	return pv_route_resolve(&q, &d->route, e);
}

static enum pv_class resolve(struct delivery *d, struct pv_error *e)
{
	enum pv_class c = recipient_find(&d->store, d->uid, d->options->recipient, &d->hop, &d->recipient, e);

	if (c != PV_OK || d->recipient.own)
		return c;
	if ((c = resolve_route(d, e)) != PV_OK)
		return c;
	d->routed = true;
	if (d->route.refused)
		return pv_fail(e, PV_PERMANENT, d->route.status, "%s: %s", d->recipient.address,
			       d->route.text);
	return PV_OK;
}

static enum pv_class say_what_would_happen(struct delivery *d)
{
	if (d->recipient.own || act_is_plain(d))
		(void)printf("%s: would append %llu bytes to %s\n", d->recipient.address,
			     (unsigned long long)d->message.content.size, d->location.path);
	else
		act_say(d);
	return PV_OK;
}

static enum pv_class do_what_is_said(struct delivery *d, struct pv_error *e)
{
	struct pv_stored stored = { .note = "" };

	identity_queue_id(&d->store.conf, &d->hop, &d->header.received, d->queue_id, &d->has_id);
	if (d->recipient.own)
		return append_message(d, &d->location, &d->message, false, NULL, &stored, e);
	return act(d, e);
}

static enum pv_class run(struct delivery *d, struct pv_error *e)
{
	enum pv_class c;
	int dirfd;

	if ((c = compose_read_first(d, e)) != PV_OK || (c = resolve(d, e)) != PV_OK ||
	    (c = find_place(d, &dirfd, e)) != PV_OK || (c = compose_message(d, dirfd, e)) != PV_OK)
		return c;
	return d->options->dry_run ? say_what_would_happen(d) : do_what_is_said(d, e);
}

static enum pv_class prepare(struct delivery *d, struct pv_error *e)
{
	if (d->uid == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "virtual-deliver will not run as root: it is started as the domain's account");
	enum pv_class c = pv_store_open(d->options->config_directory, &d->store, e);
	if (c == PV_OK)
		pv_log_open("virtual-deliver", d->store.conf.log_socket);
	return c;
}

static enum pv_class no_loop(void *ctx, const char *value, size_t len, struct pv_error *e)
{
	(void)ctx;
	(void)value;
	(void)len;
	(void)e;
	return PV_OK;
}

/* Whose failure is it? The log must name the message, also where its header was not read yet, or not to its
 * end: the log of Postfix is searched for the queue id. */
static void name_message(struct delivery *d)
{
	if (d->queue_id[0] != '\0' || d->input.len <= d->hop.length)
		return;
	if (d->header.message_id.len == 0) {
		header_free(&d->header);
		message_free(&d->message);
		message_start(&d->message, -1);
		header_start(&d->header, &d->message.content, no_loop, NULL);
		(void)header_add(&d->header, d->input.s + d->hop.length, d->input.len - d->hop.length, NULL);
	}
	identity_queue_id(&d->store.conf, &d->hop, &d->header.received, d->queue_id, &d->has_id);
}

/* Only a delivery's own refusals are for ever: a setting that is wrong gets mended. */
static void settle_status(enum pv_class c, struct pv_error *e)
{
	if (c != PV_OK && e->status[0] == '\0')
		(void)snprintf(e->status, sizeof e->status, "%s", "4.3.0");
	if (c != PV_OK && c != PV_PERMANENT)
		e->status[0] = '4';
}

/* Zeroed by the kernel, page by page, as far as they are touched: cheaper than allocating. What is small is
 * to stand together, so the large one is a common symbol (the Makefile), which the linker puts behind all
 * others. */
static struct delivery the_delivery;
char virtual_deliver_input[64 * 1024];

enum pv_class deliver(const struct deliver_options *o, struct pv_error *e)
{
	struct delivery *d = &the_delivery;

	d->begun_us = pv_now_us();
	d->options = o;
	d->parent = getppid();
	d->uid = (uid_t)getauxval(AT_UID); /* set by the kernel; no system call */
	d->location.dirfd = -1;
	/* For the log, until it is known whom that means. */
	(void)snprintf(d->recipient.address, sizeof d->recipient.address, "%s",
		       o->recipient != NULL ? o->recipient : "");
	d->input = (struct pv_buf)PV_BUF_ON(virtual_deliver_input, COMPOSE_FIRST_MAX + 1);
	message_start(&d->message, -1);
	header_start(&d->header, &d->message.content, NULL, NULL);
	pv_log_open("virtual-deliver", "/dev/log");
	enum pv_class c = prepare(d, e);
	if (c == PV_OK)
		c = run(d, e);
	settle_status(c, e);
	if (c != PV_OK && !o->dry_run)
		name_message(d);
	if (!o->dry_run)
		report_delivery(d, c, e, pv_now_us() - d->begun_us);
	/* Memory and descriptors go with the process. */
	return c;
}
