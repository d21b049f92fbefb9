#include "change/hooks.h"

#include "base/file.h"
#include "base/log.h"
#include "base/program.h"
#include "base/table.h"
#include "change/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { HOOK_SECONDS = 30, EVENT_MAX = 2048, SAID_MAX = 4096, WORDS_MAX = 4 };

#define EVENTS_FOLDER "events"
#define FOR_ALL "any"

/* `domain add` is the event domain-add. */
static void event_name(enum pv_mark_kind kind, char name[40])
{
	/* For others than us an alias is a domain. */
	bool is_alias = kind == PV_MARK_DOMAIN_UNALIAS;
	const char *words = pv_mark_words(is_alias ? PV_MARK_DOMAIN_DELETE : kind);

	(void)snprintf(name, 40, "%s", kind == PV_MARK_USER_HASH_ALL ? "user-hash-all" : words);
	for (char *p = name; *p != '\0'; p++)
		if (*p == ' ')
			*p = '-';
}

/* The event and its arguments, with blanks between. */
static void describe(const struct pv_mark *m, const char *account, struct pv_buf *out)
{
	static const char alias_of[] = "alias_of=";
	char name[40];

	event_name(m->kind, name);
	pv_buf_adds(out, name);
	/* Words have blanks between, so an alias with one in its name is not named. */
	const bool is_alias = m->alias.name[0] != '\0';
	if (is_alias && strpbrk(m->alias.name, " \t") == NULL)
		pv_buf_addf(out, " %s@%s", m->alias.name, m->domain.s);
	else if (!is_alias && pv_domain_equal(&m->domain, &pv_domain_host))
		pv_buf_addf(out, " %s", m->user.s);
	else if (!is_alias && m->user.len > 0)
		pv_buf_addf(out, " %s@%s", m->user.s, m->domain.s);
	else
		pv_buf_addf(out, " %s", m->domain.s);
	if (m->to.len > 0)
		pv_buf_addf(out, " %s", m->to.s);
	if (m->kind == PV_MARK_DOMAIN_ADD)
		pv_buf_addf(out, " %s", account);
	if (m->kind == PV_MARK_DOMAIN_ALIAS && strncmp(m->words, alias_of, sizeof alias_of - 1) == 0)
		pv_buf_addf(out, " %s", m->words + sizeof alias_of - 1);
}

static bool has_hook(const struct pv_store *s, const char *name)
{
	char path[sizeof PV_HOOKS_FOLDER "/" + 40];
	struct stat st;

	(void)snprintf(path, sizeof path, PV_HOOKS_FOLDER "/%s", name);
	return fstatat(s->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void tell(struct pv_change *c, const struct pv_error *e)
{
	pv_log(PV_LOG_WARNING, "%s", e->text);
	pv_buf_addf(&c->notes, "%s\n", e->text);
}

bool pv_hooks_note(struct pv_change *c, const struct pv_mark *m, const char *account)
{
	struct pv_buf text = PV_BUF_INIT(EVENT_MAX);
	char name[40];
	struct pv_error e;
	int fd;

	event_name(m->kind, name);
	if (m->event[0] == '\0' || (!has_hook(c->store, name) && !has_hook(c->store, FOR_ALL)))
		return false;
	describe(m, account, &text);
	pv_buf_addc(&text, '\n');
	enum pv_class r = pv_buf_check(&text, "an event", &e);
	if (r == PV_OK)
		r = pv_state_open(c->store->conf.state_directory, EVENTS_FOLDER, 0700, &fd, &e);
	if (r == PV_OK) {
		r = pv_file_replace(fd, m->event, text.s, text.len, 0600, (uid_t)-1, (gid_t)-1, &e);
		(void)close(fd);
	}
	pv_buf_free(&text);
	if (r == PV_OK)
		return true;
	(void)pv_error_prefix(&e, "the hook %s will not be run", name);
	tell(c, &e);
	return false;
}

/* Root's program that nobody else could have written: a regular file, and so is its folder a folder. */
static enum pv_class trust(const struct pv_store *s, const char *name, char path[PATH_MAX], bool *found_r,
			   struct pv_error *e)
{
	const struct pv_trust roots = { .uid = 0, .where = s->dir };
	struct stat st;
	int fd;

	(void)snprintf(path, PATH_MAX, "%s/" PV_HOOKS_FOLDER "/%s", s->dir, name);
	*found_r = false;
	enum pv_class c = pv_dir_open(s->dirfd, PV_HOOKS_FOLDER, &roots, &fd, NULL, e);
	if (c != PV_OK || fd < 0)
		return c;
	*found_r = fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	int err = errno;
	(void)close(fd);
	if (!*found_r)
		return err == ENOENT ? PV_OK : pv_fail_errno(e, PV_TEMPORARY, "4.3.5", err, "stat %s", path);
	if (!S_ISREG(st.st_mode))
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s was not run: it is no regular file; put the program itself there", path);
	if (st.st_uid != 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s was not run: it belongs to uid %lu: look at it, then chown root it", path,
			       (unsigned long)st.st_uid);
	if ((st.st_mode & 022) != 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s was not run: others may write to it: look at it, then chmod go-w it",
			       path);
	if ((st.st_mode & 0100) == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s was not run: it is not executable: chmod u+x it",
			       path);
	return PV_OK;
}

/* What it said, a line each, into the log and to whoever made the change. */
static void pass_on(struct pv_change *c, const char *name, struct pv_buf *said)
{
	char *rest = said->s, *line;

	while (said->len > 0 && (line = strsep(&rest, "\n")) != NULL) {
		pv_printable(line, strlen(line));
		if (*line == '\0')
			continue;
		pv_log(PV_LOG_INFO, "hook %s: %s", name, line);
		pv_buf_addf(&c->notes, "hook %s: %s\n", name, line);
	}
}

static void run(struct pv_change *c, const char *name, const char *const words[])
{
	const char *argv[WORDS_MAX + 2] = { NULL };
	struct pv_buf out = PV_BUF_INIT(SAID_MAX), err = PV_BUF_INIT(SAID_MAX);
	char path[PATH_MAX];
	struct pv_error e;
	int status = 0;
	bool found;

	enum pv_class r = trust(c->store, name, path, &found, &e);
	if (r == PV_OK && found) {
		argv[0] = path;
		for (size_t i = 0; i < WORDS_MAX && words[i] != NULL; i++)
			argv[i + 1] = words[i];
		r = pv_program_run(argv, NULL, HOOK_SECONDS, &out, &err, &status, &e);
		if (r == PV_OK && status != 0)
			r = pv_fail(&e, PV_TEMPORARY, "4.3.0", "%s ended with status %d", path, status);
		pass_on(c, name, &out);
		pass_on(c, name, &err);
	}
	pv_buf_free(&out);
	pv_buf_free(&err);
	if (r != PV_OK)
		tell(c, &e);
}

/* `domain-add kvt.dk kvt_dk`: to the hook of that name, and to the one for all. */
static void run_event(struct pv_change *c, char *text)
{
	const char *words[WORDS_MAX + 1] = { NULL };
	size_t count = 0;
	char *word;

	while (count < WORDS_MAX && (word = pv_word(&text)) != NULL)
		words[count++] = word;
	/* We wrote it; no more than that must make a path. */
	if (count == 0 || strspn(words[0], "abcdefghijklmnopqrstuvwxyz-") != strlen(words[0]) ||
	    strlen(words[0]) >= 40)
		return;
	run(c, words[0], words + 1);
	run(c, FOR_ALL, words);
}

/* Take the note for ourselves. Returns its descriptor, or -1: somebody else runs it, or has run it. */
static int take(int dirfd, const char *name)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;

	int fd = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && (fcntl(fd, F_OFD_SETLK, &lock) != 0 || fstat(fd, &st) != 0 || st.st_nlink == 0 ||
			!S_ISREG(st.st_mode))) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void run_noted(struct pv_change *c, int dirfd, const char *name)
{
	struct pv_buf text = PV_BUF_INIT(EVENT_MAX);
	struct pv_error e;

	int fd = take(dirfd, name);
	if (fd < 0)
		return;
	enum pv_class r = pv_file_read(fd, "an event", &text, &e);
	if (r == PV_OK)
		run_event(c, text.s);
	if (r == PV_OK)
		r = pv_file_remove(dirfd, name, &e);
	if (r != PV_OK)
		tell(c, &e);
	pv_buf_free(&text);
	(void)close(fd);
}

/* A name that we give to a note; `.NAME.new` is one whose writer was killed before the change's mark went. */
static int is_event(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strspn(entry->d_name, "0123456789-") == strlen(entry->d_name);
}

void pv_hooks_run(struct pv_change *c)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = c->store->conf.state_directory };
	struct dirent **list = NULL;
	char path[PATH_MAX];
	int dirfd;

	(void)snprintf(path, sizeof path, "%s/" EVENTS_FOLDER, c->store->conf.state_directory);
	if (c->dry || pv_dir_open(AT_FDCWD, path, &trust, &dirfd, NULL, NULL) != PV_OK || dirfd < 0)
		return;
	int count = scandirat(dirfd, ".", &list, is_event, alphasort);
	for (int i = 0; i < count; i++) {
		run_noted(c, dirfd, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	(void)close(dirfd);
}
