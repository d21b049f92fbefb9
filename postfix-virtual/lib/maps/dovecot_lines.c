#include "maps/dovecot.h"

#include "maps/domain_settings.h"
#include "maps/report.h"
#include "store/passwd.h"
#include "store/password.h"

#include <limits.h>

struct lines {
	struct pv_maps_work *w;
	const struct pv_plan_domain *d;
	gid_t group;
	const struct pv_slice *places;
	size_t users; /* that were gone through */
	struct pv_some_users closed;
	char path[PATH_MAX]; /* of the domain's folder */
	struct pv_buf *out;
};

static enum pv_class complain(struct lines *l, const struct pv_user *u, const char *why, struct pv_error *e)
{
	struct pv_error text;

	(void)pv_fail(&text, PV_TEMPORARY, "4.3.5", "%s@%s cannot log in by Dovecot: %s", u->s,
		      l->d->domain.s, why);
	return pv_report_complain(l->w->report, &l->d->domain, &text, e);
}

/* The scheme that Dovecot is told, or NULL for what can be nobody's password. */
static const char *scheme_of(const struct pv_store *s, const char *hash)
{
	enum pv_password_kind kind = pv_password_kind(hash);

	if (kind == PV_PASSWORD_EMPTY || kind == PV_PASSWORD_LOCKED)
		return NULL;
	if (pv_password_is_hash(hash))
		return "{CRYPT}";
	return s->conf.plain_text_passwords ? "{PLAIN}" : NULL;
}

/* Where the mailbox is. The child only said which of the places it is. Returns false where Dovecot's file
 * cannot hold it: blanks divide the fields there. */
static bool format_path(const struct lines *l, const struct pv_passwd_entry *p, char place,
			char path[PATH_MAX])
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%=~,";
	const struct pv_conf *conf = &l->w->store->conf;
	int n;

	switch (place) {
	case 'h':
		n = snprintf(path, PATH_MAX, "%s/%s", p->home, conf->mail_spool_home);
		break;
	case 'm':
		n = snprintf(path, PATH_MAX, "%s/%s", conf->mail_directory, p->user.s);
		break;
	default:
		n = snprintf(path, PATH_MAX, "%s/%s/%s", conf->spool_directory, l->d->domain.s, p->user.s);
		break;
	}
	return n > 0 && n < PATH_MAX && path[0] == '/' && path[strspn(path, allowed)] == '\0';
}

/* In extra fields `%` begins a variable. */
static void add_escaped(struct pv_buf *out, const char *s)
{
	for (; *s != '\0'; s++)
		pv_buf_adds(out, *s == '%' ? "%%" : (const char[]){ *s, '\0' });
}

/* Dovecot 2.3 takes userdb_mail, 2.4 the other ones; its configuration has them for the usual place. */
static void add_mail(struct pv_buf *out, const char *path, bool is_maildir, bool is_usual)
{
	pv_buf_adds(out, is_maildir ? " userdb_mail=maildir:" : " userdb_mail=mbox:~/mail:INBOX=");
	add_escaped(out, path);
	if (is_usual)
		return;
	pv_buf_addf(out, " userdb_mail_driver=%s userdb_mail_path=", is_maildir ? "maildir" : "mbox");
	add_escaped(out, is_maildir ? path : "~/mail");
	pv_buf_adds(out, " userdb_mail_inbox_path=");
	add_escaped(out, path);
}

static void add_line(struct lines *l, const struct pv_passwd_entry *p, const char *scheme, char place,
		     const char *path)
{
	const char *domain = l->d->domain.s;
	bool is_maildir = place >= 'A' && place <= 'Z';

	pv_buf_addf(l->out, "%s:%s%s:%lu:%lu::%s/%s/" PV_DOVECOT_HOMES "/%s::user=%s@%s", p->user.s, scheme,
		    p->hash, (unsigned long)l->d->uid, (unsigned long)l->group,
		    l->w->store->conf.spool_directory, domain, p->user.s, p->user.s, domain);
	add_mail(l->out, path, is_maildir, place == 's');
	pv_buf_addc(l->out, '\n');
}

static enum pv_class add_user(void *ctx, const struct pv_passwd_entry *p, unsigned line, struct pv_error *e)
{
	struct lines *l = ctx;
	char path[PATH_MAX];

	(void)line;
	if (l->users == l->places->len)
		return pv_fail(e, PV_TEMPORARY, "4.3.0",
			       "the child that read the domain's files sent nonsense");
	char place = l->places->s[l->users++];
	const char *scheme = scheme_of(l->w->store, p->hash);
	if (scheme == NULL || pv_some_users_get(&l->closed, &p->user) != 0)
		return PV_OK;
	if (strcmp(scheme, "{CRYPT}") == 0 && !pv_password_is_light(p->hash))
		return complain(l, &p->user,
				"checking its password would take too long, for everybody: give it a new one "
				"with postfix-virtual user password",
				e);
	if (place == '\0' || strchr("hmsHMS", place) == NULL)
		return complain(l, &p->user,
				"it cannot be said where its mailbox is: postfix-virtual explain says why",
				e);
	if (!format_path(l, p, (char)(place | 0x20), path))
		return complain(l, &p->user,
				"its home has a character that Dovecot's file cannot hold: move it", e);
	add_line(l, p, scheme, place, path);
	return PV_OK;
}

static int is_closed(void *ctx, const struct pv_user *u, const struct pv_user_conf *conf,
		     const struct pv_day *today)
{
	(void)ctx;
	(void)u;
	return !pv_user_conf_retrieves(conf, today);
}

static enum pv_class add_users(struct lines *l, const struct pv_domain_files *files, struct pv_error *e)
{
	char file[PATH_MAX + 8];

	(void)snprintf(file, sizeof file, "%s/passwd", l->path);
	const struct pv_day today = pv_day_today();

	enum pv_class c = pv_domain_settings_users(files, l->path, is_closed, NULL, &today, &l->closed, e);
	if (c == PV_OK)
		c = pv_passwd_scan(files->passwd.s, files->passwd.len, file, l->d->uid, false, add_user, l,
				   e);
	pv_some_users_free(&l->closed);
	return c;
}

enum pv_class pv_dovecot_lines(struct pv_maps_work *w, const struct pv_plan_domain *d, gid_t group,
			       const struct pv_domain_files *files, struct pv_buf *out, struct pv_error *e)
{
	struct lines l = { .w = w, .d = d, .group = group, .places = &files->places, .out = out };
	struct pv_domain_conf conf;

	(void)snprintf(l.path, sizeof l.path, "%s/%s", w->store->dir, d->domain.s);
	pv_buf_addf(out, "# Written by make-postfix-maps from %s/passwd; changes are lost.\n", l.path);
	enum pv_class c = pv_domain_settings_conf(files, l.path, &conf, e);
	if (c == PV_OK && conf.retrieve)
		c = add_users(&l, files, e);
	pv_domain_conf_free(&conf);
	return c == PV_OK ? pv_buf_check(out, l.path, e) : c;
}
