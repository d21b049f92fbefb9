/*
 * maps_table_test.c: Postfix's lmdb tables: one transaction, old or new, whatever fails. The
 * tables are made and read back by Postfix's own postmap.
 */
#include "scratch.h"

#include "maps/lmdb_table.h"
#include "maps/postfix.h"

#include <lmdb.h>
#include <sys/mount.h>
#include <sys/wait.h>

static char path[PATH_MAX]; /* of the table */
static char text_path[PATH_MAX];

/* mdb_put() says that the map is full this many times, whatever the truth is. */
static unsigned full_map_left;
static unsigned puts_seen;

int __real_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags);
int __wrap_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags);
int __wrap_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags)
{
	puts_seen++;
	if (full_map_left > 0 && puts_seen % 2 == 0) {
		full_map_left--;
		return MDB_MAP_FULL;
	}
	return __real_mdb_put(txn, dbi, key, data, flags);
}

static int commit_error;

int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn)
{
	if (commit_error == 0)
		return __real_mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return commit_error;
}

/* A main.cf of this test's own: on a fresh machine Postfix has none. It is an old file, since
 * Postfix waits until one is two seconds old. */
static char postfix_config[PATH_MAX];

static void make_postfix_config(const char *folder)
{
	static const struct timespec long_ago[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	char file[PATH_MAX + 8];

	(void)snprintf(postfix_config, sizeof postfix_config, "%s", folder);
	(void)snprintf(file, sizeof file, "%s/main.cf", folder);
	FILE *f = fopen(file, "w");
	assert_non_null(f);
	assert_true(fputs("compatibility_level = 3.6\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(utimensat(AT_FDCWD, file, long_ago, 0), 0);
}

static void postmap(const char *text)
{
	char table[PATH_MAX + 8];
	const char *const argv[] = { PV_POSTMAP, "-c", postfix_config, table, NULL };
	struct pv_error e;

	FILE *f = fopen(text_path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	(void)snprintf(table, sizeof table, "lmdb:%s", text_path);
	if (pv_postfix_ask(argv, NULL, 60, NULL, &e) != PV_OK)
		fail_msg("%s", e.text);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What postmap -s says of the table, sorted, `key<TAB>value ` each. */
static const char *listing(void)
{
	static char list[1 << 20];
	char table[PATH_MAX + 8];
	const char *const argv[] = { PV_POSTMAP, "-c", postfix_config, "-s", table, NULL };
	struct pv_buf out = PV_BUF_INIT(1 << 20);
	char *lines[3000], *rest, *line;
	struct pv_error e;
	size_t n = 0;

	(void)snprintf(table, sizeof table, "lmdb:%s", text_path);
	if (pv_postfix_ask(argv, NULL, 60, &out, &e) != PV_OK)
		fail_msg("%s", e.text);
	rest = out.s;
	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			lines[n++] = line;
	qsort(lines, n, sizeof *lines, compare_lines);
	list[0] = '\0';
	for (size_t i = 0; i < n; i++)
		(void)snprintf(list + strlen(list), sizeof list - strlen(list), "%s ", lines[i]);
	pv_buf_free(&out);
	return list;
}

static struct pv_keys keys_of(const char *const *pairs)
{
	struct pv_keys k = { 0 };

	for (; *pairs != NULL; pairs += 2)
		assert_int_equal(pv_keys_add(&k, pairs[0], pairs[1], NULL), PV_OK);
	return k;
}

static enum pv_table_state applied_state;

/* What has to be done to t so that it holds `want` (sorted); the strings of what goes are copied. */
static void compare(struct pv_table *t, const struct pv_keys *want, struct pv_arena *a,
		    struct pv_differences *d)
{
	struct pv_key old;
	size_t i = 0;

	pv_table_rewind(t);
	bool more = pv_table_step(t, &old);
	while (more || i < want->count) {
		const struct pv_key *new = i < want->count ? &want->v[i] : NULL;
		int order = !more ? 1 : new == NULL ? -1 : strcmp(old.key, new->key);
		if (order < 0)
			assert_int_equal(pv_differences_add(d, pv_arena_add(a, old.key, strlen(old.key)),
							    NULL, false, NULL),
					 PV_OK);
		else if (order > 0 || strcmp(old.value, new->value) != 0)
			assert_int_equal(pv_differences_add(d, new->key, new->value, order == 0, NULL),
					 PV_OK);
		if (order <= 0)
			more = pv_table_step(t, &old);
		i += order >= 0;
	}
}

/* Open, read, change, close, as a run does. */
static enum pv_class apply_keys(const struct pv_keys *want, unsigned which)
{
	struct pv_differences d = { 0 };
	struct pv_arena a = { NULL };
	struct pv_table *t;
	struct pv_error e;

	enum pv_class c = pv_table_open(path, true, &t, &applied_state, &e);
	if (t == NULL)
		return c;
	compare(t, want, &a, &d);
	c = pv_table_judge(t, &applied_state, &e);
	if (c == PV_OK && applied_state == PV_TABLE_GOOD)
		c = pv_table_apply(t, &d, which, &applied_state, &e);
	pv_table_close(t);
	pv_differences_free(&d);
	pv_arena_free(&a);
	return c;
}

static enum pv_class apply(const char *const *pairs, unsigned which)
{
	struct pv_keys want = keys_of(pairs);

	enum pv_class c = apply_keys(&want, which);
	pv_keys_free(&want);
	return c;
}

static const char *const wanted[] = { "a", "1", "c", "changed", "d", "4", NULL };
enum { ALL = PV_TABLE_ADD | PV_TABLE_REMOVE };

static int make(void **state)
{
	if (scratch_make(state) != 0)
		return -1;
	const struct scratch *s = *state;
	make_postfix_config(s->path);
	(void)snprintf(text_path, sizeof text_path, "%s/t", s->path);
	(void)snprintf(path, sizeof path, "%s/t.lmdb", s->path);
	full_map_left = puts_seen = 0;
	commit_error = 0;
	postmap("a 1\nb 2\nc 3\n");
	return 0;
}

/* Also where the test that mounted it has failed. */
static int unmake(void **state)
{
	const struct scratch *s = *state;
	char disk[PATH_MAX];

	(void)snprintf(disk, sizeof disk, "%.500s/disk", s->path);
	(void)umount2(disk, MNT_DETACH);
	return scratch_remove(state);
}

static void what_differs_is_made_good_and_postfix_reads_it(void **state)
{
	unsigned open_before = open_descriptors();

	(void)state;
	assert_int_equal(apply(wanted, ALL), PV_OK);
	assert_int_equal(applied_state, PV_TABLE_GOOD);
	assert_string_equal(listing(), "a\t1 c\tchanged d\t4 ");
	assert_int_equal(open_descriptors(), open_before);
}

static void additions_alone_remove_nothing(void **state)
{
	(void)state;
	assert_int_equal(apply(wanted, PV_TABLE_ADD), PV_OK);
	assert_string_equal(listing(), "a\t1 b\t2 c\tchanged d\t4 ");
}

static void removals_alone_add_and_change_nothing(void **state)
{
	(void)state;
	assert_int_equal(apply(wanted, PV_TABLE_REMOVE), PV_OK);
	assert_string_equal(listing(), "a\t1 c\t3 ");
}

static void where_nothing_differs_nothing_is_written(void **state)
{
	static const char *const same[] = { "a", "1", "b", "2", "c", "3", NULL };
	struct stat before, after;

	(void)state;
	assert_int_equal(stat(path, &before), 0);
	commit_error = EIO;
	assert_int_equal(apply(same, ALL), PV_OK);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static void a_full_map_is_made_larger_and_nothing_is_lost(void **state)
{
	(void)state;
	full_map_left = 1;
	assert_int_equal(apply(wanted, ALL), PV_OK);
	assert_int_equal(full_map_left, 0);
	assert_string_equal(listing(), "a\t1 c\tchanged d\t4 ");
}

/* 60,000 keys of 300 bytes do not fit into twice the file and 16 MiB. */
static void a_map_that_is_truly_too_small_grows(void **state)
{
	struct pv_keys want = { 0 };
	struct pv_arena a = { NULL };
	enum pv_table_state found;
	struct pv_table *t;
	struct pv_error e;
	char key[512];

	(void)state;
	for (int i = 0; i < 60000; i++) {
		(void)snprintf(key, sizeof key, "%0300d", i);
		assert_int_equal(pv_keys_add(&want, pv_arena_add(&a, key, strlen(key)), key + 290, &e),
				 PV_OK);
	}
	for (size_t i = 0; i < want.count; i++)
		want.v[i].value = want.v[i].key + 290;
	assert_int_equal(apply_keys(&want, ALL), PV_OK);
	assert_int_equal(pv_table_open(path, false, &t, &found, &e), PV_OK);
	assert_int_equal(pv_table_count(t), 60000);
	assert_string_equal(pv_table_get(t, want.v[47].key), want.v[47].value);
	pv_table_close(t);
	pv_keys_free(&want);
	pv_arena_free(&a);
}

static void a_map_that_stays_full_leaves_the_old_keys(void **state)
{
	(void)state;
	full_map_left = UINT_MAX;
	assert_int_equal(apply(wanted, ALL), PV_TEMPORARY);
	assert_string_equal(listing(), "a\t1 b\t2 c\t3 ");
}

static void a_commit_that_fails_leaves_the_old_keys(void **state)
{
	static const int errors[] = { ENOSPC, EDQUOT, EIO, EROFS };

	(void)state;
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		commit_error = errors[i];
		assert_int_equal(apply(wanted, ALL), PV_TEMPORARY);
		assert_string_equal(listing(), "a\t1 b\t2 c\t3 ");
	}
}

/* On a real full file system: first every key as it was, then, with room again, the new ones. */
static void a_full_disk_leaves_the_old_keys_and_room_brings_the_new_ones(void **state)
{
	const struct scratch *s = *state;
	struct pv_keys want = { 0 };
	struct pv_arena a = { NULL };
	struct pv_error e;
	char disk[PATH_MAX], key[256];

	(void)snprintf(disk, sizeof disk, "%.500s/disk", s->path);
	assert_int_equal(mkdir(disk, 0755), 0);
	assert_int_equal(mount("pv-test", disk, "tmpfs", 0, "size=128k"), 0);
	(void)snprintf(text_path, sizeof text_path, "%.500s/t", disk);
	(void)snprintf(path, sizeof path, "%.500s/t.lmdb", disk);
	postmap("a 1\nb 2\n");
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(key, sizeof key, "%0200d", i);
		assert_int_equal(pv_keys_add(&want, pv_arena_add(&a, key, 200), "x", &e), PV_OK);
	}
	assert_int_equal(apply_keys(&want, ALL), PV_TEMPORARY);
	assert_string_equal(listing(), "a\t1 b\t2 ");
	assert_int_equal(mount("pv-test", disk, "tmpfs", MS_REMOUNT, "size=8m"), 0);
	assert_int_equal(apply_keys(&want, ALL), PV_OK);
	assert_int_equal(strncmp(listing(), "000", 3), 0);
	assert_null(strstr(listing(), "a\t1"));
	pv_keys_free(&want);
	pv_arena_free(&a);
}

static void what_is_no_table_is_said_to_be_damaged_and_not_touched(void **state)
{
	static const struct {
		const char *name;
		long keep; /* bytes of a good table */
		long at;   /* a byte that is changed, or -1 */
	} rows[] = {
		{ "empty", 0, -1 },
		{ "one byte", 1, -1 },
		{ "half a page", 2048, -1 },
		{ "its first page", 4096, -1 },
		{ "both heads only", 8192, -1 },
		{ "no magic number", -1, 16 },
	};
	const struct scratch *s = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		postmap("a 1\nb 2\nc 3\n");
		int fd = open(path, O_RDWR | O_CLOEXEC);
		if (rows[i].keep >= 0)
			assert_int_equal(ftruncate(fd, rows[i].keep), 0);
		if (rows[i].at >= 0) {
			assert_int_equal(pwrite(fd, "?", 1, rows[i].at), 1);
			assert_int_equal(pwrite(fd, "?", 1, rows[i].at + 4096), 1);
		}
		(void)close(fd);
		struct stat before, after;
		assert_int_equal(stat(path, &before), 0);
		assert_int_equal(apply(wanted, ALL), PV_OK);
		if (applied_state != PV_TABLE_DAMAGED)
			fail_msg("%s: state %d", rows[i].name, (int)applied_state);
		assert_int_equal(stat(path, &after), 0);
		assert_int_equal(before.st_size, after.st_size);
		assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
		assert_int_equal(unlinkat(s->fd, "t.lmdb", 0), 0);
	}
}

static void a_table_that_is_not_there_is_missing_and_is_not_made(void **state)
{
	const struct scratch *s = *state;

	assert_int_equal(unlinkat(s->fd, "t.lmdb", 0), 0);
	assert_int_equal(apply(wanted, ALL), PV_OK);
	assert_int_equal(applied_state, PV_TABLE_MISSING);
	assert_int_equal(faccessat(s->fd, "t.lmdb", F_OK, 0), -1);
}

static void a_fifo_and_a_symlink_are_no_table(void **state)
{
	const struct scratch *s = *state;

	assert_int_equal(renameat(s->fd, "t.lmdb", s->fd, "other"), 0);
	assert_int_equal(symlinkat("other", s->fd, "t.lmdb"), 0);
	assert_int_equal(apply(wanted, ALL), PV_TEMPORARY);
	assert_int_equal(unlinkat(s->fd, "t.lmdb", 0), 0);
	assert_int_equal(mkfifoat(s->fd, "t.lmdb", 0600), 0);
	assert_int_equal(apply(wanted, ALL), PV_TEMPORARY);
}

/* Keys without their NUL are not Postfix's work, and what else is in there cannot be known. */
static void a_table_that_others_wrote_is_said_to_be_damaged(void **state)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	char word[] = "abc";
	MDB_val k = { 3, word }, v = { 4, word };

	(void)state;
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	assert_int_equal(__real_mdb_put(txn, dbi, &k, &v, 0), 0);
	assert_int_equal(__real_mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	assert_int_equal(apply(wanted, ALL), PV_OK);
	assert_int_equal(applied_state, PV_TABLE_DAMAGED);
}

static void postmap_waits_while_we_write_and_we_wait_for_postmap(void **state)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct timespec pause = { 0, 300 * 1000 * 1000 };
	int ready[2];

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid_t other = fork();
	if (other == 0) {
		int fd = open(path, O_RDWR | O_CLOEXEC);
		if (fcntl(fd, F_SETLK, &whole) != 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		(void)nanosleep(&pause, NULL);
		_exit(0);
	}
	char c;
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(apply(wanted, ALL), PV_OK);
	int status = 1;
	/* It has ended: the lock was not passed by. */
	assert_int_equal(waitpid(other, &status, WNOHANG), other);
	assert_int_equal(status, 0);
	(void)close(ready[0]);
	(void)close(ready[1]);
	assert_string_equal(listing(), "a\t1 c\tchanged d\t4 ");
}

static void after_a_change_the_table_can_be_read_as_it_is_now(void **state)
{
	struct pv_differences d = { 0 };
	enum pv_table_state found;
	struct pv_table *t;
	struct pv_key k;
	struct pv_error e;
	char long_key[600];

	(void)state;
	assert_int_equal(pv_table_open(path, true, &t, &found, &e), PV_OK);
	assert_string_equal(pv_table_get(t, "b"), "2");
	assert_int_equal(pv_differences_add(&d, "b", NULL, false, &e), PV_OK);
	assert_int_equal(pv_differences_add(&d, "bb", "22", false, &e), PV_OK);
	pv_table_rewind(t);
	assert_true(pv_table_step(t, &k));
	assert_int_equal(pv_table_apply(t, &d, ALL, &found, &e), PV_OK);
	assert_null(pv_table_get(t, "b"));
	assert_string_equal(pv_table_get(t, "bb"), "22");
	assert_int_equal(pv_table_count(t), 3);
	pv_table_rewind(t);
	for (size_t i = 0; i < 3; i++)
		assert_true(pv_table_step(t, &k));
	assert_string_equal(k.key, "c");
	assert_false(pv_table_step(t, &k));
	assert_false(pv_table_step(t, &k));
	/* No key of that length can be in it; that is no damage. */
	memset(long_key, 'x', sizeof long_key - 1);
	long_key[sizeof long_key - 1] = '\0';
	assert_null(pv_table_get(t, long_key));
	assert_int_equal(pv_table_judge(t, &found, &e), PV_OK);
	assert_int_equal(found, PV_TABLE_GOOD);
	pv_table_close(t);
	pv_differences_free(&d);
}

/* The whole time from open to close: what was read must still be true when it is changed. */
static void no_postmap_comes_between_reading_and_changing(void **state)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	enum pv_table_state found;
	struct pv_table *t;
	struct pv_error e;
	int status = 1;

	(void)state;
	assert_int_equal(pv_table_open(path, true, &t, &found, &e), PV_OK);
	pid_t other = fork();
	if (other == 0) {
		int fd = open(path, O_RDWR | O_CLOEXEC);
		bool held = fcntl(fd, F_SETLK, &whole) != 0;
		whole.l_type = F_RDLCK;
		_exit(held && fcntl(fd, F_SETLK, &whole) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(status, 0);
	pv_table_close(t);
}

/* --- built anew --- */

struct counter {
	unsigned at, count;
	char key[64], value[96];
};

static bool next_number(void *ctx, struct pv_key *k)
{
	struct counter *c = ctx;

	if (c->at == c->count)
		return false;
	(void)snprintf(c->key, sizeof c->key, "user%07u@kvt.dk", c->at);
	(void)snprintf(c->value, sizeof c->value, "acct+user%07u--kvt.dk@virtual.invalid", c->at++);
	*k = (struct pv_key){ c->key, c->value };
	return true;
}

/* Key by key and value by value, their NULs too, through LMDB's own eyes. */
static void same_tables(const char *a, const char *b)
{
	const char *const paths[] = { a, b };
	MDB_cursor *cursor[2];
	MDB_env *env[2];
	MDB_txn *txn[2];
	unsigned flags[2];
	MDB_val k[2], v[2];
	MDB_dbi dbi;
	int rc[2];

	for (int i = 0; i < 2; i++) {
		assert_int_equal(mdb_env_create(&env[i]), 0);
		assert_int_equal(mdb_env_open(env[i], paths[i], MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY, 0),
				 0);
		assert_int_equal(mdb_txn_begin(env[i], NULL, MDB_RDONLY, &txn[i]), 0);
		assert_int_equal(mdb_dbi_open(txn[i], NULL, 0, &dbi), 0);
		assert_int_equal(mdb_dbi_flags(txn[i], dbi, &flags[i]), 0);
		assert_int_equal(mdb_cursor_open(txn[i], dbi, &cursor[i]), 0);
	}
	assert_int_equal(flags[0], flags[1]);
	do {
		for (int i = 0; i < 2; i++)
			rc[i] = mdb_cursor_get(cursor[i], &k[i], &v[i], MDB_NEXT);
		assert_int_equal(rc[0], rc[1]);
		if (rc[0] == 0) {
			assert_int_equal(k[0].mv_size, k[1].mv_size);
			assert_memory_equal(k[0].mv_data, k[1].mv_data, k[0].mv_size);
			assert_int_equal(v[0].mv_size, v[1].mv_size);
			assert_memory_equal(v[0].mv_data, v[1].mv_data, v[0].mv_size);
		}
	} while (rc[0] == 0);
	for (int i = 0; i < 2; i++) {
		mdb_cursor_close(cursor[i]);
		mdb_txn_abort(txn[i]);
		mdb_env_close(env[i]);
	}
}

/* 200,000 pairs: several transactions, and more than once a larger map. */
static void a_table_that_is_built_is_the_one_that_postmap_builds(void **state)
{
	static const unsigned counts[] = { 0, 1, 2, 200000 };
	struct pv_buf text = PV_BUF_INIT((size_t)32 << 20);
	const struct scratch *s = *state;
	char built[PATH_MAX];
	struct pv_error e;
	struct pv_key k;

	(void)snprintf(built, sizeof built, "%.500s/built.lmdb", s->path);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		struct counter c = { .count = counts[i] };
		if (pv_table_build(built, next_number, &c, &e) != PV_OK)
			fail_msg("%s", e.text);
		pv_buf_reset(&text);
		pv_buf_adds(&text, "# none\n");
		for (c.at = 0; next_number(&c, &k);)
			pv_buf_addf(&text, "%s\t%s\n", k.key, k.value);
		postmap(text.s);
		same_tables(built, path);
		assert_int_equal(unlink(built), 0);
	}
	pv_buf_free(&text);
}

static void a_build_on_a_full_disk_says_so(void **state)
{
	struct counter c = { .count = 100000 };
	const struct scratch *s = *state;
	char disk[PATH_MAX], built[PATH_MAX];
	struct pv_error e;

	(void)snprintf(disk, sizeof disk, "%.500s/disk", s->path);
	(void)snprintf(built, sizeof built, "%.500s/b.lmdb", disk);
	assert_int_equal(mkdir(disk, 0755), 0);
	assert_int_equal(mount("pv-test", disk, "tmpfs", 0, "size=256k"), 0);
	assert_int_equal(pv_table_build(built, next_number, &c, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "b.lmdb"));
}

#define TABLE_TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(what_differs_is_made_good_and_postfix_reads_it),
		TABLE_TEST(additions_alone_remove_nothing),
		TABLE_TEST(removals_alone_add_and_change_nothing),
		TABLE_TEST(where_nothing_differs_nothing_is_written),
		TABLE_TEST(a_full_map_is_made_larger_and_nothing_is_lost),
		TABLE_TEST(a_map_that_is_truly_too_small_grows),
		TABLE_TEST(a_map_that_stays_full_leaves_the_old_keys),
		TABLE_TEST(a_commit_that_fails_leaves_the_old_keys),
		TABLE_TEST(a_full_disk_leaves_the_old_keys_and_room_brings_the_new_ones),
		TABLE_TEST(what_is_no_table_is_said_to_be_damaged_and_not_touched),
		TABLE_TEST(a_table_that_is_not_there_is_missing_and_is_not_made),
		TABLE_TEST(a_fifo_and_a_symlink_are_no_table),
		TABLE_TEST(a_table_that_others_wrote_is_said_to_be_damaged),
		TABLE_TEST(after_a_change_the_table_can_be_read_as_it_is_now),
		TABLE_TEST(no_postmap_comes_between_reading_and_changing),
		TABLE_TEST(a_table_that_is_built_is_the_one_that_postmap_builds),
		TABLE_TEST(a_build_on_a_full_disk_says_so),
		TABLE_TEST(postmap_waits_while_we_write_and_we_wait_for_postmap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
