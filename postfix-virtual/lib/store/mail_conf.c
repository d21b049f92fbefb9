#include "store/mail_conf.h"

#include "base/table.h"
#include "store/mail_settings.h"

#include <unistd.h>

enum { TEXT_MAX = 64 * 1024 }; /* bytes of domain.conf, and of a file in users/ */

/* What is said where nothing is; a test compares it with the table's words. */
#define MAIL_DEFAULTS                                                                                        \
	{                                                                                                    \
		.filter = "", .deliver_with = "", .after_storing = "", .mailbox_format = PV_FORMAT_MBOX,     \
		.quota_warning = 90, .vacation_interval = 7,                                                 \
	}

static const struct pv_domain_conf domain_defaults = {
	.receive = true,
	.retrieve = true,
	.change_password = true,
	.forward_outside = true,
	.fallback = "",
	.extra_aliases = { "", "" },
	.mail = MAIL_DEFAULTS,
	.text = PV_BUF_INIT(TEXT_MAX),
};

static const struct pv_user_conf user_defaults = {
	.receive = true,
	.retrieve = true,
	.change_password = true,
	.keep_copy = true,
	.forward = "",
	.mail = MAIL_DEFAULTS,
	.text = PV_BUF_INIT(TEXT_MAX),
};

void pv_domain_conf_defaults(struct pv_domain_conf *c)
{
	*c = domain_defaults;
}

void pv_user_conf_defaults(const struct pv_domain_conf *domain, struct pv_user_conf *c)
{
	*c = user_defaults;
	if (domain != NULL)
		c->mail = domain->mail;
}

void pv_domain_conf_free(struct pv_domain_conf *c)
{
	pv_buf_free(&c->text);
	pv_domain_conf_defaults(c);
}

void pv_user_conf_free(struct pv_user_conf *c)
{
	pv_buf_free(&c->text);
	pv_user_conf_defaults(NULL, c);
}

/* A file on its way into a structure. */
struct parsing {
	bool of_user;
	void *to;
	unsigned lines[PV_MAIL_SETTINGS_MAX]; /* where each setting stands */
};

static enum pv_class parse_line(struct parsing *p, const struct pv_lines *it, struct pv_line *l,
				struct pv_error *e)
{
	char *name, *value, shown[61];
	struct pv_error why;

	enum pv_class c = pv_line_setting(it, l, &name, &value, e);
	if (c != PV_OK)
		return c;
	size_t i = pv_mail_setting_find(name, p->of_user);
	if (i == pv_mail_place_count)
		return pv_line_fail(it, l, e, "there is no setting %.60s: remove the line", name);
	if (p->lines[i] != 0)
		return pv_line_fail(it, l, e, "%s stands here twice: remove one", name);
	p->lines[i] = l->no;
	const struct pv_mail_place *place = &pv_mail_places[i];
	/* Setting it may change its text. */
	(void)snprintf(shown, sizeof shown, "%s", value);
	if (place->set(value, (char *)p->to + (p->of_user ? place->in_user : place->in_domain), &why) ==
	    PV_OK)
		return PV_OK;
	return pv_line_fail(it, l, e, "%s = %s: %s", name, shown, why.text);
}

static enum pv_class parse_text(struct parsing *p, struct pv_buf *text, const char *file, struct pv_error *e)
{
	struct pv_lines it;
	struct pv_line l;
	enum pv_class c;

	pv_lines_start(&it, file, text, true);
	while ((c = pv_lines_next(&it, &l, e)) == PV_OK && l.text != NULL)
		if ((c = parse_line(p, &it, &l, e)) != PV_OK)
			break;
	return c;
}

/* Take the text over: strings point into it from now on. */
static void take_text(struct pv_buf *text, struct pv_buf *to)
{
	*to = *text;
	*text = (struct pv_buf)PV_BUF_INIT(text->max);
}

static unsigned line_of(const struct parsing *p, const char *name)
{
	return p->lines[pv_mail_setting_find(name, p->of_user)];
}

static void note_at(const struct parsing *p, const char *name, struct pv_setting_at *at)
{
	const unsigned line = line_of(p, name);

	if (line != 0)
		*at = (struct pv_setting_at){ .line = line, .of_user = p->of_user };
}

static void note_programs(const struct parsing *p, struct pv_mail_conf *m)
{
	note_at(p, "filter", &m->filter_at);
	note_at(p, "deliver_with", &m->deliver_with_at);
	note_at(p, "after_storing", &m->after_storing_at);
}

enum pv_class pv_domain_conf_parse(struct pv_buf *text, const char *file, struct pv_domain_conf *c,
				   struct pv_error *e)
{
	struct parsing p = { .to = c };

	pv_domain_conf_defaults(c);
	take_text(text, &c->text);
	enum pv_class class = parse_text(&p, &c->text, file, e);
	c->fallback_line = line_of(&p, "fallback");
	note_programs(&p, &c->mail);
	return class;
}

enum pv_class pv_user_conf_parse(struct pv_buf *text, const char *file, const struct pv_domain_conf *domain,
				 struct pv_user_conf *c, struct pv_error *e)
{
	struct parsing p = { .of_user = true, .to = c };

	pv_user_conf_defaults(domain, c);
	take_text(text, &c->text);
	enum pv_class class = parse_text(&p, &c->text, file, e);
	c->forward_line = line_of(&p, "forward");
	note_programs(&p, &c->mail);
	return class;
}

enum pv_class pv_domain_conf_load(const struct pv_folder *f, struct pv_domain_conf *c, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(TEXT_MAX);
	char file[sizeof f->path + 16];
	bool found;

	pv_domain_conf_defaults(c);
	enum pv_class class = pv_folder_file(f, "domain.conf", &text, &found, e);
	if (class == PV_OK && found) {
		(void)snprintf(file, sizeof file, "%s/domain.conf", f->path);
		class = pv_domain_conf_parse(&text, file, c, e);
	}
	pv_buf_free(&text);
	return class;
}

/* users/ itself is looked at only when there is a file in it: most users have none, and a delivery to them
 * costs one call here. */
static enum pv_class check_users(const struct pv_folder *f, struct pv_error *e)
{
	int fd;

	enum pv_class c = pv_dir_open(f->fd, "users", &f->trust, &fd, NULL, e);
	if (fd >= 0)
		(void)close(fd);
	return c;
}

enum pv_class pv_user_conf_load(const struct pv_folder *f, const struct pv_user *u,
				const struct pv_domain_conf *domain, struct pv_user_conf *c,
				struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(TEXT_MAX);
	char name[sizeof u->s + 8], file[sizeof f->path + sizeof name + 1];
	bool found;

	pv_user_conf_defaults(domain, c);
	(void)snprintf(name, sizeof name, "users/%s", u->s);
	enum pv_class class = pv_folder_file(f, name, &text, &found, e);
	if (class == PV_OK && found)
		class = check_users(f, e);
	if (class == PV_OK && found) {
		(void)snprintf(file, sizeof file, "%s/%s", f->path, name);
		class = pv_user_conf_parse(&text, file, domain, c, e);
	}
	pv_buf_free(&text);
	return class;
}

bool pv_unknown_to_postmaster(const struct pv_store *s, const struct pv_domain_conf *c)
{
	if (c->unknown_to == PV_UNKNOWN_HOST)
		return strcmp(s->conf.unknown_to, "postmaster") == 0;
	return c->unknown_to == PV_UNKNOWN_POSTMASTER;
}

bool pv_user_conf_expired(const struct pv_user_conf *c, const struct pv_day *today)
{
	if (!pv_day_is_set(&c->expires))
		return false;
	/* Finding out the day may open a file. */
	const struct pv_day day = today != NULL ? *today : pv_day_today();
	return pv_day_compare(&c->expires, &day) < 0;
}

bool pv_user_conf_receives(const struct pv_user_conf *c, const struct pv_day *today)
{
	return c->receive && !pv_user_conf_expired(c, today);
}

bool pv_user_conf_retrieves(const struct pv_user_conf *c, const struct pv_day *today)
{
	return c->retrieve && !pv_user_conf_expired(c, today);
}
