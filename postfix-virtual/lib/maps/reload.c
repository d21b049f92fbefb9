#include "maps/reload.h"

enum pv_class pv_reload_mark(const struct pv_store *s, struct pv_error *e)
{
	(void)s;
	(void)e;
	return PV_OK;
}

enum pv_class pv_reload_if_due(const struct pv_store *s, bool *reloaded_r, struct pv_error *e)
{
	(void)s;
	(void)e;
	*reloaded_r = false;
	return PV_OK;
}
