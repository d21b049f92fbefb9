#include "maps/reader_send.h"

#include "base/clock.h"
#include "base/file.h"
#include "maps/reader.h"
#include "store/folder.h"
#include "store/passwd.h"
#include "store/standard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Kept back of a domain's bytes: the heads of frames, a user's name, an error. */
enum { FRAMES_ROOM = 4096, READY_MAX = 65536 };

static enum pv_class fail_write(struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "send the domain's files");
}

static enum pv_class write_ready(struct pv_sender *s, struct pv_error *e)
{
	enum pv_class c = pv_buf_check(&s->ready, "what is to be sent", e);

	if (c == PV_OK && pv_write_all(s->out, s->ready.s, s->ready.len) != 0)
		c = fail_write(e);
	pv_buf_reset(&s->ready);
	return c;
}

enum pv_class pv_send_frame(struct pv_sender *s, char type, const char *name, const char *data, size_t len,
			    struct pv_error *e)
{
	size_t name_len = name == NULL ? 0 : strlen(name) + 1;
	struct pv_frame_head head = { .len = (uint32_t)(name_len + len),
				      .domain = (uint32_t)s->domain,
				      .type = type };

	s->sent += sizeof head + head.len;
	pv_buf_add(&s->ready, &head, sizeof head);
	pv_buf_add(&s->ready, name, name_len);
	if (s->ready.len + len < READY_MAX) {
		pv_buf_add(&s->ready, data, len);
		return pv_buf_check(&s->ready, "what is to be sent", e);
	}
	enum pv_class c = write_ready(s, e);
	if (c == PV_OK && pv_write_all(s->out, data, len) != 0)
		c = fail_write(e);
	return c;
}

enum pv_class pv_send_text(struct pv_sender *s, char type, const char *name, const char *where,
			   const char *file, struct pv_error *e)
{
	const bool has_hashes = s->purpose == PV_READER_LOGINS;
	const size_t max = has_hashes ? PV_READER_LOGINS_MAX : PV_READER_DOMAIN_MAX;

	if (s->text.len > max - FRAMES_ROOM || s->sent - s->sent_before > max - FRAMES_ROOM - s->text.len)
		return pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"%s%s%s: with it the domain's files, %s the hashes, are larger than %zu bytes: "
			"make them smaller, or divide the domain",
			where != NULL ? where : "", where != NULL ? "/" : "", file,
			has_hashes ? "with" : "without", max);
	return pv_send_frame(s, type, name, s->text.s, s->text.len, e);
}

enum pv_class pv_send_doubt(struct pv_sender *s, const struct pv_error *why, struct pv_error *e)
{
	if (s->doubts++ == PV_READER_DOUBTS) {
		*e = *why;
		return PV_TEMPORARY;
	}
	return pv_send_frame(s, PV_FRAME_DOUBT, NULL, why->text, strlen(why->text), e);
}

/* One of the files that the child reads. */
struct wanted {
	const char *file;
	char type;
	size_t max;
	const char *name; /* whose it is, for PV_FRAME_USER; else NULL */
};

/* Send a file of a folder, if there is one. */
static enum pv_class send_file(struct pv_sender *s, int dirfd, const struct pv_trust *trust,
			       const struct wanted *w, bool *found_r, struct pv_error *e)
{
	struct stat st;
	int fd;

	pv_buf_reset(&s->text);
	s->text.max = w->max;
	enum pv_class c = pv_file_open(dirfd, w->file, trust, &fd, &st, e);
	*found_r = fd >= 0;
	if (c != PV_OK || fd < 0)
		return c;
	/* Said at once of a huge file, not after reading up to the limit. */
	if (st.st_size > (off_t)w->max)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%s/%s is larger than %zu bytes: make it smaller",
			    trust->where, w->file, w->max);
	else
		c = pv_file_read_sized(fd, st.st_size, w->file, trust, &s->text, e);
	(void)close(fd);
	if (c != PV_OK)
		return c;
	if (w->type == PV_FRAME_PASSWD && s->purpose != PV_READER_LOGINS)
		pv_passwd_drop_hashes(&s->text);
	return pv_send_text(s, w->type, w->name, trust->where, w->file, e);
}

/* Names that are no user's (temporary files, what an editor left) are passed over. */
static enum pv_class send_each_user(struct pv_sender *s, DIR *dir, const struct pv_trust *trust,
				    struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct dirent *d;
	size_t count = 0;
	bool found;

	while (c == PV_OK && (errno = 0, d = readdir(dir)) != NULL) {
		struct pv_user u;
		if (++count > PV_READER_USERS_MAX + 2) /* . and .. */
			return pv_fail(e, PV_TEMPORARY, "4.3.5",
				       "%s holds more than %d files: remove those of no user", trust->where,
				       PV_READER_USERS_MAX);
		if (pv_user_parse(d->d_name, strlen(d->d_name), &u, NULL) == PV_OK &&
		    strcmp(u.s, d->d_name) == 0)
			c = send_file(
				s, dirfd(dir), trust,
				&(struct wanted){ d->d_name, PV_FRAME_USER, PV_READER_CONF_MAX, d->d_name },
				&found, e);
	}
	if (c == PV_OK && errno != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "list %s", trust->where);
	return c;
}

static enum pv_class send_users(struct pv_sender *s, const struct pv_folder *f, struct pv_error *e)
{
	char path[sizeof f->path + sizeof "/users"];
	int o_path;

	enum pv_class c = pv_dir_open(f->fd, "users", &f->trust, &o_path, NULL, e);
	if (c != PV_OK || o_path < 0)
		return c;
	(void)snprintf(path, sizeof path, "%s/users", f->path);
	const struct pv_trust trust = { f->uid, path };
	int fd = openat(o_path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)close(o_path);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "open folder %s", path);
		if (fd >= 0)
			(void)close(fd);
		return c;
	}
	c = send_each_user(s, dir, &trust, e);
	(void)closedir(dir);
	return c;
}

/* Send a file without which there is no domain. */
static enum pv_class send_main_file(struct pv_sender *s, const struct pv_folder *f, const struct wanted *w,
				    const char *mend, struct pv_error *e)
{
	bool found;

	enum pv_class c = send_file(s, f->fd, &f->trust, w, &found, e);
	if (c == PV_OK && !found)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%s/%s is missing: %s", f->path, w->file, mend);
	return c;
}

/* Behind passwd, whose text is still there. */
static enum pv_class send_places(struct pv_sender *s, const struct pv_folder *f, struct pv_error *e)
{
	struct pv_buf places = PV_BUF_INIT(PV_READER_PASSWD_MAX);

	enum pv_class c = pv_send_places(&s->store, f, &s->text, &places, e);
	if (c == PV_OK)
		c = pv_send_frame(s, PV_FRAME_PLACES, NULL, places.s, places.len, e);
	pv_buf_free(&places);
	return c;
}

/* domain.conf, which is kept: it names other files. */
static enum pv_class send_conf(struct pv_sender *s, const struct pv_folder *f, struct pv_buf *conf,
			       struct pv_error *e)
{
	static const struct wanted wanted = { "domain.conf", PV_FRAME_CONF, PV_READER_CONF_MAX, NULL };
	bool found;

	enum pv_class c = send_file(s, f->fd, &f->trust, &wanted, &found, e);
	if (c == PV_OK && found)
		pv_buf_add(conf, s->text.s, s->text.len);
	return c;
}

/* What most domains have none of. To find each missing takes longer than to read `passwd`. */
static enum pv_class send_optional(struct pv_sender *s, const struct pv_folder *f, struct pv_error *e)
{
	enum { CONF, ALIASES, USERS, MESSAGES, COUNT };
	static const char *const names[COUNT] = { "domain.conf", "aliases", "users", "messages" };
	struct pv_buf conf = PV_BUF_INIT(PV_READER_CONF_MAX);
	enum pv_class c = PV_OK;
	unsigned holds;

	if (!pv_folder_holds(f, names, COUNT, &holds))
		holds = ~0U;
	if ((holds & 1U << CONF) != 0)
		c = send_conf(s, f, &conf, e);
	if (c == PV_OK && s->purpose != PV_READER_LOGINS)
		c = pv_send_mail_files(s, f, &conf, (holds & 1U << ALIASES) != 0,
				       (holds & 1U << MESSAGES) != 0, e);
	pv_buf_free(&conf);
	return c == PV_OK && (holds & 1U << USERS) != 0 ? send_users(s, f, e) : c;
}

static enum pv_class send_files(struct pv_sender *s, const struct pv_folder *f, bool standard,
				struct pv_error *e)
{
	static const struct wanted addresses = { PV_STANDARD_FILE, PV_FRAME_STANDARD, PV_STANDARD_FILE_MAX,
						 NULL };
	static const struct wanted passwd = { "passwd", PV_FRAME_PASSWD, PV_READER_PASSWD_MAX, NULL };

	if (standard)
		return send_main_file(s, f, &addresses, "write it, or take postfix=yes away from `domains`",
				      e);
	enum pv_class c = send_main_file(s, f, &passwd, "restore it, or delete the domain", e);
	if (c == PV_OK && s->purpose == PV_READER_LOGINS)
		c = send_places(s, f, e);
	if (c == PV_OK)
		c = send_optional(s, f, e);
	return c;
}

/* The folder may have changed since root looked at it. */
static enum pv_class send_folder(struct pv_sender *s, const struct pv_domain *d, bool standard,
				 struct pv_error *e)
{
	struct pv_folder f;
	struct pv_error why;

	enum pv_class c = pv_folder_open_to_list(&s->store, d, &f, e);
	if (c != PV_OK)
		return c;
	if (f.fd < 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s/%s is gone", s->store.dir, d->s);
	if (f.uid != s->uid)
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "%s changed its owner meanwhile", f.path);
	if (c == PV_OK)
		c = send_files(s, &f, standard, e);
	/* Whatever has stopped that. */
	if (s->purpose == PV_READER_CHECK && !standard && f.uid == s->uid) {
		enum pv_class sent = pv_send_findings(s, &f, &why);
		if (c == PV_OK && sent != PV_OK)
			*e = why;
		c = c == PV_OK ? sent : c;
	}
	pv_folder_close(&f);
	return c;
}

/* One domain: its files, or why not, and its end. */
static enum pv_class send_domain(struct pv_sender *s, const struct pv_domain *d, bool standard,
				 struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct pv_error why;

	s->sent_before = s->sent;
	s->doubts = 0;
	if (send_folder(s, d, standard, &why) != PV_OK)
		c = pv_send_frame(s, PV_FRAME_ERROR, NULL, why.text, strlen(why.text), e);
	if (c == PV_OK)
		c = pv_send_frame(s, PV_FRAME_END, NULL, "", 0, e);
	/* Not later: should the next domain hang, this one is done. */
	return c == PV_OK ? write_ready(s, e) : c;
}

enum pv_class pv_send_domains(const struct pv_send_order *order, int out_fd, struct pv_error *e)
{
	struct pv_sender s = { .store = *order->store,
			       .uid = order->uid,
			       .out = out_fd,
			       .purpose = order->purpose,
			       .spool = -2,
			       .text = PV_BUF_INIT(PV_READER_PASSWD_MAX),
			       .ready = PV_BUF_INIT(READY_MAX + FRAMES_ROOM) };
	const int64_t end = pv_now_ms() + PV_READER_ENOUGH_MS;
	enum pv_class c = PV_OK;

	s.store.dirfd = open(s.store.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s.store.dirfd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open folder %s as uid %lu",
				     s.store.dir, (unsigned long)order->uid);
	for (bool enough = false; c == PV_OK && s.domain < order->count && !enough; s.domain++) {
		c = send_domain(&s, order->domains[s.domain],
				order->standard != NULL && order->standard[s.domain], e);
		enough = s.sent >= PV_READER_ENOUGH || pv_now_ms() >= end;
	}
	pv_buf_free_zero(&s.text);
	pv_buf_free_zero(&s.ready);
	(void)close(s.store.dirfd);
	if (s.spool >= 0)
		(void)close(s.spool);
	free(s.home);
	return c;
}
