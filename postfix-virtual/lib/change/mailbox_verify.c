#include "change/mailbox_verify.h"

#include "base/child.h"
#include "base/file.h"
#include "base/table.h"
#include "change/inside.h"
#include "route/place.h"

#include <errno.h>

enum { LOCK_MS = 20000, FINDINGS_MAX = 100000 };

#define ANSWER_MAX ((size_t)64 << 20)

struct request {
	const struct pv_store *store;
	const struct pv_account *account;
	const struct pv_domain *domain;
	const struct pv_user_info *user;
	bool remove_nuls;
	/* in the child */
	struct pv_buf out;
	size_t count;
};

/* --- in the child --- */

static void put_finding(void *ctx, const struct pv_finding *f)
{
	struct request *r = ctx;

	if (r->count++ >= FINDINGS_MAX)
		return;
	pv_buf_addf(&r->out, "%d %llu %llu %d ", (int)f->kind, (unsigned long long)f->offset,
		    (unsigned long long)f->length, f->mended);
	size_t at = r->out.len;
	pv_buf_adds(&r->out, f->name != NULL ? f->name : "");
	for (; at < r->out.len; at++)
		if (r->out.s[at] == '\n')
			r->out.s[at] = '?';
	pv_buf_addc(&r->out, '\n');
}

static enum pv_class examine(struct request *r, const struct pv_location *l, struct pv_error *e)
{
	const struct pv_verify_options o = { .uid = r->account->uid,
					     .lock_deadline_ms = LOCK_MS,
					     .remove_nuls = r->remove_nuls };
	struct pv_verified v;

	enum pv_class c = pv_mailbox_verify(l, &o, put_finding, r, &v, e);
	if (c == PV_OK) {
		pv_buf_addf(&r->out, "%d %d %llu %zu %zu %zu %s\n", v.exists, v.maildir,
			    (unsigned long long)v.bytes, v.messages, v.findings, v.mended, l->path);
		c = pv_buf_check(&r->out, "what was found in a mailbox", e);
	}
	return c;
}

static enum pv_class send_findings(void *ctx, int out_fd, struct pv_error *e)
{
	struct request *r = ctx;
	struct pv_passwd_entry p;
	struct pv_location l;
	struct pv_inside in;
	bool found;

	r->out = (struct pv_buf)PV_BUF_INIT(ANSWER_MAX);
	enum pv_class c = pv_inside_open(r->store->dir, r->domain, r->account, &in, e);
	if (c == PV_OK)
		c = pv_passwd_find(&in.folder, &r->user->user, &p, &found, e);
	if (c == PV_OK && !found)
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "user %s is gone", r->user->user.s);
	if (c == PV_OK)
		c = pv_place_find(&in.store, &in.folder, &p, r->account->home, &l, e);
	pv_inside_close(&in);
	if (c != PV_OK)
		return c;
	c = examine(r, &l, e);
	pv_location_free(&l);
	if (c == PV_OK && pv_write_all(out_fd, r->out.s, r->out.len) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write to a pipe");
	pv_buf_free(&r->out);
	return c;
}

/* --- in the parent --- */

static bool take_number(char **line, unsigned long max, unsigned long *to)
{
	const char *word = strsep(line, " ");

	return *line != NULL && pv_parse_number(word, strlen(word), max, to);
}

/* `kind offset length mended name` */
static bool take_finding(char *line, pv_finding_sink *sink, void *ctx)
{
	const unsigned long any = (unsigned long)-1 >> 1;
	unsigned long kind, offset, length, mended;

	if (!take_number(&line, PV_FINDING_KINDS - 1, &kind) || !take_number(&line, any, &offset) ||
	    !take_number(&line, any, &length) || !take_number(&line, 1, &mended))
		return false;
	pv_printable(line, strlen(line));
	const struct pv_finding f = { .kind = (enum pv_finding_kind)kind,
				      .offset = offset,
				      .length = length,
				      .name = *line != '\0' ? line : NULL,
				      .mended = mended != 0 };
	sink(ctx, &f);
	return true;
}

/* `exists maildir bytes messages findings mended path` */
static bool take_verdict(char *line, struct pv_mailbox_verdict *v)
{
	const unsigned long any = (unsigned long)-1 >> 1;
	unsigned long exists, maildir, bytes, messages, findings, mended;

	if (!take_number(&line, 1, &exists) || !take_number(&line, 1, &maildir) ||
	    !take_number(&line, any, &bytes) || !take_number(&line, any, &messages) ||
	    !take_number(&line, any, &findings) || !take_number(&line, any, &mended))
		return false;
	*v = (struct pv_mailbox_verdict){ .exists = exists != 0,
					  .is_maildir = maildir != 0,
					  .bytes = bytes,
					  .messages = messages,
					  .findings = findings,
					  .mended = mended };
	(void)snprintf(v->path, sizeof v->path, "%s", line);
	pv_printable(v->path, strlen(v->path));
	return true;
}

/* The last line is the verdict. */
static enum pv_class take_all(char *text, pv_finding_sink *sink, void *ctx, struct pv_mailbox_verdict *v,
			      struct pv_error *e)
{
	char *line = strsep(&text, "\n");
	bool good = text != NULL;

	while (good && *text != '\0') {
		good = take_finding(line, sink, ctx);
		line = strsep(&text, "\n");
		good = good && text != NULL;
	}
	if (!good || !take_verdict(line, v))
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "a child's report is damaged");
	return PV_OK;
}

enum pv_class pv_mailbox_examine(const struct pv_store *s, const struct pv_folder *f,
				 const struct pv_account *account, const struct pv_user_info *u,
				 bool remove_nuls, pv_finding_sink *sink, void *ctx,
				 struct pv_mailbox_verdict *v, struct pv_error *e)
{
	static const struct pv_child_limits limits = { .seconds = 3600, .cpu_seconds = 3600 };
	struct request r = {
		.store = s, .account = account, .domain = &f->domain, .user = u, .remove_nuls = remove_nuls
	};
	struct pv_buf out = PV_BUF_INIT(ANSWER_MAX);

	*v = (struct pv_mailbox_verdict){ .exists = false };
	enum pv_class c = pv_child_run(account->uid, account->gid, &limits, send_findings, &r, &out, e);
	if (c == PV_OK)
		c = take_all(out.s, sink, ctx, v, e);
	pv_buf_free(&out);
	return c;
}
