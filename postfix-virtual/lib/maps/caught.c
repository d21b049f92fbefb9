#include "maps/caught.h"

#include "maps/merge.h"
#include "maps/postfix.h"
#include "maps/report.h"
#include "store/conf.h"

#include <limits.h>

enum { SECONDS = 60 };
#define SETTINGS_MAX ((size_t)16 << 20)

/* It may stand in a list of any stage, or in a class of the administrator's own. */
enum pv_class pv_caught_asks(const struct pv_store *s, const char *dir, bool *asks_r, struct pv_error *e)
{
	const char *const argv[] = { PV_POSTCONF, "-c", dir, "-nx", NULL };
	struct pv_buf settings = PV_BUF_INIT(SETTINGS_MAX);
	char table[PATH_MAX + 64];

	(void)snprintf(table, sizeof table, "check_recipient_access %s:%s/%s", s->conf.map_type,
		       s->conf.map_directory, pv_map_name(PV_MAP_REFUSED));
	enum pv_class c = pv_postfix_ask(argv, NULL, SECONDS, &settings, e);
	*asks_r = c == PV_OK && strstr(settings.s, table) != NULL;
	pv_buf_free(&settings);
	return c;
}

static enum pv_class all_ask(const struct pv_store *s, bool *ask_r, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	char dir[PATH_MAX];

	*ask_r = true;
	for (size_t i = 0; c == PV_OK && *ask_r && pv_conf_instance(&s->conf, i, dir, sizeof dir); i++)
		c = pv_caught_asks(s, dir, ask_r, e);
	return c;
}

/* A domain, and how many of its addresses take no mail. */
struct caught {
	struct pv_domain domain;
	char first[PV_MAP_KEY_SIZE];
	size_t count;
};

/* The keys of a domain do not stand together. */
static enum pv_class add(struct caught **list, size_t *count, const struct pv_domain *d, const char *key,
			 struct pv_error *e)
{
	struct caught *of = *list;

	for (size_t i = 0; i < *count; i++)
		if (pv_domain_equal(&of[i].domain, d)) {
			of[i].count++;
			return PV_OK;
		}
	struct caught *more = reallocarray(of, *count + 1, sizeof *more);
	if (more == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for a list of domains");
	*list = more;
	more[*count] = (struct caught){ .domain = *d, .count = 1 };
	(void)snprintf(more[*count].first, sizeof more->first, "%s", key);
	++*count;
	return PV_OK;
}

static enum pv_class list_all(struct pv_maps_work *w, struct caught **list, size_t *count, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct pv_domain d;
	struct pv_key k;

	pv_next_rewind(w, PV_MAP_REFUSED);
	while (c == PV_OK && pv_next_step(w, PV_MAP_REFUSED, &k)) {
		const char *name = pv_key_domain(k.key);
		if (pv_domain_parse(name, strlen(name), &d, NULL) == PV_OK && name > k.key &&
		    pv_next_find(w, PV_MAP_ADDRESSES, name - 1) != NULL)
			c = add(list, count, &d, k.key, e);
	}
	return c;
}

enum pv_class pv_caught_find(struct pv_maps_work *w, pv_caught_each *each, void *ctx, struct pv_error *e)
{
	struct caught *list = NULL;
	char sentence[PV_ERROR_TEXT], more[60] = "";
	size_t count = 0;
	bool ask = true;

	enum pv_class c = list_all(w, &list, &count, e);
	if (c == PV_OK && count > 0)
		c = all_ask(w->store, &ask, e);
	for (size_t i = 0; c == PV_OK && !ask && i < count; i++) {
		if (list[i].count > 1)
			(void)snprintf(more, sizeof more, " and %zu more", list[i].count - 1);
		(void)snprintf(
			sentence, sizeof sentence,
			"the fallback takes mail for all names, so that for %.300s%s is taken too, who "
			"take none, and returned to senders who may be forged: run postfix-virtual setup "
			"--refuse-texts",
			list[i].first, list[i].count > 1 ? more : "");
		c = each(ctx, &list[i].domain, sentence, e);
	}
	free(list);
	return c;
}

static enum pv_class complain(void *ctx, const struct pv_domain *d, const char *sentence, struct pv_error *e)
{
	struct pv_maps_work *w = ctx;
	const struct pv_plan_domain *p = pv_plan_get(&w->plan, d->s);
	struct pv_error why;

	if (p == NULL || p->is_alias)
		return PV_OK;
	(void)pv_fail(&why, PV_TEMPORARY, "4.3.5", "%s/%s/domain.conf: %s", w->store->dir, d->s, sentence);
	return pv_report_complain(w->report, d, &why, e);
}

enum pv_class pv_caught_check(struct pv_maps_work *w, struct pv_error *e)
{
	const size_t before = w->report->complaint_count;

	if (!w->options->check || w->options->prove != NULL || !pv_postfix_has(PV_POSTCONF))
		return PV_OK;
	enum pv_class c = pv_caught_find(w, complain, w, e);
	return c != PV_OK && w->report->complaint_count == before ? PV_OK : c;
}
