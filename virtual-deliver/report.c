#include "report.h"

#include "base/log.h"

#include <stdarg.h>

const char *report_queue_id(const struct delivery *d)
{
	return d->queue_id[0] != '\0' ? d->queue_id : "-";
}

const char *report_target(const struct pv_action *a)
{
	switch (a->kind) {
	case PV_ACTION_MAILBOX:
	case PV_ACTION_VACATION:
		return a->of->user.s;
	case PV_ACTION_COMMAND:
		return a->argv[0];
	case PV_ACTION_FILE:
	case PV_ACTION_FORWARD:
	case PV_ACTION_RESPOND:
		return a->text;
	case PV_ACTION_DISCARD:
		break;
	}
	return "-";
}

void report_note(const char *path, const char *note)
{
	if (note[0] != '\0')
		pv_log(PV_LOG_WARNING, "mailbox %s: %s", path, note);
}

void report_dropped(const struct delivery *d, const struct pv_action *a)
{
	pv_log(PV_LOG_INFO, "%s: filter of %s@%s wrote nothing, to=<%.250s>, status=dropped",
	       report_queue_id(d), a->of->user.s, d->route.folder.domain.s, d->recipient.address);
}

void report_failed(const struct delivery *d, const struct pv_action *a, enum pv_class c,
		   const struct pv_error *e)
{
	pv_log(PV_LOG_WARNING, "%s: to=<%.250s>, action=%.250s, status=%s (%s %s)", report_queue_id(d),
	       d->recipient.address, report_target(a), c == PV_PERMANENT ? "refused" : "deferred", e->status,
	       e->text);
}

void report_aside(const struct delivery *d, const char *what, const struct pv_error *e)
{
	pv_log(PV_LOG_WARNING, "%s: %s: %s", report_queue_id(d), what, e->text);
}

void report_not_noted(const struct delivery *d, int err, const char *fmt, ...)
{
	char what[1200];
	va_list ap;

	if (d->records.fd < 0)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	pv_log(PV_LOG_WARNING,
	       "%s: %s could not be noted in %s.done (%s): another try of this message would repeat it",
	       report_queue_id(d), what, d->records.path, strerror(err));
}

/* One word where one thing was done, else how often each: `3 stored, 1 forwarded`. */
static const char *describe(const struct tally *t, char *text, size_t size)
{
	const struct {
		unsigned count;
		const char *word;
	} all[] = { { t->stored, "stored" },	       { t->before, "stored before" },
		    { t->done_before, "done before" }, { t->handed, "handed over" },
		    { t->dropped, "dropped" },	       { t->forwarded, "forwarded" },
		    { t->answered, "answered" },       { t->failed, "failed" } };
	enum { ALL = sizeof all / sizeof *all };
	const char *single = "nothing";
	unsigned kinds = 0, count = 0;
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < ALL; i++) {
		if (all[i].count == 0)
			continue;
		int n = snprintf(text + len, size - len, "%s%u %s", kinds++ > 0 ? ", " : "", all[i].count,
				 all[i].word);
		len += n > 0 && (size_t)n < size - len ? (size_t)n : 0;
		count += all[i].count;
		single = all[i].word;
	}
	return count > 1 ? text : single;
}

void report_delivery(const struct delivery *d, enum pv_class c, const struct pv_error *e, int64_t us)
{
	const struct slice sender = d->hop.sender;
	char done[160];
	const char *result = c == PV_PERMANENT	   ? "refused"
			     : c != PV_OK	   ? "deferred"
			     : d->options->dry_run ? "tried only"
						   : describe(&d->tally, done, sizeof done);

	pv_log(c == PV_OK ? PV_LOG_INFO : PV_LOG_WARNING,
	       "%s: message-id=%.200s, to=<%.250s>, mailbox=%.200s, from=<%.*s>, size=%llu, "
	       "status=%s%s%s%s%s%s, ms=%lld.%lld",
	       report_queue_id(d), d->header.message_id.s, d->recipient.address,
	       d->location.path != NULL ? d->location.path : "-", sender.len > 250 ? 250 : (int)sender.len,
	       sender.len > 0 ? sender.s : "", (unsigned long long)d->header.size, result,
	       c == PV_OK ? "" : " (", c == PV_OK ? "" : e->status, c == PV_OK ? "" : " ",
	       c == PV_OK ? "" : e->text, c == PV_OK ? "" : ")", (long long)(us / 1000),
	       (long long)(us / 100 % 10));
}
