#include "maps/install.h"

#include "base/file.h"
#include "maps/lmdb_table.h"
#include "maps/postfix.h"
#include "maps/regexp.h"
#include "maps/reload.h"
#include "maps/text.h"
#include "store/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <unistd.h>

enum { LOCK_DEADLINE_MS = 20000, POSTMAP_SECONDS = 600 };
enum { MAP_MODE = 0640, MAP_FOLDER_MODE = 0750 };

#define LOCK_NAME "maps.lock"

/* All that may lie around after a kill. Postmap's source and product have these names until they are
 * whole. */
static const char *const leftovers[] = { ".virtual.new",	   ".virtual.build",
					 ".virtual.build.lmdb",	   ".virtual_domains.new",
					 ".virtual_domains.build", ".virtual_domains.build.lmdb",
					 ".virtual_regexp.new",	   ".virtual_regexp.proof" };

/* map_directory, and the group by which Postfix's daemons read what is in it. */
struct place {
	int dirfd;
	gid_t group;
};

/* Postfix's group, or, on a host without one or where it cannot be looked up, that of the folder. */
static gid_t find_group(const struct stat *folder)
{
	const struct group *g = geteuid() == 0 ? getgrnam("postfix") : NULL;

	return g == NULL ? folder->st_gid : g->gr_gid;
}

/* Open the folder `path` (absolute), which is made (0700) if only its last component is missing. */
static enum pv_class open_folder(const char *path, int *fd_r, struct stat *st_r, struct pv_error *e)
{
	const struct pv_trust trust = { geteuid(), "" };

	*fd_r = -1;
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "make folder %s", path);
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "open folder /");
	enum pv_class c = pv_dir_open(root, path + strspn(path, "/"), &trust, fd_r, st_r, e);
	(void)close(root);
	if (c == PV_OK && *fd_r < 0)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "folder %s is gone", path);
	return c;
}

/* May Postfix's daemons pass? */
static bool is_open_to(const struct stat *st, gid_t group)
{
	return (st->st_mode & S_IXOTH) != 0 || ((st->st_mode & S_IXGRP) != 0 && st->st_gid == group);
}

/* Also one that was made just before a kill is given to Postfix. */
static enum pv_class open_place(const struct pv_store *s, struct place *p, struct pv_error *e)
{
	const char *path = s->conf.map_directory;
	struct stat st = { .st_mode = 0 };

	enum pv_class c = open_folder(path, &p->dirfd, &st, e);
	if (c != PV_OK)
		return c;
	p->group = find_group(&st);
	if (is_open_to(&st, p->group))
		return PV_OK;
	if (chown(path, (uid_t)-1, p->group) == 0 && chmod(path, MAP_FOLDER_MODE) == 0)
		return PV_OK;
	c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "give folder %s to Postfix", path);
	(void)close(p->dirfd);
	return c;
}

static enum pv_class remove_leftovers(const struct pv_store *s, struct pv_error *e)
{
	struct place p;

	enum pv_class c = open_place(s, &p, e);
	if (c != PV_OK)
		return c;
	for (size_t i = 0; c == PV_OK && i < sizeof leftovers / sizeof *leftovers; i++)
		if (unlinkat(p.dirfd, leftovers[i], 0) != 0 && errno != ENOENT)
			c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "remove %s/%s",
					  s->conf.map_directory, leftovers[i]);
	(void)close(p.dirfd);
	return c;
}

enum pv_class pv_install_lock(const struct pv_store *s, int *lock_r, struct pv_error *e)
{
	int fd = -1;

	*lock_r = -1;
	enum pv_class c = open_folder(s->conf.run_directory, &fd, NULL, e);
	if (c != PV_OK)
		return c;
	c = pv_lock_file(fd, LOCK_NAME, LOCK_DEADLINE_MS, lock_r, e);
	(void)close(fd);
	if (c != PV_OK)
		return c;
	/* A postmap that outlives us holds the lock on: it may still be writing. */
	if (fcntl(*lock_r, F_SETFD, 0) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hand on the lock %s", LOCK_NAME);
	if (c == PV_OK)
		c = remove_leftovers(s, e);
	if (c != PV_OK) {
		(void)close(*lock_r);
		*lock_r = -1;
	}
	return c;
}

static enum pv_class write_text(struct pv_maps_work *w, const struct place *p, enum pv_map m,
				struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_TEXT_MAX);
	const struct pv_buf *old = &w->old.text[m];

	pv_map_format(w->store, m, &w->next[m], &text);
	enum pv_class c = pv_buf_check(&text, pv_map_name(m), e);
	bool same = w->old.has_text[m] && old->len == text.len && memcmp(old->s, text.s, text.len) == 0;
	if (c == PV_OK && !same)
		c = pv_file_replace(p->dirfd, pv_map_name(m), text.s, text.len, MAP_MODE, (uid_t)-1, p->group,
				    e);
	pv_buf_free(&text);
	return c != PV_OK ? pv_error_prefix(e, "%s", w->store->conf.map_directory) : PV_OK;
}

static enum pv_class write_regexp(const struct pv_maps_work *w, const struct place *p, struct pv_error *e)
{
	const struct pv_trust trust = { geteuid(), w->store->conf.map_directory };
	struct pv_buf old = PV_BUF_INIT(PV_TEXT_MAX);
	bool found = false;

	enum pv_class c = pv_file_load(p->dirfd, PV_REGEXP_NAME, &trust, &old, &found, e);
	bool same = found && old.len == w->regexp.len && memcmp(old.s, w->regexp.s, old.len) == 0;
	pv_buf_free(&old);
	if (c != PV_OK || same)
		return c;
	c = pv_reload_mark(w->store, e);
	if (c == PV_OK)
		c = pv_file_replace(p->dirfd, PV_REGEXP_NAME, w->regexp.s, w->regexp.len, MAP_MODE, (uid_t)-1,
				    p->group, e);
	return c != PV_OK ? pv_error_prefix(e, "%s", w->store->conf.map_directory) : PV_OK;
}

static enum pv_class run_postmap(const struct pv_store *s, const char *build, struct pv_error *e)
{
	char dir[PATH_MAX] = "", table[PATH_MAX + 8];
	const char *const argv[] = { PV_POSTMAP, "-c", dir, table, NULL };

	(void)pv_conf_instance(&s->conf, 0, dir, sizeof dir);
	(void)snprintf(table, sizeof table, "lmdb:%s/%s", s->conf.map_directory, build);
	return pv_postfix_ask(argv, NULL, POSTMAP_SECONDS, NULL, e);
}

/* Give the finished table its owner and mode, make it durable, move it into place. */
static enum pv_class publish(const struct place *p, const char *from, const char *to, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	int fd = openat(p->dirfd, from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "open %s, which postmap made", from);
	if (fchown(fd, (uid_t)-1, p->group) != 0 || fchmod(fd, MAP_MODE) != 0 || fsync(fd) != 0 ||
	    renameat(p->dirfd, from, p->dirfd, to) != 0 || pv_dir_sync(p->dirfd) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "put %s into place", to);
	(void)close(fd);
	return c;
}

/*
 * A table that is missing or damaged is built beside its place from the text, which was written just
 * before. Built in place, a kill would leave one without keys: real users would be refused.
 */
static enum pv_class build_table(const struct pv_store *s, const struct place *p, enum pv_map m,
				 struct pv_error *e)
{
	char build[64], made[80], table[64];

	(void)snprintf(table, sizeof table, "%s.lmdb", pv_map_name(m));
	(void)snprintf(build, sizeof build, ".%s.build", pv_map_name(m));
	(void)snprintf(made, sizeof made, "%s.lmdb", build);
	(void)unlinkat(p->dirfd, build, 0);
	if (linkat(p->dirfd, pv_map_name(m), p->dirfd, build, 0) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "link %s", build);
	enum pv_class c = run_postmap(s, build, e);
	if (c == PV_OK)
		c = publish(p, made, table, e);
	int err = unlinkat(p->dirfd, build, 0) != 0 ? errno : 0;
	(void)unlinkat(p->dirfd, made, 0);
	if (c == PV_OK && err != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "remove %s", build);
	return c;
}

/* One step of a table; *built says that it was built anew, so that nothing is left to do for it. */
static enum pv_class step(struct pv_maps_work *w, const struct place *p, enum pv_map m, unsigned which,
			  bool built[PV_MAP_COUNT], struct pv_error *e)
{
	char path[PATH_MAX];
	enum pv_table_state state = PV_TABLE_MISSING;
	enum pv_class c = PV_OK;

	if (built[m])
		return PV_OK;
	(void)snprintf(path, sizeof path, "%s/%s.lmdb", w->store->conf.map_directory, pv_map_name(m));
	c = pv_table_apply(path, &w->next[m], which, &state, e);
	if (c != PV_OK || state == PV_TABLE_GOOD)
		return c;
	built[m] = true;
	return build_table(w->store, p, m, e);
}

/*
 * A domain in `virtual_domains` whose users are not in `virtual` yet would have them refused for
 * good. So users come before their domain, and go after it.
 */
static enum pv_class write_tables(struct pv_maps_work *w, const struct place *p, struct pv_error *e)
{
	static const struct {
		enum pv_map map;
		unsigned which;
	} order[] = { { PV_MAP_ADDRESSES, PV_TABLE_ADD },
		      { PV_MAP_DOMAINS, PV_TABLE_ADD | PV_TABLE_REMOVE },
		      { PV_MAP_ADDRESSES, PV_TABLE_REMOVE } };
	bool built[PV_MAP_COUNT] = { false };
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < sizeof order / sizeof *order; i++)
		c = step(w, p, order[i].map, order[i].which, built, e);
	return c;
}

/* What a postmap by hand made, or a run that did not find the group, is not Postfix's to read yet. */
static enum pv_class give_files(const struct pv_maps_work *w, const struct place *p, struct pv_error *e)
{
	static const char *const names[] = { "virtual", "virtual.lmdb", "virtual_domains",
					     "virtual_domains.lmdb", PV_REGEXP_NAME };
	struct stat st;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (fstatat(p->dirfd, names[i], &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) ||
		    (st.st_gid == p->group && (st.st_mode & S_IRGRP) != 0))
			continue;
		if (fchownat(p->dirfd, names[i], (uid_t)-1, p->group, AT_SYMLINK_NOFOLLOW) != 0 ||
		    fchmodat(p->dirfd, names[i], MAP_MODE, 0) != 0)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "give %s/%s to Postfix",
					     w->store->conf.map_directory, names[i]);
	}
	return PV_OK;
}

enum pv_class pv_install(struct pv_maps_work *w, struct pv_error *e)
{
	struct place p;

	enum pv_class c = open_place(w->store, &p, e);
	if (c != PV_OK)
		return c;
	/* Texts first: otherwise a postmap by hand would bring deleted users back. */
	for (enum pv_map m = 0; c == PV_OK && m < PV_MAP_COUNT; m++)
		c = write_text(w, &p, m, e);
	if (c == PV_OK)
		c = write_regexp(w, &p, e);
	if (c == PV_OK)
		c = write_tables(w, &p, e);
	if (c == PV_OK)
		c = give_files(w, &p, e);
	(void)close(p.dirfd);
	return c;
}
