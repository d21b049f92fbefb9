#include "change/change.h"

#include "change/conf_check.h"
#include "change/conf_words.h"
#include "change/follow.h"
#include "change/forward_loop.h"
#include "change/user_view.h"

/* Does the change say where mail goes on to? Then all of that must be right. */
static bool leads_on(const char *lines, char *value, size_t size)
{
	return pv_conf_words_get(lines, "forward", value, size) != NULL && *value != '\0';
}

static enum pv_class follow(struct pv_user_view *v, bool *same_r, struct pv_error *e)
{
	struct pv_work *w = &v->work;
	char value[PV_MARK_SETTINGS_MAX + 1];
	struct pv_followed r = { .same = false };
	struct pv_error why;
	enum pv_class c;

	bool on = leads_on(w->mark.settings, value, sizeof value);
	if (on && (c = pv_forward_loop_refuse(v, value, e)) != PV_OK)
		return c;
	c = pv_follow(w, v->a->user.s, &r, &why);
	*same_r = r.same;
	w->mark.no_key = c == PV_OK && r.refused;
	if (c == PV_OK)
		return c;
	if (on || c != PV_PERMANENT || r.is_wrong) {
		*e = why;
		return c;
	}
	/* Not this change's fault. */
	pv_buf_addf(&w->c->notes, "%s\n", why.text);
	return PV_OK;
}

static void advise(struct pv_user_view *v, const struct pv_user_info *info)
{
	const char *lines = v->work.mark.settings;
	struct pv_buf *notes = &v->work.c->notes;
	char value[PV_MARK_SETTINGS_MAX + 1];

	if (pv_conf_words_get(lines, "keep_copy", value, sizeof value) != NULL &&
	    strcasecmp(value, "no") == 0 && *info->conf.forward == '\0' &&
	    !leads_on(lines, value, sizeof value))
		pv_buf_addf(notes, "keep_copy = no counts only where there is a forward\n");
	if (pv_conf_words_get(lines, "mailbox_format", value, sizeof value) != NULL)
		pv_buf_addf(notes,
			    "a mailbox that is there stays what it is: postfix-virtual mailbox convert %s "
			    "maildir|mbox\n",
			    v->text);
}

static enum pv_class set(struct pv_user_view *v, char *const words[], size_t count, struct pv_error *e)
{
	struct pv_buf what = PV_BUF_INIT(PV_MARK_HISTORY_MAX * 8);
	struct pv_mark *m = &v->work.mark;
	const struct pv_user_info *info = NULL;
	enum pv_class c = PV_OK;
	bool same = false;

	for (size_t i = 0; c == PV_OK && i < count; i++)
		c = pv_conf_words_add(m->settings, sizeof m->settings, PV_CONF_OF_USER, words[i], e);
	if (c == PV_OK)
		c = pv_user_take(v, &info, e);
	m->kind = PV_MARK_USER_SET;
	if (c == PV_OK)
		c = pv_conf_refuse(&v->work, &v->entry, m->settings, e);
	if (c == PV_OK)
		c = follow(v, &same, e);
	v->work.c->already = c == PV_OK && same;
	if (c != PV_OK || same)
		return c;
	advise(v, info);
	pv_buf_adds(&what, v->text);
	pv_conf_words_show(m->settings, &what);
	c = pv_work_carry_out(&v->work, what.s, e);
	pv_buf_free(&what);
	return c;
}

enum pv_class pv_user_set(struct pv_change *c, const struct pv_address *a, char *const words[], size_t count,
			  struct pv_error *e)
{
	struct pv_user_view v;

	enum pv_class r = pv_user_begin(&v, c, a, e);
	if (r == PV_OK)
		r = set(&v, words, count, e);
	pv_user_end(&v);
	return r;
}
