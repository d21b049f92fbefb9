#include "maps/install.h"

#include "base/file.h"
#include "maps/inner.h"
#include "maps/merge.h"
#include "maps/regexp.h"
#include "maps/reload.h"
#include "maps/report.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <unistd.h>

enum { LOCK_DEADLINE_MS = 20000 };
enum { MAP_MODE = 0640, MAP_FOLDER_MODE = 0750 };
enum { PROGRESS_KEYS = 16384 };

#define LOCK_NAME "maps.lock"

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

static enum pv_class remove_leftover(const struct pv_store *s, int dirfd, const char *name,
				     struct pv_error *e)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return PV_OK;
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "remove %s/%s", s->conf.map_directory, name);
}

/* All that may lie around after a kill: what a text and a table are called until they are whole. */
static enum pv_class remove_leftovers(const struct pv_store *s, struct pv_error *e)
{
	char name[64];
	struct place p;

	enum pv_class c = open_place(s, &p, e);
	if (c != PV_OK)
		return c;
	for (enum pv_map m = 0; c == PV_OK && m < PV_MAP_COUNT; m++) {
		(void)snprintf(name, sizeof name, ".%s.new", pv_map_name(m));
		c = remove_leftover(s, p.dirfd, name, e);
		(void)snprintf(name, sizeof name, ".%s.build.lmdb", pv_map_name(m));
		if (c == PV_OK)
			c = remove_leftover(s, p.dirfd, name, e);
	}
	if (c == PV_OK)
		c = remove_leftover(s, p.dirfd, "." PV_INNER_NAME ".new", e);
	if (c == PV_OK)
		c = remove_leftover(s, p.dirfd, "." PV_REGEXP_NAME ".new", e);
	if (c == PV_OK)
		c = remove_leftover(s, p.dirfd, "." PV_REGEXP_NAME ".proof", e);
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
	c = remove_leftovers(s, e);
	if (c != PV_OK) {
		(void)close(*lock_r);
		*lock_r = -1;
	}
	return c;
}

/* All new keys of m, to who writes them. */
struct source {
	struct pv_maps_work *w;
	enum pv_map map;
	size_t done, total;
};

static bool next_key(void *ctx, struct pv_key *k)
{
	struct source *s = ctx;

	if (!pv_next_step(s->w, s->map, k))
		return false;
	if (++s->done % PROGRESS_KEYS == 0)
		pv_progress(s->w->options, PV_PROGRESS_WRITE, s->done, s->total);
	return true;
}

static void start_source(struct source *s, struct pv_maps_work *w, enum pv_map m)
{
	size_t old = pv_old_count(&w->old, m), new = w->differences[m].count;

	*s = (struct source){ .w = w, .map = m, .total = old > new ? old : new };
	pv_next_rewind(w, m);
}

/* The text of all new keys; file NULL: only its checksum. */
static enum pv_class put_text(struct pv_maps_work *w, enum pv_map m, struct pv_new_file *file,
			      const char *head, uint64_t *sum_r, struct pv_error *e)
{
	struct pv_text_writer t;
	struct source source;
	struct pv_key k;

	start_source(&source, w, m);
	pv_text_begin(&t, file, head, e);
	while (t.c == PV_OK && next_key(&source, &k))
		pv_text_add(&t, &k);
	return pv_text_end(&t, sum_r);
}

/* Does the text in the file say all new keys and nothing else? */
static enum pv_class has_text(struct pv_maps_work *w, enum pv_map m, bool *has_r, struct pv_error *e)
{
	const struct pv_text_look *text = &w->old.text[m];
	uint64_t sum = 0;

	*has_r = false;
	if (!text->found || !text->good || !text->has_head || w->differences[m].count > 0)
		return PV_OK;
	enum pv_class c = put_text(w, m, NULL, "", &sum, e);
	*has_r = c == PV_OK && sum == text->sum;
	return c;
}

static enum pv_class replace_text(struct pv_maps_work *w, const struct place *p, enum pv_map m,
				  struct pv_error *e)
{
	struct pv_buf head = PV_BUF_INIT(PV_MAP_TEXT_MAX);
	struct pv_new_file file;
	uint64_t sum;

	pv_map_head(w->store, m, &head);
	enum pv_class c = pv_buf_check(&head, pv_map_name(m), e);
	if (c == PV_OK)
		c = pv_file_begin(p->dirfd, pv_map_name(m), MAP_MODE, (uid_t)-1, p->group, &file, e);
	if (c == PV_OK) {
		c = put_text(w, m, &file, head.s, &sum, e);
		w->report->touched |= c == PV_OK;
		if (c == PV_OK)
			c = pv_file_commit(&file, e);
		else
			pv_file_abandon(&file);
	}
	pv_buf_free(&head);
	return c;
}

/* A text that takes longer to write than the whole change goes away before the table is changed: a
 * postmap by hand then finds none, and cannot bring deleted users back. */
static enum pv_class drop_large_text(struct pv_maps_work *w, const struct place *p, enum pv_map m,
				     bool *done_r, struct pv_error *e)
{
	const struct pv_text_look *text = &w->old.text[m];

	*done_r = w->is_few && (text->found ? text->size : pv_table_bytes(w->old.table[m])) > PV_MAP_SMALL;
	if (!*done_r || !text->found || w->differences[m].count == 0)
		return PV_OK;
	w->report->touched = true;
	return pv_file_remove(p->dirfd, pv_map_name(m), e);
}

static enum pv_class write_text(struct pv_maps_work *w, const struct place *p, enum pv_map m,
				struct pv_error *e)
{
	bool done;

	enum pv_class c = drop_large_text(w, p, m, &done, e);
	if (c == PV_OK && !done)
		c = has_text(w, m, &done, e);
	if (c == PV_OK && !done)
		c = replace_text(w, p, m, e);
	return c != PV_OK ? pv_error_prefix(e, "%s", w->store->conf.map_directory) : PV_OK;
}

/* A file of expressions, which Postfix's daemons read when they begin. That they are to read them anew is
 * noted of virtual_regexp, which is written last, and also where only the other one has *changed. */
static enum pv_class write_expressions(const struct pv_maps_work *w, const struct place *p, const char *name,
				       const struct pv_buf *text, bool *changed, struct pv_error *e)
{
	const struct pv_trust trust = { geteuid(), w->store->conf.map_directory };
	struct pv_buf old = PV_BUF_INIT(PV_MAP_TEXT_MAX);
	bool found = false;

	enum pv_class c = pv_file_load(p->dirfd, name, &trust, &old, &found, e);
	bool same = found && old.len == text->len && memcmp(old.s, text->s, old.len) == 0;
	pv_buf_free(&old);
	if (c != PV_OK || (same && !*changed))
		return c;
	*changed = true;
	c = text == &w->regexp ? pv_reload_mark(w->store, e) : PV_OK;
	if (c == PV_OK)
		c = pv_file_replace(p->dirfd, name, text->s, text->len, MAP_MODE, (uid_t)-1, p->group, e);
	return c != PV_OK ? pv_error_prefix(e, "%s", w->store->conf.map_directory) : PV_OK;
}

static enum pv_class write_all_expressions(const struct pv_maps_work *w, const struct place *p,
					   struct pv_error *e)
{
	struct pv_buf inner = PV_BUF_INIT(PV_MAP_TEXT_MAX);
	bool changed = false;

	pv_inner_text(&inner);
	enum pv_class c = pv_regexp_sub_domains(w, &inner, e);
	if (c == PV_OK)
		c = pv_buf_check(&inner, PV_INNER_NAME, e);
	if (c == PV_OK)
		c = write_expressions(w, p, PV_INNER_NAME, &inner, &changed, e);
	pv_buf_free(&inner);
	return c == PV_OK ? write_expressions(w, p, PV_REGEXP_NAME, &w->regexp, &changed, e) : c;
}

/* Give the finished table its owner and mode, make it durable, move it into place. */
static enum pv_class publish(const struct place *p, const char *from, const char *to, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	int fd = openat(p->dirfd, from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "open %s", from);
	if (fchown(fd, (uid_t)-1, p->group) != 0 || fchmod(fd, MAP_MODE) != 0 || fsync(fd) != 0 ||
	    renameat(p->dirfd, from, p->dirfd, to) != 0 || pv_dir_sync(p->dirfd) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "put %s into place", to);
	(void)close(fd);
	return c;
}

/*
 * A table that is missing or damaged is built beside its place. Built in place, a kill would leave one
 * without keys: real users would be refused.
 */
static enum pv_class build_table(struct pv_maps_work *w, const struct place *p, enum pv_map m,
				 struct pv_error *e)
{
	char path[PATH_MAX], build[64], table[64];
	struct source source;

	(void)snprintf(table, sizeof table, "%s.lmdb", pv_map_name(m));
	(void)snprintf(build, sizeof build, ".%s.build.lmdb", pv_map_name(m));
	(void)snprintf(path, sizeof path, "%s/%s", w->store->conf.map_directory, build);
	start_source(&source, w, m);
	enum pv_class c = pv_table_build(path, next_key, &source, e);
	if (c == PV_OK)
		c = publish(p, build, table, e);
	if (c != PV_OK)
		(void)unlinkat(p->dirfd, build, 0);
	return c;
}

/* One step of a table; *built says that it was built anew, so that nothing is left to do for it. */
static enum pv_class step(struct pv_maps_work *w, const struct place *p, enum pv_map m, unsigned which,
			  bool built[PV_MAP_COUNT], struct pv_error *e)
{
	enum pv_table_state state = w->old.state[m];
	enum pv_class c = PV_OK;

	if (built[m])
		return PV_OK;
	if (w->old.table[m] != NULL)
		c = pv_table_apply(w->old.table[m], &w->differences[m], which, &state, e);
	if (c == PV_OK && state != PV_TABLE_GOOD) {
		built[m] = true;
		c = build_table(w, p, m, e);
	}
	w->report->touched |= c == PV_OK && (built[m] || w->differences[m].count > 0);
	return c;
}

/*
 * A domain in `virtual_domains` whose users are not in `virtual` yet would have them refused for
 * good. So users come before their domain, and go after it. Where no domain comes or goes, all of them do
 * so at one moment.
 */
static enum pv_class write_tables(struct pv_maps_work *w, const struct place *p, struct pv_error *e)
{
	static const unsigned both = PV_TABLE_ADD | PV_TABLE_REMOVE;
	bool built[PV_MAP_COUNT] = { false };
	bool at_once = w->differences[PV_MAP_DOMAINS].count == 0;

	enum pv_class c = step(w, p, PV_MAP_ADDRESSES, at_once ? both : PV_TABLE_ADD, built, e);
	for (enum pv_map m = PV_MAP_ADDRESSES + 1; c == PV_OK && m < PV_MAP_COUNT; m++)
		c = step(w, p, m, both, built, e);
	if (c == PV_OK && !at_once)
		c = step(w, p, PV_MAP_ADDRESSES, PV_TABLE_REMOVE, built, e);
	return c;
}

/* What a postmap by hand made, or a run that did not find the group, is not Postfix's to read yet. */
static enum pv_class give_file(const struct pv_maps_work *w, const struct place *p, const char *name,
			       struct pv_error *e)
{
	struct stat st;

	if (fstatat(p->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) ||
	    (st.st_gid == p->group && (st.st_mode & S_IRGRP) != 0))
		return PV_OK;
	if (fchownat(p->dirfd, name, (uid_t)-1, p->group, AT_SYMLINK_NOFOLLOW) != 0 ||
	    fchmodat(p->dirfd, name, MAP_MODE, 0) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "give %s/%s to Postfix",
				     w->store->conf.map_directory, name);
	return PV_OK;
}

static enum pv_class give_files(const struct pv_maps_work *w, const struct place *p, struct pv_error *e)
{
	enum pv_class c = give_file(w, p, PV_REGEXP_NAME, e);
	char table[64];

	if (c == PV_OK)
		c = give_file(w, p, PV_INNER_NAME, e);
	for (enum pv_map m = 0; c == PV_OK && m < PV_MAP_COUNT; m++) {
		(void)snprintf(table, sizeof table, "%s.lmdb", pv_map_name(m));
		c = give_file(w, p, pv_map_name(m), e);
		if (c == PV_OK)
			c = give_file(w, p, table, e);
	}
	return c;
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
	if (c == PV_OK && !w->is_few)
		c = write_all_expressions(w, &p, e);
	if (c == PV_OK)
		c = write_tables(w, &p, e);
	if (c == PV_OK)
		c = give_files(w, &p, e);
	(void)close(p.dirfd);
	return c;
}
