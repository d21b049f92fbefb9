/* Responders of a domain, and the vacations of its users. */
#include "change/change.h"

#include "change/alias_read.h"
#include "change/answer_read.h"
#include "change/ask.h"
#include "change/conf_words.h"
#include "change/depend.h"
#include "change/user_view.h"
#include "store/answer_text.h"

/* --- what both have --- */

/* Keep a copy of the text in the mark. */
static enum pv_class take_text(struct pv_mark *m, const char *text, size_t len, struct pv_error *e)
{
	m->text = malloc(len + 1);
	if (m->text == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for a text");
	memcpy(m->text, text, len);
	m->text[len] = '\0';
	m->text_len = len;
	return PV_OK;
}

/* Who writes a whole message may wonder where its other fields are. */
static enum pv_class check_text(struct pv_change *c, const char *text, size_t len, bool subject,
				struct pv_error *e)
{
	struct pv_buf left_out = PV_BUF_INIT(4096);

	enum pv_class r = pv_answer_text_check(text, len, "the text", subject, &left_out, e);
	if (r == PV_OK && left_out.len > 0)
		pv_buf_addf(&c->notes, "of its header, this is left out of every answer: %.400s\n",
			    left_out.s);
	pv_buf_free(&left_out);
	return r;
}

static bool is_same(const struct pv_buf *old, const char *text, size_t len)
{
	return old->len == len && memcmp(old->s, text, len) == 0;
}

/* Whoever takes no mail answers none. */
static void note_refused(struct pv_user_view *v)
{
	char why[400];

	if (pv_ask_takes_none(&v->work, v->a->user.s, why, sizeof why))
		pv_buf_addf(&v->work.c->notes, "nobody is answered while mail for %s is refused: %s\n",
			    v->text, why);
}

/* --- responders --- */

/* The address may be a new one. */
static enum pv_class refuse_name(struct pv_user_view *v, struct pv_error *e)
{
	if (pv_users_find(&v->users, &v->a->user) != NULL)
		return PV_OK;
	enum pv_class c = pv_refuse_reserved(v->work.c->store, &v->entry, &v->a->user, e);
	return c == PV_OK ? pv_refuse_collision(&v->work, &v->a->user, e) : c;
}

static enum pv_class look(struct pv_user_view *v, struct pv_answer_info *info, struct pv_buf *text,
			  struct pv_error *e)
{
	return pv_responder_look(v->work.c->store, &v->work.folder, &v->work.account, &v->a->user, info, text,
				 e);
}

static enum pv_class set(struct pv_user_view *v, const char *text, size_t len, struct pv_error *e)
{
	struct pv_buf old = PV_BUF_INIT(PV_ANSWER_TEXT_MAX + 1);
	char what[sizeof v->text + 40];
	struct pv_answer_info info;

	enum pv_class c = check_text(v->work.c, text, len, false, e);
	if (c == PV_OK)
		c = refuse_name(v, e);
	if (c == PV_OK)
		c = look(v, &info, &old, e);
	v->work.c->already = c == PV_OK && info.on && is_same(&old, text, len);
	pv_buf_free(&old);
	if (c != PV_OK || v->work.c->already)
		return c;
	v->work.mark.kind = PV_MARK_RESPONDER_SET;
	v->work.mark.user = v->a->user;
	(void)snprintf(what, sizeof what, "%s text=%zu", v->text, len);
	c = take_text(&v->work.mark, text, len, e);
	return c == PV_OK ? pv_work_carry_out(&v->work, what, e) : c;
}

enum pv_class pv_responder_set(struct pv_change *c, const struct pv_address *a, const char *text, size_t len,
			       struct pv_error *e)
{
	struct pv_user_view v;

	enum pv_class r = pv_user_begin(&v, c, a, e);
	if (r == PV_OK)
		r = set(&v, text, len, e);
	if (r == PV_OK)
		note_refused(&v);
	pv_user_end(&v);
	return r;
}

/* Is the address anything without its responder: a user, a full name, an alias? What cannot be read may be.
 */
static enum pv_class is_alone(struct pv_user_view *v, bool *alone_r, struct pv_error *e)
{
	const struct pv_work *w = &v->work;
	struct pv_alias_entry entry;
	struct pv_aliases aliases;
	bool found = false;

	*alone_r = false;
	if (pv_users_find(&v->users, &v->a->user) != NULL)
		return PV_OK;
	enum pv_class c = pv_aliases_read(w->c->store, &w->folder, &w->account, &aliases, e);
	*alone_r = c == PV_OK && !aliases.conf.match_full_name;
	for (unsigned i = 0; *alone_r && i < PV_ALIAS_FILES; i++)
		*alone_r = pv_alias_find(&aliases.files[i], v->a->user.s, v->a->user.len, &entry, &found,
					 NULL) == PV_OK &&
			   !found;
	pv_aliases_free(&aliases);
	return c;
}

static enum pv_class delete (struct pv_user_view *v, struct pv_error *e) {
	struct pv_answer_info info;

	enum pv_class c = look(v, &info, NULL, e);
	/* A file that cannot be read is one. */
	if (c == PV_OK && !info.on &&
	    info.problem[0] == '\0') return pv_fail(e, PV_PERMANENT, "5.1.1",
						    "%s has no responder: postfix-virtual responder list %s",
						    v->text, v->a->domain.s);
	if (c == PV_OK) c = is_alone(v, &v->work.mark.no_key, e);
	/* Whatever leads to the name must still lead somewhere. */
	if (c == PV_OK && v->work.mark.no_key) c = pv_depend_refuse(&v->work, v->a->user.s, false, e);
	if (c != PV_OK) return c;
	v->work.mark.kind = PV_MARK_RESPONDER_DELETE;
	v->work.mark.user = v->a->user;
	return pv_work_carry_out(&v->work, v->text, e);
}

enum pv_class pv_responder_delete(struct pv_change *c, const struct pv_address *a, struct pv_error *e)
{
	struct pv_user_view v;

	enum pv_class r = pv_user_begin(&v, c, a, e);
	if (r == PV_OK)
		r = delete (&v, e);
	pv_user_end(&v);
	return r;
}

/* --- vacations --- */

static enum pv_class add_setting(struct pv_mark *m, const char *name, const char *value, struct pv_error *e)
{
	char word[256];

	if (value == NULL)
		return PV_OK;
	(void)snprintf(word, sizeof word, "%s=%.200s", name, value);
	return pv_conf_words_add(m->settings, sizeof m->settings, PV_CONF_OF_USER, word, e);
}

/* What a day will be: as given, or as it is. */
static struct pv_day day_of(const char *given, const struct pv_day *old)
{
	struct pv_day day = { 0, 0, 0 };

	if (given == NULL)
		return *old;
	(void)pv_day_parse(given, strlen(given), &day);
	return day;
}

static enum pv_class check_days(struct pv_user_view *v, const struct pv_vacation *o,
				const struct pv_user_info *info, struct pv_error *e)
{
	const struct pv_day start = day_of(o->from, &info->conf.vacation_start),
			    end = day_of(o->until, &info->conf.vacation_end), today = pv_day_today();

	if (pv_day_is_set(&start) && pv_day_is_set(&end) && pv_day_compare(&end, &start) < 0)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "the last day, %04u-%02u-%02u, is before the first, %04u-%02u-%02u", end.year,
			       end.month, end.day, start.year, start.month, start.day);
	if (o->turn == PV_VACATION_ON && pv_day_is_set(&end) && pv_day_compare(&end, &today) < 0)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "the last day of %s's vacation was %04u-%02u-%02u: give another one with "
			       "--until DAY, "
			       "or none with --until \"\"",
			       v->text, end.year, end.month, end.day);
	return PV_OK;
}

/* What there is now: which kind of change is it, if it is one? */
static enum pv_class weigh(struct pv_user_view *v, const struct pv_vacation *o, const char *home,
			   bool *done_r, struct pv_error *e)
{
	struct pv_work *w = &v->work;
	struct pv_buf old = PV_BUF_INIT(PV_ANSWER_TEXT_MAX + 1);
	struct pv_answer_info info;

	enum pv_class c =
		pv_vacation_look(w->c->store, &w->folder, &w->account, &v->a->user, home, &info, &old, e);
	if (c != PV_OK)
		return c;
	/* One that is on in his home stays there, unless it gets another text: all of ours lie in the spool.
	 */
	bool on = info.on && !(info.in_home && o->text != NULL) && info.problem[0] == '\0';
	bool turns = o->turn == PV_VACATION_ON ? !on : o->turn == PV_VACATION_OFF && info.on;
	bool same_text = o->text == NULL || (info.has_text && is_same(&old, o->text, o->text_len));
	pv_buf_free(&old);
	w->mark.kind = !turns			   ? PV_MARK_VACATION_SET
		       : o->turn == PV_VACATION_ON ? PV_MARK_VACATION_ON
						   : PV_MARK_VACATION_OFF;
	*done_r = !turns && same_text && *w->mark.settings == '\0';
	return PV_OK;
}

static enum pv_class take_all(struct pv_user_view *v, const struct pv_vacation *o,
			      const struct pv_user_info **info_r, struct pv_error *e)
{
	struct pv_mark *m = &v->work.mark;

	enum pv_class c = o->text != NULL ? check_text(v->work.c, o->text, o->text_len, true, e) : PV_OK;
	if (c == PV_OK)
		c = pv_user_take(v, info_r, e);
	if (c == PV_OK)
		c = add_setting(m, "vacation_start", o->from, e);
	if (c == PV_OK)
		c = add_setting(m, "vacation_end", o->until, e);
	if (c == PV_OK)
		c = add_setting(m, "vacation_interval", o->days, e);
	if (c == PV_OK)
		c = check_days(v, o, *info_r, e);
	if (c == PV_OK && o->text != NULL)
		c = take_text(m, o->text, o->text_len, e);
	return c;
}

static enum pv_class set_vacation(struct pv_user_view *v, const struct pv_vacation *o, struct pv_error *e)
{
	struct pv_buf what = PV_BUF_INIT(PV_MARK_HISTORY_MAX);
	const struct pv_user_info *info;
	bool done = false;

	enum pv_class c = take_all(v, o, &info, e);
	if (c == PV_OK)
		c = weigh(v, o, info->home, &done, e);
	v->work.c->already = c == PV_OK && done;
	if (c != PV_OK || done)
		return c;
	pv_buf_adds(&what, v->text);
	pv_conf_words_show(v->work.mark.settings, &what);
	if (o->text != NULL)
		pv_buf_addf(&what, " text=%zu", o->text_len);
	c = pv_work_carry_out(&v->work, what.s, e);
	pv_buf_free(&what);
	return c;
}

enum pv_class pv_vacation_set(struct pv_change *c, const struct pv_address *a, const struct pv_vacation *o,
			      struct pv_error *e)
{
	struct pv_user_view v;

	enum pv_class r = pv_user_begin(&v, c, a, e);
	if (r == PV_OK)
		r = set_vacation(&v, o, e);
	if (r == PV_OK && o->turn != PV_VACATION_OFF)
		note_refused(&v);
	pv_user_end(&v);
	return r;
}
