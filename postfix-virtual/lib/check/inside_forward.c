/* `~account/.forward+user--domain` against the users that are there: which are nobody's, which Postfix would
 * not believe, which do something else. A user without one is served by mailbox_command. */
#include "check/inside.h"

#include "address/extension.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX ".forward+"

enum { TEXT_MAX = 64 * 1024, FINDINGS_MAX = 200 };

static int compare_name(const void *key, const void *item)
{
	return strcmp(key, *(const char *const *)item);
}

bool pv_visit_has_user(const struct pv_visit *v, const struct pv_user *user, const struct pv_domain *d)
{
	char name[PV_USER_MAX + PV_DOMAIN_MAX + 3];

	(void)snprintf(name, sizeof name, "%s--%s", user->s, d->s);
	return v->name_count > 0 &&
	       bsearch(name, v->names, v->name_count, sizeof *v->names, compare_name) != NULL;
}

/* The domain of the account that d is, or is below. */
static const struct pv_domain *own_domain(const struct pv_visit *v, const struct pv_domain *d)
{
	for (size_t i = 0; i < v->count; i++)
		if (pv_domain_equal(d, &v->domains[i]->domain) ||
		    pv_domain_is_below(d, &v->domains[i]->domain))
			return &v->domains[i]->domain;
	return NULL;
}

enum whose { NOT_OURS, A_USERS, NOBODYS };

/* Whose file is `.forward+EXT`? *to_r: the address, for A_USERS with a user. */
static enum whose judge_name(const struct pv_visit *v, const char *ext, struct pv_address *to_r)
{
	struct pv_extension_reading r;
	enum whose whose = NOT_OURS;
	size_t from = 0;

	to_r->user.len = 0;
	while (pv_extension_next(ext, strlen(ext), &from, &r)) {
		const struct pv_domain *own = own_domain(v, &r.domain);
		if (own == NULL)
			continue;
		if (!r.has_user)
			return A_USERS;
		if (pv_visit_has_user(v, &r.user, own)) {
			*to_r = (struct pv_address){ r.user, *own };
			return A_USERS;
		}
		whose = NOBODYS;
		*to_r = (struct pv_address){ r.user, *own };
	}
	return whose;
}

/* The first line that says something; false: there is none. *more_r: there is a second one. */
static bool cut_line(struct pv_buf *text, char **line_r, bool *more_r)
{
	char *rest = text->s, *line;

	*line_r = NULL;
	*more_r = false;
	while ((line = strsep(&rest, "\n")) != NULL) {
		line += strspn(line, " \t\r");
		if (*line == '\0' || *line == '#')
			continue;
		if (*line_r != NULL)
			*more_r = true;
		else
			*line_r = line;
	}
	return *line_r != NULL;
}

static bool is_delivery(const struct pv_visit *v, const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *base = slash != NULL ? slash + 1 : program;

	return strcmp(program, v->store->conf.delivery_program) == 0 ||
	       strcmp(base, "virtual-deliver") == 0 || strcmp(base, "virtual") == 0;
}

/* `"|/usr/local/bin/virtual-deliver abc@kvt.dk"`: for whom? */
static void judge_command(struct pv_visit *v, const char *path, const char *object, char *line,
			  const struct pv_address *to)
{
	char whole[200], *word, *last = NULL, *program = NULL;
	struct pv_address says;

	(void)snprintf(whole, sizeof whole, "%s", line);
	for (char *p = line; *p != '\0'; p++)
		*p = *p == '"' || *p == '|' || *p == '\t' || *p == '\r' ? ' ' : *p;
	while ((word = strsep(&line, " ")) != NULL) {
		if (*word == '\0')
			continue;
		program = program == NULL ? word : program;
		last = word;
	}
	if (strchr(whole, '|') == NULL || program == NULL || !is_delivery(v, program)) {
		pv_say(v->out, PV_NOTE, "forward", object, "%s does something else: `%s`", path, whole);
		return;
	}
	if (to->user.len == 0 || pv_address_parse(last, strlen(last), &says, NULL) != PV_OK)
		return;
	if (!pv_user_equal(&says.user, &to->user) || !pv_domain_equal(&says.domain, &to->domain))
		pv_say(v->out, PV_WARNING, "forward", object,
		       "%s delivers to %s@%s instead: write %s@%s there, or remove the file", path,
		       says.user.s, says.domain.s, to->user.s, to->domain.s);
}

static void judge_text(struct pv_visit *v, int fd, const char *path, const char *object,
		       const struct pv_address *to)
{
	struct pv_buf text = PV_BUF_INIT(TEXT_MAX);
	bool has_more;
	char *line;

	if (pv_file_read(fd, path, &text, NULL) != PV_OK)
		pv_say(v->out, PV_WARNING, "forward", object, "%s cannot be read, or has over 64 KB", path);
	else if (!cut_line(&text, &line, &has_more))
		pv_say(v->out, PV_WARNING, "forward", object,
		       "%s says nothing, so Postfix passes it by: remove it, and the user is served without "
		       "it",
		       path);
	else if (has_more)
		pv_say(v->out, PV_WARNING, "forward", object,
		       "%s has several lines, all of which are done again where one of them is tried again: "
		       "keep one",
		       path);
	else
		judge_command(v, path, object, line, to);
	pv_buf_free(&text);
}

/* Why Postfix would not believe the file, whatever it says; NULL: it would. */
static const char *fault(const struct pv_visit *v, const struct stat *st)
{
	if (S_ISLNK(st->st_mode))
		return "is a symlink: put a file in its place";
	if (!S_ISREG(st->st_mode))
		return "is no regular file: remove it";
	if (st->st_uid != v->account->uid && st->st_uid != 0)
		return "belongs to another user: chown it";
	if ((st->st_mode & S_IWOTH) != 0)
		return "is writable by all: chmod 600 it";
	return NULL;
}

static void repair(struct pv_visit *v, int home, const char *name, const char *path, const struct stat *seen)
{
	struct stat st;

	if (!S_ISREG(seen->st_mode) || seen->st_uid != v->account->uid || (seen->st_mode & S_IWOTH) == 0)
		return;
	int fd = openat(home, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	bool ok = fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == seen->st_ino && st.st_nlink == 1 &&
		  (v->dry || fchmod(fd, 0600) == 0);
	if (ok)
		pv_say(v->out, PV_NOTE, "forward", path, "chmod 0600 %s", path);
	if (fd >= 0)
		(void)close(fd);
}

static void judge_file(struct pv_visit *v, int home, const char *name)
{
	char path[PATH_MAX], object[PV_FINDING_OBJECT];
	struct pv_address to;
	struct stat st;

	enum whose whose = judge_name(v, name + sizeof PREFIX - 1, &to);
	if (whose == NOT_OURS || fstatat(home, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	(void)snprintf(path, sizeof path, "%.3800s/%s", v->account->home, name);
	if (v->repair) {
		repair(v, home, name, path, &st);
		return;
	}
	if (to.user.len > 0)
		(void)snprintf(object, sizeof object, "%s@%.253s", to.user.s, to.domain.s);
	else
		(void)snprintf(object, sizeof object, "%.300s", name);
	if (whose == NOBODYS) {
		pv_say(v->out, PV_WARNING, "forward", object,
		       "%s is of no user: remove it, or make that user (postfix-virtual user add %s)", path,
		       object);
		return;
	}
	const char *why = fault(v, &st);
	int fd = why == NULL ? openat(home, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
			     : -1;
	if (why == NULL && fd < 0)
		why = "cannot be read by its account: chmod 600 it";
	if (why != NULL)
		pv_say(v->out, PV_WARNING, "forward", object, "Postfix passes it by, since %s %s", path, why);
	else
		judge_text(v, fd, path, object, &to);
	if (fd >= 0)
		(void)close(fd);
}

/* The home itself. Returns a descriptor, or -1. */
static int open_home(struct pv_visit *v)
{
	const char *home = v->account->home, *name = v->account->name;
	struct stat st;

	int fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->repair)
		return fd;
	if (fd < 0 || fstat(fd, &st) != 0)
		pv_say(v->out, PV_CRITICAL, "home", name,
		       "its home %s cannot be used (%s), so mail of its domains is deferred: install -d -m "
		       "0700 -o %s "
		       "%s",
		       home, strerror(errno), name, home);
	else if (st.st_uid != v->account->uid && st.st_uid != 0)
		pv_say(v->out, PV_WARNING, "home", name, "its home %s belongs to uid %lu: chown %s %s", home,
		       (unsigned long)st.st_uid, name, home);
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		pv_say(v->out, PV_WARNING, "home", name,
		       "its home %s has mode %04o, so others could put .forward files there: chmod go-w %s",
		       home, (unsigned)(st.st_mode & 07777), home);
	return fd;
}

void pv_visit_forwards(struct pv_visit *v)
{
	size_t before = v->out->len, count = 0;
	struct dirent *entry;

	int fd = open_home(v);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL && fd >= 0)
		(void)close(fd);
	while (dir != NULL && count < FINDINGS_MAX && (entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) != 0)
			continue;
		judge_file(v, dirfd(dir), entry->d_name);
		count += v->out->len > before;
		before = v->out->len;
	}
	if (count == FINDINGS_MAX)
		pv_say(v->out, PV_NOTE, "forward", v->account->name, "there are more than these %zu", count);
	if (dir != NULL)
		(void)closedir(dir);
}
