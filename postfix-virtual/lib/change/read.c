#include "change/read.h"

#include "base/child.h"
#include "base/file.h"
#include "change/inside.h"
#include "mailbox/usage.h"
#include "route/place.h"
#include "store/passwd_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <unistd.h>

enum { CONF_MAX = 64 * 1024 };

static const struct pv_child_limits read_limits = { .seconds = 30, .cpu_seconds = 10 };

/* What the child sends: domain.conf (whose name here no user has) where it can be read, passwd (name empty),
 * then for every file of users/ its name and its text. */
#define DOMAIN_CONF "/"

struct item {
	uint32_t name_len;
	uint32_t text_len;
};

struct request {
	const char *folder; /* path */
	uid_t uid;
};

static enum pv_class send_item(int out_fd, const char *name, const struct pv_buf *text, struct pv_error *e)
{
	const struct item item = { .name_len = (uint32_t)strlen(name), .text_len = (uint32_t)text->len };

	if (pv_write_all(out_fd, &item, sizeof item) != 0 || pv_write_all(out_fd, name, item.name_len) != 0 ||
	    pv_write_all(out_fd, text->s, text->len) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write to a pipe");
	return PV_OK;
}

static enum pv_class send_domain_conf(const struct request *r, int folder, int out_fd, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = r->uid, .where = r->folder };
	struct pv_buf text = PV_BUF_INIT(CONF_MAX);
	enum pv_class c = PV_OK;
	bool found;

	if (pv_file_load(folder, "domain.conf", &trust, &text, &found, NULL) == PV_OK && found)
		c = send_item(out_fd, DOMAIN_CONF, &text, e);
	pv_buf_free(&text);
	return c;
}

static enum pv_class send_passwd(const struct request *r, int folder, int out_fd, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = r->uid, .where = r->folder };
	struct pv_buf text = PV_BUF_INIT(PV_PASSWD_FILE_MAX);
	bool found;

	enum pv_class c = pv_file_load(folder, "passwd", &trust, &text, &found, e);
	if (c == PV_OK && !found)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%s/passwd is missing: restore it", r->folder);
	if (c == PV_OK)
		c = send_item(out_fd, "", &text, e);
	pv_buf_free_zero(&text);
	return c;
}

static enum pv_class send_conf(const struct request *r, int users, const char *name, int out_fd,
			       struct pv_error *e)
{
	const struct pv_trust trust = { .uid = r->uid, .where = r->folder };
	struct pv_buf text = PV_BUF_INIT(CONF_MAX);
	struct pv_user u;
	bool found;

	if (pv_user_parse(name, strlen(name), &u, NULL) != PV_OK || strcmp(u.s, name) != 0)
		return PV_OK;
	enum pv_class c = pv_file_load(users, name, &trust, &text, &found, e);
	if (c == PV_OK && found)
		c = send_item(out_fd, name, &text, e);
	pv_buf_free(&text);
	return c;
}

static enum pv_class send_confs(const struct request *r, int folder, int out_fd, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct dirent *entry;

	int fd = openat(folder, "users", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return PV_OK;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open %s/users", r->folder);
		if (fd >= 0)
			(void)close(fd);
		return c;
	}
	while (c == PV_OK && (entry = readdir(dir)) != NULL)
		c = send_conf(r, dirfd(dir), entry->d_name, out_fd, e);
	(void)closedir(dir);
	return c;
}

static enum pv_class send_all(void *ctx, int out_fd, struct pv_error *e)
{
	const struct request *r = ctx;
	const struct pv_trust trust = { .uid = r->uid, .where = "" };
	int folder;

	enum pv_class c = pv_dir_open(AT_FDCWD, r->folder, &trust, &folder, NULL, e);
	if (c == PV_OK && folder < 0)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "the folder %s is gone", r->folder);
	if (c == PV_OK)
		c = send_domain_conf(r, folder, out_fd, e);
	if (c == PV_OK)
		c = send_passwd(r, folder, out_fd, e);
	if (c == PV_OK)
		c = send_confs(r, folder, out_fd, e);
	return c;
}

/* Copies of the strings would be one more allocation per user: the entry's offsets into the text are kept. */
struct taking {
	struct pv_users *users;
	struct pv_buf *strings;
	size_t room;
};

static enum pv_class take_user(void *ctx, const struct pv_passwd_entry *p, unsigned line, struct pv_error *e)
{
	struct taking *t = ctx;
	struct pv_users *u = t->users;

	(void)line;
	if (u->count == t->room) {
		size_t room = t->room == 0 ? 64 : 2 * t->room;
		struct pv_user_info *list = reallocarray(u->list, room, sizeof *list);
		if (list == NULL)
			return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for the users of a domain");
		u->list = list;
		t->room = room;
	}
	/* As offsets while the text grows; made pointers at the end. */
	struct pv_user_info *info = &u->list[u->count++];
	*info = (struct pv_user_info){ .user = p->user };
	pv_user_conf_defaults(&u->domain, &info->conf);
	const char *fields[] = { p->hash, p->name, p->home };
	const char **to[] = { &info->hash, &info->name, &info->home };
	for (size_t i = 0; i < 3; i++) {
		*to[i] = (const char *)(uintptr_t)t->strings->len;
		pv_buf_add(t->strings, fields[i], strlen(fields[i]) + 1);
	}
	return PV_OK;
}

static int compare(const void *a, const void *b)
{
	const struct pv_user_info *x = a, *y = b;

	return strcmp(x->user.s, y->user.s);
}

static enum pv_class take_passwd(struct pv_users *u, const char *text, size_t len, const char *file,
				 uid_t uid, struct pv_error *e)
{
	struct taking t = { .users = u, .strings = &u->text };

	enum pv_class c = pv_passwd_scan(text, len, file, uid, false, take_user, &t, e);
	if (c == PV_OK)
		c = pv_buf_check(&u->text, file, e);
	if (c != PV_OK)
		return c;
	for (size_t i = 0; i < u->count; i++) {
		struct pv_user_info *info = &u->list[i];
		info->hash = u->text.s + (uintptr_t)info->hash;
		info->name = u->text.s + (uintptr_t)info->name;
		info->home = u->text.s + (uintptr_t)info->home;
	}
	if (u->count > 1)
		qsort(u->list, u->count, sizeof *u->list, compare);
	return PV_OK;
}

static struct pv_user_info *find(const struct pv_users *u, const struct pv_user *name)
{
	struct pv_user_info key = { .user = *name };

	return u->count == 0 ? NULL : bsearch(&key, u->list, u->count, sizeof key, compare);
}

/* Settings of a user who is not in passwd say nothing. */
static enum pv_class take_conf(struct pv_users *u, const struct pv_folder *f, const char *name,
			       size_t name_len, const char *text, size_t len, struct pv_error *e)
{
	struct pv_buf copy = PV_BUF_INIT(CONF_MAX);
	char file[sizeof f->path + sizeof "/users/" + PV_USER_MAX];
	struct pv_user user;

	if (pv_user_parse(name, name_len, &user, NULL) != PV_OK)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "a child's report is damaged");
	struct pv_user_info *info = find(u, &user);
	if (info == NULL)
		return PV_OK;
	pv_user_conf_free(&info->conf);
	pv_buf_add(&copy, text, len);
	(void)snprintf(file, sizeof file, "%s/users/%s", f->path, user.s);
	enum pv_class c = pv_buf_check(&copy, file, e);
	if (c == PV_OK)
		c = pv_user_conf_parse(&copy, file, &u->domain, &info->conf, e);
	pv_buf_free(&copy);
	return c;
}

static void take_domain_conf(struct pv_users *u, const char *text, size_t len)
{
	struct pv_buf copy = PV_BUF_INIT(CONF_MAX);

	pv_buf_add(&copy, text, len);
	if (pv_buf_check(&copy, DOMAIN_CONF, NULL) != PV_OK ||
	    pv_domain_conf_parse(&copy, DOMAIN_CONF, &u->domain, NULL) != PV_OK)
		pv_domain_conf_free(&u->domain);
	pv_buf_free(&copy);
}

static enum pv_class take_item(struct pv_users *u, const struct pv_folder *f, uid_t uid, const char *name,
			       const struct item *item, struct pv_error *e)
{
	char file[sizeof f->path + sizeof "/passwd"];
	const char *text = name + item->name_len;

	if (item->name_len == 1 && *name == *DOMAIN_CONF) {
		/* Once, and before the users, who hold parts of it. */
		if (u->count == 0 && u->domain.text.len == 0)
			take_domain_conf(u, text, item->text_len);
		return PV_OK;
	}
	(void)snprintf(file, sizeof file, "%s/passwd", f->path);
	return item->name_len == 0 ? take_passwd(u, text, item->text_len, file, uid, e)
				   : take_conf(u, f, name, item->name_len, text, item->text_len, e);
}

static enum pv_class take_all(struct pv_users *u, const struct pv_folder *f, uid_t uid,
			      const struct pv_buf *in, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct item item;

	for (size_t at = 0; c == PV_OK && at < in->len;) {
		if (in->len - at < sizeof item)
			return pv_fail(e, PV_TEMPORARY, "4.3.0", "a child's report is cut short");
		memcpy(&item, in->s + at, sizeof item);
		at += sizeof item;
		if (in->len - at < (size_t)item.name_len + item.text_len)
			return pv_fail(e, PV_TEMPORARY, "4.3.0", "a child's report is cut short");
		c = take_item(u, f, uid, in->s + at, &item, e);
		at += (size_t)item.name_len + item.text_len;
	}
	return c;
}

enum pv_class pv_users_read(const struct pv_folder *f, const struct pv_account *account, struct pv_users *u,
			    struct pv_error *e)
{
	struct pv_buf in = PV_BUF_INIT(2 * (size_t)PV_PASSWD_FILE_MAX);
	struct request r = { .folder = f->path, .uid = account->uid };

	*u = (struct pv_users){ .text = PV_BUF_INIT(2 * (size_t)PV_PASSWD_FILE_MAX) };
	pv_domain_conf_defaults(&u->domain);
	enum pv_class c = pv_child_run(account->uid, account->gid, &read_limits, send_all, &r, &in, e);
	if (c == PV_OK)
		c = take_all(u, f, account->uid, &in, e);
	pv_buf_free_zero(&in);
	return c;
}

const struct pv_user_info *pv_users_find(const struct pv_users *u, const struct pv_user *name)
{
	return find(u, name);
}

void pv_users_free(struct pv_users *u)
{
	for (size_t i = 0; i < u->count; i++)
		pv_user_conf_free(&u->list[i].conf);
	free(u->list);
	pv_domain_conf_free(&u->domain);
	pv_buf_free_zero(&u->text);
	*u = (struct pv_users){ .text = PV_BUF_INIT(0) };
}

struct look {
	const struct pv_store *store;
	const struct pv_account *account;
	const struct pv_domain *domain;
	const struct pv_user_info *user;
	bool with_messages;
};

static enum pv_class look_at(const struct pv_location *l, bool with_messages, struct pv_mailbox_info *m,
			     struct pv_error *e)
{
	struct pv_usage usage;
	struct stat st;

	(void)snprintf(m->path, sizeof m->path, "%s", l->path);
	if (l->dirfd < 0 || fstatat(l->dirfd, l->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return PV_OK;
	m->exists = true;
	m->is_maildir = S_ISDIR(st.st_mode);
	enum pv_class c = pv_usage_of(l, with_messages, &usage, e);
	if (c == PV_OK) {
		m->bytes = usage.bytes;
		m->messages = usage.messages;
	}
	return c;
}

static enum pv_class send_mailbox(void *ctx, int out_fd, struct pv_error *e)
{
	const struct look *look = ctx;
	struct pv_mailbox_info m = { .exists = false };
	struct pv_passwd_entry p;
	struct pv_location l;
	struct pv_inside in;
	bool found;

	enum pv_class c = pv_inside_open(look->store->dir, look->domain, look->account, &in, e);
	if (c == PV_OK)
		c = pv_passwd_find(&in.folder, &look->user->user, &p, &found, e);
	if (c == PV_OK && !found)
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "user %s is gone", look->user->user.s);
	if (c == PV_OK)
		c = pv_place_look(&in.store, &in.folder, &p, look->account->home, &l, e);
	pv_inside_close(&in);
	if (c != PV_OK)
		return c;
	c = look_at(&l, look->with_messages, &m, e);
	pv_location_free(&l);
	if (c == PV_OK && pv_write_all(out_fd, &m, sizeof m) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write to a pipe");
	return c;
}

enum pv_class pv_mailbox_look(const struct pv_store *s, const struct pv_folder *f,
			      const struct pv_account *account, const struct pv_user_info *u,
			      bool with_messages, struct pv_mailbox_info *m, struct pv_error *e)
{
	struct look look = { .store = s,
			     .account = account,
			     .domain = &f->domain,
			     .user = u,
			     .with_messages = with_messages };
	struct pv_buf in = PV_BUF_INIT(sizeof *m);

	enum pv_class c = pv_child_run(account->uid, account->gid, &read_limits, send_mailbox, &look, &in, e);
	if (c == PV_OK && in.len != sizeof *m)
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "a child's report is cut short");
	if (c == PV_OK) {
		memcpy(m, in.s, sizeof *m);
		m->path[sizeof m->path - 1] = '\0';
		pv_printable(m->path, strlen(m->path));
	}
	pv_buf_free(&in);
	return c;
}
