#include "maps/reader_send.h"

#include "base/file.h"
#include "store/folder_load.h"
#include "store/mail_conf.h"
#include "store/texts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FILES ".files"
#define SUFFIX ".auto"

/* A file of aliases; `must`: domain.conf names it. */
static enum pv_class send_aliases(struct pv_sender *s, const struct pv_folder *f, const char *name, bool must,
				  char type, struct pv_error *e)
{
	struct pv_error why;
	bool found;

	pv_buf_reset(&s->text);
	s->text.max = PV_READER_ALIASES_MAX;
	enum pv_class c = pv_folder_load_any(f, name, &s->text, &found, &why);
	if (c == PV_OK && !found && must)
		c = pv_fail(
			&why, PV_TEMPORARY, "4.3.5",
			"%s/domain.conf: extra_aliases: there is no file %.500s: make one, or take it out",
			f->path, name);
	if (c == PV_OK && found)
		c = pv_send_text(s, type, NULL, name[0] == '/' ? NULL : f->path, name, &why);
	return c == PV_OK ? PV_OK : pv_send_doubt(s, &why, e);
}

static enum pv_class send_extra(struct pv_sender *s, const struct pv_folder *f,
				const struct pv_domain_conf *conf, struct pv_error *e)
{
	static const char types[] = { PV_FRAME_EXTRA_1, PV_FRAME_EXTRA_2 };
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < sizeof types; i++)
		if (conf->extra_aliases[i][0] != '\0')
			c = send_aliases(s, f, conf->extra_aliases[i], true, types[i], e);
	return c;
}

static enum pv_class send_texts(struct pv_sender *s, const struct pv_folder *f, const char *language,
				struct pv_error *e)
{
	static const struct {
		enum pv_text text;
		char type;
	} rows[] = { { PV_TEXT_NO_MAIL, PV_FRAME_NO_MAIL }, { PV_TEXT_EXPIRED, PV_FRAME_EXPIRED } };
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < sizeof rows / sizeof *rows; i++) {
		pv_buf_reset(&s->text);
		s->text.max = PV_TEXT_MAX;
		if (pv_text_load_raw(NULL, f, rows[i].text, language, &s->text))
			c = pv_send_text(s, rows[i].type, NULL, f->path, "messages", e);
	}
	return c;
}

/* --- responders --- */

/* NAME.auto: its name, with a NUL behind it. Names that no address can have are passed over. */
static bool add_responder(struct pv_buf *names, const char *file)
{
	size_t len = strlen(file), suffix = sizeof SUFFIX - 1;
	struct pv_user u;

	if (len <= suffix || strcmp(file + len - suffix, SUFFIX) != 0 ||
	    pv_user_parse(file, len - suffix, &u, NULL) != PV_OK || strncmp(u.s, file, u.len) != 0)
		return false;
	pv_buf_add(names, u.s, u.len + 1u);
	return true;
}

static enum pv_class list_responders(struct pv_sender *s, DIR *dir, const char *path, struct pv_error *e)
{
	struct dirent *d;
	size_t count = 0;

	pv_buf_reset(&s->text);
	s->text.max = (size_t)PV_READER_RESPONDERS_MAX * (PV_USER_MAX + 1);
	while ((errno = 0, d = readdir(dir)) != NULL) {
		if (add_responder(&s->text, d->d_name) && ++count > PV_READER_RESPONDERS_MAX)
			return pv_fail(e, PV_TEMPORARY, "4.3.5",
				       "%s holds more than %d responders: remove some", path,
				       PV_READER_RESPONDERS_MAX);
	}
	if (errno != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "list %s", path);
	return count > 0 ? pv_send_text(s, PV_FRAME_RESPONDERS, NULL, NULL, path, e) : PV_OK;
}

/* dirfd: .files, opened with O_PATH; it is closed. */
static enum pv_class open_responders(struct pv_sender *s, int dirfd, const char *path, struct pv_error *e)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = errno;

	(void)close(dirfd);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "open folder %s", path);
	}
	enum pv_class c = list_responders(s, dir, path, e);
	(void)closedir(dir);
	return c;
}

static bool holds_anything(int fd)
{
	int to_list = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = to_list >= 0 ? fdopendir(to_list) : NULL;
	const struct dirent *d;
	bool holds = false;

	if (dir == NULL && to_list >= 0)
		(void)close(to_list);
	/* Who cannot tell has to look. */
	if (dir == NULL)
		return true;
	while (!holds && (errno = 0, d = readdir(dir)) != NULL)
		holds = strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
	holds = holds || errno != 0;
	(void)closedir(dir);
	return holds;
}

/* Where all mail lies in homes the spool is empty, and needs no look for each domain. */
static int open_spool(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || holds_anything(fd))
		return fd;
	(void)close(fd);
	return -1;
}

/* One call tells most domains that nobody in them answers by himself. */
static enum pv_class find_responders(struct pv_sender *s, const struct pv_folder *f, struct pv_error *e)
{
	const char *spool = s->store.conf.spool_directory;
	char path[sizeof f->path], below[PV_DOMAIN_MAX + sizeof "/" FILES];
	struct stat st;
	int dirfd = -1;

	if (s->spool == -2)
		s->spool = open_spool(spool);
	(void)snprintf(below, sizeof below, "%s/" FILES, f->domain.s);
	if (s->spool < 0 || fstatat(s->spool, below, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (s->spool < 0 || errno == ENOENT || errno == ENOTDIR)
			return PV_OK;
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "look for %s/%s", spool, below);
	}
	(void)snprintf(path, sizeof path, "%.3700s/%s", spool, below);
	const struct pv_trust trust = { .uid = f->uid, .where = spool };
	enum pv_class c = pv_dir_open(s->spool, below, &trust, &dirfd, NULL, e);
	return c == PV_OK && dirfd >= 0 ? open_responders(s, dirfd, path, e) : c;
}

static enum pv_class send_responders(struct pv_sender *s, const struct pv_folder *f, struct pv_error *e)
{
	struct pv_error why;

	return find_responders(s, f, &why) == PV_OK ? PV_OK : pv_send_doubt(s, &why, e);
}

enum pv_class pv_send_mail_files(struct pv_sender *s, const struct pv_folder *f, const struct pv_buf *conf,
				 bool has_aliases, bool has_texts, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_READER_CONF_MAX);
	struct pv_domain_conf settings;
	enum pv_class c = PV_OK;

	if (has_aliases)
		c = send_aliases(s, f, "aliases", false, PV_FRAME_ALIASES, e);
	pv_domain_conf_defaults(&settings);
	pv_buf_add(&text, conf->s, conf->len);
	/* What is wrong with it is for the reader to say, who parses it too. */
	if (c == PV_OK && conf->len > 0 &&
	    pv_domain_conf_parse(&text, "domain.conf", &settings, NULL) == PV_OK)
		c = send_extra(s, f, &settings, e);
	if (c == PV_OK && has_texts)
		c = send_texts(s, f, pv_text_language(&s->store, settings.mail.language), e);
	pv_domain_conf_free(&settings);
	pv_buf_free(&text);
	return c == PV_OK ? send_responders(s, f, e) : c;
}
