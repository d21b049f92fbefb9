#include "auth/login.h"

#include "base/child.h"
#include "base/clock.h"
#include "store/apop.h"
#include "store/mail_conf.h"
#include "store/passwd.h"
#include "store/registry.h"
#include "store/texts.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

enum {
	NOBODY = 65534,
	TEXT_MAX = 200,		/* bytes of what a domain says to who is not let in */
	DUMMY_READ = 64 * 1024, /* bytes of passwd in which the domain's usual scheme is looked for */
};

/* yescrypt as new passwords have it takes 16 MiB and 20 to 40 ms; a hash that asks for over 5 s or for more
 * than about 200 MiB is a trap. */
static const struct pv_child_limits limits = { .seconds = 10, .cpu_seconds = 5, .memory = 256U << 20 };

/* What is worked on where there is nobody to be checked. Of a password that nobody knows. */
static const char dummy_hash[] = "$y$j9T$6SZutMOsTl1sDFmdev9/O.$WoN3FqFqVZvryLzSvbeYRUcHcuVK3Gbylkky3X2VDeD";

struct request {
	const struct pv_store *store;
	const struct pv_folder *folder; /* not open; NULL: there is no such domain */
	const struct pv_user *user;
	const char *password; /* NULL: it is APOP */
};

/* What the child says. */
struct reply {
	unsigned char verdict;
	bool weak;
	bool no_passwd; /* the domain has no file of users */
	char language[3];
	char text[TEXT_MAX + 1];
	char secret[PV_PASSWORD_RANDOM_SIZE];
};

/* --- the child, which is the account --- */

/* The hash of somebody in the domain, so that an unknown user costs what a known one does. */
static void find_dummy(const struct pv_folder *f, char hash[PV_PASSWORD_HASH_SIZE])
{
	char *text = malloc(DUMMY_READ);
	struct pv_passwd_entry p;
	ssize_t n = -1;
	int fd;

	memcpy(hash, dummy_hash, sizeof dummy_hash);
	if (text == NULL || pv_file_open(f->fd, "passwd", &f->trust, &fd, NULL, NULL) != PV_OK || fd < 0) {
		free(text);
		return;
	}
	n = pread(fd, text, DUMMY_READ, 0);
	(void)close(fd);
	for (const char *at = text; n > 0;) {
		const char *newline = memchr(at, '\n', (size_t)(text + n - at));
		if (newline == NULL)
			break;
		if (pv_passwd_parse(at, (size_t)(newline - at), f->uid, &p, NULL) == PV_OK &&
		    pv_password_is_hash(p.hash)) {
			(void)snprintf(hash, PV_PASSWORD_HASH_SIZE, "%s", p.hash);
			break;
		}
		at = newline + 1;
	}
	free(text);
}

/* Work as for a password, whatever comes of it. f: NULL: of no domain. */
static void work_for_nothing(const struct pv_folder *f, const char *password)
{
	char hash[PV_PASSWORD_HASH_SIZE];
	bool match;

	memcpy(hash, dummy_hash, sizeof dummy_hash);
	if (f != NULL)
		find_dummy(f, hash);
	(void)pv_password_check(hash, password, false, &match, NULL);
}

/* Is it the password? Takes as long where there is none to compare with. p: NULL: no such user. */
static enum pv_class compare(const struct request *r, const struct pv_folder *f,
			     const struct pv_passwd_entry *p, bool *match_r, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	*match_r = false;
	if (p != NULL)
		c = pv_password_check(p->hash, r->password, r->store->conf.plain_text_passwords, match_r, e);
	if (p == NULL || (c == PV_OK && !*match_r && !pv_password_is_hash(p->hash)))
		work_for_nothing(f, r->password);
	return c;
}

static void answer_right(const struct request *r, const struct pv_folder *f, bool open, const char *language,
			 struct reply *reply)
{
	const struct pv_text_words words = { .user = r->user->s, .domain = f->domain.s };

	(void)snprintf(reply->language, sizeof reply->language, "%s", pv_text_language(r->store, language));
	reply->verdict = open ? PV_LOGIN_RIGHT : PV_LOGIN_CLOSED;
	if (!open)
		pv_text_line(r->store, f, PV_TEXT_CLOSED, reply->language, &words, reply->text,
			     sizeof reply->text);
}

/* The password was right: may the user in? */
static enum pv_class settle(const struct request *r, const struct pv_folder *f, struct reply *reply,
			    struct pv_error *e)
{
	struct pv_domain_conf domain;
	struct pv_user_conf user;

	enum pv_class c = pv_domain_conf_load(f, &domain, e);
	if (c == PV_OK) {
		c = pv_user_conf_load(f, r->user, &domain, &user, e);
		if (c == PV_OK)
			answer_right(r, f, domain.retrieve && pv_user_conf_retrieves(&user, NULL),
				     user.mail.language, reply);
		pv_user_conf_free(&user);
	}
	pv_domain_conf_free(&domain);
	return c;
}

static bool has_no_passwd(const struct pv_folder *f)
{
	struct stat st;

	return fstatat(f->fd, "passwd", &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

static enum pv_class judge(const struct request *r, const struct pv_folder *f, struct reply *reply,
			   struct pv_error *e)
{
	struct pv_passwd_entry p;
	bool found, right = false;

	enum pv_class c = pv_passwd_find(f, r->user, &p, &found, e);
	if (c != PV_OK && has_no_passwd(f)) {
		reply->no_passwd = true;
		found = false;
		c = PV_OK;
	}
	if (c == PV_OK && r->password != NULL) {
		c = compare(r, f, found ? &p : NULL, &right, e);
		reply->weak = right && pv_password_is_weak(p.hash);
	} else if (c == PV_OK && found) {
		c = pv_apop_find(f, r->user, reply->secret, e);
		right = reply->secret[0] != '\0';
	}
	explicit_bzero(&p, sizeof p);
	return c == PV_OK && right ? settle(r, f, reply, e) : c;
}

static enum pv_class judge_in_folder(const struct request *r, struct reply *reply, struct pv_error *e)
{
	struct pv_folder f = *r->folder;
	struct stat st;

	f.trust.where = f.path;
	enum pv_class c = pv_dir_open(AT_FDCWD, f.path, &f.trust, &f.fd, &st, e);
	if (c == PV_OK && (f.fd < 0 || st.st_uid != f.uid))
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "the folder %s was taken away", f.path);
	if (c == PV_OK)
		c = judge(r, &f, reply, e);
	pv_folder_close(&f);
	return c;
}

static enum pv_class answer(void *ctx, int out_fd, struct pv_error *e)
{
	const struct request *r = ctx;
	struct reply reply = { .verdict = PV_LOGIN_WRONG };
	enum pv_class c = PV_OK;

	if (r->folder != NULL)
		c = judge_in_folder(r, &reply, e);
	else if (r->password != NULL)
		work_for_nothing(NULL, r->password);
	if (c == PV_OK && pv_write_all(out_fd, &reply, sizeof reply) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write to a pipe");
	explicit_bzero(&reply, sizeof reply);
	return c;
}

/* --- the parent, which is root --- */

/* What the child says is an account's word: it may be anything. */
static enum pv_class read_reply(const struct pv_buf *out, struct reply *reply, struct pv_error *e)
{
	if (out->len != sizeof *reply)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "a child's report is cut short");
	memcpy(reply, out->s, sizeof *reply);
	reply->text[TEXT_MAX] = reply->language[2] = reply->secret[PV_PASSWORD_RANDOM_SIZE - 1] = '\0';
	pv_printable(reply->text, strlen(reply->text));
	if (reply->verdict > PV_LOGIN_CLOSED)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "a child's report is damaged");
	if (strcmp(reply->language, "da") != 0)
		memcpy(reply->language, "en", sizeof "en");
	return PV_OK;
}

/* Only a standard domain of Postfix's may be without passwd: it has no users. */
static enum pv_class excuse_no_passwd(const struct pv_store *s, const struct pv_folder *f, struct pv_error *e)
{
	struct pv_registry_entry entry;
	bool found;

	enum pv_class c = pv_registry_find(s, &f->domain, &entry, &found, e);
	if (c == PV_OK && !entry.standard)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%s/passwd is missing: restore it", f->path);
	return c;
}

/* Who looks at the domain. The group is the folder's; one that root made by hand may have root's. */
static enum pv_class find_ids(const struct pv_folder *f, bool found, struct pv_login *l, struct pv_error *e)
{
	l->uid = geteuid() == 0 ? NOBODY : geteuid();
	l->gid = geteuid() == 0 ? NOBODY : getegid();
	if (!found)
		return PV_OK;
	l->uid = f->uid;
	l->gid = f->gid;
	if (l->gid != 0)
		return PV_OK;
	const struct passwd *pw = getpwuid(f->uid);
	if (pw == NULL || pw->pw_gid == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "folder %s has the group root, must have its account's: chgrp it", f->path);
	l->gid = pw->pw_gid;
	return PV_OK;
}

static enum pv_class ask_child(const struct request *r, const struct pv_login *l, struct reply *reply,
			       struct pv_error *e)
{
	struct pv_buf out = PV_BUF_INIT(sizeof *reply);

	/* All of it at once: growing would leave copies of a secret behind. */
	enum pv_class c = PV_OK;
	if (pv_buf_reserve(&out, sizeof *reply) == NULL)
		c = pv_buf_check(&out, "a child's report", e);
	if (c == PV_OK)
		c = pv_child_run(l->uid, l->gid, &limits, answer, (void *)(uintptr_t)r, &out, e);
	if (c == PV_OK)
		c = read_reply(&out, reply, e);
	pv_buf_free_zero(&out);
	return c;
}

/* password NULL: APOP. */
static enum pv_class check(const struct pv_store *s, const struct pv_login_name *n, const char *password,
			   struct reply *reply, struct pv_login *l, struct pv_error *e)
{
	struct request r = { .store = s, .user = &n->address.user, .password = password };
	struct pv_folder f;
	bool found = false;

	*l = (struct pv_login){ .verdict = PV_LOGIN_WRONG };
	*reply = (struct reply){ .verdict = PV_LOGIN_WRONG };
	(void)snprintf(l->language, sizeof l->language, "%s", s->conf.language);
	enum pv_class c = PV_OK;
	if (n->kind == PV_LOGIN_VIRTUAL)
		c = pv_folder_look(s, &n->address.domain, &f, &found, e);
	if (c == PV_OK)
		c = find_ids(&f, found, l, e);
	r.folder = found ? &f : NULL;
	if (c == PV_OK)
		c = ask_child(&r, l, reply, e);
	if (c == PV_OK && reply->no_passwd)
		c = excuse_no_passwd(s, &f, e);
	if (c != PV_OK && e != NULL)
		(void)pv_error_prefix(e, "check the password of %s@%s", n->address.user.s,
				      n->address.domain.s);
	if (c != PV_OK || !found || reply->no_passwd)
		reply->verdict = PV_LOGIN_WRONG;
	return c;
}

/* Take over what the child said. */
static void take(const struct reply *reply, struct pv_login *l)
{
	l->verdict = (enum pv_login_verdict)reply->verdict;
	if (l->verdict == PV_LOGIN_WRONG)
		return;
	l->weak = reply->weak;
	memcpy(l->language, reply->language, sizeof l->language);
	if (l->verdict == PV_LOGIN_CLOSED)
		memcpy(l->text, reply->text, sizeof reply->text);
}

enum pv_class pv_login_check(const struct pv_store *s, const struct pv_login_name *n, const char *password,
			     struct pv_login *l, struct pv_error *e)
{
	struct reply reply;

	enum pv_class c = check(s, n, password, &reply, l, e);
	if (c == PV_OK)
		take(&reply, l);
	return c;
}

enum pv_class pv_login_apop(const struct pv_store *s, const struct pv_login_name *n,
			    char secret_r[PV_PASSWORD_RANDOM_SIZE], struct pv_login *l, struct pv_error *e)
{
	struct reply reply;

	secret_r[0] = '\0';
	enum pv_class c = check(s, n, NULL, &reply, l, e);
	if (c == PV_OK) {
		take(&reply, l);
		if (l->verdict != PV_LOGIN_WRONG)
			memcpy(secret_r, reply.secret, sizeof reply.secret);
	}
	explicit_bzero(&reply, sizeof reply);
	return c;
}

void pv_login_hold(int64_t began_ms, unsigned wait_s, bool (*stop)(void))
{
	int64_t until = began_ms + 1000 * (int64_t)(wait_s > 1 ? wait_s : 1), now = pv_now_ms();

	for (int64_t step = 2000; until < now; step *= 2)
		until = began_ms + step;
	for (; now < until && (stop == NULL || !stop()); now = pv_now_ms()) {
		const struct timespec t = { .tv_sec = (until - now) / 1000,
					    .tv_nsec = (until - now) % 1000 * 1000000 };
		(void)nanosleep(&t, NULL);
	}
}
