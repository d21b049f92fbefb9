#include "route/walk.h"
#include "store/folder_load.h"

#include <unistd.h>

enum { LARGE = 64 * 1024 - 1 }; /* bytes of a file that is read with one call, and held */

/* --- the files --- */

/* Its path, for sentences. */
static const char *path_of(const struct pv_walk *w, const char *name)
{
	const char *const parts[] = { w->r->folder.path, "/", name };

	return name[0] == '/' ? name : pv_arena_join(&w->r->arena, parts, sizeof parts / sizeof *parts);
}

/* The i-th file, when it is asked for the first time. A file that domain.conf names must be there. */
static enum pv_class look(struct pv_walk *w, unsigned i, struct pv_error *e)
{
	const struct pv_domain_conf *conf = &w->r->conf;
	const char *name = i == 0 ? "aliases" : conf->extra_aliases[i - 1];
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	enum pv_class c = PV_OK;
	bool found = false;
	off_t size;
	int fd = -1;

	if (w->aliases[i].looked)
		return PV_OK;
	if (name[0] != '\0')
		c = pv_folder_load_or_open(&w->r->folder, name, LARGE, &text, &fd, &size, &found, e);
	if (c == PV_OK && name[0] != '\0' && !found && i > 0)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5",
			    "%s: extra_aliases: there is no file %s: make one, or take it out",
			    w->domain_conf, name);
	const char *path = c == PV_OK && found ? path_of(w, name) : "";
	if (path == NULL)
		c = pv_walk_no_memory(e);
	if (c == PV_OK && fd >= 0)
		pv_alias_file_start_large(&w->aliases[i].file, path, fd, size);
	else if (c == PV_OK && found)
		pv_alias_file_start(&w->aliases[i].file, path, &text);
	else if (fd >= 0)
		(void)close(fd);
	w->aliases[i].exists = c == PV_OK && found;
	w->aliases[i].looked = c == PV_OK;
	pv_buf_free(&text);
	return c;
}

void pv_walk_aliases_free(struct pv_walk *w)
{
	for (unsigned i = 0; i < PV_ALIAS_SOURCES; i++)
		if (w->aliases[i].exists)
			pv_alias_file_free(&w->aliases[i].file);
}

/* Could it be the name of an alias? A pattern's is none: what it matches is looked up by another name. */
static bool may_be_alias(const char *name, size_t len)
{
	if (len == 0 || len > PV_ALIAS_NAME_MAX || name[0] == '/')
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return false;
	return true;
}

static enum pv_class find(struct pv_walk *w, const char *name, size_t len, struct pv_alias_entry *entry,
			  const char **file_r, bool *found_r, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	*found_r = false;
	if (!may_be_alias(name, len))
		return PV_OK;
	for (unsigned i = 0; c == PV_OK && !*found_r && i < PV_ALIAS_SOURCES; i++) {
		c = look(w, i, e);
		if (c != PV_OK || !w->aliases[i].exists)
			continue;
		*file_r = w->aliases[i].file.file;
		c = pv_alias_find(&w->aliases[i].file, name, len, entry, found_r, e);
	}
	return c;
}

enum pv_class pv_walk_check_aliases(struct pv_walk *w, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (unsigned i = 0; c == PV_OK && i < PV_ALIAS_SOURCES; i++)
		if (w->aliases[i].exists)
			c = pv_alias_file_check_names(&w->aliases[i].file, e);
	return c;
}

/* --- an entry --- */

/* Is there one target alone? */
static bool is_single(const char *list, const char *end)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	enum pv_class c = PV_OK;
	struct pv_target t;
	unsigned count = 0;

	while (count < 2 && pv_target_next(&list, end, &text, &t, &c, NULL) && c == PV_OK)
		count++;
	pv_buf_free(&text);
	return count == 1;
}

static enum pv_class follow_targets(struct pv_walk *w, struct pv_step *step, const char *list, size_t len,
				    struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *end = list + len;
	enum pv_class c = PV_OK;
	struct pv_target t;

	while (c == PV_OK && pv_target_next(&list, end, &text, &t, &c, e)) {
		if (c == PV_OK)
			c = pv_walk_target(w, step, &t, e);
		else
			(void)pv_step_place(step, e);
	}
	pv_buf_free(&text);
	return c;
}

static enum pv_class follow(struct pv_walk *w, struct pv_step *up, const struct pv_alias_entry *entry,
			    const char *file, struct pv_error *e)
{
	const size_t len = entry->targets_len;
	struct pv_step step;

	const char *name = pv_arena_add(&w->r->arena, entry->name, entry->name_len);
	if (name == NULL)
		return pv_walk_no_memory(e);
	enum pv_class c = pv_step_enter(up, PV_STEP_ALIAS, name, &step, e);
	if (c != PV_OK)
		return c;
	step.file = file;
	step.line = entry->line;
	step.same = up->same && is_single(entry->targets, entry->targets + len);
	pv_trail_add(w->q->trail, file, step.line, "alias %s: %.*s", name, len > 500 ? 500 : (int)len,
		     entry->targets);
	c = follow_targets(w, &step, entry->targets, len, e);
	if (c == PV_OK && up->kind == PV_STEP_RECIPIENT && w->r->count == 0 && !w->skipped)
		c = pv_step_fail(&step, e, "%s leads to nobody: write a target", name);
	return c;
}

static bool has_expired(const struct pv_alias_entry *entry)
{
	if (!pv_day_is_set(&entry->expires))
		return false;
	const struct pv_day today = pv_day_today();
	return pv_day_compare(&today, &entry->expires) > 0;
}

/* Was it followed, or is it being followed? */
static enum pv_class judge(struct pv_walk *w, const struct pv_step *at, const struct pv_alias_entry *entry,
			   enum pv_alias_fate *fate_r, bool *fresh_r, struct pv_error *e)
{
	bool had;

	*fresh_r = false;
	const char *name = pv_arena_add(&w->r->arena, entry->name, entry->name_len);
	if (name == NULL || !pv_seen_add(&w->seen, &w->r->arena, 'a', name, &had))
		return pv_walk_no_memory(e);
	*fresh_r = !had;
	*fate_r = had && pv_step_find(at, PV_STEP_ALIAS, name) != NULL ? PV_ALIAS_LOOPS : PV_ALIAS_FOLLOWED;
	return PV_OK;
}

enum pv_class pv_walk_alias(struct pv_walk *w, struct pv_step *at, const char *name, size_t len,
			    enum pv_alias_fate *fate_r, struct pv_error *e)
{
	struct pv_alias_entry entry;
	bool found, fresh;
	const char *file;

	*fate_r = PV_ALIAS_NONE;
	enum pv_class c = find(w, name, len, &entry, &file, &found, e);
	if (c != PV_OK || !found)
		return c;
	if (has_expired(&entry)) {
		*fate_r = PV_ALIAS_EXPIRED;
		pv_trail_add(w->q->trail, file, entry.line, "alias %.*s expired on %04u-%02u-%02u", (int)len,
			     name, entry.expires.year, entry.expires.month, entry.expires.day);
		return PV_OK;
	}
	c = judge(w, at, &entry, fate_r, &fresh, e);
	return c == PV_OK && fresh ? follow(w, at, &entry, file, e) : c;
}

/* --- owners --- */

/* owner-NAME@domain, if there is such an alias. */
static enum pv_class find_owner(struct pv_walk *w, struct pv_step *s, struct pv_error *e)
{
	const char *const name[] = { "owner-", s->name };
	struct pv_alias_entry entry;
	const char *file;
	bool found = false;

	const char *owner = pv_arena_join(&w->r->arena, name, sizeof name / sizeof *name);
	if (owner == NULL)
		return pv_walk_no_memory(e);
	enum pv_class c = find(w, owner, strlen(owner), &entry, &file, &found, e);
	/* What comes back to one whose last day is over would be lost. */
	if (c != PV_OK || !found || has_expired(&entry))
		return c;
	if ((s->owner = pv_walk_format(w, owner, strlen(owner), w->r->folder.domain.s)) == NULL)
		return pv_walk_no_memory(e);
	pv_trail_add(w->q->trail, file, entry.line, "copies for %s outside are sent by %s", s->name,
		     s->owner);
	return PV_OK;
}

/* That of the step, or else of what led to it. */
static enum pv_class know_owner(struct pv_walk *w, struct pv_step *s, struct pv_error *e)
{
	enum pv_class c = s->kind == PV_STEP_ALIAS ? find_owner(w, s, e) : PV_OK;

	s->owner_known = true;
	if (c == PV_OK && s->owner == NULL && s->up != NULL)
		c = pv_walk_owner(w, s->up, &s->owner, e);
	return c;
}

enum pv_class pv_walk_owner(struct pv_walk *w, struct pv_step *at, const char **owner_r, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	*owner_r = NULL;
	/* A bounce has no sender, and what is sent in its place has none. */
	if (w->q->sender != NULL && w->q->sender[0] == '\0')
		return PV_OK;
	if (!at->owner_known)
		c = know_owner(w, at, e);
	*owner_r = at->owner;
	return c;
}
