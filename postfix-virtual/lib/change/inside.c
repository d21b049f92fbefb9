#include "change/inside.h"

enum pv_class pv_inside_open(const char *dir, const struct pv_domain *d, const struct pv_account *account,
			     struct pv_inside *in, struct pv_error *e)
{
	*in = (struct pv_inside){ .store = { .dirfd = -1 }, .folder = { .fd = -1 } };
	enum pv_class c = pv_store_open(dir, &in->store, e);
	if (c != PV_OK) {
		in->store = (struct pv_store){ .dirfd = -1 };
		return c;
	}
	c = pv_folder_open(&in->store, d, &in->folder, e);
	if (c == PV_OK && (in->folder.fd < 0 || in->folder.uid != account->uid))
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%s/%s is gone, or no longer account %s's", dir, d->s,
			    account->name);
	return c;
}

void pv_inside_close(struct pv_inside *in)
{
	pv_folder_close(&in->folder);
	if (in->store.dir != NULL)
		pv_store_close(&in->store);
}
