#include "change/purge.h"

#include "base/child.h"
#include "base/file.h"
#include "change/account.h"
#include "store/trash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static const struct pv_child_limits limits = { .seconds = 30, .cpu_seconds = 30 };

/* One domain, by its account. */
struct owned {
	uid_t uid;
	gid_t gid;
	struct pv_domain domain;
};

/* What one child does: all domains of one account. */
struct order {
	const struct pv_store *store;
	const struct owned *v;
	size_t count;
	const struct pv_account *account; /* NULL: it is gone, and so is its home */
	bool dry;
	size_t removed;
	enum pv_class class; /* of the first failure */
};

/* The trash in one folder. A folder that is not there, is a symlink or another's has none of ours. */
static void purge_path(struct order *o, const char *path, struct pv_error *e)
{
	size_t count;
	struct stat st;

	int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_uid == o->v->uid) {
		enum pv_class c =
			pv_trash_purge(fd, path, time(NULL), o->dry, &count, o->class == PV_OK ? e : NULL);
		if (o->class == PV_OK)
			o->class = c;
		o->removed += count;
	}
	(void)close(fd);
}

/* `folder`/`below`, of which the first len bytes count. */
static void purge_in(struct order *o, const char *folder, const char *below, size_t len, struct pv_error *e)
{
	char path[PATH_MAX];

	int n = snprintf(path, sizeof path, "%s/%.*s", folder, (int)len, below);
	if (n > 0 && (size_t)n < sizeof path)
		purge_path(o, path, e);
}

/* Homes of users are in the account's: beside a mailbox that was there, and one folder deep. */
static void purge_home(struct order *o, const char *home, struct pv_error *e)
{
	const char *spool = o->store->conf.mail_spool_home, *slash = strrchr(spool, '/');

	purge_path(o, home, e);
	if (slash != NULL)
		purge_in(o, home, spool, (size_t)(slash - spool), e);
}

static void purge_homes(struct order *o, struct pv_error *e)
{
	const char *home = o->account->home, *spool = o->store->conf.mail_spool_home,
		   *slash = strrchr(spool, '/');
	size_t below = slash != NULL ? (size_t)(slash - spool) : 0;
	char path[PATH_MAX];
	struct dirent *entry;

	purge_home(o, home, e);
	int fd = open(home, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' &&
		    !(strlen(entry->d_name) == below && strncmp(entry->d_name, spool, below) == 0) &&
		    (size_t)snprintf(path, sizeof path, "%s/%s", home, entry->d_name) < sizeof path)
			purge_home(o, path, e);
	if (dir != NULL)
		(void)closedir(dir);
}

static enum pv_class as_account(void *ctx, int out_fd, struct pv_error *e)
{
	struct order *o = ctx;

	for (size_t i = 0; i < o->count; i++) {
		const struct pv_domain *d = &o->v[i].domain;
		purge_in(o, o->store->dir, d->s, d->len, e);
		purge_in(o, o->store->conf.spool_directory, d->s, d->len, e);
	}
	if (o->account != NULL)
		purge_homes(o, e);
	if (pv_write_all(out_fd, &o->removed, sizeof o->removed) != 0 && o->class == PV_OK)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write to a pipe");
	return o->class;
}

static size_t purge_account(struct pv_change *c, const struct owned *v, size_t count, size_t *complaints)
{
	struct order o = { .store = c->store, .v = v, .count = count, .dry = c->dry };
	struct pv_buf out = PV_BUF_INIT(sizeof o.removed);
	struct pv_account account;
	struct pv_error e;
	size_t removed = 0;
	bool found = false;

	if (pv_account_by_uid(v->uid, &account, &found, NULL) == PV_OK && found)
		o.account = &account;
	gid_t gid = found ? account.gid : v->gid;
	if (gid == 0)
		return 0;
	if (pv_child_run(v->uid, gid, &limits, as_account, &o, &out, &e) != PV_OK) {
		pv_buf_addf(&c->notes, "%s of %s: %s\n", PV_TRASH_FOLDER, found ? account.name : v->domain.s,
			    e.text);
		++*complaints;
	}
	/* The account's own word: good for a number in a report. */
	if (out.len == sizeof removed)
		memcpy(&removed, out.s, sizeof removed);
	pv_buf_free(&out);
	return removed;
}

static int compare(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;

	return x->uid != y->uid ? (x->uid < y->uid ? -1 : 1) : strcmp(x->domain.s, y->domain.s);
}

/* All domains with their accounts, those of one beside each other. */
static struct owned *list_all(const struct pv_store *s, size_t *count_r, struct pv_error *e)
{
	struct pv_domain *list = NULL;
	struct pv_folder f;
	size_t count = 0;

	*count_r = 0;
	if (pv_folder_list(s, &list, &count, e) != PV_OK)
		return NULL;
	struct owned *v = reallocarray(NULL, count + 1, sizeof *v);
	if (v == NULL)
		(void)pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for %zu domains", count);
	for (size_t i = 0; v != NULL && i < count; i++) {
		/* What is wrong with a folder is for the tables to say. */
		if (pv_folder_open(s, &list[i], &f, NULL) != PV_OK || f.fd < 0)
			continue;
		v[(*count_r)++] = (struct owned){ .uid = f.uid, .gid = f.gid, .domain = list[i] };
		pv_folder_close(&f);
	}
	free(list);
	if (v != NULL && *count_r > 1)
		qsort(v, *count_r, sizeof *v, compare);
	return v;
}

size_t pv_purge_accounts(struct pv_change *c, size_t *complaints)
{
	size_t count, removed = 0;
	struct pv_error e;

	struct owned *v = list_all(c->store, &count, &e);
	if (v == NULL) {
		pv_buf_addf(&c->notes, "%s\n", e.text);
		++*complaints;
	}
	for (size_t from = 0; v != NULL && from < count;) {
		size_t to = from + 1;
		while (to < count && v[to].uid == v[from].uid)
			to++;
		removed += purge_account(c, &v[from], to - from, complaints);
		from = to;
	}
	free(v);
	return removed;
}
