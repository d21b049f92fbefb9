#include "maps/domain_patterns.h"

#include "maps/pattern.h"
#include "maps/pattern_judge.h"
#include "maps/report.h"
#include "store/alias_file.h"

#include <errno.h>
#include <limits.h>

/* More is no mistake of somebody's hand. */
enum { COMPLAINTS_MAX = 10 };

struct making {
	struct pv_maps_work *w;
	struct pv_plan_domain *d;
	size_t seen, complaints;
};

static enum pv_class complain(struct making *m, struct pv_error *why, struct pv_error *e)
{
	why->class = PV_TEMPORARY;
	m->complaints++;
	return pv_report_complain(m->w->report, &m->d->domain, why, e);
}

static enum pv_class take(struct making *m, const char *file, const struct pv_alias_entry *entry,
			  struct pv_error *e)
{
	struct pv_pattern p;
	struct pv_error why;

	enum pv_class c = pv_pattern_parse(entry->pattern, &p, &why);
	if (c == PV_OK)
		c = pv_pattern_judge(&p, &why);
	if (c != PV_OK) {
		(void)pv_error_prefix(&why, "%s, line %u", file, entry->line);
		return complain(m, &why, e);
	}
	const char *kept = pv_arena_add(&m->w->arena, p.source, strlen(p.source));
	return kept != NULL ? pv_strings_add(&m->d->patterns, kept, e)
			    : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the patterns of %s",
					    m->d->domain.s);
}

/* Is there to be another one? */
static bool has_room(struct making *m, const char *file, unsigned line, enum pv_class *c, struct pv_error *e)
{
	struct pv_error why;

	if (m->seen++ < PV_PATTERNS_MAX && m->complaints < COMPLAINTS_MAX)
		return true;
	if (m->complaints < COMPLAINTS_MAX)
		(void)pv_fail(&why, PV_TEMPORARY, "4.3.5",
			      "%s, line %u: a domain has at most %d patterns: the rest is not used", file,
			      line, PV_PATTERNS_MAX);
	else
		(void)pv_fail(&why, PV_TEMPORARY, "4.3.5",
			      "%s, line %u: patterns from here on were not looked at: mend the others first",
			      file, line);
	*c = complain(m, &why, e);
	return false;
}

static enum pv_class scan(struct making *m, struct pv_alias_file *f, struct pv_error *e)
{
	struct pv_alias_entry entry;
	enum pv_class c = PV_OK;
	struct pv_error why;
	size_t at = 0;

	while (c == PV_OK) {
		enum pv_class got = pv_alias_next(f, &at, &entry, &why);
		if (got == PV_OK && entry.name == NULL)
			break;
		if (got == PV_OK && entry.pattern == NULL)
			continue;
		if (!has_room(m, f->file, entry.line, &c, e))
			break;
		c = got == PV_OK ? take(m, f->file, &entry, e) : complain(m, &why, e);
	}
	return c;
}

enum pv_class pv_domain_patterns(struct pv_maps_work *w, struct pv_plan_domain *d,
				 const struct pv_slice *aliases, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_READER_ALIASES_MAX);
	struct making m = { .w = w, .d = d };
	struct pv_alias_file f;
	char file[PATH_MAX];

	if (aliases->s == NULL)
		return PV_OK;
	(void)snprintf(file, sizeof file, "%s/%s/aliases", w->store->dir, d->domain.s);
	pv_buf_add(&text, aliases->s, aliases->len);
	enum pv_class c = pv_buf_check(&text, file, e);
	pv_alias_file_start(&f, file, &text);
	if (c == PV_OK)
		c = scan(&m, &f, e);
	pv_alias_file_free(&f);
	return c;
}
