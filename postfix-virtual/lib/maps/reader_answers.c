/* What is wrong with those who answer by themselves: a delivery only logs it. */
#include "maps/reader_faults.h"

#include "base/file.h"
#include "route/place.h"
#include "store/answer_files.h"
#include "store/answer_text.h"
#include "store/passwd.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

struct looking {
	struct pv_faults *faults;
	const struct pv_folder *f;
	const char *home; /* the account's */
};

static enum pv_class read_text(const struct pv_answer_files *a, struct pv_error *why)
{
	char file[sizeof a->where + sizeof a->text + 1];
	struct pv_buf raw = PV_BUF_INIT(PV_ANSWER_TEXT_MAX + 1);
	struct pv_answer_text text = { .memory = PV_BUF_INIT(0) };
	bool found;

	(void)snprintf(file, sizeof file, "%s/%s", a->where, a->text);
	enum pv_class c = pv_file_load(a->dirfd, a->text, &a->trust, &raw, &found, why);
	if (c == PV_OK && found)
		c = pv_answer_text_read(raw.s, raw.len, file, &text, why);
	pv_answer_text_free(&text);
	pv_buf_free(&raw);
	return c;
}

/* The text dir/name, and the index that belongs to it. */
static enum pv_class check_files(const struct looking *l, const char *dir, const char *name,
				 struct pv_error *e)
{
	struct pv_answer_files a;
	struct pv_error why;
	enum pv_class c = PV_OK;
	size_t count;
	bool found;

	if (pv_answer_files_open(dir, name, l->f->uid, &a, &why) != PV_OK)
		return pv_faults_say(l->faults, &why, e);
	const struct pv_answered index = { .dirfd = a.dirfd, .name = a.index, .trust = &a.trust };
	if (a.dirfd >= 0 && read_text(&a, &why) != PV_OK)
		c = pv_faults_say(l->faults, &why, e);
	if (c == PV_OK && a.dirfd >= 0 && pv_answered_count(&index, &count, &found, &why) != PV_OK)
		c = pv_faults_say(l->faults, &why, e);
	pv_answer_files_close(&a);
	return c;
}

static bool cut_end(char *name, const char *end)
{
	size_t len = strlen(name), n = strlen(end);

	if (len <= n || strcmp(name + len - n, end) != 0)
		return false;
	name[len - n] = '\0';
	return true;
}

/* NAME.auto, USER.vacation, and their indexes; other files are of no note. */
static enum pv_class check_entry(const struct looking *l, const char *dir, const char *entry,
				 struct pv_error *e)
{
	char text[NAME_MAX + 1], name[NAME_MAX + 1];
	struct pv_user u;

	(void)snprintf(text, sizeof text, "%s", entry);
	(void)cut_end(text, PV_ANSWER_INDEX);
	(void)snprintf(name, sizeof name, "%s", text);
	if ((!cut_end(name, PV_ANSWER_RESPONDER) && !cut_end(name, PV_ANSWER_VACATION)) ||
	    pv_user_parse(name, strlen(name), &u, NULL) != PV_OK || strcmp(u.s, name) != 0)
		return PV_OK;
	return check_files(l, dir, text, e);
}

static enum pv_class check_folder(const struct looking *l, struct pv_error *e)
{
	char path[PATH_MAX];
	enum pv_class c = PV_OK;
	struct dirent *d;

	(void)snprintf(path, sizeof path, "%s/%s/" PV_ANSWER_FOLDER, l->faults->s->store.conf.spool_directory,
		       l->f->domain.s);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL && fd >= 0)
		(void)close(fd);
	while (c == PV_OK && dir != NULL && (d = readdir(dir)) != NULL)
		c = check_entry(l, path, d->d_name, e);
	if (dir != NULL)
		(void)closedir(dir);
	return c;
}

/* A vacation may lie in a home that is its user's alone. */
static enum pv_class check_home(void *ctx, const struct pv_passwd_entry *p, unsigned line, struct pv_error *e)
{
	const struct looking *l = ctx;
	char index[PATH_MAX];
	struct stat st;
	bool own;

	(void)line;
	if (p->home[0] != '/' || l->home == NULL || !pv_location_is_inside(p->home, l->home) ||
	    (size_t)snprintf(index, sizeof index, "%s/" PV_ANSWER_VACATION PV_ANSWER_INDEX, p->home) >=
		    sizeof index ||
	    fstatat(AT_FDCWD, index, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    pv_place_own_home(l->f, &p->user, p->home, l->home, &own, NULL) != PV_OK || !own)
		return PV_OK;
	return check_files(l, p->home, PV_ANSWER_VACATION, e);
}

enum pv_class pv_check_answers(struct pv_faults *faults, const struct pv_folder *f, const char *home,
			       struct pv_error *e)
{
	struct looking l = { .faults = faults, .f = f, .home = home };
	struct pv_buf passwd = PV_BUF_INIT(PV_READER_PASSWD_MAX);
	bool found;

	enum pv_class c = check_folder(&l, e);
	/* What is wrong with passwd itself is said by who parses it. */
	if (c == PV_OK && pv_file_load(f->fd, "passwd", &f->trust, &passwd, &found, NULL) == PV_OK && found)
		(void)pv_passwd_scan(passwd.s, passwd.len, "passwd", f->uid, false, check_home, &l, NULL);
	pv_buf_free_zero(&passwd);
	return c;
}
