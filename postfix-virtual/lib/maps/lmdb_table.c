#include "maps/lmdb_table.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_DEADLINE_MS = 20000, RESIZES = 16 };
enum { FORGET_KEYS = 65536 }; /* how many a walk reads before their pages are given back */
#define EXTRA_ROOM ((size_t)16 << 20)
#define BUILD_ROOM ((size_t)64 << 20) /* more than a transaction of a build can fill */
#define BUILD_PIECE ((size_t)4 << 20) /* bytes of keys and values in one */

/*
 * Postfix's lock is its own fcntl lock on the data file (not LMDB's lock file): hence MDB_NOLOCK.
 */
struct pv_table {
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *txn; /* for reading; NULL: to be begun anew */
	MDB_cursor *cursor;
	size_t map_size;
	const char *path;
	int rc; /* the first thing that went wrong while reading; 0: nothing */
	size_t steps;
	uintptr_t low, high; /* what a walk has touched of the map */
};

/* What LMDB says of a file that is not, or no longer, one of its own. */
static bool is_damage(int rc)
{
	return rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_VERSION_MISMATCH || rc == MDB_PANIC ||
	       rc == MDB_PAGE_NOTFOUND || rc == MDB_INCOMPATIBLE || rc == MDB_BAD_VALSIZE;
}

static enum pv_class lmdb_fail(struct pv_error *e, int rc, const char *what, const char *path)
{
	return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s %s: %s", what, path, mdb_strerror(rc));
}

/* Is the file as long as its own first page says? LMDB maps it, and a page that is not there
 * would end the program (SIGBUS). */
static bool is_whole(MDB_env *env)
{
	MDB_envinfo info;
	MDB_stat pages;
	struct stat st;
	int fd;

	if (mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &pages) != 0 ||
	    mdb_env_get_fd(env, &fd) != 0 || fstat(fd, &st) != 0)
		return false;
	return (unsigned long long)st.st_size >= (info.me_last_pgno + 1ULL) * pages.ms_psize;
}

/* 0, or LMDB's number, and then nothing is open. */
static int open_env(struct pv_table *t, size_t map_size, unsigned flags)
{
	int rc = mdb_env_create(&t->env);

	if (rc != 0)
		return rc;
	t->map_size = map_size;
	rc = mdb_env_set_mapsize(t->env, map_size);
	if (rc == 0)
		rc = mdb_env_open(t->env, t->path, MDB_NOSUBDIR | MDB_NOLOCK | flags, 0600);
	if (rc != 0) {
		mdb_env_close(t->env);
		t->env = NULL;
	}
	return rc;
}

/* Postfix's own lock, on the descriptor that LMDB has open. type: F_WRLCK, F_RDLCK. */
static enum pv_class lock_table(const struct pv_table *t, short type, struct pv_error *e)
{
	struct flock whole = { .l_type = type, .l_whence = SEEK_SET };
	struct pv_backoff wait = pv_backoff_start(LOCK_DEADLINE_MS);
	int fd;

	int rc = mdb_env_get_fd(t->env, &fd);
	if (rc != 0)
		return lmdb_fail(e, rc, "lock table", t->path);
	while (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
		if (errno == EINTR)
			continue;
		if ((errno == EAGAIN || errno == EACCES) && pv_backoff_wait(&wait))
			continue;
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno,
				     "lock table %s (another program has held it for %d s)", t->path,
				     LOCK_DEADLINE_MS / 1000);
	}
	return PV_OK;
}

static int begin(struct pv_table *t, unsigned flags, MDB_txn **txn_r)
{
	int rc = mdb_txn_begin(t->env, NULL, flags, txn_r);

	if (rc != 0)
		return rc;
	rc = mdb_dbi_open(*txn_r, NULL, 0, &t->dbi);
	if (rc != 0) {
		mdb_txn_abort(*txn_r);
		*txn_r = NULL;
	}
	return rc;
}

/* What stands in the file while a postmap writes it is nothing to judge: the lock comes first. */
static enum pv_class open_locked(struct pv_table *t, enum pv_table_state *state_r, struct pv_error *e)
{
	enum pv_class c = lock_table(t, F_RDLCK, e);

	if (c != PV_OK)
		return c;
	int rc = is_whole(t->env) ? begin(t, MDB_RDONLY, &t->txn) : MDB_CORRUPTED;
	if (rc == 0)
		*state_r = PV_TABLE_GOOD;
	return rc == 0 || is_damage(rc) ? PV_OK : lmdb_fail(e, rc, "read table", t->path);
}

/* Open the table, which is not created. t->env stays NULL where it is not good. */
static enum pv_class open_table(struct pv_table *t, bool writes, enum pv_table_state *state_r,
				struct pv_error *e)
{
	struct stat st;

	if (lstat(t->path, &st) != 0) {
		*state_r = PV_TABLE_MISSING;
		return errno == ENOENT ? PV_OK
				       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat %s", t->path);
	}
	*state_r = PV_TABLE_DAMAGED;
	if (!S_ISREG(st.st_mode))
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s is not a regular file: remove it and run make-postfix-maps", t->path);
	/* Out of an empty file LMDB would make a table without keys. */
	if (st.st_size == 0)
		return PV_OK;
	int rc = open_env(t, (size_t)st.st_size * 2 + EXTRA_ROOM, writes ? 0 : MDB_RDONLY);
	if (rc != 0)
		return is_damage(rc) ? PV_OK : lmdb_fail(e, rc, "open table", t->path);
	return open_locked(t, state_r, e);
}

enum pv_class pv_table_open(const char *path, bool writes, struct pv_table **t_r,
			    enum pv_table_state *state_r, struct pv_error *e)
{
	struct pv_table *t = calloc(1, sizeof *t);

	*t_r = NULL;
	*state_r = PV_TABLE_DAMAGED;
	if (t == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "open table %s", path);
	t->path = path;
	enum pv_class c = open_table(t, writes, state_r, e);
	if (c == PV_OK && *state_r == PV_TABLE_GOOD)
		*t_r = t;
	else
		pv_table_close(t);
	return c;
}

static void end_reading(struct pv_table *t)
{
	if (t->cursor != NULL)
		mdb_cursor_close(t->cursor);
	if (t->txn != NULL)
		mdb_txn_abort(t->txn);
	t->cursor = NULL;
	t->txn = NULL;
}

void pv_table_close(struct pv_table *t)
{
	if (t == NULL)
		return;
	end_reading(t);
	if (t->env != NULL)
		mdb_env_close(t->env);
	free(t);
}

/* Is there a transaction to read in? */
static bool can_read(struct pv_table *t)
{
	int rc = t->txn == NULL ? begin(t, MDB_RDONLY, &t->txn) : 0;

	if (rc != 0 && t->rc == 0)
		t->rc = rc;
	return rc == 0;
}

size_t pv_table_count(struct pv_table *t)
{
	MDB_stat st;

	return can_read(t) && mdb_stat(t->txn, t->dbi, &st) == 0 ? st.ms_entries : 0;
}

size_t pv_table_bytes(struct pv_table *t)
{
	MDB_stat st;

	if (!can_read(t) || mdb_stat(t->txn, t->dbi, &st) != 0)
		return 0;
	return (st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages) * st.ms_psize;
}

static MDB_val string_val(const char *s)
{
	union {
		const char *in;
		void *out;
	} u = { .in = s };

	return (MDB_val){ strlen(s) + 1, u.out };
}

/* Postfix writes strings with their NUL. Anything else in the table is not its work. */
static bool is_string(const MDB_val *v)
{
	return v->mv_size > 1 && memchr(v->mv_data, '\0', v->mv_size) == (char *)v->mv_data + v->mv_size - 1;
}

const char *pv_table_get(struct pv_table *t, const char *key)
{
	MDB_val k = string_val(key), v;

	if (!can_read(t))
		return NULL;
	int rc = mdb_get(t->txn, t->dbi, &k, &v);
	if (rc == 0 && !is_string(&v))
		rc = MDB_CORRUPTED;
	/* LMDB cannot hold a key of that length, so it does not. */
	if (rc == MDB_BAD_VALSIZE)
		rc = MDB_NOTFOUND;
	if (rc != 0 && rc != MDB_NOTFOUND && t->rc == 0)
		t->rc = rc;
	return rc == 0 ? v.mv_data : NULL;
}

/* The pages of a large table would count as our memory, all of them after one walk. */
static void forget_pages(struct pv_table *t)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	t->low -= t->low % page;
	if (t->high > t->low)
		(void)madvise((char *)t->low, t->high - t->low, MADV_DONTNEED);
	t->low = UINTPTR_MAX;
	t->high = 0;
}

void pv_table_rewind(struct pv_table *t)
{
	if (t->cursor != NULL)
		mdb_cursor_close(t->cursor);
	t->cursor = NULL;
	t->steps = 0;
	t->low = UINTPTR_MAX;
	t->high = 0;
	int rc = can_read(t) ? mdb_cursor_open(t->txn, t->dbi, &t->cursor) : t->rc;
	if (rc != 0 && t->rc == 0)
		t->rc = rc;
}

bool pv_table_step(struct pv_table *t, struct pv_key *k)
{
	MDB_val key, value;

	if (t->cursor == NULL)
		return false;
	if (++t->steps % FORGET_KEYS == 0)
		forget_pages(t);
	int rc = mdb_cursor_get(t->cursor, &key, &value, MDB_NEXT);
	if (rc == 0 && (!is_string(&key) || !is_string(&value)))
		rc = MDB_CORRUPTED;
	if (rc == 0) {
		uintptr_t at = (uintptr_t)value.mv_data;
		t->low = at < t->low ? at : t->low;
		t->high = at > t->high ? at : t->high;
		*k = (struct pv_key){ key.mv_data, value.mv_data };
		return true;
	}
	if (t->steps > FORGET_KEYS)
		forget_pages(t);
	if (rc != MDB_NOTFOUND && t->rc == 0)
		t->rc = rc;
	mdb_cursor_close(t->cursor);
	t->cursor = NULL;
	return false;
}

enum pv_class pv_table_judge(const struct pv_table *t, enum pv_table_state *state_r, struct pv_error *e)
{
	*state_r = is_damage(t->rc) ? PV_TABLE_DAMAGED : PV_TABLE_GOOD;
	return t->rc == 0 || is_damage(t->rc) ? PV_OK : lmdb_fail(e, t->rc, "read table", t->path);
}

static int mend(MDB_txn *txn, MDB_dbi dbi, const struct pv_difference *d)
{
	MDB_val k = string_val(d->key), v;

	if (d->value == NULL)
		return mdb_del(txn, dbi, &k, NULL);
	v = string_val(d->value);
	return mdb_put(txn, dbi, &k, &v, 0);
}

static bool is_meant(const struct pv_difference *d, unsigned which)
{
	return (which & (d->value == NULL ? PV_TABLE_REMOVE : PV_TABLE_ADD)) != 0;
}

/* One transaction. 0, or LMDB's number: then nothing was changed. */
static int transact(struct pv_table *t, const struct pv_differences *d, unsigned which)
{
	MDB_txn *txn;

	int rc = begin(t, 0, &txn);
	if (rc != 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < d->count; i++)
		if (is_meant(&d->v[i], which))
			rc = mend(txn, t->dbi, &d->v[i]);
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

/* The same with a larger map whenever it is full. */
static int transact_with_room(struct pv_table *t, const struct pv_differences *d, unsigned which)
{
	int rc = transact(t, d, which);

	for (int i = 0; rc == MDB_MAP_FULL && i < RESIZES; i++) {
		t->map_size *= 2;
		rc = mdb_env_set_mapsize(t->env, t->map_size);
		if (rc == 0)
			rc = transact(t, d, which);
	}
	return rc;
}

enum pv_class pv_table_apply(struct pv_table *t, const struct pv_differences *d, unsigned which,
			     enum pv_table_state *state_r, struct pv_error *e)
{
	size_t i = 0;

	*state_r = PV_TABLE_GOOD;
	while (i < d->count && !is_meant(&d->v[i], which))
		i++;
	if (i == d->count)
		return PV_OK;
	end_reading(t);
	/* As postmap does: once no reader is in the middle of an older transaction, readers may go on
	 * beside us, since a transaction never writes to pages of the one before it. */
	enum pv_class c = lock_table(t, F_WRLCK, e);
	if (c == PV_OK)
		c = lock_table(t, F_RDLCK, e);
	if (c != PV_OK)
		return c;
	int rc = transact_with_room(t, d, which);
	if (is_damage(rc))
		*state_r = PV_TABLE_DAMAGED;
	return rc == 0 || is_damage(rc) ? PV_OK : lmdb_fail(e, rc, "change table", t->path);
}

/* One cursor for all: it stays at the end, which mdb_put() looks for from the root each time. */
static int append(struct pv_table *t, MDB_txn *txn, pv_table_source *next, void *ctx, size_t *bytes_r,
		  bool *more_r)
{
	MDB_cursor *end;
	struct pv_key pair;

	int rc = mdb_cursor_open(txn, t->dbi, &end);
	if (rc != 0)
		return rc;
	while (rc == 0 && *bytes_r < BUILD_PIECE && (*more_r = next(ctx, &pair))) {
		MDB_val k = string_val(pair.key), v = string_val(pair.value);
		rc = mdb_cursor_put(end, &k, &v, MDB_APPEND);
		*bytes_r += k.mv_size + v.mv_size;
	}
	mdb_cursor_close(end);
	return rc;
}

/* The next piece of a build; *more_r: perhaps there is one more. */
static int build_piece(struct pv_table *t, pv_table_source *next, void *ctx, size_t *bytes_r, bool *more_r)
{
	MDB_txn *txn;

	*bytes_r = 0;
	int rc = begin(t, 0, &txn);
	if (rc != 0)
		return rc;
	rc = append(t, txn, next, ctx, bytes_r, more_r);
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

/* In pieces: what one transaction changes it holds in memory. Each finds room in the map. */
static int build(struct pv_table *t, pv_table_source *next, void *ctx)
{
	bool more = true;
	size_t bytes, written = 0;
	int rc = 0;

	while (rc == 0 && more) {
		rc = build_piece(t, next, ctx, &bytes, &more);
		/* Of a table's page at least half is filled; of a long value's last one not even that. */
		written += bytes * 4;
		if (rc == 0 && t->map_size - BUILD_ROOM < written) {
			t->map_size = written * 2 + BUILD_ROOM;
			rc = mdb_env_set_mapsize(t->env, t->map_size);
		}
	}
	return rc == 0 ? mdb_env_sync(t->env, 1) : rc;
}

enum pv_class pv_table_build(const char *path, pv_table_source *next, void *ctx, struct pv_error *e)
{
	struct pv_table t = { .path = path };

	int rc = open_env(&t, BUILD_ROOM, MDB_NOSYNC);
	if (rc == 0)
		rc = build(&t, next, ctx);
	if (t.env != NULL)
		mdb_env_close(t.env);
	return rc == 0 ? PV_OK : lmdb_fail(e, rc, "build table", path);
}
