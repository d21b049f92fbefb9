#include "maps/making.h"

#include "maps/pattern.h"
#include "maps/pattern_judge.h"

#include <errno.h>

/* Is there to be another one? */
static enum pv_class make_room(struct pv_making *m, const struct pv_place *at, struct pv_error *e)
{
	struct pv_error why;

	const bool few_bad = m->w->options->check || m->bad_patterns < PV_MAKING_COMPLAINTS_MAX;
	if (m->patterns++ < PV_PATTERNS_MAX && few_bad)
		return PV_OK;
	if (few_bad)
		(void)pv_fail(&why, PV_TEMPORARY, "4.3.5",
			      "%s, line %u: a domain has at most %d patterns: the rest is not used", at->file,
			      at->line, PV_PATTERNS_MAX);
	else
		(void)pv_fail(&why, PV_TEMPORARY, "4.3.5",
			      "%s, line %u: patterns from here on were not looked at: mend the others first",
			      at->file, at->line);
	m->patterns_over = true;
	return pv_making_complain(m, &why, e);
}

enum pv_class pv_making_pattern(struct pv_making *m, const struct pv_place *at, const char *pattern,
				struct pv_error *e)
{
	struct pv_error why;
	struct pv_pattern p;
	enum pv_class c = PV_OK;

	if (!m->patterns_over)
		c = make_room(m, at, e);
	if (c != PV_OK || m->patterns_over)
		return c;
	c = pv_pattern_parse(pattern, &p, &why);
	if (c == PV_OK)
		c = pv_pattern_judge(&p, &why);
	if (c != PV_OK) {
		m->bad_patterns++;
		(void)pv_error_prefix(&why, "%s, line %u", at->file, at->line);
		return pv_making_complain(m, &why, e);
	}
	const char *kept = pv_arena_add(&m->w->arena, p.source, strlen(p.source));
	return kept != NULL ? pv_strings_add(&m->d->patterns, kept, e)
			    : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the patterns of %s",
					    m->d->domain.s);
}
