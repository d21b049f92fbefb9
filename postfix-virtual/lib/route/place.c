#include "route/place.h"

static struct pv_location_rules make_rules(const struct pv_store *s, uid_t uid, const char *account_home)
{
	return (struct pv_location_rules){ .spool_directory = s->conf.spool_directory,
					   .mail_directory = s->conf.mail_directory,
					   .mail_spool_home = s->conf.mail_spool_home,
					   .account_home = account_home,
					   .uid = uid };
}

static enum pv_class find(const struct pv_location_rules *rules, const struct pv_folder *f,
			  const struct pv_passwd_entry *p, struct pv_location *l, struct pv_error *e)
{
	const char *home = p->home[0] == '/' ? p->home : NULL;
	bool shared = false;

	l->dirfd = -1;
	l->path = NULL;
	if (home != NULL) {
		enum pv_class c = pv_passwd_home_is_shared(f, p, &shared, e);
		if (c != PV_OK)
			return c;
	}
	return pv_location_find(rules, &f->domain, &p->user, shared ? NULL : home, l, e);
}

enum pv_class pv_place_find(const struct pv_store *s, const struct pv_folder *f,
			    const struct pv_passwd_entry *p, const char *account_home, struct pv_location *l,
			    struct pv_error *e)
{
	const struct pv_location_rules rules = make_rules(s, f->uid, account_home);

	return find(&rules, f, p, l, e);
}

enum pv_class pv_place_look(const struct pv_store *s, const struct pv_folder *f,
			    const struct pv_passwd_entry *p, const char *account_home, struct pv_location *l,
			    struct pv_error *e)
{
	struct pv_location_rules rules = make_rules(s, f->uid, account_home);

	rules.look_only = true;
	return find(&rules, f, p, l, e);
}

enum pv_class pv_place_which(const struct pv_store *s, const struct pv_folder *f,
			     const struct pv_passwd_entry *p, const char *home, const char *account_home,
			     enum pv_location_place *place_r, bool *is_folder_r, struct pv_error *e)
{
	const struct pv_location_rules rules = make_rules(s, f->uid, account_home);

	return pv_location_which(&rules, &f->domain, &p->user, home, place_r, is_folder_r, e);
}

enum pv_class pv_place_own_home(const struct pv_folder *f, const struct pv_user *u, const char *home,
				const char *account_home, bool *own_r, struct pv_error *e)
{
	const struct pv_passwd_entry p = { .user = *u, .home = home };
	bool shared = false;

	*own_r = false;
	if (home[0] != '/' || account_home == NULL || !pv_location_is_inside(home, account_home))
		return PV_OK;
	enum pv_class c = pv_passwd_home_is_shared(f, &p, &shared, e);
	*own_r = c == PV_OK && !shared;
	return c;
}

enum pv_class pv_place_own(const struct pv_store *s, uid_t uid, const struct pv_user *account,
			   const char *account_home, struct pv_location *l, struct pv_error *e)
{
	const struct pv_location_rules rules = make_rules(s, uid, account_home);

	return pv_location_own(&rules, account, l, e);
}

/* Is the first part of path that folder? */
static bool begins_with(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && path[len] == '/';
}

enum pv_class pv_place_file(const struct pv_store *s, const struct pv_domain *d, uid_t uid,
			    const char *account_home, const char *path, struct pv_location *l,
			    struct pv_error *e)
{
	char plain[PATH_MAX], spool[PATH_MAX], mail[PATH_MAX] = "";
	size_t len = strlen(path);

	l->dirfd = -1;
	l->path = NULL;
	if (len >= sizeof plain)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "the path %.100s... is too long", path);
	(void)snprintf(plain, sizeof plain, "%.*s", (int)(len - (len > 1 && path[len - 1] == '/')), path);
	(void)snprintf(spool, sizeof spool, "%s/%s", s->conf.spool_directory, d->s);
	if (account_home != NULL)
		(void)snprintf(mail, sizeof mail, "%s/Mail", account_home);
	if (begins_with(plain, spool))
		return pv_location_below(spool, plain, uid, l, e);
	if (mail[0] != '\0' && begins_with(plain, mail))
		return pv_location_below(mail, plain, uid, l, e);
	return pv_fail(e, PV_TEMPORARY, "4.3.5",
		       "%s lies neither in the domain's folder of the spool nor in %s/Mail", plain,
		       account_home != NULL ? account_home : "~");
}
