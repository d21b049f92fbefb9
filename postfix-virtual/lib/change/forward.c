#include "change/forward.h"

#include "address/extension.h"
#include "base/file.h"
#include "store/trash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PREFIX ".forward+"

enum { FORWARD_MAX = 64 * 1024, NAME_SIZE = sizeof PREFIX + PV_EXTENSION_MAX };

static bool needs_no_quotes(const char *path)
{
	return strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-") ==
	       strlen(path);
}

enum pv_class pv_forward_check(const struct pv_store *s, struct pv_error *e)
{
	const char *paths[] = { s->conf.delivery_program, s->dir };

	for (size_t i = 0; i < 2; i++)
		if (!needs_no_quotes(paths[i]))
			return pv_fail(e, PV_PERMANENT, "5.3.5",
				       "%s cannot stand in a .forward file: use a path of letters, digits "
				       "and /._+- alone",
				       paths[i]);
	return PV_OK;
}

/* What the file holds for a, in one line: local(8) would run two commands twice after a retry of one. */
static void format(const struct pv_store *s, const struct pv_address *a, struct pv_buf *out)
{
	pv_buf_addf(out, "\"|%s ", s->conf.delivery_program);
	if (!s->dir_is_default)
		pv_buf_addf(out, "-c %s ", s->dir);
	pv_buf_addf(out, "%s@%s\"\n", a->user.s, a->domain.s);
}

static enum pv_class name_of(const struct pv_address *a, char name[NAME_SIZE], struct pv_error *e)
{
	char extension[PV_EXTENSION_SIZE];

	enum pv_class c = pv_extension_format(&a->user, &a->domain, extension, e);
	if (c == PV_OK)
		(void)snprintf(name, NAME_SIZE, PREFIX "%s", extension);
	return c;
}

/* The account's home; *fd_r is -1 where there is none. */
static enum pv_class open_home(const struct pv_account *account, int *fd_r, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = account->uid, .where = "" };

	return pv_dir_open(AT_FDCWD, account->home, &trust, fd_r, NULL, e);
}

/* Read the file; *regular_r: it is one that can be believed, and its text is in *text. */
static void look(int home, const struct pv_account *account, const char *name, struct pv_buf *text,
		 bool *exists_r, bool *regular_r)
{
	const struct pv_trust trust = { .uid = account->uid, .where = account->home };
	struct stat st;

	*exists_r = fstatat(home, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	*regular_r = *exists_r && S_ISREG(st.st_mode) &&
		     pv_file_load(home, name, &trust, text, regular_r, NULL) == PV_OK && *regular_r;
}

static enum pv_class to_trash(struct pv_edit *ed, int home, const struct pv_account *account,
			      const char *name, time_t now, struct pv_error *e)
{
	bool moved = true;
	enum pv_class c = PV_OK;

	if (!ed->dry)
		c = pv_trash_put(home, account->home, name, now, &moved, e);
	if (c != PV_OK || !moved)
		return c;
	pv_edit_done(ed);
	pv_edit_note(ed, "%s/%s was written by somebody else: moved to %s/%s", account->home, name,
		     account->home, PV_TRASH_FOLDER);
	return PV_OK;
}

enum pv_class pv_forward_put(struct pv_edit *ed, const struct pv_store *s, const struct pv_account *account,
			     const struct pv_address *a, time_t now, struct pv_error *e)
{
	struct pv_buf old = PV_BUF_INIT(FORWARD_MAX), new = PV_BUF_INIT(FORWARD_MAX);
	char name[NAME_SIZE];
	bool exists, regular;
	int home = -1;

	enum pv_class c = name_of(a, name, e);
	if (c == PV_OK)
		c = open_home(account, &home, e);
	if (c == PV_OK && home < 0)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5",
			    "the home %s of account %s is not there: make it, mode 0700, and give it to the "
			    "account",
			    account->home, account->name);
	if (c == PV_OK) {
		look(home, account, name, &old, &exists, &regular);
		format(s, a, &new);
		c = pv_buf_check(&new, name, e);
		if (c == PV_OK && exists && (!regular || strcmp(old.s, new.s) != 0)) {
			c = to_trash(ed, home, account, name, now, e);
			exists = false;
		}
		if (c == PV_OK)
			c = pv_edit_file(ed, home, account->home, name, exists ? &old : NULL, &new, 0600,
					 (uid_t)-1, (gid_t)-1, e);
	}
	pv_buf_free(&old);
	pv_buf_free(&new);
	if (home >= 0)
		(void)close(home);
	return c;
}

/* The file `name` in home goes: removed if it is ours, else to the trash. */
static enum pv_class drop(struct pv_edit *ed, const struct pv_store *s, int home,
			  const struct pv_account *account, const char *name, const struct pv_address *a,
			  bool only_ours, time_t now, struct pv_error *e)
{
	struct pv_buf old = PV_BUF_INIT(FORWARD_MAX), ours = PV_BUF_INIT(FORWARD_MAX);
	bool exists, regular;
	enum pv_class c = PV_OK;

	look(home, account, name, &old, &exists, &regular);
	format(s, a, &ours);
	if (exists && regular && strcmp(old.s, ours.s) == 0)
		c = pv_edit_file(ed, home, account->home, name, &old, NULL, 0, (uid_t)-1, (gid_t)-1, e);
	else if (exists && !only_ours)
		c = to_trash(ed, home, account, name, now, e);
	pv_buf_free(&old);
	pv_buf_free(&ours);
	return c;
}

enum pv_class pv_forward_drop(struct pv_edit *ed, const struct pv_store *s, const struct pv_account *account,
			      const struct pv_address *a, time_t now, struct pv_error *e)
{
	char name[NAME_SIZE];
	int home = -1;

	enum pv_class c = name_of(a, name, e);
	if (c == PV_OK)
		c = open_home(account, &home, e);
	if (c != PV_OK || home < 0)
		return c;
	c = drop(ed, s, home, account, name, a, false, now, e);
	(void)close(home);
	return c;
}

/* Is the entry `name` of a home the .forward file of a user of d? With `--` in what stands before the
 * domain it may be that of another domain's user as well. */
static bool is_of_domain(const char *name, const struct pv_domain *d, struct pv_address *a, bool *clear_r)
{
	size_t len = strlen(name), prefix = sizeof PREFIX - 1;

	if (len < prefix + 3 + d->len || strncmp(name, PREFIX, prefix) != 0)
		return false;
	size_t user_len = len - prefix - 2 - d->len;
	if (strcmp(name + len - d->len, d->s) != 0 || memcmp(name + prefix + user_len, "--", 2) != 0)
		return false;
	a->domain = *d;
	*clear_r = memmem(name + prefix, user_len, "--", 2) == NULL;
	return pv_user_parse(name + prefix, user_len, &a->user, NULL) == PV_OK &&
	       memcmp(a->user.s, name + prefix, user_len) == 0;
}

static enum pv_class drop_all(struct pv_edit *ed, const struct pv_store *s, DIR *dir,
			      const struct pv_account *account, const struct pv_domain *d, time_t now,
			      struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct dirent *entry;
	struct pv_address a;
	bool is_clear;

	while (c == PV_OK && (entry = readdir(dir)) != NULL)
		if (is_of_domain(entry->d_name, d, &a, &is_clear))
			c = drop(ed, s, dirfd(dir), account, entry->d_name, &a, !is_clear, now, e);
	return c;
}

enum pv_class pv_forward_drop_domain(struct pv_edit *ed, const struct pv_store *s,
				     const struct pv_account *account, const struct pv_domain *d, time_t now,
				     struct pv_error *e)
{
	int home;

	enum pv_class c = open_home(account, &home, e);
	if (c != PV_OK || home < 0)
		return c;
	int fd = openat(home, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read the folder %s", account->home);
		if (fd >= 0)
			(void)close(fd);
	} else {
		c = drop_all(ed, s, dir, account, d, now, e);
		(void)closedir(dir);
	}
	(void)close(home);
	return c;
}
