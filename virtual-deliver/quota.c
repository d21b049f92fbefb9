#include "quota.h"

#include "compose.h"
#include "mailbox/from_line.h"
#include "mailbox/mboxrd.h"
#include "report.h"
#include "route/user_limits.h"
#include "store/texts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DAY = 24 * 3600, WARNING_DAYS = 7 };

/* --- the age of the message --- */

/* The date behind the last semicolon of the Received line of this host's own, as Postfix writes it:
 * `; Fri, 20 Nov 2026 10:00:00 +0100 (CET)`. -1: there is none. */
static time_t received_at(const struct delivery *d)
{
	const struct pv_buf *line = &d->header.received;
	const char *semicolon = d->has_id && line->len > 0 ? memrchr(line->s, ';', line->len) : NULL;
	struct tm t = { .tm_year = 0 };

	if (semicolon == NULL)
		return -1;
	const char *p = semicolon + 1 + strspn(semicolon + 1, " \t\r\n");
	const char *comma = strchr(p, ',');
	p = strptime(comma != NULL ? comma + 1 : p, " %d %b %Y %H:%M:%S ", &t);
	if (p == NULL || (p[0] != '+' && p[0] != '-') || strspn(p + 1, "0123456789") != 4)
		return -1;
	int offset = ((p[1] - '0') * 10 + p[2] - '0') * 3600 + ((p[3] - '0') * 10 + p[4] - '0') * 60;
	return timegm(&t) - (p[0] == '-' ? -offset : offset);
}

static bool is_older_than(const struct delivery *d, unsigned days)
{
	time_t at = received_at(d);

	return at >= 0 && time(NULL) - at > (time_t)days * DAY;
}

/* --- limits --- */

/* What the sender sent: the lines of local(8) are not in header.size, and that this host received it is none
 * of his. */
static uint64_t sent_size(const struct delivery *d)
{
	return d->header.size - (d->has_id ? d->header.received.len : 0);
}

enum pv_class quota_of(struct delivery *d, const struct pv_action *a, struct pv_quota *q, struct pv_error *e)
{
	const struct pv_mail_conf *conf = &a->of->conf.mail;
	static char folder[4096];

	enum pv_class c =
		pv_user_limits_of(&d->store, &d->route, &d->recipient.to, a, folder, sizeof folder, q, e);
	if (c == PV_OK && q->domain_folder != NULL && conf->over_quota_days > 0 &&
	    is_older_than(d, conf->over_quota_days))
		q->refuse = true;
	q->exempt = q->exempt || sent_size(d) <= PV_QUOTA_EXEMPT_BYTES;
	return c;
}

static const char *language_of(const struct delivery *d, const struct pv_action *a)
{
	return pv_text_language(&d->store, a->of->conf.mail.language);
}

/* One of the domain's texts behind the address. */
static enum pv_class say(struct delivery *d, const struct pv_action *a, enum pv_text text, const char *number,
			 enum pv_class class, const char *code, struct pv_error *e)
{
	const struct pv_text_words words = { .user = a->of->user.s,
					     .domain = d->route.folder.domain.s,
					     .number = number };
	char line[400];

	pv_text_line(&d->store, &d->route.folder, text, language_of(d, a), &words, line, sizeof line);
	return pv_fail(e, class, code, "%s: %s", d->recipient.address, line);
}

enum pv_class quota_check_size(struct delivery *d, const struct pv_action *a, struct pv_error *e)
{
	uint64_t max = a->of->conf.mail.message_size;
	char number[24];

	if (max == 0 || d->header.size <= max)
		return PV_OK;
	(void)snprintf(number, sizeof number, "%llu", (unsigned long long)max);
	return say(d, a, PV_TEXT_TOO_LARGE, number, PV_PERMANENT, "5.3.4", e);
}

enum pv_class quota_explain(struct delivery *d, const struct pv_action *a, struct pv_error *e)
{
	char code[PV_ERROR_STATUS];

	memcpy(code, e->status, sizeof code);
	return say(d, a, PV_TEXT_OVER_QUOTA, NULL, e->class, code, e);
}

/* --- the warning --- */

/* Was he told within a week? If not, he is now: noted first, so that whatever then fails does not tell him at
 * each message. The date of .files/USER.warned is what counts. */
static bool may_warn(struct delivery *d, const struct pv_user *u)
{
	char name[NAME_MAX + 1];
	struct stat st;
	bool may;

	int dirfd = delivery_files_folder(d, NULL, 0, NULL);
	int n = snprintf(name, sizeof name, "%s.warned", u->s);
	if (dirfd < 0 || n < 0 || (size_t)n >= sizeof name)
		return false;
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	may = fd >= 0;
	if (fd < 0 && errno == EEXIST) {
		fd = openat(dirfd, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		may = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		      time(NULL) - st.st_mtime >= (time_t)WARNING_DAYS * DAY && futimens(fd, NULL) == 0;
	}
	if (fd >= 0)
		(void)close(fd);
	(void)close(dirfd);
	return may;
}

/* What he is told: one of the three texts, of how many percent. */
struct warning {
	enum pv_text text;
	unsigned percent;
};

static void write_subject(enum pv_text text, bool danish, const char *domain, struct pv_buf *out)
{
	pv_buf_adds(out, "Subject: ");
	if (text == PV_TEXT_WARNING_DOMAIN)
		pv_buf_addf(out,
			    danish ? "Postkasserne i %s er snart fulde"
				   : "The mailboxes of %s are nearly full",
			    domain);
	else if (text == PV_TEXT_NO_ROOM)
		pv_buf_adds(out, danish ? "Der var ikke plads til en besked"
					: "A message did not fit into your mailbox");
	else
		pv_buf_adds(out, danish ? "Din postkasse er snart fuld" : "Your mailbox is nearly full");
	pv_buf_addc(out, '\n');
}

/* Whoever stands in a header needs no quotes there: names of users and domains have none. */
static void write_header(const struct delivery *d, const struct pv_action *a, enum pv_text text, bool danish,
			 struct pv_buf *out)
{
	const char *domain = d->route.folder.domain.s, *user = a->of->user.s;
	time_t now = time(NULL);
	char date[64] = "";
	struct tm t;

	if (gmtime_r(&now, &t) != NULL)
		(void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &t);
	pv_from_line_add(out, NULL, 0, time(NULL));
	pv_buf_addf(out, "Return-Path: <>\nDelivered-To: %s@%s\n", user, domain);
	pv_buf_addf(out, "Date: %s\nFrom: postmaster@%s\nTo: %s@%s\n", date, domain, user, domain);
	write_subject(text, danish, domain, out);
	pv_buf_addf(out, "Message-ID: <warning.%s.%lld@%s>\n", user, (long long)now, domain);
	pv_buf_adds(out, "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n"
			 "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n");
}

static enum pv_class compose_warning(struct delivery *d, const struct pv_action *a, const struct warning *w,
				     struct pv_content *content, struct pv_error *e)
{
	struct pv_buf header = PV_BUF_INIT(64 * 1024), body = PV_BUF_INIT(PV_TEXT_MAX);
	struct pv_mboxrd quote = PV_MBOXRD_INIT;
	const char *language = language_of(d, a);
	char number[16];

	(void)snprintf(number, sizeof number, "%u", w->percent);
	const struct pv_text_words words = { .user = a->of->user.s,
					     .domain = d->route.folder.domain.s,
					     .number = number };
	write_header(d, a, w->text, strcmp(language, "da") == 0, &header);
	(void)pv_text_load(&d->store, &d->route.folder, w->text, language, &words, &body);
	enum pv_class c = pv_buf_check(&header, "a warning", e);
	if (c == PV_OK)
		c = pv_content_add(content, header.s, header.len, e);
	if (c == PV_OK)
		c = pv_mboxrd_add(&quote, content, body.s, body.len, e);
	if (c == PV_OK)
		c = pv_mboxrd_finish(&quote, content, e);
	pv_buf_free(&header);
	pv_buf_free(&body);
	return c == PV_OK ? pv_content_finish(content, e) : c;
}

/* To him alone, and past his limits: so he can do something about them. The mailbox may not be there yet,
 * where the first message was too large for it. */
static enum pv_class store_warning(struct delivery *d, const struct pv_action *a,
				   const struct pv_location *where, const struct warning *w,
				   struct pv_error *e)
{
	const struct pv_store_options options = { .uid = d->uid,
						  .lock_deadline_ms = LOCK_DEADLINE_MS,
						  .fcntl_only = d->store.conf.fcntl_only,
						  .maildir = a->of->conf.mail.mailbox_format ==
							     PV_FORMAT_MAILDIR };
	struct pv_stored stored = { .note = "" };
	struct pv_content content;

	pv_content_start(&content, where->shared ? -1 : where->dirfd);
	enum pv_class c = compose_warning(d, a, w, &content, e);
	if (c == PV_OK)
		c = pv_mailbox_store(where, &options, &content, NULL, &stored, e);
	pv_content_free(&content);
	return c;
}

static void tell(struct delivery *d, const struct pv_action *a, const struct pv_location *where,
		 const struct warning *w)
{
	struct pv_error e = { .text = "" };

	if (may_warn(d, &a->of->user) && store_warning(d, a, where, w, &e) != PV_OK)
		report_aside(d, "the warning that a mailbox is nearly full", &e);
}

void quota_warn(struct delivery *d, const struct pv_action *a, const struct pv_location *where,
		const struct pv_quota *q, const struct pv_stored *stored)
{
	unsigned from = a->of->conf.mail.quota_warning;
	const struct pv_quota_state *s = &stored->quota;
	struct warning w = { .text = PV_TEXT_WARNING, .percent = pv_quota_percent(q, &s->after) };

	if (w.percent < from && s->domain_before > 0)
		w = (struct warning){ .text = PV_TEXT_WARNING_DOMAIN,
				      .percent = pv_quota_domain_percent(
					      q, s->domain_before + s->after.bytes - s->before.bytes) };
	if (from > 0 && w.percent >= from)
		tell(d, a, where, &w);
}

void quota_warn_of_no_room(struct delivery *d, const struct pv_action *a, const struct pv_location *where,
			   const struct pv_quota *q, const struct pv_stored *stored)
{
	const struct pv_quota_state *s = &stored->quota;
	const struct warning w = { .text = PV_TEXT_NO_ROOM,
				   .percent = s->over == PV_OVER_DOMAIN
						      ? pv_quota_domain_percent(q, s->domain_before)
						      : pv_quota_percent(q, &s->before) };

	if (a->of->conf.mail.quota_warning > 0)
		tell(d, a, where, &w);
}
