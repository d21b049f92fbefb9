#include "change/change.h"

#include "change/mailbox_verify.h"
#include "change/user_view.h"

enum pv_class pv_mailbox_format_set(struct pv_change *c, const struct pv_address *a,
				    enum pv_mailbox_format format, struct pv_error *e)
{
	const char *name = format == PV_FORMAT_MAILDIR ? "maildir" : "mbox";
	char what[sizeof((struct pv_user_view *)NULL)->text + sizeof " maildir"];
	const struct pv_user_info *info = NULL;
	struct pv_mailbox_info m;
	struct pv_user_view v;

	enum pv_class r = pv_user_begin(&v, c, a, e);
	if (r == PV_OK)
		r = pv_user_take(&v, &info, e);
	if (r == PV_OK)
		r = pv_mailbox_look(c->store, &v.work.folder, &v.work.account, info, false, &m, e);
	bool is_so = r == PV_OK && (!m.exists || m.is_maildir == (format == PV_FORMAT_MAILDIR)) &&
		     info->conf.mail.mailbox_format == format;
	c->already = is_so;
	if (r == PV_OK && !is_so) {
		struct pv_mark *mark = &v.work.mark;
		mark->kind = PV_MARK_MAILBOX_CONVERT;
		(void)snprintf(mark->words, sizeof mark->words, "%s", name);
		(void)snprintf(mark->settings, sizeof mark->settings, "mailbox_format=%s\n", name);
		(void)snprintf(what, sizeof what, "%s %s", v.text, name);
		r = pv_work_carry_out(&v.work, what, e);
	}
	pv_user_end(&v);
	return r;
}

static void count_mended(void *ctx, const struct pv_finding *f)
{
	bool *any = ctx;

	*any = *any || f->mended;
}

enum pv_class pv_mailbox_mend(struct pv_change *c, const struct pv_address *a, bool remove_nuls,
			      struct pv_error *e)
{
	char what[sizeof((struct pv_user_view *)NULL)->text + sizeof " --remove-nuls"];
	const struct pv_user_info *info = NULL;
	struct pv_mailbox_verdict m;
	struct pv_user_view v;
	bool any = false;

	enum pv_class r = pv_user_begin(&v, c, a, e);
	struct pv_work *w = &v.work;
	if (r == PV_OK)
		r = pv_user_take(&v, &info, e);
	if (r == PV_OK)
		r = pv_mailbox_examine(c->store, &w->folder, &w->account, info, remove_nuls, count_mended,
				       &any, &m, e);
	c->already = r == PV_OK && !any;
	if (r == PV_OK && any) {
		w->mark.kind = PV_MARK_MAILBOX_REPAIR;
		(void)snprintf(w->mark.words, sizeof w->mark.words, "%s", remove_nuls ? "--remove-nuls" : "");
		(void)snprintf(what, sizeof what, "%s%s", v.text, remove_nuls ? " --remove-nuls" : "");
		r = pv_work_carry_out(w, what, e);
	}
	pv_user_end(&v);
	return r;
}
