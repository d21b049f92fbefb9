#include "change/user_aliases.h"

#include "change/alias_read.h"
#include "change/depend.h"

/* Is it his place in the spool, or in the Maildir there? */
static bool is_his(const struct pv_work *w, const struct pv_user *u, const char *path)
{
	char his[PATH_MAX];
	int n = snprintf(his, sizeof his, "%s/%s/%s", w->c->store->conf.spool_directory, w->domain.s, u->s);

	return n > 0 && (size_t)n < sizeof his && strncmp(path, his, (size_t)n) == 0 &&
	       (path[n] == '\0' || path[n] == '/');
}

static enum pv_class refuse(const struct pv_user *u, const char *file, unsigned line, struct pv_error *e)
{
	return pv_fail(e, PV_PERMANENT, "5.3.5",
		       "%s, line %u writes to what would be the mailbox of %s: let it write to another file "
		       "first, and "
		       "move that one away",
		       file, line, u->s);
}

static enum pv_class look_at_entry(const struct pv_work *w, const struct pv_user *u, const char *file,
				   const struct pv_alias_entry *entry, struct pv_error *e)
{
	struct pv_buf memory = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *at = entry->targets, *end = at + entry->targets_len;
	enum pv_class c = PV_OK, wrong = PV_OK;
	struct pv_target t;

	while (c == PV_OK && pv_target_next(&at, end, &memory, &t, &wrong, NULL))
		if (wrong == PV_OK && t.kind == PV_TARGET_FILE && is_his(w, u, t.text))
			c = refuse(u, file, entry->line, e);
	pv_buf_free(&memory);
	return c;
}

static enum pv_class look_at_file(const struct pv_work *w, const struct pv_user *u, struct pv_alias_file *f,
				  const char *path, struct pv_error *e)
{
	struct pv_alias_entry entry;
	enum pv_class c = PV_OK;
	size_t at = 0;

	while (c == PV_OK) {
		/* A wrong entry writes nowhere. */
		enum pv_class next = pv_alias_next(f, &at, &entry, NULL);
		if (next == PV_OK && entry.name == NULL)
			break;
		if (next == PV_OK && entry.pattern == NULL)
			c = look_at_entry(w, u, path, &entry, e);
	}
	return c;
}

/* Who makes a user of that name may not know of it. */
static void advise(const struct pv_work *w, const struct pv_user *u, struct pv_aliases *a)
{
	struct pv_alias_entry entry;
	bool found = false;

	if (w->mark.aliases) /* where they follow him, such a one is refused */
		return;
	for (unsigned i = 0; !found && i < PV_ALIAS_FILES; i++)
		if (pv_alias_find(&a->files[i], u->s, u->len, &entry, &found, NULL) == PV_OK && found)
			pv_buf_addf(&w->c->notes,
				    "there is an alias %s@%s as well (%s, line %u): it goes before the user, "
				    "who gets only what it sends on to him\n",
				    u->s, w->domain.s, a->paths[i], entry.line);
}

enum pv_class pv_user_aliases_refuse(const struct pv_work *w, const struct pv_user *u, struct pv_error *e)
{
	struct pv_aliases a;
	struct pv_error why;

	if (!pv_depend_is_possible(w))
		return PV_OK;
	enum pv_class c = pv_aliases_read(w->c->store, &w->folder, &w->account, &a, &why);
	if (c != PV_OK) {
		pv_buf_addf(&w->c->notes, "what the aliases of %s say of %s could not be found out: %s\n",
			    w->domain.s, u->s, why.text);
		pv_aliases_free(&a);
		return PV_OK;
	}
	if (is_his(w, u, a.conf.fallback))
		c = pv_fail(e, PV_PERMANENT, "5.3.5",
			    "the fallback of %s is what would be the mailbox of %s: choose another first, "
			    "and move that one away",
			    w->domain.s, u->s);
	for (unsigned i = 0; c == PV_OK && i < PV_ALIAS_FILES; i++)
		c = look_at_file(w, u, &a.files[i], a.paths[i], e);
	if (c == PV_OK)
		advise(w, u, &a);
	pv_aliases_free(&a);
	return c;
}
