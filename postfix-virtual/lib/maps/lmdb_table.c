#include "maps/lmdb_table.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_DEADLINE_MS = 20000, RESIZES = 16 };
#define EXTRA_ROOM ((size_t)16 << 20)

/*
 * LMDB must not see a file twice in one process, and Postfix's lock is its own fcntl lock on the
 * data file (not LMDB's lock file): hence MDB_NOLOCK, and one struct per open table.
 */
struct table {
	MDB_env *env;
	size_t map_size;
	const char *path;
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

static enum pv_class open_env(struct table *t, unsigned flags, off_t size, enum pv_table_state *state_r,
			      struct pv_error *e)
{
	int rc = mdb_env_create(&t->env);

	if (rc != 0)
		return lmdb_fail(e, rc, "open table", t->path);
	t->map_size = (size_t)size * 2 + EXTRA_ROOM;
	rc = mdb_env_set_mapsize(t->env, t->map_size);
	if (rc == 0)
		rc = mdb_env_open(t->env, t->path, MDB_NOSUBDIR | MDB_NOLOCK | flags, 0600);
	if (rc == 0 && !is_whole(t->env))
		rc = MDB_CORRUPTED;
	*state_r = is_damage(rc) ? PV_TABLE_DAMAGED : PV_TABLE_GOOD;
	if (rc == 0)
		return PV_OK;
	mdb_env_close(t->env);
	t->env = NULL;
	return is_damage(rc) ? PV_OK : lmdb_fail(e, rc, "open table", t->path);
}

/* Open the table, which is not created. t->env stays NULL where it is not good. */
static enum pv_class open_table(struct table *t, const char *path, unsigned flags,
				enum pv_table_state *state_r, struct pv_error *e)
{
	struct stat st;

	*t = (struct table){ .path = path };
	if (lstat(path, &st) != 0) {
		*state_r = PV_TABLE_MISSING;
		return errno == ENOENT ? PV_OK
				       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat %s", path);
	}
	*state_r = PV_TABLE_DAMAGED;
	if (!S_ISREG(st.st_mode))
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s is not a regular file: remove it and run make-postfix-maps", path);
	/* Out of an empty file LMDB would make a table without keys. */
	if (st.st_size == 0)
		return PV_OK;
	return open_env(t, flags, st.st_size, state_r, e);
}

/* Postfix's own lock, on the descriptor that LMDB has open. type: F_WRLCK, F_RDLCK. */
static enum pv_class lock_table(struct table *t, short type, struct pv_error *e)
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

/* Postfix writes strings with their NUL. Anything else in the table is not its work. */
static bool is_string(const MDB_val *v)
{
	return v->mv_size > 1 && memchr(v->mv_data, '\0', v->mv_size) == (char *)v->mv_data + v->mv_size - 1;
}

/* 0, or LMDB's number; MDB_CORRUPTED for what Postfix did not write. */
static int read_all(MDB_txn *txn, MDB_dbi dbi, struct pv_arena *a, struct pv_keys *keys)
{
	MDB_cursor *cursor;
	MDB_val k, v;

	int rc = mdb_cursor_open(txn, dbi, &cursor);
	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
		if (!is_string(&k) || !is_string(&v)) {
			rc = MDB_CORRUPTED;
			break;
		}
		const char *key = pv_arena_add(a, k.mv_data, k.mv_size - 1);
		const char *value = pv_arena_add(a, v.mv_data, v.mv_size - 1);
		if (key == NULL || value == NULL || pv_keys_add(keys, key, value, NULL) != PV_OK) {
			rc = ENOMEM;
			break;
		}
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int begin(struct table *t, unsigned flags, MDB_txn **txn_r, MDB_dbi *dbi_r)
{
	int rc = mdb_txn_begin(t->env, NULL, flags, txn_r);

	if (rc != 0)
		return rc;
	rc = mdb_dbi_open(*txn_r, NULL, 0, dbi_r);
	if (rc != 0)
		mdb_txn_abort(*txn_r);
	return rc;
}

enum pv_class pv_table_read(const char *path, struct pv_arena *a, struct pv_keys *keys,
			    enum pv_table_state *state_r, struct pv_error *e)
{
	struct table t;
	MDB_txn *txn;
	MDB_dbi dbi;

	enum pv_class c = open_table(&t, path, MDB_RDONLY, state_r, e);
	if (t.env == NULL)
		return c;
	c = lock_table(&t, F_RDLCK, e);
	if (c == PV_OK) {
		int rc = begin(&t, MDB_RDONLY, &txn, &dbi);
		if (rc == 0) {
			rc = read_all(txn, dbi, a, keys);
			mdb_txn_abort(txn);
		}
		if (is_damage(rc)) {
			*state_r = PV_TABLE_DAMAGED;
			keys->count = 0;
		} else if (rc != 0) {
			c = lmdb_fail(e, rc, "read table", path);
		}
	}
	mdb_env_close(t.env);
	return c;
}

static MDB_val string_val(const char *s)
{
	union {
		const char *in;
		void *out;
	} u = { .in = s };

	return (MDB_val){ strlen(s) + 1, u.out };
}

/* Make one difference good. *writes is counted up where something was written. */
static int mend(MDB_txn *txn, MDB_dbi dbi, const struct pv_key *old, const struct pv_key *new, unsigned which,
		size_t *writes)
{
	if (new == NULL && (which & PV_TABLE_REMOVE) != 0) {
		MDB_val k = string_val(old->key);
		(*writes)++;
		return mdb_del(txn, dbi, &k, NULL);
	}
	if (new != NULL && (which & PV_TABLE_ADD) != 0 &&
	    (old == NULL || strcmp(old->value, new->value) != 0)) {
		MDB_val k = string_val(new->key), v = string_val(new->value);
		(*writes)++;
		return mdb_put(txn, dbi, &k, &v, 0);
	}
	return 0;
}

static int write_differences(MDB_txn *txn, MDB_dbi dbi, const struct pv_keys *want, unsigned which,
			     size_t *writes)
{
	struct pv_arena arena = { NULL };
	struct pv_keys have = { 0 };
	const struct pv_key *old, *new;
	size_t i = 0, j = 0;

	*writes = 0;
	int rc = read_all(txn, dbi, &arena, &have);
	while (rc == 0 && pv_keys_next(&have, want, &i, &j, &old, &new))
		rc = mend(txn, dbi, old, new, which, writes);
	pv_keys_free(&have);
	pv_arena_free(&arena);
	return rc;
}

/* One transaction. 0, or LMDB's number: then nothing was changed. */
static int transact(struct table *t, const struct pv_keys *want, unsigned which)
{
	size_t writes;
	MDB_txn *txn;
	MDB_dbi dbi;

	int rc = begin(t, 0, &txn, &dbi);
	if (rc != 0)
		return rc;
	rc = write_differences(txn, dbi, want, which, &writes);
	if (rc == 0 && writes > 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

/* The same with a larger map whenever it is full. */
static int transact_with_room(struct table *t, const struct pv_keys *want, unsigned which)
{
	int rc = transact(t, want, which);

	for (int i = 0; rc == MDB_MAP_FULL && i < RESIZES; i++) {
		t->map_size *= 2;
		rc = mdb_env_set_mapsize(t->env, t->map_size);
		if (rc == 0)
			rc = transact(t, want, which);
	}
	return rc;
}

enum pv_class pv_table_apply(const char *path, const struct pv_keys *want, unsigned which,
			     enum pv_table_state *state_r, struct pv_error *e)
{
	struct table t;

	enum pv_class c = open_table(&t, path, 0, state_r, e);
	if (t.env == NULL)
		return c;
	c = lock_table(&t, F_WRLCK, e);
	/* As postmap does: once no reader is in the middle of an older transaction, readers may go on
	 * beside us, since a transaction never writes to pages of the one before it. */
	if (c == PV_OK)
		c = lock_table(&t, F_RDLCK, e);
	if (c == PV_OK) {
		int rc = transact_with_room(&t, want, which);
		if (is_damage(rc))
			*state_r = PV_TABLE_DAMAGED;
		else if (rc != 0)
			c = lmdb_fail(e, rc, "change table", path);
	}
	mdb_env_close(t.env);
	return c;
}
