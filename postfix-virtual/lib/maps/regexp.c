#include "maps/regexp.h"

#include "base/file.h"
#include "maps/diff.h"
#include "maps/regexp_cuts.h"
#include "maps/regexp_prove.h"
#include "maps/report.h"
#include "maps/text.h"
#include "store/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static enum pv_class doubt(struct pv_maps_work *w, const char *path, struct pv_error *e)
{
	struct pv_error why;

	pv_expressions_free(&w->old_expressions);
	(void)pv_fail(&why, PV_TEMPORARY, "4.3.5",
		      "%s does not have the checksum that stands in it, so it was changed by another hand or "
		      "damaged: leave it to make-postfix-maps; of domains that cannot be read the pattern "
		      "aliases are gone",
		      path);
	return pv_report_complain(w->report, NULL, &why, e);
}

/* A text without expressions, as it was before there were any. */
static bool is_bare(const struct pv_buf *text)
{
	const char *p = text->s;

	while (*p == '#') {
		const char *end = strchr(p, '\n');
		if (end == NULL)
			return false;
		p = end + 1;
	}
	return p == text->s + text->len;
}

static enum pv_class take_old(struct pv_maps_work *w, const char *path, struct pv_error *e)
{
	bool bare = is_bare(&w->old_regexp);
	const char *lines = pv_text_unwrap(&w->old_regexp);

	if (lines != NULL && pv_expressions_read(lines, &w->old_expressions))
		return PV_OK;
	w->old.doubtful = true;
	return bare ? PV_OK : doubt(w, path, e);
}

enum pv_class pv_regexp_load(struct pv_maps_work *w, struct pv_error *e)
{
	const struct pv_trust trust = { geteuid(), w->store->conf.map_directory };
	char path[PATH_MAX];
	bool found = false;

	w->old_regexp = (struct pv_buf)PV_BUF_INIT(PV_MAP_TEXT_MAX);
	(void)snprintf(path, sizeof path, "%s/" PV_REGEXP_NAME, w->store->conf.map_directory);
	int dirfd = open(w->store->conf.map_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0 && errno != ENOENT)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open folder %s",
				     w->store->conf.map_directory);
	enum pv_class c = PV_OK;
	if (dirfd >= 0) {
		c = pv_file_load(dirfd, PV_REGEXP_NAME, &trust, &w->old_regexp, &found, e);
		(void)close(dirfd);
	}
	if (c != PV_OK)
		return pv_error_prefix(e, "%s", path);
	if (found)
		return take_old(w, path, e);
	w->old.doubtful = true;
	return PV_OK;
}

/* An alias has the settings of its target. */
static bool has_sub_domains(const struct pv_maps_work *w, const struct pv_registry_entry *r)
{
	if (r != NULL && r->is_alias)
		r = pv_registry_get(&w->registry, &r->alias_of);
	return r != NULL && r->sub_domains;
}

bool pv_regexp_has_sub_domains(const struct pv_maps_work *w, const char *name)
{
	struct pv_domain d;

	return pv_domain_parse(name, strlen(name), &d, NULL) == PV_OK &&
	       has_sub_domains(w, pv_registry_get(&w->registry, &d));
}

/* The pattern aliases of a domain: as they were read now, or else as they were. */
static const struct pv_strings *patterns_of(const struct pv_maps_work *w, const char *name)
{
	static const struct pv_strings none = { 0 };
	const struct pv_plan_domain *d = pv_plan_get(&w->plan, name);
	const struct pv_expression *old = pv_expressions_get(&w->old_expressions, name);

	if (d != NULL && d->is_alias)
		d = &w->plan.domains[d->target];
	if (d != NULL && d->state == PV_PLAN_READ)
		return &d->patterns;
	return old != NULL ? &old->patterns : &none;
}

bool pv_regexp_keeps(const struct pv_maps_work *w, const struct pv_plan_domain *d)
{
	const struct pv_expression *old = pv_expressions_get(&w->old_expressions, d->domain.s);
	const struct pv_strings *patterns = patterns_of(w, d->domain.s);
	bool sub_domains = pv_regexp_has_sub_domains(w, d->domain.s);

	if (old == NULL)
		return !sub_domains && patterns->count == 0;
	return old->sub_domains == sub_domains && pv_strings_equal(&old->patterns, patterns);
}

/* Add a name that may have expressions, and that lives as long as w. */
static enum pv_class add_name(const struct pv_maps_work *w, struct pv_expressions *l, const char *name,
			      struct pv_error *e)
{
	return pv_regexp_in_tables(w, name) ? pv_expressions_add(l, name, e) : PV_OK;
}

static void drop_twins(struct pv_expressions *l)
{
	size_t to = 0;

	pv_expressions_sort(l);
	for (size_t i = 0; i < l->count; i++)
		if (to == 0 || strcmp(l->v[to - 1].domain, l->v[i].domain) != 0)
			l->v[to++] = l->v[i];
	l->count = to;
}

/* The names of all domains that have expressions, each once. */
static enum pv_class find_names(const struct pv_maps_work *w, struct pv_expressions *l, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < w->registry.count; i++)
		if (has_sub_domains(w, &w->registry.entries[i]))
			c = add_name(w, l, w->registry.entries[i].domain.s, e);
	for (size_t i = 0; c == PV_OK && i < w->plan.count; i++)
		if (patterns_of(w, w->plan.domains[i].domain.s)->count > 0)
			c = add_name(w, l, w->plan.domains[i].domain.s, e);
	for (size_t i = 0; c == PV_OK && i < w->old_expressions.count; i++)
		if (patterns_of(w, w->old_expressions.v[i].domain)->count > 0)
			c = add_name(w, l, w->old_expressions.v[i].domain, e);
	drop_twins(l);
	return c;
}

static enum pv_class fill(struct pv_maps_work *w, struct pv_expressions *l, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < l->count; i++) {
		struct pv_expression *x = &l->v[i];
		const struct pv_strings *patterns = patterns_of(w, x->domain);
		x->sub_domains = pv_regexp_has_sub_domains(w, x->domain);
		for (size_t j = 0; c == PV_OK && j < patterns->count; j++)
			c = pv_strings_add(&x->patterns, patterns->v[j], e);
	}
	return c == PV_OK ? pv_regexp_cuts(w, l, e) : c;
}

static void free_text(struct pv_regexp_text *t)
{
	pv_buf_free(&t->blocks);
	pv_buf_free(&t->lines);
	free(t->starts);
	*t = (struct pv_regexp_text){ .blocks = PV_BUF_INIT(PV_MAP_TEXT_MAX),
				      .lines = PV_BUF_INIT(PV_MAP_TEXT_MAX) };
}

/* The lines of all blocks, nested. */
static enum pv_class format_lines(const struct pv_maps_work *w, const struct pv_expressions *l,
				  struct pv_regexp_text *t, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	t->starts = reallocarray(NULL, l->count + 1, sizeof *t->starts);
	if (t->starts == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu domains", l->count);
	t->starts[0] = 0;
	for (size_t i = 0; c == PV_OK && i < l->count; i++) {
		c = pv_expression_format(&l->v[i], w->store->conf.recipient_delimiter, &t->blocks, e);
		t->starts[i + 1] = t->blocks.len;
	}
	if (c == PV_OK)
		c = pv_buf_check(&t->blocks, PV_REGEXP_NAME, e);
	if (c == PV_OK)
		c = pv_expressions_nest(l, &t->blocks, t->starts, NULL, &t->lines, e);
	return c == PV_OK ? pv_expressions_fold(l, w->store->conf.recipient_delimiter, &t->lines, e) : c;
}

static enum pv_class format_text(struct pv_maps_work *w, const struct pv_expressions *l,
				 struct pv_regexp_text *t, struct pv_error *e)
{
	char dir[PATH_MAX] = "", own[PATH_MAX + 8];

	free_text(t);
	pv_buf_reset(&w->regexp);
	(void)pv_conf_instance(&w->store->conf, 0, dir, sizeof dir);
	(void)snprintf(own, sizeof own, "%s/virtual", dir);
	enum pv_class c = format_lines(w, l, t, e);
	if (c == PV_OK)
		pv_text_wrap(&w->regexp, "Own addresses", own, &t->lines);
	return c == PV_OK ? pv_buf_check(&w->regexp, PV_REGEXP_NAME, e) : c;
}

/* Go back to the pattern aliases of before, where there were others, and to sub-domains only where there
 * were and still are to be some. What is cut out stays as it is now. */
static bool go_back(const struct pv_maps_work *w, struct pv_expression *x, struct pv_error *e)
{
	const struct pv_expression *old = pv_expressions_get(&w->old_expressions, x->domain);

	if (old == NULL ||
	    (old->sub_domains >= x->sub_domains && pv_strings_equal(&old->patterns, &x->patterns)))
		return false;
	x->sub_domains = x->sub_domains && old->sub_domains;
	pv_strings_free(&x->patterns);
	for (size_t i = 0; i < old->patterns.count; i++)
		if (pv_strings_add(&x->patterns, old->patterns.v[i], e) != PV_OK)
			return false;
	return x->sub_domains || x->patterns.count > 0;
}

/* Of the domains that failed take what was there before, or take them out. Returns whether there were any. */
static bool drop_failed(const struct pv_maps_work *w, struct pv_expressions *l, const bool *failed,
			struct pv_error *e)
{
	size_t to = 0;
	bool any = false;

	for (size_t i = 0; i < l->count; i++) {
		any = any || failed[i];
		if (!failed[i] || go_back(w, &l->v[i], e)) {
			l->v[to++] = l->v[i];
			continue;
		}
		pv_strings_free(&l->v[i].cuts);
		pv_strings_free(&l->v[i].patterns);
	}
	l->count = to;
	return any;
}

/* A proof that cannot be held, or that fails for no single domain, changes nothing. */
static enum pv_class keep_old(struct pv_maps_work *w, struct pv_regexp_text *t, const struct pv_error *why,
			      struct pv_error *e)
{
	const struct pv_expressions none = { 0 };
	struct pv_error said;

	(void)pv_fail(&said, PV_TEMPORARY, "4.3.5",
		      "the new expressions were not proved, so those of before stay in force: %s", why->text);
	enum pv_class c = pv_report_complain(w->report, NULL, &said, e);
	w->report->unproved = true;
	if (c == PV_OK && w->old_expressions.count == 0)
		return format_text(w, &none, t, e);
	pv_buf_reset(&w->regexp);
	pv_buf_add(&w->regexp, w->old_regexp.s, w->old_regexp.len);
	return c == PV_OK ? pv_buf_check(&w->regexp, PV_REGEXP_NAME, e) : c;
}

/* Without those that failed the others are nested otherwise, and are proved again. */
static enum pv_class prove_text(struct pv_maps_work *w, struct pv_expressions *l, struct pv_regexp_text *t,
				struct pv_error *e)
{
	struct pv_error why;
	bool again = true;

	while (again) {
		bool *failed = calloc(l->count + 1, sizeof *failed);
		if (failed == NULL)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold a proof");
		enum pv_class c = pv_regexp_prove(w, l, t, failed, &why);
		again = c == PV_OK && drop_failed(w, l, failed, e);
		free(failed);
		if (c != PV_OK)
			return keep_old(w, t, &why, e);
		if (again && (c = format_text(w, l, t, e)) != PV_OK)
			return c;
	}
	return PV_OK;
}

static bool is_as_before(const struct pv_maps_work *w)
{
	return w->regexp.len == w->old_regexp.len && memcmp(w->regexp.s, w->old_regexp.s, w->regexp.len) == 0;
}

enum pv_class pv_regexp_make(struct pv_maps_work *w, struct pv_error *e)
{
	struct pv_expressions l = { 0 };
	struct pv_regexp_text t = { .blocks = PV_BUF_INIT(PV_MAP_TEXT_MAX),
				    .lines = PV_BUF_INIT(PV_MAP_TEXT_MAX) };

	w->regexp = (struct pv_buf)PV_BUF_INIT(PV_MAP_TEXT_MAX);
	enum pv_class c = find_names(w, &l, e);
	if (c == PV_OK)
		c = fill(w, &l, e);
	if (c == PV_OK)
		c = format_text(w, &l, &t, e);
	if (c == PV_OK && l.count > 0 && (w->options->prove != NULL || !is_as_before(w)))
		c = prove_text(w, &l, &t, e);
	free_text(&t);
	pv_expressions_free(&l);
	return c;
}

static void leave_sub_domains(struct pv_expressions *l)
{
	size_t to = 0;

	for (size_t i = 0; i < l->count; i++) {
		struct pv_expression *x = &l->v[i];
		pv_strings_free(&x->patterns);
		if (x->sub_domains)
			l->v[to++] = *x;
		else
			pv_strings_free(&x->cuts);
	}
	l->count = to;
}

/* From the text, as that is what was proved, whatever of it was made anew. */
enum pv_class pv_regexp_sub_domains(const struct pv_maps_work *w, struct pv_buf *out, struct pv_error *e)
{
	struct pv_regexp_text t = { .blocks = PV_BUF_INIT(PV_MAP_TEXT_MAX),
				    .lines = PV_BUF_INIT(PV_MAP_TEXT_MAX) };
	struct pv_buf text = PV_BUF_INIT(PV_MAP_TEXT_MAX);
	struct pv_expressions l = { 0 };

	pv_buf_add(&text, w->regexp.s, w->regexp.len);
	enum pv_class c = pv_buf_check(&text, PV_REGEXP_NAME, e);
	const char *lines = c == PV_OK ? pv_text_unwrap(&text) : NULL;
	if (lines != NULL && pv_expressions_read(lines, &l)) {
		leave_sub_domains(&l);
		c = format_lines(w, &l, &t, e);
		pv_buf_add(out, t.lines.s, t.lines.len);
	}
	free_text(&t);
	pv_expressions_free(&l);
	pv_buf_free(&text);
	return c;
}

enum pv_class pv_regexp_diff(struct pv_maps_work *w, struct pv_error *e)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof path, "%s/" PV_REGEXP_NAME, w->store->conf.map_directory);
	pv_diff(&w->report->diff, path, w->old_regexp.len > 0 ? w->old_regexp.s : NULL, w->regexp.s);
	return pv_buf_check(&w->report->diff, "the diff", e);
}

void pv_regexp_free(struct pv_maps_work *w)
{
	pv_buf_free(&w->regexp);
	pv_expressions_free(&w->old_expressions);
	pv_buf_free(&w->old_regexp);
}
