/* Every password of a domain that stands in its passwd in plain text becomes a hash. */
#include "change/work.h"

#include "base/file.h"
#include "change/passwd_place.h"
#include "change/read.h"
#include "store/passwd_write.h"

#include <fcntl.h>
#include <unistd.h>

static enum pv_class rewrite(struct pv_step *s, const struct pv_passwd_place *p, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = s->account->uid, .where = p->where };
	struct pv_buf old = PV_BUF_INIT(PV_PASSWD_FILE_MAX), new = PV_BUF_INIT(PV_PASSWD_FILE_MAX);
	bool found;

	enum pv_class c = pv_file_load(p->fd, p->name, &trust, &old, &found, e);
	if (c == PV_OK && !found)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%s is missing: restore it", p->path);
	if (c == PV_OK)
		c = pv_passwd_hash_all(old.s, old.len, p->path, s->account->uid, s->mark->unclear, &new, e);
	if (c == PV_OK)
		c = pv_edit_file(&s->edit, p->fd, p->where, p->name, &old, &new, 0600, (uid_t)-1, (gid_t)-1,
				 e);
	pv_buf_free_zero(&old);
	pv_buf_free_zero(&new);
	return c;
}

enum pv_class pv_step_hash_all(struct pv_step *s, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = s->account->uid, .where = "" };
	struct pv_passwd_place p;
	int folder;

	enum pv_class c = pv_dir_open(AT_FDCWD, s->where, &trust, &folder, NULL, e);
	if (c == PV_OK && folder < 0)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "the folder %s is gone", s->where);
	if (c != PV_OK)
		return c;
	c = pv_passwd_place_open(folder, s->where, &p, e);
	if (c == PV_OK) {
		c = rewrite(s, &p, e);
		pv_passwd_place_close(&p);
	}
	(void)close(folder);
	return c;
}

static enum pv_class count(const struct pv_work *w, bool unclear, struct pv_password_counts *n,
			   struct pv_error *e)
{
	struct pv_users users;

	enum pv_class c = pv_users_read(&w->folder, &w->account, &users, e);
	for (size_t i = 0; c == PV_OK && i < users.count; i++)
		n->of[pv_password_kind(users.list[i].hash)]++;
	n->hashed = n->of[PV_PASSWORD_PLAIN] + (unclear ? n->of[PV_PASSWORD_UNCLEAR] : 0);
	pv_users_free(&users);
	return c;
}

enum pv_class pv_users_hash_all(struct pv_change *c, const struct pv_domain *d, bool unclear,
				struct pv_password_counts *n, struct pv_error *e)
{
	struct pv_work w;

	*n = (struct pv_password_counts){ .hashed = 0 };
	enum pv_class r = pv_work_begin(&w, c, d, false, e);
	if (r == PV_OK)
		r = pv_work_need_domain(&w, e);
	if (r == PV_OK)
		r = count(&w, unclear, n, e);
	c->already = r == PV_OK && n->hashed == 0;
	/* A diff would print the passwords: what a dry run has to tell are the numbers. */
	if (r == PV_OK && !c->already && !c->dry) {
		w.mark.kind = PV_MARK_USER_HASH_ALL;
		w.mark.unclear = unclear;
		r = pv_work_carry_out(&w, d->s, e);
	}
	pv_work_end(&w);
	return r;
}
