#include "place.h"

#include "store/registry.h"

enum pv_class open_place(const struct admin *a, const struct pv_domain *d, struct place *p,
			 struct pv_error *e)
{
	struct pv_registry_entry entry;
	bool found;

	p->folder.fd = -1;
	enum pv_class c = pv_registry_find(&a->store, d, &entry, &found, e);
	if (c == PV_OK && entry.is_alias)
		return pv_fail(e, PV_PERMANENT, NULL, "%s is an alias of %s: ask there", d->s,
			       entry.alias_of.s);
	if (c == PV_OK)
		c = pv_folder_open(&a->store, d, &p->folder, e);
	if (c == PV_OK && p->folder.fd < 0)
		c = pv_fail(e, PV_PERMANENT, NULL, "%s is no domain here: postfix-virtual domain list", d->s);
	if (c == PV_OK)
		c = pv_account_by_uid(p->folder.uid, &p->account, &found, e);
	if (c == PV_OK && !found)
		c = pv_fail(e, PV_PERMANENT, NULL, "%s belongs to uid %lu, which has no account",
			    p->folder.path, (unsigned long)p->folder.uid);
	return c;
}

void close_place(struct place *p)
{
	if (p->folder.fd >= 0)
		pv_folder_close(&p->folder);
	p->folder.fd = -1;
}

enum pv_class need_user(const struct pv_users *users, const struct pv_user *name, const struct pv_domain *d,
			const struct pv_user_info **u_r, struct pv_error *e)
{
	*u_r = pv_users_find(users, name);
	if (*u_r == NULL)
		return pv_fail(e, PV_PERMANENT, NULL, "%s@%s is no user here: postfix-virtual user list %s",
			       name->s, d->s, d->s);
	return PV_OK;
}
