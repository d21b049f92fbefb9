#include "answer_text.h"

#include "address/idn.h"
#include "change/answer_read.h"
#include "change/read.h"
#include "place.h"
#include "store/answer_text.h"

static enum pv_class address_object(const struct admin *a, struct pv_address *address, struct pv_error *e)
{
	return pv_idn_address(a->objects[0], address, e);
}

/* Without anything that says what to change, `set` is about the text. */
static bool wants_text(const struct admin *a, bool by_default)
{
	bool other =
		a->options[OPT_FROM] != NULL || a->options[OPT_UNTIL] != NULL || a->options[OPT_DAYS] != NULL;

	return a->options[OPT_TEXT_FILE] != NULL || a->options[OPT_SUBJECT] != NULL || (by_default && !other);
}

static enum pv_class change(struct admin *a, enum pv_vacation_turn turn, struct pv_address *address,
			    struct pv_error *e)
{
	struct pv_vacation o = { .turn = turn,
				 .from = a->options[OPT_FROM],
				 .until = a->options[OPT_UNTIL],
				 .days = a->options[OPT_DAYS] };
	struct pv_buf text = PV_BUF_INIT(PV_ANSWER_TEXT_MAX);

	enum pv_class c = address_object(a, address, e);
	if (c == PV_OK && wants_text(a, turn == PV_VACATION_KEEP)) {
		c = take_text(a, &text, e);
		o.text = text.s;
		o.text_len = text.len;
	}
	if (c == PV_OK)
		c = pv_vacation_set(&a->change, address, &o, e);
	pv_buf_free(&text);
	return c;
}

/* already, done: what is said of the vacation. */
static enum pv_class change_and_say(struct admin *a, enum pv_vacation_turn turn, const char *already,
				    const char *done, struct pv_error *e)
{
	struct pv_address address;

	enum pv_class c = change(a, turn, &address, e);
	if (c == PV_OK)
		say_done(a, "%svacation of %s@%s %s", a->change.already ? "the " : "", address.user.s,
			 address.domain.s, a->change.already ? already : done);
	return c;
}

enum pv_class vacation_on(struct admin *a, struct pv_error *e)
{
	return change_and_say(a, PV_VACATION_ON, "is on already", "turned on", e);
}

enum pv_class vacation_off(struct admin *a, struct pv_error *e)
{
	return change_and_say(a, PV_VACATION_OFF, "is off already", "turned off", e);
}

enum pv_class vacation_set(struct admin *a, struct pv_error *e)
{
	return change_and_say(a, PV_VACATION_KEEP, "is so already", "changed", e);
}

static void put_day(struct admin *a, const char *name, const struct pv_day *day)
{
	char text[32];

	if (!pv_day_is_set(day)) {
		(void)json_object_set_new(a->result, name, json_null());
		return;
	}
	(void)snprintf(text, sizeof text, "%04u-%02u-%02u", day->year, day->month, day->day);
	put_text(a->result, name, text);
}

static const char *state_of(const struct pv_answer_info *info, const struct pv_user_conf *conf)
{
	const struct pv_day today = pv_day_today();

	if (!info->on)
		return "off";
	if (info->problem[0] != '\0')
		return "on, and nobody is answered";
	const char *pause = pv_vacation_pause(conf, &today);
	return pause == NULL ? "on"
	       : pv_day_is_set(&conf->vacation_end) && pv_day_compare(&today, &conf->vacation_end) > 0
		       ? "on, and over"
		       : "on, and not begun";
}

static void describe(struct admin *a, const struct pv_address *address, const struct pv_answer_info *info,
		     const struct pv_user_info *u, const struct pv_buf *text)
{
	char path[8192], whom[PV_USER_MAX + PV_DOMAIN_MAX + 2];
	struct pv_buf silent = PV_BUF_INIT(2 * PV_ANSWER_TEXT_MAX);

	(void)snprintf(whom, sizeof whom, "%s@%s", address->user.s, address->domain.s);
	if (info->in_home)
		(void)snprintf(path, sizeof path, "%s/" PV_ANSWER_VACATION, u->home);
	else
		(void)snprintf(path, sizeof path, "%s/%s/" PV_ANSWER_FOLDER "/%s" PV_ANSWER_VACATION,
			       a->store.conf.spool_directory, address->domain.s, address->user.s);
	put_text(a->result, "address", whom);
	put_text(a->result, "state", state_of(info, &u->conf));
	put_day(a, "from", &u->conf.vacation_start);
	put_day(a, "until", &u->conf.vacation_end);
	put_number(a->result, "days", u->conf.mail.vacation_interval);
	put_number(a->result, "answered", info->answered);
	put_text(a->result, "file", info->has_text ? path : "built in");
	put_silent(&silent, info->subject, strlen(info->subject));
	put_text(a->result, "subject", silent.s);
	if (a->json) {
		put_text(a->result, "text", text->s);
		put_text(a->result, "problem", info->problem);
	}
	pv_buf_free(&silent);
	if (info->problem[0] != '\0')
		pv_buf_addf(&a->change.notes, "nobody is answered: %s\n", info->problem);
}

static enum pv_class show(struct admin *a, const struct pv_address *address, const struct place *p,
			  struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_ANSWER_TEXT_MAX + 1);
	const struct pv_user_info *u;
	struct pv_answer_info info;
	struct pv_users users;

	enum pv_class c = pv_users_read(&p->folder, &p->account, &users, e);
	if (c == PV_OK)
		c = need_user(&users, &address->user, &address->domain, &u, e);
	if (c == PV_OK)
		c = pv_vacation_look(&a->store, &p->folder, &p->account, &u->user, u->home, &info, &text, e);
	if (c == PV_OK)
		describe(a, address, &info, u, &text);
	pv_users_free(&users);
	pv_buf_free(&text);
	return c;
}

enum pv_class vacation_show(struct admin *a, struct pv_error *e)
{
	struct pv_address address;
	struct place place;

	enum pv_class c = address_object(a, &address, e);
	if (c != PV_OK)
		return c;
	a->result = json_object();
	c = open_place(a, &address.domain, &place, e);
	if (c == PV_OK)
		c = show(a, &address, &place, e);
	close_place(&place);
	return c;
}
