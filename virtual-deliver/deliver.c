#include "deliver.h"

#include "base/clock.h"
#include "base/log.h"
#include "header.h"
#include "hop.h"
#include "identity.h"
#include "mailbox/mailbox.h"
#include "recipient.h"
#include "route/place.h"
#include "route/route.h"
#include "sender.h"

#include <errno.h>
#include <pwd.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FIRST_READ_MAX = 1024 * 1024, /* of the input, before anything is resolved */
	HOP_MAX = 64 * 1024,	      /* what the hop put on top is shorter */
	LOCK_DEADLINE_MS = 20 * 1000,
	LOOP_LOOKUPS_MAX = 100, /* Delivered-To lines that are resolved for a fallback's mailbox */
};

struct delivery {
	const struct deliver_options *options;
	uid_t uid;
	struct pv_store store;
	struct pv_buf input; /* the first FIRST_READ_MAX bytes */
	bool input_ended;
	pid_t parent; /* when we started */
	struct hop hop;
	struct recipient recipient;
	struct pv_route route; /* valid unless recipient.own */
	bool routed;
	unsigned loop_lookups;
	struct pv_location location;
	struct pv_content content;
	struct header header;
	char queue_id[QUEUE_ID_MAX + 1];
	const char *outcome; /* for the log */
};

/* Read up to len bytes from standard input; 0 at its end. */
static enum pv_class read_input(void *to, size_t len, size_t *got_r, struct pv_error *e)
{
	ssize_t n;

	do
		n = read(STDIN_FILENO, to, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read the message");
	*got_r = (size_t)n;
	return PV_OK;
}

static enum pv_class read_first(struct delivery *d, struct pv_error *e)
{
	enum pv_class c;
	size_t got;

	while (d->input.len < FIRST_READ_MAX) {
		size_t want =
			d->input.cap > d->input.len + 8192 ? d->input.cap - d->input.len - 1 : 256 * 1024;
		if (want > FIRST_READ_MAX - d->input.len)
			want = FIRST_READ_MAX - d->input.len;
		char *to = pv_buf_reserve(&d->input, want);
		if (to == NULL)
			return pv_buf_check(&d->input, "the message", e);
		if ((c = read_input(to, want, &got, e)) != PV_OK)
			return c;
		if (got == 0) {
			d->input_ended = true;
			break;
		}
		pv_buf_grew(&d->input, got);
	}
	hop_parse(d->input.s, d->input.len < HOP_MAX ? d->input.len : HOP_MAX, &d->hop);
	return PV_OK;
}

/* The home of the account, as far as it can be known: HOME if it is ours (a pipe(8) gives none, and whoever
 * tries by hand may have another's), else what passwd(5) says. */
static const char *account_home(void *ctx)
{
	const struct delivery *d = ctx;
	const char *home = getenv("HOME");
	struct stat st;

	if (home != NULL && home[0] == '/' && stat(home, &st) == 0 && st.st_uid == d->uid)
		return home;
	const struct passwd *pw = getpwuid(d->uid);
	return pw != NULL ? pw->pw_dir : NULL;
}

static enum pv_class find_mailbox(struct delivery *d, struct pv_error *e)
{
	if (d->recipient.own)
		return pv_place_own(&d->store, d->uid, &d->recipient.account, account_home(d), &d->location,
				    e);
	const struct pv_action *a = d->route.actions;
	const char *home = a->home[0] == '/' ? account_home(d) : NULL;
	struct pv_passwd_entry user;
	user.user = a->user;
	user.home = a->home;
	return pv_place_find(&d->store, &d->route.folder, &user, home, &d->location, e);
}

static enum pv_class resolve(struct delivery *d, struct pv_error *e)
{
	enum pv_class c = recipient_find(&d->store, d->uid, d->options->recipient, &d->hop, &d->recipient, e);

	if (c != PV_OK || d->recipient.own)
		return c;
	const struct pv_route_query q = { .store = &d->store,
					  .account = d->uid,
					  .account_home = account_home,
					  .ctx = d,
					  .to = d->recipient.to };
	if ((c = pv_route_resolve(&q, &d->route, e)) != PV_OK)
		return c;
	d->routed = true;
	if (d->route.refused)
		return pv_fail(e, PV_PERMANENT, d->route.status, "%s: %s", d->recipient.address,
			       d->route.text);
	if (d->route.count != 1 || d->route.actions[0].kind != PV_ACTION_MAILBOX)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s does not lead to a mailbox",
			       d->recipient.address);
	return PV_OK;
}

/* Does this address of an earlier delivery lead to the mailbox that we are about to write to? */
static bool leads_here(struct delivery *d, const char *value, size_t len)
{
	struct pv_recipient old = { .local = value };
	struct pv_route route;

	const char *at = memrchr(value, '@', len);
	if (at == NULL || pv_domain_parse(at + 1, len - (size_t)(at + 1 - value), &old.domain, NULL) != PV_OK)
		return false;
	old.local_len = (size_t)(at - value);
	const struct pv_user *user = &d->route.actions[0].user;
	bool begins = old.local_len >= user->len && strncasecmp(value, user->s, user->len) == 0;
	bool same_name = begins && (old.local_len == user->len || value[user->len] == PV_DELIMITER);
	/* Behind another delimiter it may be a tag or the rest of another user's name. */
	bool may_be = begins && old.local_len > user->len && value[user->len] != '\0' &&
		      strchr(d->store.conf.recipient_delimiter, value[user->len]) != NULL;
	/* Another name leads here only by the fallback. */
	if (!same_name && ((!may_be && !d->route.by_fallback) || d->loop_lookups >= LOOP_LOOKUPS_MAX))
		return false;
	d->loop_lookups += !same_name;
	if (same_name && pv_domain_equal(&old.domain, &d->route.folder.domain))
		return true;
	const struct pv_route_query q = { .store = &d->store, .account = d->uid, .to = old };
	if (pv_route_resolve(&q, &route, NULL) != PV_OK)
		return false;
	bool here = pv_domain_equal(&route.folder.domain, &d->route.folder.domain) &&
		    pv_route_mailbox_of(&route, user) != NULL;
	pv_route_free(&route);
	return here;
}

static enum pv_class check_loop(void *ctx, const char *value, size_t len, struct pv_error *e)
{
	struct delivery *d = ctx;
	bool loop;

	if (len >= 2 && value[0] == '<' && value[len - 1] == '>') {
		value++;
		len -= 2;
	}
	if (d->recipient.own)
		loop = len == d->hop.recipient.len && strncasecmp(value, d->hop.recipient.s, len) == 0;
	else
		loop = leads_here(d, value, len);
	if (!loop)
		return PV_OK;
	return pv_fail(e, PV_PERMANENT, "5.4.6", "mail forwarding loop for %s", d->recipient.address);
}

/* A From_ line may hold no blank in its sender: readers look for the date behind the first one. */
static void add_from_line(const struct hop *h, struct pv_buf *out)
{
	time_t now = time(NULL);
	char date[40];
	struct tm t;

	if (h->sender.s == NULL || h->sender.len == 0) {
		pv_buf_adds(out, "From MAILER-DAEMON");
	} else {
		pv_buf_adds(out, "From ");
		for (size_t i = 0; i < h->sender.len && i < 1000; i++)
			pv_buf_addc(out, (unsigned char)h->sender.s[i] <= ' ' || h->sender.s[i] == 0x7f
						 ? '_'
						 : h->sender.s[i]);
	}
	/* The format of asctime(3), in UTC (RFC 4155, appendix A). */
	if (gmtime_r(&now, &t) == NULL || strftime(date, sizeof date, " %a %b %e %H:%M:%S %Y\n", &t) == 0)
		(void)snprintf(date, sizeof date, " Thu Jan  1 00:00:00 1970\n");
	pv_buf_adds(out, date);
}

/* An address in a header line of ours: whatever it was, it stays on the line. */
static void add_address(struct pv_buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		pv_buf_addc(out, (unsigned char)s[i] < ' ' || s[i] == 0x7f ? '?' : s[i]);
}

static enum pv_class write_top(struct delivery *d, struct pv_error *e)
{
	struct pv_buf top = PV_BUF_INIT(16 * 1024 * 1024);
	const struct hop *h = &d->hop;

	add_from_line(h, &top);
	pv_buf_adds(&top, "Return-Path: <");
	add_address(&top, h->sender.s, h->sender.len);
	pv_buf_adds(&top, ">\nX-Original-To: ");
	if (h->original.len > 0)
		add_address(&top, h->original.s, h->original.len);
	else
		pv_buf_adds(&top, d->recipient.address);
	pv_buf_adds(&top, "\nDelivered-To: ");
	pv_buf_adds(&top, d->recipient.address);
	pv_buf_adds(&top, "\n");
	enum pv_class c = pv_buf_check(&top, "the header", e);
	if (c == PV_OK)
		c = pv_content_add(&d->content, top.s, top.len, e);
	pv_buf_free(&top);
	return c;
}

/* Pass the whole message through the header reader into the content. */
static enum pv_class compose(struct delivery *d, struct pv_error *e)
{
	enum pv_class c;
	size_t got = 1;

	pv_content_start(&d->content, d->location.shared ? -1 : d->location.dirfd);
	header_start(&d->header, &d->content, check_loop, d);
	if ((c = write_top(d, e)) != PV_OK)
		return c;
	c = header_add(&d->header, d->input.s + d->hop.length, d->input.len - d->hop.length, e);
	/* The rest of a large message, piece by piece through the same memory, behind what the hop's slices
	 * point to. */
	char *piece = d->input.s + d->hop.length;
	while (c == PV_OK && !d->input_ended && got > 0) {
		c = read_input(piece, d->input.len - d->hop.length, &got, e);
		if (c == PV_OK && got > 0)
			c = header_add(&d->header, piece, got, e);
	}
	if (c == PV_OK)
		c = header_finish(&d->header, e);
	return c == PV_OK ? pv_content_finish(&d->content, e) : c;
}

static enum pv_class store_message(struct delivery *d, struct pv_error *e)
{
	const struct pv_mailbox_options options = { .uid = d->uid,
						    .lock_deadline_ms = LOCK_DEADLINE_MS,
						    .fcntl_only = d->store.conf.fcntl_only };
	enum pv_append_result result;
	unsigned char id[PV_ID_BYTES];
	struct pv_mailbox m;
	bool has_id;

	identity_queue_id(&d->store.conf, &d->hop, &d->header.received, d->queue_id, &has_id);
	if (has_id)
		identity_make(d->location.path, &d->hop, &d->header, id);
	enum pv_class c = pv_mailbox_open(&d->location, &options, &m, e);
	if (c != PV_OK)
		return c;
	if (m.note[0] != '\0')
		pv_log(PV_LOG_WARNING, "mailbox %s: %s", d->location.path, m.note);
	if (sender_is_gone(d->parent, d->header.quote.last != '\n'))
		c = pv_fail(e, PV_TEMPORARY, "4.3.0",
			    "the program that sent the message is gone: it may not be whole");
	else
		c = pv_mailbox_append(&m, &d->content, has_id ? id : NULL, &result, e);
	enum pv_class closed = pv_mailbox_close(&m, c == PV_OK ? e : NULL);
	if (c != PV_OK)
		return c;
	d->outcome = result == PV_DUPLICATE ? "stored before" : "stored";
	return closed;
}

static enum pv_class say_what_would_happen(struct delivery *d)
{
	(void)printf("%s: would append %llu bytes to %s\n", d->recipient.address,
		     (unsigned long long)d->content.size, d->location.path);
	d->outcome = "tried only";
	return PV_OK;
}

static enum pv_class run(struct delivery *d, struct pv_error *e)
{
	enum pv_class c;

	if ((c = read_first(d, e)) != PV_OK || (c = resolve(d, e)) != PV_OK ||
	    (c = find_mailbox(d, e)) != PV_OK || (c = compose(d, e)) != PV_OK)
		return c;
	return d->options->dry_run ? say_what_would_happen(d) : store_message(d, e);
}

static void log_delivery(const struct delivery *d, enum pv_class c, const struct pv_error *e, int64_t us)
{
	const struct slice sender = d->hop.sender;
	const char *result = c == PV_OK ? d->outcome : c == PV_PERMANENT ? "refused" : "deferred";

	pv_log(c == PV_OK ? PV_LOG_INFO : PV_LOG_WARNING,
	       "%s: message-id=%.200s, to=<%.250s>, mailbox=%.200s, from=<%.*s>, size=%llu, "
	       "status=%s%s%s%s%s%s, ms=%lld.%lld",
	       d->queue_id[0] != '\0' ? d->queue_id : "-", d->header.message_id.s, d->recipient.address,
	       d->location.path != NULL ? d->location.path : "-", sender.len > 250 ? 250 : (int)sender.len,
	       sender.len > 0 ? sender.s : "", (unsigned long long)d->header.size, result,
	       c == PV_OK ? "" : " (", c == PV_OK ? "" : e->status, c == PV_OK ? "" : " ",
	       c == PV_OK ? "" : e->text, c == PV_OK ? "" : ")", (long long)(us / 1000),
	       (long long)(us / 100 % 10));
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

/* Only a delivery's own refusals are for ever: a setting that is wrong gets mended. */
static void settle_status(enum pv_class c, struct pv_error *e)
{
	if (c != PV_OK && e->status[0] == '\0')
		(void)snprintf(e->status, sizeof e->status, "%s", "4.3.0");
	if (c != PV_OK && c != PV_PERMANENT)
		e->status[0] = '4';
}

enum pv_class deliver(const struct deliver_options *o, struct pv_error *e)
{
	/* Zeroed by the kernel, page by page, as far as it is touched: cheaper than allocating. */
	static char first_memory[64 * 1024];
	static struct delivery d;
	int64_t begun = pv_now_us();

	d.options = o;
	d.parent = getppid();
	d.uid = (uid_t)getauxval(AT_UID); /* set by the kernel; no system call */
	d.location.dirfd = -1;
	d.outcome = "";
	/* For the log, until it is known whom that means. */
	(void)snprintf(d.recipient.address, sizeof d.recipient.address, "%s",
		       o->recipient != NULL ? o->recipient : "");
	d.input = (struct pv_buf)PV_BUF_ON(first_memory, FIRST_READ_MAX + 1);
	pv_content_start(&d.content, -1);
	header_start(&d.header, &d.content, check_loop, &d);
	pv_log_open("virtual-deliver", "/dev/log");
	enum pv_class c = prepare(&d, e);
	if (c == PV_OK)
		c = run(&d, e);
	settle_status(c, e);
	if (!o->dry_run)
		log_delivery(&d, c, e, pv_now_us() - begun);
	/* Memory and descriptors go with the process. */
	return c;
}
