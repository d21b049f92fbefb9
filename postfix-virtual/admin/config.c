#include "admin.h"

#include "store/conf.h"

/* As postconf(1): all settings, or with -n those that differ from the default. */
enum pv_class config_run(struct admin *a, struct pv_error *e)
{
	(void)e;
	a->result = json_object();
	for (const struct pv_conf_item *item = pv_conf_items(); item->name != NULL; item++) {
		const char *value = pv_conf_value(&a->store.conf, item->name);
		if (a->dry && strcmp(value, item->default_value) == 0)
			continue;
		put_text(a->result, item->name, value);
		pv_buf_addf(&a->text, "%s =%s%s\n", item->name, *value != '\0' ? " " : "", value);
	}
	return PV_OK;
}
