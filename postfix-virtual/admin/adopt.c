#include "admin.h"

#include "address/idn.h"

/* The lines of a buffer: as a list, and behind a heading as text. */
static void put_part(struct admin *a, const char *name, const char *heading, const struct pv_buf *lines)
{
	json_t *list = json_array();

	if (lines->len > 0 && heading != NULL)
		pv_buf_addf(&a->text, "\n%s\n", heading);
	for (const char *p = lines->s; *p != '\0';) {
		size_t len = strcspn(p, "\n");
		(void)json_array_append_new(list, json_stringn(p, len));
		if (heading != NULL)
			pv_buf_addf(&a->text, "  %.*s\n", (int)len, p);
		p += len + (p[len] == '\n');
	}
	(void)json_object_set_new(a->result, name, list);
}

enum pv_class adopt_run(struct admin *a, struct pv_error *e)
{
	struct pv_adopt o;
	struct pv_domain d;

	enum pv_class c = pv_idn_domain(a->objects[0], &d, e);
	if (c != PV_OK)
		return c;
	pv_adopt_start(&o);
	o.account = a->options[OPT_ACCOUNT];
	o.virtualdomains = a->options[OPT_VIRTUALDOMAINS];
	c = pv_domain_adopt(&a->change, &d, &o, e);
	if (c == PV_OK) {
		say_done(a, a->change.already ? "domain %s is adopted already" : "domain %s adopted", d.s);
		put_part(a, "domain",
			 a->dry && !a->change.already ? "The domain would be:" : "The domain:", &o.summary);
		put_part(a, "remove", NULL, &o.remove);
		put_part(a, "todo", "To be done by hand, in this order:", &o.todo);
		put_part(a, "know", "To be known:", &o.know);
	}
	pv_adopt_free(&o);
	return c;
}
