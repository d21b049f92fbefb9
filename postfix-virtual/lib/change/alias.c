/* Aliases of a domain: made, changed, deleted. */
#include "change/change.h"

#include "change/alias_check.h"
#include "change/alias_read.h"
#include "change/answer_read.h"
#include "change/depend.h"
#include "change/follow.h"
#include "change/user_view.h"

struct view {
	struct pv_user_view users; /* of the domain; its work is ours */
	struct pv_address address; /* user len 0: the name could be no user's */
	const struct pv_alias_word *name;
	struct pv_aliases aliases;
	unsigned file;
	char text[PV_ALIAS_NAME_MAX + PV_DOMAIN_MAX + 2]; /* NAME@DOMAIN, for sentences */
};

static enum pv_class begin(struct view *v, struct pv_change *c, const struct pv_domain *d,
			   const struct pv_alias_word *name, unsigned file, struct pv_error *e)
{
	v->address = (struct pv_address){ .user = name->user, .domain = *d };
	v->name = name;
	v->file = file;
	(void)snprintf(v->text, sizeof v->text, "%s@%s", name->s, d->s);
	enum pv_class r = pv_user_begin(&v->users, c, &v->address, e);
	struct pv_work *w = &v->users.work;
	v->aliases = (struct pv_aliases){ .names = { "" } };
	pv_domain_conf_defaults(&v->aliases.conf);
	if (r == PV_OK)
		r = pv_aliases_read(c->store, &w->folder, &w->account, &v->aliases, e);
	if (r != PV_OK)
		return r;
	w->mark.user = name->user;
	(void)snprintf(w->mark.alias.name, sizeof w->mark.alias.name, "%s", name->s);
	(void)snprintf(w->mark.alias.file, sizeof w->mark.alias.file, "%s", v->aliases.names[file]);
	return PV_OK;
}

static void end(struct view *v)
{
	pv_aliases_free(&v->aliases);
	pv_user_end(&v->users);
}

/* Is it a file that we write? */
static enum pv_class refuse_file(const struct view *v, struct pv_error *e)
{
	const char *domain = v->address.domain.s;

	if (v->name->is_pattern && v->file > 0)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "patterns stand in the file aliases alone: leave --file out");
	if (*v->aliases.names[v->file] != '\0')
		return PV_OK;
	if (*v->aliases.paths[v->file] != '\0')
		return pv_fail(
			e, PV_PERMANENT, "5.3.5",
			"%s lies outside of the folder of %s: edit it by hand, then run make-postfix-maps %s",
			v->aliases.paths[v->file], domain, domain);
	return pv_fail(e, PV_PERMANENT, "5.3.5",
		       "%s has no such file of aliases: name it first, with postfix-virtual domain set %s "
		       "extra_aliases=FILE",
		       domain, domain);
}

/* The pattern that is written so. */
static bool is_pattern(const struct pv_alias_entry *entry, const struct pv_alias_word *name)
{
	if (entry->pattern == NULL || strncmp(entry->pattern, name->s, name->len) != 0)
		return false;
	return entry->pattern[name->len + strspn(entry->pattern + name->len, " \t")] == ':';
}

static bool find_pattern(struct view *v, struct pv_alias_entry *entry)
{
	size_t at = 0;

	for (;;) {
		enum pv_class c = pv_alias_next(&v->aliases.files[v->file], &at, entry, NULL);
		if (c == PV_OK && (entry->name == NULL || is_pattern(entry, v->name)))
			return entry->name != NULL;
	}
}

static enum pv_class find(struct view *v, unsigned file, struct pv_alias_entry *entry, bool *found_r,
			  struct pv_error *e)
{
	if (v->name->is_pattern) {
		*found_r = file == v->file && find_pattern(v, entry);
		return PV_OK;
	}
	return pv_alias_find(&v->aliases.files[file], v->name->s, v->name->len, entry, found_r, e);
}

/* The same name in another of the files. */
static enum pv_class find_elsewhere(struct view *v, unsigned *file_r, struct pv_alias_entry *entry,
				    bool *found_r, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	*found_r = false;
	for (unsigned i = 0; c == PV_OK && !*found_r && i < PV_ALIAS_FILES; i++) {
		if (i != v->file)
			c = find(v, i, entry, found_r, e);
		*file_r = i;
	}
	return c;
}

/* --- what it shall be --- */

static enum pv_class keep(char *to, size_t size, const char *s, size_t len, const char *what,
			  struct pv_error *e)
{
	if (len >= size)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%s longer than %zu bytes: put a long list into a file of the folder include, "
			       "and name "
			       "it as :include:FILE",
			       what, size - 1);
	memcpy(to, s, len);
	to[len] = '\0';
	for (char *p = to; *p != '\0'; p++)
		if (*p == '\n' || *p == '\r' || *p == '\t')
			*p = ' ';
	return PV_OK;
}

static enum pv_class set_targets(struct view *v, const struct pv_alias_set *o,
				 const struct pv_alias_entry *old, struct pv_error *e)
{
	struct pv_mark_alias *a = &v->users.work.mark.alias;
	struct pv_buf targets = PV_BUF_INIT(PV_ALIAS_FILE_MAX);

	if (o->target_count == 0)
		return keep(a->targets, sizeof a->targets, old->targets, old->targets_len, "the targets are",
			    e);
	/* A pattern's is no target of aliases(5), but a name with ${1} in it; pv_alias_refuse() judges that.
	 */
	enum pv_class c = PV_OK;
	for (size_t i = 0; v->name->is_pattern && i < o->target_count; i++)
		pv_buf_addf(&targets, "%s%s", i > 0 ? ", " : "", o->targets[i]);
	if (!v->name->is_pattern)
		c = pv_alias_targets_join(o->targets, o->target_count, &targets, e);
	if (c == PV_OK)
		c = pv_buf_check(&targets, "the targets of an alias", e);
	if (c == PV_OK)
		c = keep(a->targets, sizeof a->targets, targets.s, targets.len, "the targets are", e);
	pv_buf_free(&targets);
	return c;
}

static enum pv_class set_comment(struct view *v, const struct pv_alias_set *o,
				 const struct pv_alias_entry *old, struct pv_error *e)
{
	struct pv_mark_alias *a = &v->users.work.mark.alias;

	if (o->comment == NULL)
		return keep(a->comment, sizeof a->comment, old->comment, old->comment_len, "the comment is",
			    e);
	if (strstr(o->comment, "expires=") != NULL)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "expires= in a comment would be taken for a day: use --expires");
	for (const char *p = o->comment; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return pv_fail(e, PV_PERMANENT, "5.3.5",
				       "the comment has a control character in it: write one line");
	return keep(a->comment, sizeof a->comment, o->comment, strlen(o->comment), "the comment is", e);
}

static enum pv_class set_expires(struct view *v, const struct pv_alias_set *o,
				 const struct pv_alias_entry *old, struct pv_error *e)
{
	struct pv_mark_alias *a = &v->users.work.mark.alias;
	const struct pv_day today = pv_day_today();
	struct pv_day day = old->expires;

	if (o->expires != NULL && *o->expires == '\0')
		return PV_OK;
	if (o->expires != NULL && !pv_day_parse(o->expires, strlen(o->expires), &day))
		return pv_fail(e, PV_PERMANENT, "5.3.5", "--expires `%.40s`: write a day as 2026-12-31",
			       o->expires);
	if (o->expires != NULL && pv_day_compare(&day, &today) < 0)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "--expires %s is over: write a day that comes, or today", o->expires);
	if (v->name->is_pattern && pv_day_is_set(&day))
		return pv_fail(e, PV_PERMANENT, "5.3.5", "a pattern cannot expire: leave --expires out");
	if (pv_day_is_set(&day))
		(void)snprintf(a->expires, sizeof a->expires, "%04u-%02u-%02u", day.year % 10000,
			       day.month % 100, day.day % 100);
	return PV_OK;
}

/* wrong: becomes what is wrong with the entry that is there, where the new one may mend it. */
static enum pv_class set_all(struct view *v, const struct pv_alias_set *o, struct pv_error *wrong,
			     struct pv_error *e)
{
	struct pv_alias_entry old = { .name = NULL };
	bool found;

	enum pv_class c = find(v, v->file, &old, &found, wrong);
	/* An entry that is wrong is mended by another one. */
	if (c == PV_TEMPORARY && o->target_count > 0 && !o->must_be_new) {
		found = false;
		c = PV_OK;
	} else if (c != PV_OK && e != NULL) {
		*e = *wrong;
	}
	if (c == PV_OK && found && o->must_be_new)
		return pv_fail(e, PV_PERMANENT, "5.1.3",
			       "%s is an alias already (%s, line %u): postfix-virtual alias set changes it",
			       v->text, v->aliases.paths[v->file], old.line);
	if (c == PV_OK && !found && o->target_count == 0)
		return pv_fail(e, PV_PERMANENT, "5.1.1", "%s is no alias yet: say where it leads, too",
			       v->text);
	if (c == PV_OK && !found)
		old = (struct pv_alias_entry){ .targets = "", .comment = "" };
	if (c == PV_OK)
		c = set_targets(v, o, &old, e);
	if (c == PV_OK)
		c = set_comment(v, o, &old, e);
	return c == PV_OK ? set_expires(v, o, &old, e) : c;
}

/* --- what must not be --- */

static enum pv_class refuse_name(const struct view *v, struct pv_error *e)
{
	const struct pv_work *w = &v->users.work;

	if (!v->name->is_user)
		return PV_OK;
	enum pv_class c = pv_refuse_reserved(w->c->store, &v->users.entry, &v->name->user, e);
	/* Of a user's name that was asked when he was made. */
	if (c == PV_OK && pv_users_find(&v->users.users, &v->name->user) == NULL)
		c = pv_refuse_collision(w, &v->name->user, e);
	return c;
}

/* What the administrator should know of an alias that is right. */
static enum pv_class advise(struct view *v, struct pv_error *e)
{
	struct pv_buf *notes = &v->users.work.c->notes;
	struct pv_alias_entry other;
	unsigned file;
	bool found;

	enum pv_class c = find_elsewhere(v, &file, &other, &found, e);
	if (c != PV_OK)
		return c;
	if (found && file < v->file)
		pv_buf_addf(notes, "it has no effect: %s, line %u goes before it\n", v->aliases.paths[file],
			    other.line);
	else if (found)
		pv_buf_addf(notes, "%s, line %u has no effect: this goes before it\n", v->aliases.paths[file],
			    other.line);
	if (v->name->is_user && pv_users_find(&v->users.users, &v->name->user) != NULL)
		pv_buf_addf(notes,
			    "there is a user %s as well: the alias goes before him; \\%s among its targets "
			    "is his "
			    "mailbox\n",
			    v->text, v->name->s);
	return PV_OK;
}

/* A pattern is no address. Where all that it takes goes to one name, that is asked about; else one that
 * nobody has, for what its file becomes. */
static enum pv_class follow_pattern(struct view *v, struct pv_followed *r, struct pv_error *e)
{
	struct pv_work *w = &v->users.work;
	const char *target = w->mark.alias.targets;
	const bool is_fixed = strchr(target, '$') == NULL;

	enum pv_class c = pv_follow(w, is_fixed ? target : PV_NOBODY, r, e);
	if (c != PV_OK || !is_fixed || (!r->by_fallback && strcmp(r->status, "5.1.1") != 0))
		return c;
	return pv_fail(
		e, PV_PERMANENT, "5.1.1",
		"%s leads to `%s`, and %s has no alias and no user of that name: make one, or write another",
		v->text, target, w->domain.s);
}

static enum pv_class judge(struct view *v, bool *same_r, struct pv_error *e)
{
	struct pv_work *w = &v->users.work;
	struct pv_followed r = { .same = false };

	enum pv_class c = refuse_name(v, e);
	if (c == PV_OK)
		c = pv_alias_refuse(w, v->name, e);
	if (c == PV_OK)
		c = v->name->is_pattern ? follow_pattern(v, &r, e) : pv_follow(w, v->name->s, &r, e);
	*same_r = r.same;
	if (c == PV_OK && !v->name->is_pattern)
		c = pv_alias_refuse_files(w, e);
	if (c == PV_OK && !r.same && !v->name->is_pattern)
		c = pv_depend_refuse_broken(w, v->name->s, e);
	return c;
}

static enum pv_class carry_out(struct view *v, enum pv_mark_kind kind, struct pv_error *e)
{
	struct pv_work *w = &v->users.work;
	struct pv_buf what = PV_BUF_INIT(sizeof v->text + PV_MARK_TARGETS_MAX + 64);

	w->mark.kind = kind;
	pv_buf_addf(&what, "%s%s%s", v->text, *w->mark.alias.targets != '\0' ? " " : "",
		    w->mark.alias.targets);
	if (*w->mark.alias.expires != '\0')
		pv_buf_addf(&what, " --expires %s", w->mark.alias.expires);
	enum pv_class c = pv_work_carry_out(w, what.s, e);
	pv_buf_free(&what);
	return c;
}

static enum pv_class set(struct view *v, const struct pv_alias_set *o, struct pv_error *e)
{
	struct pv_error wrong = { .text = "" };
	bool same = false;

	enum pv_class c = refuse_file(v, e);
	if (c == PV_OK)
		c = set_all(v, o, &wrong, e);
	if (c == PV_OK) {
		v->users.work.mark.kind = PV_MARK_ALIAS_SET;
		c = judge(v, &same, e);
	}
	/* A name that stands there twice: no new entry mends that, and the change is not what is wrong. */
	if (c == PV_PERMANENT && e != NULL && strcmp(e->text, wrong.text) == 0) {
		*e = wrong;
		c = wrong.class;
	}
	v->users.work.c->already = c == PV_OK && same;
	if (c == PV_OK)
		c = advise(v, e);
	if (c != PV_OK || same)
		return c;
	return carry_out(v, o->must_be_new ? PV_MARK_ALIAS_ADD : PV_MARK_ALIAS_SET, e);
}

enum pv_class pv_alias_set(struct pv_change *c, const struct pv_domain *d, const struct pv_alias_word *name,
			   const struct pv_alias_set *o, struct pv_error *e)
{
	struct view v;

	enum pv_class r = begin(&v, c, d, name, o->file, e);
	if (r == PV_OK)
		r = set(&v, o, e);
	end(&v);
	return r;
}

/* --- deletion --- */

static enum pv_class refuse_missing(struct view *v, struct pv_error *e)
{
	struct pv_alias_entry entry;
	unsigned file;
	bool found;

	enum pv_class c = find(v, v->file, &entry, &found, e);
	if (c != PV_OK || found)
		return c;
	c = find_elsewhere(v, &file, &entry, &found, e);
	if (c == PV_OK && found && file > 0)
		return pv_fail(e, PV_PERMANENT, "5.1.1", "%s stands in %s, line %u: add --file %u", v->text,
			       v->aliases.paths[file], entry.line, file);
	if (c == PV_OK && found)
		return pv_fail(e, PV_PERMANENT, "5.1.1", "%s stands in %s, line %u: leave --file out",
			       v->text, v->aliases.paths[file], entry.line);
	return c == PV_OK ? pv_fail(e, PV_PERMANENT, "5.1.1", "%s is no alias: postfix-virtual alias list %s",
				    v->text, v->address.domain.s)
			  : c;
}

/* Whatever leads to the name must still lead somewhere. */
static enum pv_class refuse_needed(struct view *v, struct pv_error *e)
{
	struct pv_work *w = &v->users.work;
	struct pv_followed r;
	struct pv_error why;

	if (v->name->is_pattern)
		return PV_OK;
	enum pv_class c = pv_follow(w, v->name->s, &r, &why);
	/* Another's file may be wrong: that is no reason to keep this. */
	bool gone = c != PV_OK || r.refused || r.by_fallback;
	w->mark.no_key = c == PV_OK && r.refused && v->name->is_user;
	return gone ? pv_depend_refuse(w, v->name->s, false, e) : PV_OK;
}

/* A responder of the name answers all the same, and hides that nobody gets the mail any more. */
static enum pv_class advise_deletion(struct view *v, struct pv_error *e)
{
	const struct pv_work *w = &v->users.work;
	struct pv_answer_info info = { .on = false };
	struct pv_alias_entry other;
	unsigned file;
	bool found;

	if (!v->name->is_user || v->aliases.conf.match_full_name ||
	    pv_users_find(&v->users.users, &v->name->user) != NULL)
		return PV_OK;
	enum pv_class c = find_elsewhere(v, &file, &other, &found, e);
	if (c == PV_OK && !found)
		c = pv_responder_look(w->c->store, &w->folder, &w->account, &v->name->user, &info, NULL, e);
	if (c == PV_OK && (info.on || info.problem[0] != '\0'))
		pv_buf_addf(
			&w->c->notes,
			"%s has a responder: the address goes on answering, and mail for it is not stored "
			"anywhere; postfix-virtual responder delete %s ends that\n",
			v->text, v->text);
	return c;
}

enum pv_class pv_alias_delete(struct pv_change *c, const struct pv_domain *d,
			      const struct pv_alias_word *name, unsigned file, struct pv_error *e)
{
	struct view v;

	enum pv_class r = begin(&v, c, d, name, file, e);
	if (r == PV_OK)
		r = refuse_file(&v, e);
	if (r == PV_OK)
		r = refuse_missing(&v, e);
	if (r == PV_OK) {
		v.users.work.mark.kind = PV_MARK_ALIAS_DELETE;
		r = refuse_needed(&v, e);
	}
	if (r == PV_OK)
		r = advise_deletion(&v, e);
	if (r == PV_OK)
		r = carry_out(&v, PV_MARK_ALIAS_DELETE, e);
	end(&v);
	return r;
}
