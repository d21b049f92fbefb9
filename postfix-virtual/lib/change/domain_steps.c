/* The steps of a domain's change in folders that are root's alone. What an account owns is renamed or
 * given away there, never opened. */
#include "change/work.h"

#include "auth/session.h"
#include "base/file.h"
#include "change/settings.h"
#include "change/state.h"
#include "store/passwd_write.h"
#include "store/registry_write.h"
#include "store/standard.h"
#include "store/trash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { REGISTRY_MAX = 16 << 20 };

static enum pv_class fail(struct pv_error *e, const char *verb, const char *where, const char *name)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "%s %s/%s", verb, where, name);
}

/* The folder under a name that no domain has, root's, with a passwd in it, and for a standard domain
 * of Postfix's the file of its addresses. */
static enum pv_class prepare_folder(int dirfd, const char *where, const char *temp, bool standard,
				    const struct pv_buf *passwd, const struct pv_account *a,
				    struct pv_error *e)
{
	const char *text = passwd != NULL ? passwd->s : PV_PASSWD_HEAD;
	size_t len = passwd != NULL ? passwd->len : sizeof PV_PASSWD_HEAD - 1;

	if (mkdirat(dirfd, temp, 0700) != 0 && errno != EEXIST)
		return fail(e, "make the folder", where, temp);
	int fd = openat(dirfd, temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(e, "open", where, temp);
	enum pv_class c = PV_OK;
	if (fchmod(fd, 0700) != 0)
		c = fail(e, "set the mode of", where, temp);
	if (c == PV_OK)
		c = pv_file_replace(fd, "passwd", text, len, 0600, a->uid, a->gid, e);
	if (c == PV_OK && standard)
		c = pv_file_replace(fd, PV_STANDARD_FILE, PV_STANDARD_HEAD, sizeof PV_STANDARD_HEAD - 1, 0600,
				    a->uid, a->gid, e);
	(void)close(fd);
	return c;
}

/* The last act: from then on the folder is the account's, and root never enters it again. Until then it is
 * root's, so opening it here is safe. */
static enum pv_class give_away(int dirfd, const char *where, const char *name, const struct pv_account *a,
			       struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct stat st;

	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		c = fail(e, "open", where, name);
	else if (st.st_uid == a->uid)
		;
	else if (st.st_uid != geteuid())
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%s/%s is there and is not account %s's: move it away",
			    where, name, a->name);
	else if (fchown(fd, a->uid, a->gid) != 0)
		c = fail(e, "change the owner of", where, name);
	else if (fsync(fd) != 0 || pv_dir_sync(dirfd) != 0)
		c = fail(e, "sync", where, name);
	if (fd >= 0)
		(void)close(fd);
	return c;
}

static enum pv_class make_settings(struct pv_step *s, struct pv_error *e)
{
	const char *name = s->mark->domain.s;
	int dirfd = s->store->dirfd;
	char temp[NAME_MAX + 1];
	struct stat st;

	bool there = fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (there && st.st_uid == s->account->uid)
		return PV_OK;
	if (s->edit.dry) {
		pv_edit_note(&s->edit, "%s would be %s account %s", s->where, there ? "given to" : "made for",
			     s->account->name);
		return PV_OK;
	}
	if (!there) {
		(void)snprintf(temp, sizeof temp, ".%.*s.new", PV_EXTENSION_MAX, name);
		bool standard = strstr(s->mark->words, "postfix=yes") != NULL;
		enum pv_class c =
			prepare_folder(dirfd, s->store->dir, temp, standard, s->passwd, s->account, e);
		if (c != PV_OK)
			return c;
		if (renameat2(dirfd, temp, dirfd, name, RENAME_NOREPLACE) != 0)
			return fail(e, "make the folder", s->store->dir, name);
	}
	pv_edit_done(&s->edit);
	return give_away(dirfd, s->store->dir, name, s->account, e);
}

static enum pv_class make_spool(struct pv_step *s, struct pv_error *e)
{
	const char *name = s->mark->domain.s, *where = s->store->conf.spool_directory;
	char path[PATH_MAX];
	struct stat st;
	int spool;

	if (s->edit.dry) {
		(void)snprintf(path, sizeof path, "%s/%s", where, name);
		bool there = lstat(path, &st) == 0;
		if (!there || st.st_uid != s->account->uid)
			pv_edit_note(&s->edit, "%s would be %s account %s", path,
				     there ? "given to" : "made for", s->account->name);
		return PV_OK;
	}
	enum pv_class c = pv_state_open(where, NULL, 0755, &spool, e);
	if (c != PV_OK)
		return c;
	if (mkdirat(spool, name, 0700) != 0 && errno != EEXIST)
		c = fail(e, "make the folder", where, name);
	else
		c = give_away(spool, where, name, s->account, e);
	if (c == PV_OK)
		pv_edit_done(&s->edit);
	(void)close(spool);
	return c;
}

/* Change the line of the domain in `domains`, which is the host's: under the host's lock. */
static enum pv_class change_registry(struct pv_step *s, const struct pv_registry_entry *entry,
				     struct pv_error *e)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = s->store->dir };
	struct pv_buf old = PV_BUF_INIT(REGISTRY_MAX), new = PV_BUF_INIT(REGISTRY_MAX);
	enum pv_class c = PV_OK;
	int lock = -1;
	bool found = false;

	if (!s->edit.dry)
		c = pv_state_lock_host(s->store, &lock, e);
	if (c == PV_OK)
		c = pv_file_load(s->store->dirfd, "domains", &trust, &old, &found, e);
	if (c == PV_OK)
		c = pv_registry_change(old.s, old.len, &s->mark->domain, entry, &new, e);
	if (c == PV_OK && (found || new.len > 0))
		c = pv_edit_file(&s->edit, s->store->dirfd, s->store->dir, "domains", found ? &old : NULL,
				 &new, 0644, (uid_t)-1, (gid_t)-1, e);
	pv_buf_free(&old);
	pv_buf_free(&new);
	if (lock >= 0)
		(void)close(lock);
	return c;
}

enum pv_class pv_step_domain_make(struct pv_step *s, struct pv_error *e)
{
	struct pv_registry_entry entry;
	bool found;

	if (s->account->uid == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "the account of %s, uid %lu, is gone: make it again",
			       s->mark->domain.s, (unsigned long)s->mark->uid);
	enum pv_class c = pv_registry_find(s->store, &s->mark->domain, &entry, &found, e);
	if (c != PV_OK)
		return c;
	if (s->mark->account[0] != '\0')
		(void)snprintf(entry.account, sizeof entry.account, "%s", s->mark->account);
	entry.sub_domains = entry.sub_domains || s->mark->sub_domains;
	c = pv_settings_apply(&entry, s->mark->words, e);
	if (c != PV_OK)
		return c;
	c = make_spool(s, e);
	if (c == PV_OK)
		c = change_registry(s, &entry, e);
	/* Last, because the folder is what makes it a domain. */
	return c == PV_OK ? make_settings(s, e) : c;
}

enum pv_class pv_step_domain_set(struct pv_step *s, struct pv_error *e)
{
	struct pv_registry_entry entry;
	bool found;

	enum pv_class c = pv_registry_find(s->store, &s->mark->domain, &entry, &found, e);
	if (c == PV_OK)
		c = pv_settings_apply(&entry, s->mark->words, e);
	return c == PV_OK ? change_registry(s, &entry, e) : c;
}

/* Move DIR/<domain> to DIR/.trash, which accounts may enter to empty what is theirs, and not list. */
static enum pv_class move_to_trash(struct pv_step *s, int dirfd, const char *where, struct pv_error *e)
{
	bool moved;

	if (s->edit.dry) {
		pv_edit_note(&s->edit, "%s/%s would be moved to %s/%s", where, s->mark->domain.s, where,
			     PV_TRASH_FOLDER);
		return PV_OK;
	}
	if (mkdirat(dirfd, PV_TRASH_FOLDER, 0711) != 0 && errno != EEXIST)
		return fail(e, "make the folder", where, PV_TRASH_FOLDER);
	if (fchmodat(dirfd, PV_TRASH_FOLDER, 0711, 0) != 0)
		return fail(e, "set the mode of", where, PV_TRASH_FOLDER);
	enum pv_class c = pv_trash_put(dirfd, where, s->mark->domain.s, s->mark->when, &moved, e);
	if (c != PV_OK || !moved)
		return c;
	pv_edit_done(&s->edit);
	pv_edit_note(&s->edit, "%s/%s is in %s/%s for %d days", where, s->mark->domain.s, where,
		     PV_TRASH_FOLDER, PV_TRASH_DAYS);
	return PV_OK;
}

/* When somebody logged in last, who is deleted or renamed (u NULL: the whole domain). */
static enum pv_class forget_logins(struct pv_step *s, const struct pv_user *u, const struct pv_user *to,
				   struct pv_error *e)
{
	bool done;

	if (s->edit.dry)
		return PV_OK;
	enum pv_class c = pv_session_forget(s->store, &s->mark->domain, u, to, &done, e);
	if (c == PV_OK && done)
		pv_edit_done(&s->edit);
	return c;
}

enum pv_class pv_step_user_seen(struct pv_step *s, struct pv_error *e)
{
	return forget_logins(s, &s->mark->user, s->mark->to.len > 0 ? &s->mark->to : NULL, e);
}

enum pv_class pv_step_domain_trash(struct pv_step *s, struct pv_error *e)
{
	const char *spool_path = s->store->conf.spool_directory;
	int spool;

	enum pv_class c = move_to_trash(s, s->store->dirfd, s->store->dir, e);
	if (c == PV_OK)
		c = pv_state_open(spool_path, NULL, 0755, &spool, e);
	if (c == PV_OK) {
		c = move_to_trash(s, spool, spool_path, e);
		(void)close(spool);
	}
	if (c == PV_OK)
		c = forget_logins(s, NULL, NULL, e);
	return c == PV_OK ? change_registry(s, NULL, e) : c;
}

static enum pv_class empty_as_owner(void *ctx, int out_fd, struct pv_error *e)
{
	const char *path = ctx;
	struct dirent *entry;
	enum pv_class c = PV_OK;

	(void)out_fd;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL)
		return fail(e, "open", path, ".");
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    pv_tree_remove(dirfd(dir), path, entry->d_name, c == PV_OK ? e : NULL) != PV_OK)
			c = PV_TEMPORARY;
	(void)closedir(dir);
	return c;
}

/* What lies in an account's folder is removed by a child that became it; the empty folder by root. */
static void purge_entry(struct pv_change *change, int trash, const char *where, const char *name)
{
	const struct pv_child_limits limits = { .seconds = 60, .cpu_seconds = 60 };
	struct pv_buf out = PV_BUF_INIT(0);
	char path[PATH_MAX + NAME_MAX];
	struct pv_error e;
	struct stat st;

	if (fstatat(trash, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode) || st.st_uid == 0)
		return;
	(void)snprintf(path, sizeof path, "%s/%s/%s", where, PV_TRASH_FOLDER, name);
	enum pv_class c = pv_child_run(st.st_uid, st.st_gid, &limits, empty_as_owner, path, &out, &e);
	if (c == PV_OK && unlinkat(trash, name, AT_REMOVEDIR) != 0)
		c = fail(&e, "remove", where, name);
	if (c != PV_OK)
		pv_buf_addf(&change->notes, "%s\n", e.text);
}

static void purge_folder(struct pv_change *change, const char *where)
{
	char path[PATH_MAX];
	struct dirent *entry;
	time_t when;

	if ((size_t)snprintf(path, sizeof path, "%s/%s", where, PV_TRASH_FOLDER) >= sizeof path)
		return;
	DIR *dir = opendir(path);
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (pv_trash_time(entry->d_name, &when) && time(NULL) - when >= PV_TRASH_DAYS * 86400)
			purge_entry(change, dirfd(dir), where, entry->d_name);
	(void)closedir(dir);
}

void pv_step_purge(struct pv_change *c)
{
	purge_folder(c, c->store->dir);
	purge_folder(c, c->store->conf.spool_directory);
}
