#include "maps/map.h"

#include "base/file.h"
#include "maps/report.h"
#include "store/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char *const names[PV_MAP_COUNT] = { "virtual", "virtual_domains", "virtual_senders",
						 "virtual_refused" };
static const char *const whats[PV_MAP_COUNT] = { "Own addresses", "Own domains", "Own senders",
						 "Own refusals" };

const char *pv_map_name(enum pv_map m)
{
	return names[m];
}

void pv_map_head(const struct pv_store *s, enum pv_map m, struct pv_buf *out)
{
	char dir[PATH_MAX] = "", own[PATH_MAX + 8];

	(void)pv_conf_instance(&s->conf, 0, dir, sizeof dir);
	(void)snprintf(own, sizeof own, "%s/virtual", dir);
	pv_text_head(out, whats[m],
		     m == PV_MAP_SENDERS || m == PV_MAP_REFUSED
			     ? "a table that main.cf names in front of this one"
			     : own);
}

static enum pv_class look_at_text(const struct pv_store *s, int dirfd, enum pv_map m, struct pv_old_maps *old,
				  struct pv_error *e)
{
	const struct pv_trust trust = { geteuid(), s->conf.map_directory };
	struct pv_buf head = PV_BUF_INIT(PV_MAP_TEXT_MAX);

	pv_map_head(s, m, &head);
	enum pv_class c = pv_buf_check(&head, names[m], e);
	if (c == PV_OK)
		c = pv_text_look(dirfd, names[m], &trust, head.s, &old->text[m], e);
	pv_buf_free(&head);
	return c;
}

/* All keys of an open table, in order. */
static enum pv_class copy_table(struct pv_old_maps *old, enum pv_map m, struct pv_error *e)
{
	struct pv_table *t = old->table[m];
	enum pv_class c = PV_OK;
	struct pv_key k;

	pv_table_rewind(t);
	while (c == PV_OK && pv_table_step(t, &k)) {
		const char *key = pv_arena_add(&old->arena, k.key, strlen(k.key));
		const char *value = pv_arena_add(&old->arena, k.value, strlen(k.value));
		c = key == NULL || value == NULL
			    ? pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the keys of %s", names[m])
			    : pv_keys_add(&old->keys[m], key, value, e);
	}
	return c;
}

/* A damaged one is noticed before anything is built on it. */
static void read_through(struct pv_table *t)
{
	struct pv_key k;

	pv_table_rewind(t);
	while (pv_table_step(t, &k))
		;
}

/*
 * Whoever does not write holds no lock that would keep others from writing for as long as it takes to read
 * all domains: it gets a copy.
 */
static enum pv_class open_table(enum pv_map m, bool writes, struct pv_old_maps *old, struct pv_error *e)
{
	enum pv_class c = pv_table_open(old->path[m], writes, &old->table[m], &old->state[m], e);

	if (c != PV_OK || old->table[m] == NULL)
		return c;
	if (writes)
		read_through(old->table[m]);
	else
		c = copy_table(old, m, e);
	if (c == PV_OK)
		c = pv_table_judge(old->table[m], &old->state[m], e);
	if (writes && old->state[m] == PV_TABLE_GOOD)
		return c;
	pv_table_close(old->table[m]);
	old->table[m] = NULL;
	if (old->state[m] != PV_TABLE_GOOD)
		pv_keys_free(&old->keys[m]);
	return c;
}

static enum pv_class read_text(const struct pv_store *s, int dirfd, enum pv_map m, struct pv_old_maps *old,
			       struct pv_error *why)
{
	const struct pv_trust trust = { geteuid(), s->conf.map_directory };
	char path[PATH_MAX];
	bool found;

	(void)snprintf(path, sizeof path, "%s/%s", s->conf.map_directory, names[m]);
	enum pv_class c = pv_file_load(dirfd, names[m], &trust, &old->parsed[m], &found, why);
	if (c == PV_OK && !found)
		c = pv_fail(why, PV_TEMPORARY, "4.3.5", "%s is missing", path);
	return c == PV_OK ? pv_text_parse(&old->parsed[m], path, &old->keys[m], why) : c;
}

static enum pv_class complain(const struct pv_error *why, enum pv_table_state state, struct pv_maps_report *r,
			      struct pv_error *e)
{
	struct pv_error said;

	if (state == PV_TABLE_GOOD)
		(void)pv_fail(&said, PV_TEMPORARY, "4.3.5", "%s; its table was believed instead", why->text);
	else
		(void)pv_fail(&said, PV_TEMPORARY, "4.3.5",
			      "%s; its table cannot be read either: domains that cannot be read lose their "
			      "addresses",
			      why->text);
	return pv_report_complain(r, NULL, &said, e);
}

static enum pv_class load_map(const struct pv_store *s, int dirfd, bool writes, enum pv_map m,
			      struct pv_old_maps *old, struct pv_maps_report *r, struct pv_error *e)
{
	struct pv_text_look *text = &old->text[m];

	enum pv_class c = look_at_text(s, dirfd, m, old, e);
	if (c == PV_OK)
		c = open_table(m, writes, old, e);
	if (c != PV_OK)
		return c;
	if (old->state[m] == PV_TABLE_GOOD)
		return text->found && !text->good ? complain(&text->why, PV_TABLE_GOOD, r, e) : PV_OK;
	if (read_text(s, dirfd, m, old, &text->why) == PV_OK)
		return PV_OK;
	pv_keys_free(&old->keys[m]);
	old->doubtful = true;
	/* Neither: nothing was ever written here. */
	return !text->found && old->state[m] == PV_TABLE_MISSING ? PV_OK
								 : complain(&text->why, old->state[m], r, e);
}

static void clear(const struct pv_store *s, struct pv_old_maps *old)
{
	*old = (struct pv_old_maps){ .doubtful = true };
	for (enum pv_map m = 0; m < PV_MAP_COUNT; m++) {
		old->parsed[m] = (struct pv_buf)PV_BUF_INIT(PV_MAP_TEXT_MAX);
		old->state[m] = PV_TABLE_MISSING;
		(void)snprintf(old->path[m], sizeof old->path[m], "%s/%s.lmdb", s->conf.map_directory,
			       names[m]);
	}
}

static int open_folder(const struct pv_store *s)
{
	return open(s->conf.map_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static enum pv_class fail_folder(const struct pv_store *s, struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open folder %s", s->conf.map_directory);
}

enum pv_class pv_old_maps_load(const struct pv_store *s, bool writes, struct pv_old_maps *old,
			       struct pv_maps_report *r, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	clear(s, old);
	int dirfd = open_folder(s);
	if (dirfd < 0)
		return errno == ENOENT ? PV_OK : fail_folder(s, e);
	old->doubtful = false;
	for (enum pv_map m = 0; c == PV_OK && m < PV_MAP_COUNT; m++)
		c = load_map(s, dirfd, writes, m, old, r, e);
	(void)close(dirfd);
	return c;
}

static enum pv_class open_map(const struct pv_store *s, int dirfd, enum pv_map m, struct pv_old_maps *old,
			      bool *fit_r, struct pv_error *e)
{
	struct pv_text_look *text = &old->text[m];
	struct stat st;

	bool found = fstatat(dirfd, names[m], &st, AT_SYMLINK_NOFOLLOW) == 0;
	enum pv_class c = PV_OK;
	if (found && S_ISREG(st.st_mode) && (size_t)st.st_size > PV_MAP_SMALL)
		*text = (struct pv_text_look){ .found = true, .good = true, .size = (size_t)st.st_size };
	else
		c = look_at_text(s, dirfd, m, old, e);
	if (c == PV_OK)
		c = pv_table_open(old->path[m], true, &old->table[m], &old->state[m], e);
	*fit_r = c == PV_OK && old->table[m] != NULL && (!text->found || text->good);
	return c;
}

enum pv_class pv_old_maps_open(const struct pv_store *s, struct pv_old_maps *old, bool *fit_r,
			       struct pv_error *e)
{
	enum pv_class c = PV_OK;

	clear(s, old);
	*fit_r = false;
	int dirfd = open_folder(s);
	if (dirfd < 0)
		return errno == ENOENT ? PV_OK : fail_folder(s, e);
	old->doubtful = false;
	*fit_r = true;
	for (enum pv_map m = 0; c == PV_OK && *fit_r && m < PV_MAP_COUNT; m++)
		c = open_map(s, dirfd, m, old, fit_r, e);
	(void)close(dirfd);
	return c;
}

void pv_old_maps_free(struct pv_old_maps *old)
{
	for (enum pv_map m = 0; m < PV_MAP_COUNT; m++) {
		pv_table_close(old->table[m]);
		old->table[m] = NULL;
		pv_buf_free(&old->parsed[m]);
		pv_keys_free(&old->keys[m]);
	}
	pv_arena_free(&old->arena);
}

const char *pv_old_find(const struct pv_old_maps *old, enum pv_map m, const char *key)
{
	if (old->table[m] != NULL)
		return pv_table_get(old->table[m], key);
	const struct pv_key *k = pv_keys_find(&old->keys[m], key);
	return k == NULL ? NULL : k->value;
}

size_t pv_old_count(const struct pv_old_maps *old, enum pv_map m)
{
	return old->table[m] != NULL ? pv_table_count(old->table[m]) : old->keys[m].count;
}

void pv_old_rewind(struct pv_old_maps *old, enum pv_map m)
{
	old->at[m] = 0;
	if (old->table[m] != NULL)
		pv_table_rewind(old->table[m]);
}

bool pv_old_step(struct pv_old_maps *old, enum pv_map m, struct pv_key *k)
{
	if (old->table[m] != NULL)
		return pv_table_step(old->table[m], k);
	if (old->at[m] == old->keys[m].count)
		return false;
	*k = old->keys[m].v[old->at[m]++];
	return true;
}

enum pv_class pv_map_has(const struct pv_store *s, enum pv_map m, const char *key, bool *has_r,
			 struct pv_error *e)
{
	struct pv_old_maps old;
	enum pv_class c = PV_OK;

	clear(s, &old);
	*has_r = false;
	int dirfd = open_folder(s);
	if (dirfd < 0)
		return errno == ENOENT ? PV_OK : fail_folder(s, e);
	c = pv_table_open(old.path[m], false, &old.table[m], &old.state[m], e);
	if (c == PV_OK && old.table[m] == NULL && faccessat(dirfd, names[m], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		c = read_text(s, dirfd, m, &old, e);
	*has_r = c == PV_OK && pv_old_find(&old, m, key) != NULL;
	if (c == PV_OK && old.table[m] != NULL)
		c = pv_table_judge(old.table[m], &old.state[m], e);
	(void)close(dirfd);
	pv_old_maps_free(&old);
	return c;
}
