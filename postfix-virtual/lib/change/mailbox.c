#include "change/change.h"

#include "change/user_view.h"

enum pv_class pv_mailbox_format_set(struct pv_change *c, const struct pv_address *a,
				    enum pv_mailbox_format format, struct pv_error *e)
{
	const char *name = format == PV_FORMAT_MAILDIR ? "maildir" : "mbox";
	char what[sizeof((struct pv_user_view *)NULL)->text + sizeof " maildir"];
	const struct pv_user_info *info;
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
