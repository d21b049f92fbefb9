/* Whose is a domain of 2002? Its folder, the command line, `domains`, virtualdomains and the site's own
 * tables may say so, and must not contradict each other. */
#include "change/adopt_inside.h"

/* A name, and what says it. */
struct claim {
	struct pv_account account;
	char source[PV_ERROR_TEXT];
	bool made;
};

bool pv_adopt_account_of(const char *target, struct pv_account *account)
{
	char name[PV_ACCOUNT_MAX * 4];
	size_t n = strcspn(target, "+$@, \t{(\"|/:");
	bool found;

	if (n >= sizeof name)
		return false;
	(void)snprintf(name, sizeof name, "%.*s", (int)n, target);
	for (;;) {
		while (n > 0 && name[n - 1] == '-')
			name[--n] = '\0';
		if (n == 0)
			return false;
		if (pv_account_by_name(name, account, &found, NULL) == PV_OK && found)
			return true;
		while (n > 0 && name[n - 1] != '-')
			name[--n] = '\0';
	}
}

__attribute__((format(printf, 2, 3))) static void set_source(struct claim *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->source, sizeof c->source, fmt, ap);
	va_end(ap);
	pv_printable(c->source, strlen(c->source));
	c->made = true;
}

static enum pv_class claim_by_name(struct claim *c, const char *name, struct pv_error *e)
{
	bool found;

	enum pv_class r = pv_account_by_name(name, &c->account, &found, e);
	if (r == PV_OK && !found)
		r = pv_fail(e, PV_PERMANENT, "5.3.5", "there is no account %s", name);
	return r;
}

static enum pv_class claim_of_folder(const struct pv_adopting *a, struct claim *c, struct pv_error *e)
{
	bool found;

	if (!a->there || a->folder.st_uid == 0)
		return PV_OK;
	enum pv_class r = pv_account_by_uid(a->folder.st_uid, &c->account, &found, e);
	if (r == PV_OK && !found)
		r = pv_fail(e, PV_PERMANENT, "5.3.5",
			    "%s belongs to uid %lu, which has no account: make one with useradd -u %lu",
			    a->path, (unsigned long)a->folder.st_uid, (unsigned long)a->folder.st_uid);
	set_source(c, "the owner of %s", a->path);
	return r;
}

static enum pv_class claim_of_virtualdomains(struct pv_adopting *a, struct claim *c, struct pv_error *e)
{
	const struct pv_virtualdomain *v = &a->virtualdomains.itself;

	if (a->o->virtualdomains == NULL)
		return PV_OK;
	if (!pv_adopt_account_of(v->prefix, &c->account))
		return pv_fail(
			e, PV_PERMANENT, "5.3.5",
			"%s, line %u: `%s` begins with no account of this host: make it, or name another "
			"with --account",
			a->o->virtualdomains, v->line, v->text);
	set_source(c, "%s, line %u", a->o->virtualdomains, v->line);
	const char *rest = v->prefix + strlen(c->account.name);
	(void)snprintf(a->prefix, sizeof a->prefix, "%s", *rest == '-' ? rest + 1 : rest);
	a->bare = true;
	return PV_OK;
}

/* `account+local` without the domain is the way of virtualdomains. */
static bool is_bare(const struct pv_old_line *l)
{
	return strchr(l->target, '+') != NULL && strstr(l->target, "--") == NULL;
}

/* A line for all users decides; without one, those for single users do that lead to an extension. */
static bool may_claim(const struct pv_old_line *l, bool all_users)
{
	if (all_users)
		return l->kind == PV_OLD_USERS && l->itself && !l->everyone;
	return l->kind == PV_OLD_USER && l->itself && strchr(l->target, '+') != NULL;
}

static enum pv_class claim_of_lines(struct pv_adopting *a, bool all_users, struct claim *c,
				    struct pv_error *e)
{
	for (size_t i = 0; i < a->lines.count; i++) {
		const struct pv_old_line *l = &a->lines.v[i];
		struct claim next = { .made = false };
		if (!may_claim(l, all_users) || !pv_adopt_account_of(l->target, &next.account))
			continue;
		set_source(&next, "%s, line %u", l->file, l->line);
		a->bare = a->bare || is_bare(l);
		if (!c->made)
			*c = next;
		else if (next.account.uid != c->account.uid && a->o->account == NULL)
			return pv_fail(
				e, PV_PERMANENT, "5.3.5",
				"%s says account %s, and %s says %s: name the right one with --account",
				c->source, c->account.name, next.source, next.account.name);
	}
	return PV_OK;
}

static enum pv_class refuse_both(const struct claim *a, const struct claim *b, const char *mend,
				 struct pv_error *e)
{
	return pv_fail(e, PV_PERMANENT, "5.3.5", "%s says account %s, and %s says %s: %s", a->source,
		       a->account.name, b->source, b->account.name, mend);
}

enum { FOLDER, OPTION, REGISTRY, VIRTUALDOMAINS, LINES, CLAIMS };

static enum pv_class gather(struct pv_adopting *a, struct claim c[CLAIMS], struct pv_error *e)
{
	enum pv_class r = claim_of_folder(a, &c[FOLDER], e);

	if (r == PV_OK && a->o->account != NULL) {
		r = claim_by_name(&c[OPTION], a->o->account, e);
		set_source(&c[OPTION], "--account");
	}
	if (r == PV_OK && *a->says.account != '\0') {
		r = claim_by_name(&c[REGISTRY], a->says.account, e);
		set_source(&c[REGISTRY], "%s/domains", a->w.c->store->dir);
	}
	if (r == PV_OK)
		r = claim_of_virtualdomains(a, &c[VIRTUALDOMAINS], e);
	if (r == PV_OK)
		r = claim_of_lines(a, true, &c[LINES], e);
	if (r == PV_OK && !c[LINES].made)
		r = claim_of_lines(a, false, &c[LINES], e);
	return r;
}

/* --account goes before what the old tables say, and before nothing else: the owner's files are the owner's.
 */
static bool is_overridden(const struct claim c[CLAIMS], size_t i)
{
	return c[OPTION].made && (i == VIRTUALDOMAINS || i == LINES);
}

static enum pv_class choose(struct pv_adopting *a, const struct claim c[CLAIMS], struct pv_error *e)
{
	const struct claim *chosen = NULL;

	for (size_t i = 0; i < CLAIMS; i++) {
		if (!c[i].made || is_overridden(c, i))
			continue;
		if (chosen == NULL)
			chosen = &c[i];
		else if (chosen->account.uid != c[i].account.uid)
			return refuse_both(chosen, &c[i],
					   i == OPTION || i == REGISTRY
						   ? "chown the folder with what is in it, or name its owner"
						   : "name the right one with --account",
					   e);
	}
	if (chosen == NULL)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "nothing here says which account %s belongs to: name it with --account",
			       a->w.domain.s);
	a->w.account = chosen->account;
	a->w.has_account = true;
	(void)snprintf(a->source, sizeof a->source, "%s", chosen->source);
	return PV_OK;
}

/* The old site took mail for every sub-domain: by an expression, by `.kvt.dk`, by a wildcard of the same
 * account. */
static bool wants_sub_domains(const struct pv_adopting *a)
{
	const struct pv_virtualdomain *below = &a->virtualdomains.below;
	struct pv_account other;

	for (size_t i = 0; i < a->lines.count; i++)
		if (a->lines.v[i].below && !a->lines.v[i].everyone)
			return true;
	return a->o->virtualdomains != NULL && below->line != 0 && *below->prefix != '\0' &&
	       pv_adopt_account_of(below->prefix, &other) && other.uid == a->w.account.uid;
}

enum pv_class pv_adopt_decide(struct pv_adopting *a, struct pv_error *e)
{
	struct claim c[CLAIMS] = { { .made = false } };

	enum pv_class r = gather(a, c, e);
	if (r == PV_OK)
		r = choose(a, c, e);
	a->sub_domains = r == PV_OK && wants_sub_domains(a);
	return r;
}
