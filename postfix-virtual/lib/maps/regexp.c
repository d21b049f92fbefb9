#include "maps/regexp.h"

#include "maps/text.h"
#include "store/conf.h"

#include <limits.h>

enum pv_class pv_regexp_make(struct pv_maps_work *w, struct pv_error *e)
{
	char dir[PATH_MAX] = "", own[PATH_MAX + 8];

	(void)pv_conf_instance(&w->store->conf, 0, dir, sizeof dir);
	(void)snprintf(own, sizeof own, "%s/virtual", dir);
	w->regexp = (struct pv_buf)PV_BUF_INIT(PV_TEXT_MAX);
	pv_text_head(&w->regexp, "Own addresses", own);
	return pv_buf_check(&w->regexp, PV_REGEXP_NAME, e);
}
