/* Every password of a domain that stands in its passwd in plain text becomes a hash. */
#include "change/work.h"

#include "change/read.h"
#include "store/passwd_write.h"

#include <unistd.h>

static enum pv_class make_hashed(const struct pv_step *s, const void *how, const struct pv_buf *old,
				 const char *path, struct pv_buf *new, struct pv_error *e)
{
	(void)how;
	return pv_passwd_hash_all(old->s, old->len, path, s->account->uid, s->mark->unclear, new, e);
}

enum pv_class pv_step_hash_all(struct pv_step *s, struct pv_error *e)
{
	int folder;

	enum pv_class c = pv_step_open_folder(s, &folder, e);
	if (c != PV_OK)
		return c;
	c = pv_step_passwd(s, folder, make_hashed, NULL, e);
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
