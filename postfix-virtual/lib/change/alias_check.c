#include "change/alias_check.h"

#include "change/programs.h"
#include "maps/alias_key.h"
#include "maps/pattern_judge.h"
#include "store/conf.h"

/* A name that is no user's, as o'brien, is led by Postfix's table to where the alias leads; so that must be
 * users and aliases that travel by their own name. */
static enum pv_class refuse_rich(const struct pv_work *w, struct pv_error *e)
{
	const struct pv_mark_alias *a = &w->mark.alias;
	struct pv_buf memory = PV_BUF_INIT(PV_MARK_TARGETS_MAX + 1);
	const char *at = a->targets, *stop = at + strlen(at);
	enum pv_class c = PV_OK, wrong;
	struct pv_target t;
	struct pv_user u;
	size_t count = 0;

	while (c == PV_OK && pv_target_next(&at, stop, &memory, &t, &wrong, NULL)) {
		const char *domain = t.kind == PV_TARGET_ADDRESS ? strrchr(t.text, '@') : NULL;
		size_t len = domain != NULL ? (size_t)(domain - t.text) : t.len;
		bool plain = (t.kind == PV_TARGET_NAME || t.kind == PV_TARGET_USER || domain != NULL) &&
			     (domain == NULL || strcasecmp(domain + 1, w->domain.s) == 0) &&
			     pv_user_parse(t.text, len, &u, NULL) == PV_OK;
		if (!plain)
			c = pv_fail(
				e, PV_PERMANENT, "5.1.3",
				"`%.80s`: a name of other characters than a user's leads to users and such "
				"aliases of its domain alone: let it lead to an alias that leads there",
				t.text);
		else if (++count > PV_RICH_TARGETS_MAX)
			c = pv_fail(e, PV_PERMANENT, "5.1.3",
				    "a name of other characters than a user's has at most %d targets: let it "
				    "lead to an "
				    "alias that has more",
				    PV_RICH_TARGETS_MAX);
	}
	pv_buf_free(&memory);
	return c;
}

/* Can an address have the name, and a key lead to it? */
static enum pv_class refuse_key(const struct pv_work *w, const char *name, struct pv_error *e)
{
	const char *delimiters = w->c->store->conf.recipient_delimiter;
	struct pv_alias_key k;

	enum pv_class c = pv_alias_key_read(name, delimiters, &k, e);
	if (c == PV_OK && k.kind == PV_ALIAS_INNER)
		pv_buf_addf(&w->c->notes, "only other aliases can lead to it: %s\n", k.why);
	return c == PV_OK && k.kind == PV_ALIAS_RICH ? refuse_rich(w, e) : c;
}

/* Judge its targets of one kind. */
static enum pv_class refuse_kind(const struct pv_work *w, enum pv_target_kind kind, struct pv_error *e)
{
	const struct pv_mark_alias *a = &w->mark.alias;
	struct pv_buf memory = PV_BUF_INIT(PV_MARK_TARGETS_MAX + 1);
	const char *at = a->targets, *stop = at + strlen(at);
	enum pv_class c = PV_OK, wrong;
	struct pv_target t;

	while (c == PV_OK && pv_target_next(&at, stop, &memory, &t, &wrong, NULL)) {
		if (wrong != PV_OK || t.kind != kind)
			continue;
		c = kind == PV_TARGET_COMMAND ? pv_program_refuse(w, "the command", t.text, t.len, e)
					      : pv_file_refuse(w, "the file", t.text, e);
	}
	pv_buf_free(&memory);
	return c;
}

enum pv_class pv_alias_refuse_files(const struct pv_work *w, struct pv_error *e)
{
	return refuse_kind(w, PV_TARGET_FILE, e);
}

static enum pv_class refuse_pattern(const struct pv_work *w, struct pv_error *e)
{
	const struct pv_mark_alias *a = &w->mark.alias;
	struct pv_buf entry = PV_BUF_INIT(PV_MARK_TEXT_MAX + PV_MARK_TARGETS_MAX + 8);
	struct pv_pattern *p = calloc(1, sizeof *p);

	pv_buf_addf(&entry, "%s: %s", a->name, a->targets);
	enum pv_class c = p != NULL ? pv_pattern_parse(entry.s, p, e)
				    : pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for a pattern");
	if (c == PV_OK)
		c = pv_pattern_judge(p, e);
	free(p);
	pv_buf_free(&entry);
	return c;
}

enum pv_class pv_alias_refuse(const struct pv_work *w, const struct pv_alias_word *name, struct pv_error *e)
{
	if (name->is_pattern)
		return refuse_pattern(w, e);
	enum pv_class c = refuse_key(w, name->s, e);
	return c == PV_OK ? refuse_kind(w, PV_TARGET_COMMAND, e) : c;
}
