/* The second secrets of users, for APOP: the file `apop` of a domain. */
#include "store/apop.h"

#include "base/file.h"
#include "change/inside.h"
#include "change/read.h"
#include "change/work.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { FILE_MAX = 16 << 20 };

#define APOP_FILE "apop"

/* Few domains have the file. What cannot be looked at is there: opening it says what is wrong. */
static bool is_there(int folder)
{
	return faccessat(folder, APOP_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

static enum pv_class put(struct pv_step *s, int folder, const struct pv_buf *old, const struct pv_buf *new,
			 bool found, struct pv_error *e)
{
	/* A diff would print the secrets of others. */
	if (s->edit.dry) {
		pv_edit_note(&s->edit, "%s/" APOP_FILE " would be changed: secrets are not shown", s->where);
		return PV_OK;
	}
	return pv_edit_file(&s->edit, folder, s->where, APOP_FILE, found ? old : NULL,
			    new->len > 0 ? new : NULL, 0600, (uid_t)-1, (gid_t)-1, e);
}

/* Give `to` (NULL: nobody) the secret, and take the one of `from` away. */
static enum pv_class change_file(struct pv_step *s, int folder, const struct pv_user *from,
				 const struct pv_user *to, const char *secret, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = s->account->uid, .where = s->where };
	struct pv_buf old = PV_BUF_INIT(FILE_MAX), half = PV_BUF_INIT(FILE_MAX), new = PV_BUF_INIT(FILE_MAX);
	char file[sizeof s->where + sizeof APOP_FILE];
	bool exists, found;

	(void)snprintf(file, sizeof file, "%s/" APOP_FILE, s->where);
	enum pv_class c = pv_file_load(folder, APOP_FILE, &trust, &old, &exists, e);
	if (c == PV_OK)
		c = pv_apop_change(old.s, old.len, file, from, NULL, &found, &half, e);
	if (c == PV_OK && to != NULL)
		c = pv_apop_change(half.s, half.len, file, to, secret, &found, &new, e);
	if (c == PV_OK && (exists || to != NULL))
		c = put(s, folder, &old, to != NULL ? &new : &half, exists, e);
	pv_buf_free_zero(&old);
	pv_buf_free_zero(&half);
	pv_buf_free_zero(&new);
	return c;
}

enum pv_class pv_step_user_apop(struct pv_step *s, struct pv_error *e)
{
	const struct pv_user *u = &s->mark->user;
	int folder;

	enum pv_class c = pv_step_open_folder(s, &folder, e);
	if (c != PV_OK)
		return c;
	c = *s->mark->hash != '\0' ? change_file(s, folder, u, u, s->mark->hash, e)
				   : change_file(s, folder, u, NULL, NULL, e);
	(void)close(folder);
	return c;
}

enum pv_class pv_step_apop_move(struct pv_step *s, int folder, struct pv_error *e)
{
	const struct pv_user *to = s->mark->to.len > 0 ? &s->mark->to : NULL;
	struct pv_folder f = { .domain = s->mark->domain,
			       .fd = folder,
			       .trust = { .uid = s->account->uid, .where = s->where } };
	char secret[PV_PASSWORD_RANDOM_SIZE];

	if (!is_there(folder))
		return PV_OK;
	(void)snprintf(f.path, sizeof f.path, "%s", s->where);
	enum pv_class c = pv_apop_find(&f, &s->mark->user, secret, e);
	/* He has none, or it was done before a kill. */
	if (c == PV_OK && *secret != '\0')
		c = change_file(s, folder, &s->mark->user, to, secret, e);
	explicit_bzero(secret, sizeof secret);
	return c;
}

struct question {
	const struct pv_store *store;
	const struct pv_domain *domain;
	const struct pv_account *account;
	const struct pv_user *user;
};

static enum pv_class send_answer(void *ctx, int out_fd, struct pv_error *e)
{
	const struct question *q = ctx;
	char secret[PV_PASSWORD_RANDOM_SIZE];
	struct pv_inside in;

	enum pv_class c = pv_inside_open(q->store->dir, q->domain, q->account, &in, e);
	if (c == PV_OK)
		c = pv_apop_find(&in.folder, q->user, secret, e);
	pv_inside_close(&in);
	if (c == PV_OK && pv_write_all(out_fd, *secret != '\0' ? "y" : "n", 1) != 0)
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "write to a pipe");
	explicit_bzero(secret, sizeof secret);
	return c;
}

enum pv_class pv_apop_has(const struct pv_folder *f, const struct pv_account *account,
			  const struct pv_store *s, const struct pv_user *u, bool *has_r, struct pv_error *e)
{
	static const struct pv_child_limits limits = { .seconds = 30, .cpu_seconds = 10 };
	struct question q = { .store = s, .domain = &f->domain, .account = account, .user = u };
	struct pv_buf out = PV_BUF_INIT(1);

	*has_r = false;
	if (!is_there(f->fd))
		return PV_OK;
	enum pv_class c = pv_child_run(account->uid, account->gid, &limits, send_answer, &q, &out, e);
	*has_r = out.len > 0 && out.s[0] == 'y';
	pv_buf_free(&out);
	return c;
}
