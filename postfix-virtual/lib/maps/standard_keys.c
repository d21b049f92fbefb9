#include "maps/standard_keys.h"

#include "maps/hidden.h"
#include "store/standard.h"

#include <errno.h>
#include <limits.h>

/* A file on its way to keys. */
struct making {
	struct pv_maps_work *w;
	struct pv_plan_domain *d;
	const struct pv_registry_entry *says;
	struct pv_standard lines;
	char file[PATH_MAX];
};

/* Is there such an address in the domain, as a target of `from`? */
static bool is_there(const struct making *m, const char *local, size_t len,
		     const struct pv_standard_entry *from)
{
	static const struct pv_user others = { .len = 0 };
	const char *plus = memchr(local, PV_DELIMITER, len);
	struct pv_user u;

	if (pv_user_parse(local, plus == NULL ? len : (size_t)(plus - local), &u, NULL) == PV_OK &&
	    (pv_hidden_by(m->w, m->says, &u) != NULL || pv_standard_get(&m->lines, &u) != NULL))
		return true;
	return from->local.len > 0 && pv_standard_get(&m->lines, &others) != NULL;
}

/* An address of the domain itself that has no line would be accepted, and bounce. */
static enum pv_class check_targets(const struct making *m, const struct pv_standard_entry *entry,
				   struct pv_error *e)
{
	const char *s = pv_standard_targets(&m->lines, entry);

	while (*s != '\0') {
		size_t len = strcspn(s, ","), local = strcspn(s, "@,");
		if (local < len && len - local - 1 == m->d->domain.len &&
		    strncmp(s + local + 1, m->d->domain.s, m->d->domain.len) == 0 &&
		    !is_there(m, s, local, entry))
			return pv_fail(e, PV_TEMPORARY, "4.3.5",
				       "%s, line %u: %.*s is no address of this domain: give it a line, or "
				       "write another target",
				       m->file, entry->line, (int)len, s);
		s += len;
		s += strspn(s, ", ");
	}
	return PV_OK;
}

static enum pv_class add_key(struct making *m, const struct pv_standard_entry *entry, struct pv_error *e)
{
	const char *targets = pv_standard_targets(&m->lines, entry);
	char key[PV_USER_MAX + 1 + PV_DOMAIN_MAX + 1];

	int n = snprintf(key, sizeof key, "%s@%s", entry->local.s, m->d->domain.s);
	const char *k = pv_arena_add(&m->w->arena, key, (size_t)n);
	const char *v = pv_arena_add(&m->w->arena, targets, strlen(targets));
	if (k == NULL || v == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the keys of %s", m->d->domain.s);
	return pv_keys_add(&m->d->keys, k, v, e);
}

static enum pv_class add_all(struct making *m, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	if (m->says->max_users > 0 && m->lines.count > m->says->max_users)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s holds %zu addresses, `domains` allows %lu: delete some, or let root raise "
			       "max_users",
			       m->file, m->lines.count, m->says->max_users);
	for (size_t i = 0; c == PV_OK && i < m->lines.count; i++) {
		const struct pv_standard_entry *entry = &m->lines.list[i];
		const struct pv_host_address *hosts =
			entry->local.len > 0 ? pv_hidden_by(m->w, m->says, &entry->local) : NULL;
		c = check_targets(m, entry, e);
		if (c == PV_OK)
			c = hosts == NULL
				    ? add_key(m, entry, e)
				    : pv_hidden_complain(m->w, m->d, m->says, hosts, m->file, entry->line, e);
	}
	pv_keys_sort(&m->d->keys);
	return c;
}

enum pv_class pv_standard_keys_add(struct pv_maps_work *w, struct pv_plan_domain *d,
				   const struct pv_registry_entry *says, const struct pv_slice *slice,
				   struct pv_error *e)
{
	struct making m = { .w = w, .d = d, .says = says };
	struct pv_buf text = PV_BUF_INIT(PV_STANDARD_FILE_MAX);

	(void)snprintf(m.file, sizeof m.file, "%s/%s/" PV_STANDARD_FILE, w->store->dir, d->domain.s);
	pv_buf_add(&text, slice->s, slice->len);
	enum pv_class c = pv_buf_check(&text, m.file, e);
	if (c == PV_OK)
		c = pv_standard_parse(&text, m.file, &d->domain, &m.lines, e);
	if (c == PV_OK) {
		c = add_all(&m, e);
		pv_standard_free(&m.lines);
	}
	pv_buf_free(&text);
	return c;
}
