#include "check/inside.h"

#include "base/file.h"
#include "change/inside.h"
#include "route/place.h"
#include "store/passwd_write.h"
#include "store/password.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HOMES_NAMED = 20 };

/* The users of one domain, while its passwd is read. */
struct reading {
	struct pv_visit *v;
	const struct pv_domain *domain;
	const struct pv_folder *folder;
	const char *file;
	struct pv_allowance allowance;
	size_t empty, plain, unfit;
	char first_empty[PV_USER_MAX + 1], first_plain[PV_USER_MAX + 1];
	unsigned empty_line, plain_line;
};

static enum pv_class keep_name(struct pv_visit *v, const struct pv_user *user, const struct pv_domain *d,
			       struct pv_error *e)
{
	char name[PV_USER_MAX + PV_DOMAIN_MAX + 3];

	if (v->name_count == v->name_room) {
		size_t room = v->name_room == 0 ? 64 : 2 * v->name_room;
		char **list = reallocarray(v->names, room, sizeof *list);
		if (list == NULL)
			return pv_fail(e, PV_TEMPORARY, NULL, "no memory for the users of %s", d->s);
		v->names = list;
		v->name_room = room;
	}
	(void)snprintf(name, sizeof name, "%s--%s", user->s, d->s);
	v->names[v->name_count] = strdup(name);
	if (v->names[v->name_count] == NULL)
		return pv_fail(e, PV_TEMPORARY, NULL, "no memory for the users of %s", d->s);
	v->name_count++;
	return PV_OK;
}

static void note_password(struct reading *r, const struct pv_passwd_entry *p, unsigned line)
{
	const char *hash = p->hash;

	if (*hash == '\0') {
		if (r->empty++ == 0) {
			(void)snprintf(r->first_empty, sizeof r->first_empty, "%s", p->user.s);
			r->empty_line = line;
		}
	} else if (*hash != '*' && *hash != '!' && strcmp(hash, "x") != 0 && !pv_password_is_hash(hash)) {
		if (r->plain++ == 0) {
			(void)snprintf(r->first_plain, sizeof r->first_plain, "%s", p->user.s);
			r->plain_line = line;
		}
	}
}

/* A look that costs little: may a delivery not like the folder, which must be the account's alone? */
static bool is_doubtful(const struct pv_visit *v, const char *folder, bool may_be_missing)
{
	struct stat st;

	if (stat(folder, &st) != 0)
		return !(may_be_missing && errno == ENOENT);
	return !S_ISDIR(st.st_mode) || st.st_uid != v->account->uid || (st.st_mode & 022) != 0;
}

/* A home in the account's, in which the user's mail cannot be stored. The search itself, which asks who else
 * has that home, tells whether that is so. */
static void judge_home(struct reading *r, const struct pv_passwd_entry *p)
{
	struct pv_visit *v = r->v;
	char folder[PATH_MAX], address[PV_USER_MAX + PV_DOMAIN_MAX + 2];
	struct pv_error e = { .text = "" };
	struct pv_location l;

	if (p->home[0] != '/' || v->store->conf.mail_spool_home[0] == '\0' || r->unfit == HOMES_NAMED)
		return;
	(void)snprintf(folder, sizeof folder, "%.2000s/%.2000s", p->home, v->store->conf.mail_spool_home);
	*strrchr(folder, '/') = '\0';
	if (!is_doubtful(v, p->home, false) && !is_doubtful(v, folder, true))
		return;
	if (pv_place_look(v->store, r->folder, p, v->account->home, &l, &e) == PV_OK) {
		pv_location_free(&l);
		return;
	}
	r->unfit++;
	(void)snprintf(address, sizeof address, "%s@%s", p->user.s, r->domain->s);
	pv_say(v->out, PV_CRITICAL, "mailbox", address, "%s; until then his mail waits", e.text);
}

static enum pv_class take_user(void *ctx, const struct pv_passwd_entry *p, unsigned line, struct pv_error *e)
{
	struct reading *r = ctx;

	note_password(r, p, line);
	pv_visit_allowance_take(r->folder, &p->user, &r->allowance);
	if (!r->v->repair)
		judge_home(r, p);
	r->v->has_homes = r->v->has_homes || p->home[0] == '/';
	return keep_name(r->v, &p->user, r->domain, e);
}

static void tell_passwords(const struct reading *r)
{
	struct pv_visit *v = r->v;
	const char *d = r->domain->s;

	if (r->empty > 0)
		pv_say(v->out, PV_WARNING, "users", d,
		       "%s, line %u: user %s has no password, so nobody can log in as him (%zu in all): "
		       "postfix-virtual user password %s@%s",
		       r->file, r->empty_line, r->first_empty, r->empty, r->first_empty, d);
	if (r->plain > 0 && v->store->conf.plain_text_passwords)
		pv_say(v->out, PV_WARNING, "users", d,
		       "%s, line %u: the password of %s stands in plain text (%zu in all): postfix-virtual "
		       "user "
		       "password %s --hash-all",
		       r->file, r->plain_line, r->first_plain, r->plain, d);
	else if (r->plain > 0)
		pv_say(v->out, PV_WARNING, "users", d,
		       "%s, line %u: the password of %s is no hash, so nobody can log in as him (%zu in "
		       "all): "
		       "postfix-virtual user password %s@%s",
		       r->file, r->plain_line, r->first_plain, r->plain, r->first_plain, d);
}

/* Hashes that others can read are broken at leisure. */
static void tell_readable(struct pv_visit *v, const struct pv_folder *f, const char *file)
{
	struct stat folder, st;

	if (fstatat(f->fd, "passwd", &st, 0) != 0 || fstat(f->fd, &folder) != 0)
		return;
	bool others = (st.st_mode & S_IROTH) != 0 && (folder.st_mode & S_IXOTH) != 0;
	bool group = (st.st_mode & S_IRGRP) != 0 && (folder.st_mode & S_IXGRP) != 0;
	/* A group of the account alone is nobody else. */
	if (others || (group && st.st_gid != v->account->gid))
		pv_say(v->out, PV_WARNING, "users", f->domain.s,
		       "%s has mode %04o, so others can read the hashes of all passwords: chmod 600 %s", file,
		       (unsigned)(st.st_mode & 07777), file);
}

static enum pv_class read_users(struct pv_visit *v, const struct pv_subject *s, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_PASSWD_FILE_MAX);
	char file[PATH_MAX + 16];
	struct pv_folder f;
	struct reading r = { .v = v, .domain = &s->domain, .folder = &f, .file = file };
	bool found = false;

	(void)snprintf(file, sizeof file, "%s/passwd", s->folder);
	enum pv_class c = pv_folder_open(v->store, &s->domain, &f, e);
	if (c != PV_OK || f.fd < 0)
		return c;
	if (!v->repair)
		pv_visit_allowance_start(s, &f, &r.allowance);
	c = pv_file_load(f.fd, "passwd", &f.trust, &text, &found, e);
	if (c == PV_OK && found)
		c = pv_passwd_scan(text.s, text.len, file, v->account->uid, false, take_user, &r, e);
	if (c == PV_OK && !v->repair) {
		tell_passwords(&r);
		tell_readable(v, &f, file);
	}
	pv_visit_allowance_end(v, &r.allowance);
	pv_buf_free_zero(&text);
	pv_folder_close(&f);
	return c;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum pv_class pv_visit_account(void *ctx, int out_fd, struct pv_error *e)
{
	struct pv_visit *v = ctx;
	struct pv_buf out = PV_BUF_INIT(PV_SAYINGS_MAX);
	struct pv_store store;
	bool all_read = true;

	enum pv_class c = pv_store_open(v->dir, &store, e);
	if (c != PV_OK)
		return c;
	v->store = &store;
	v->out = &out;
	for (size_t i = 0; i < v->count; i++) {
		struct pv_error why = { .class = PV_OK };
		if (read_users(v, v->domains[i], &why) == PV_OK)
			continue;
		all_read = false;
		/* To root the maps' check has said so. */
		if (!v->is_root)
			pv_say(&out, PV_CRITICAL, "users", v->domains[i]->domain.s, "%s", why.text);
	}
	if (v->name_count > 1)
		qsort(v->names, v->name_count, sizeof *v->names, compare);
	/* Whose .forward file it is can be said only of users that are known. */
	if (all_read)
		pv_visit_forwards(v);
	if (!v->repair) {
		pv_visit_mailboxes(v);
		pv_visit_disks(v);
	}
	c = pv_buf_check(&out, "what was found", e);
	if (c == PV_OK && pv_write_all(out_fd, out.s, out.len) != 0)
		c = pv_fail(e, PV_TEMPORARY, NULL, "write to a pipe");
	pv_buf_free(&out);
	pv_store_close(&store);
	return c;
}
