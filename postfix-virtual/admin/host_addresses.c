#include "admin.h"

#include "store/hosts.h"

static enum pv_class name_object(const struct admin *a, struct pv_user *name, struct pv_error *e)
{
	return pv_user_parse(a->objects[0], strlen(a->objects[0]), name, e);
}

enum pv_class host_addresses_list(struct admin *a, struct pv_error *e)
{
	struct pv_hosts hosts;

	enum pv_class c = pv_hosts_load(&a->store, &hosts, e);
	if (c != PV_OK)
		return c;
	a->result = json_array();
	for (size_t i = 0; i < hosts.count; i++) {
		json_t *o = json_object();
		put_text(o, "name", hosts.list[i].name.s);
		put_text(o, "targets", hosts.list[i].targets);
		(void)json_array_append_new(a->result, o);
	}
	pv_hosts_free(&hosts);
	return PV_OK;
}

enum pv_class host_addresses_set(struct admin *a, struct pv_error *e)
{
	struct pv_user name;

	enum pv_class c = name_object(a, &name, e);
	if (c == PV_OK)
		c = pv_host_address_set(&a->change, &name, a->objects[1], e);
	if (c == PV_OK)
		say_done(a, a->change.already ? "%s goes to %s already" : "%s of every domain goes to %s now",
			 name.s, a->objects[1]);
	return c;
}

enum pv_class host_addresses_delete(struct admin *a, struct pv_error *e)
{
	struct pv_user name;

	enum pv_class c = name_object(a, &name, e);
	if (c == PV_OK)
		c = pv_host_address_delete(&a->change, &name, e);
	if (c == PV_OK)
		say_done(a, a->change.already ? "%s is not the host's" : "%s is not the host's any more",
			 name.s);
	return c;
}
