#include "change/adopt_home.h"

#include "base/child.h"
#include "base/file.h"
#include "base/table.h"
#include "store/passwd_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FORWARD ".forward+"
#define QMAIL ".qmail-"

enum { REPORT_MAX = 16 << 20, FIRST_LINE = 160 };

static const struct pv_child_limits limits = { .seconds = 30, .cpu_seconds = 10 };

/* Facts about local(8): what it does not believe it passes over without a word. */
static const char *fault_of(int home, const char *name, const struct stat *st, uid_t uid)
{
	if (!S_ISREG(st->st_mode))
		return S_ISLNK(st->st_mode) ? "is a symlink" : "is no regular file";
	if (st->st_uid != uid && st->st_uid != 0)
		return "is another account's";
	if ((st->st_mode & S_IWOTH) != 0)
		return "can be written by everybody";
	if (faccessat(home, name, R_OK, AT_EACCESS) != 0)
		return "cannot be read";
	return st->st_size == 0 ? "is empty" : "";
}

/* `NAME TAB FAULT TAB FIRST-LINE`, a line each; parent and child are of one program. */
static void report(int home, const char *name, uid_t uid, struct pv_buf *out)
{
	char first[FIRST_LINE + 1] = "";
	struct stat st;

	for (const char *p = name; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20)
			return;
	if (fstatat(home, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	const char *fault = fault_of(home, name, &st, uid);
	int fd = *fault == '\0' ? openat(home, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (fd >= 0) {
		ssize_t n = read(fd, first, FIRST_LINE);
		first[n > 0 ? n : 0] = '\0';
		first[strcspn(first, "\n\t")] = '\0';
		(void)close(fd);
	}
	pv_buf_addf(out, "%s\t%s\t%s\n", name, fault, first);
}

static enum pv_class list_home(void *ctx, int out_fd, struct pv_error *e)
{
	const struct pv_account *a = ctx;
	struct pv_buf out = PV_BUF_INIT(REPORT_MAX);
	struct dirent *entry;

	DIR *dir = opendir(a->home);
	if (dir == NULL)
		return errno == ENOENT ? PV_OK
				       : pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno,
						       "read the home %s of account %s", a->home, a->name);
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".forward") == 0 ||
		    strncmp(entry->d_name, FORWARD, sizeof FORWARD - 1) == 0 ||
		    strncmp(entry->d_name, QMAIL, sizeof QMAIL - 1) == 0)
			report(dirfd(dir), entry->d_name, a->uid, &out);
	(void)closedir(dir);
	enum pv_class c = PV_OK;
	if (out.failed)
		c = pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"%s holds more .forward+ and .qmail- files than can be looked at (%d MiB of names "
			"and first lines): remove those of no user",
			a->home, REPORT_MAX >> 20);
	if (c == PV_OK && pv_write_all(out_fd, out.s, out.len) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write to a pipe");
	pv_buf_free(&out);
	return c;
}

/* The domain behind the last `--` that leaves one. Returns false where it is neither d nor below it. */
static bool take_domain(struct pv_home_file *f, char *user, const struct pv_domain *d)
{
	struct pv_domain found;

	for (char *p = user; (p = strstr(p, "--")) != NULL; p++) {
		if (pv_domain_parse(p + 2, strlen(p + 2), &found, NULL) != PV_OK)
			continue;
		f->of_domain = pv_domain_equal(&found, d);
		f->sub = pv_domain_is_below(&found, d) ? p + 2 : NULL;
		if (f->of_domain || f->sub != NULL) {
			*p = '\0';
			return true;
		}
	}
	return false;
}

/* What the name says. Returns false where it is none of ours. */
static bool take_name(struct pv_home_file *f, char *user, const struct pv_domain *d, const char *prefix)
{
	size_t n = strlen(prefix);
	struct pv_user u;

	f->qmail = strncmp(f->name, QMAIL, sizeof QMAIL - 1) == 0;
	user += f->qmail ? sizeof QMAIL - 1 : sizeof FORWARD - 1;
	if (f->qmail) {
		if (n > 0 && (strncmp(user, prefix, n) != 0 || user[n] != '-'))
			return false;
		user += n > 0 ? n + 1 : 0;
		/* qmail writes a dot as a colon there. */
		for (char *p = user; *p != '\0'; p++)
			*p = (char)(*p == ':' ? '.' : *p);
	} else if (strstr(user, "--") != NULL && !take_domain(f, user, d)) {
		return false;
	}
	f->user = user;
	f->is_user = pv_user_parse(user, strlen(user), &u, NULL) == PV_OK && strcmp(u.s, user) == 0;
	return true;
}

static bool add(struct pv_home *h, const struct pv_home_file *f)
{
	/* Full at each power of two. */
	if ((h->count & (h->count - 1)) == 0) {
		struct pv_home_file *v = reallocarray(h->v, h->count == 0 ? 1 : 2 * h->count, sizeof *v);
		if (v == NULL)
			return false;
		h->v = v;
	}
	h->v[h->count++] = *f;
	return true;
}

/* A child's report is anybody's work: it is cut at its tabs, and made printable. */
static bool take_line(struct pv_home *h, char *line, struct pv_buf *names, const struct pv_domain *d,
		      const char *prefix)
{
	char *fault = strchr(line, '\t'), *command = fault != NULL ? strchr(fault + 1, '\t') : NULL;

	if (command == NULL)
		return true;
	*fault++ = '\0';
	*command++ = '\0';
	pv_printable(line, strlen(line));
	pv_printable(fault, strlen(fault));
	pv_printable(command, strlen(command));
	if (strcmp(line, ".forward") == 0) {
		h->has_forward = true;
		return true;
	}
	char *copy = names->s + names->len;
	pv_buf_add(names, line, strlen(line) + 1);
	struct pv_home_file f = { .name = line, .fault = *fault != '\0' ? fault : NULL, .command = command };
	return names->failed || !take_name(&f, copy, d, prefix) || add(h, &f);
}

static int compare(const void *a, const void *b)
{
	const struct pv_home_file *x = a, *y = b;

	return strcmp(x->name, y->name);
}

enum pv_class pv_home_look(const struct pv_account *account, const struct pv_domain *d, const char *prefix,
			   struct pv_home *h, struct pv_error *e)
{
	struct pv_account a = *account;
	bool ok = true;

	*h = (struct pv_home){ .text = PV_BUF_INIT(2 * REPORT_MAX) };
	enum pv_class c = pv_child_run(a.uid, a.gid, &limits, list_home, &a, &h->text, e);
	/* Copies of the names are cut up behind the report, which must not move then. */
	size_t len = h->text.len;
	if (c == PV_OK && pv_buf_reserve(&h->text, len + 1) == NULL)
		c = pv_buf_check(&h->text, account->home, e);
	if (c != PV_OK)
		return c;
	pv_buf_addc(&h->text, '\0');
	for (char *line = h->text.s, *end = line + len, *newline;
	     ok && line < end && (newline = memchr(line, '\n', (size_t)(end - line))) != NULL;
	     line = newline + 1) {
		*newline = '\0';
		ok = take_line(h, line, &h->text, d, prefix);
	}
	if (!ok)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for the files of %s", account->home);
	if (h->count > 1)
		qsort(h->v, h->count, sizeof *h->v, compare);
	return pv_buf_check(&h->text, account->home, e);
}

void pv_home_free(struct pv_home *h)
{
	free(h->v);
	pv_buf_free(&h->text);
	*h = (struct pv_home){ .text = PV_BUF_INIT(0) };
}

enum pv_class pv_home_passwd(const struct pv_home *h, const struct pv_account *account, struct pv_buf *out,
			     struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct pv_user u;

	pv_buf_adds(out, PV_PASSWD_HEAD);
	for (size_t i = 0; c == PV_OK && i < h->count; i++) {
		const struct pv_home_file *f = &h->v[i];
		if (!f->of_domain || !f->is_user ||
		    pv_user_parse(f->user, strlen(f->user), &u, NULL) != PV_OK)
			continue;
		c = pv_passwd_line(&u, "*", account->uid, account->gid, "", ".", out, e);
		pv_buf_addc(out, '\n');
	}
	return c == PV_OK ? pv_buf_check(out, "a domain's passwd", e) : c;
}
