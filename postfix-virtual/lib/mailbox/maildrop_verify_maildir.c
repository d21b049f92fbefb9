/* A Maildir: what is in its folders and is no message, and what is left over. */
#include "mailbox/maildrop_verify_parts.h"

#include "mailbox/maildir_name.h"
#include "mailbox/maildrop_maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum { UNTOUCHED_S = 36 * 3600 };

struct looking {
	const struct pv_verifying *v;
	int top;
	const char *folder;
	time_t before;			/* what was touched last then is left over */
	struct pv_maildir_listing list; /* messages */
	bool no_memory;
};

static enum pv_class fail_io(const struct pv_verifying *v, const char *what, struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "%s Maildir %s", what, v->where->path);
}

static void found(const struct looking *l, enum pv_finding_kind kind, const char *name)
{
	char path[NAME_MAX + 8];

	(void)snprintf(path, sizeof path, "%s/%s", l->folder, name);
	pv_find(l->v, kind, 0, 0, path);
}

static void add_message(struct looking *l, const char *name)
{
	struct pv_maildir_listing *list = &l->list;

	if (list->n == list->room) {
		size_t room = list->room == 0 ? 64 : list->room * 2;
		struct pv_maildir_entry *v = reallocarray(list->v, room, sizeof *v);
		if (v == NULL) {
			l->no_memory = true;
			return;
		}
		list->v = v;
		list->room = room;
	}
	struct pv_maildir_entry *x = &list->v[list->n];
	*x = (struct pv_maildir_entry){ .name = strdup(name), .in_new = strcmp(l->folder, "new") == 0 };
	x->base = (unsigned)pv_maildir_name_base(name);
	l->no_memory = l->no_memory || x->name == NULL;
	list->n += x->name != NULL;
}

static void look_at_message(struct looking *l, int folder, const char *name, const struct stat *st)
{
	if (name[0] == '.' || !S_ISREG(st->st_mode)) {
		found(l, PV_FINDING_STRAY, name);
	} else if (st->st_uid != l->v->o->uid) {
		found(l, PV_FINDING_OWNER, name);
	} else if (faccessat(folder, name, R_OK, 0) != 0 && errno != ENOENT) {
		found(l, PV_FINDING_UNREADABLE, name);
	} else {
		l->v->r->bytes += (uint64_t)st->st_size;
		add_message(l, name);
	}
}

static void look_at_tmp(const struct looking *l, const char *name, const struct stat *st)
{
	if (S_ISREG(st->st_mode) && st->st_uid == l->v->o->uid && st->st_mtim.tv_sec < l->before &&
	    st->st_atim.tv_sec < l->before && name[0] != '.')
		found(l, PV_FINDING_LEFT_IN_TMP, name);
}

static enum pv_class look_into(struct looking *l, const char *folder, struct pv_error *e)
{
	const struct dirent *entry;
	struct stat st;

	l->folder = folder;
	int fd = openat(l->top, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		pv_find(l->v, PV_FINDING_NO_FOLDER, 0, 0, folder);
		return PV_OK;
	}
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		enum pv_class c = fail_io(l->v, "look into", e);
		if (fd >= 0)
			(void)close(fd);
		return c;
	}
	errno = 0;
	for (; (entry = readdir(d)) != NULL; errno = 0) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (strcmp(folder, "tmp") == 0)
			look_at_tmp(l, name, &st);
		else
			look_at_message(l, fd, name, &st);
	}
	enum pv_class c = errno == 0 ? PV_OK : fail_io(l->v, "look into", e);
	(void)closedir(d);
	return c;
}

/* Of two files that are one message a reader shows that in cur/. */
static int compare(const void *a, const void *b)
{
	const struct pv_maildir_entry *x = a, *y = b;
	int order = pv_maildir_compare(x, y);

	return order != 0 ? order : (int)x->in_new - (int)y->in_new;
}

/* Each message once; a reader shows one of its files. */
static void count_messages(struct looking *l)
{
	struct pv_maildir_listing *list = &l->list;

	if (list->n > 0)
		qsort(list->v, list->n, sizeof *list->v, compare);
	for (size_t i = 0; i < list->n; i++) {
		bool twice = i > 0 && pv_maildir_compare(&list->v[i - 1], &list->v[i]) == 0;
		l->folder = list->v[i].in_new ? "new" : "cur";
		if (twice)
			found(l, PV_FINDING_TWICE, list->v[i].name);
		l->v->r->messages += !twice;
	}
}

enum pv_class pv_verify_maildir(const struct pv_verifying *v, struct pv_error *e)
{
	static const char *const folders[] = { "new", "cur", "tmp" };
	struct looking l = { .v = v, .before = time(NULL) - UNTOUCHED_S };
	enum pv_class c = PV_OK;

	l.top = openat(v->where->dirfd, v->where->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (l.top < 0)
		return fail_io(v, "open", e);
	for (size_t i = 0; c == PV_OK && i < 3; i++)
		c = look_into(&l, folders[i], e);
	if (c == PV_OK && l.no_memory)
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "look into Maildir %s: out of memory", v->where->path);
	if (c == PV_OK)
		count_messages(&l);
	pv_maildir_list_free(&l.list);
	(void)close(l.top);
	return c;
}
