#include "change/alias_rename.h"

#include "base/child.h"
#include "change/alias_read.h"
#include "change/depend.h"
#include "change/inside.h"
#include "store/folder_load.h"

#include <fcntl.h>

static const struct pv_child_limits limits = { .seconds = 30, .cpu_seconds = 20 };

/* In a child that became the account. */
struct renaming {
	const char *dir; /* the configuration folder */
	const struct pv_mark *mark;
	const struct pv_account *account;
	struct pv_inside in;
	struct pv_domain_conf conf;
	struct pv_alias_file files[PV_ALIAS_FILES];
	bool found[PV_ALIAS_FILES];
	char paths[PV_ALIAS_FILES][PATH_MAX + NAME_MAX + 2];
};

static const char *name_of(const struct renaming *r, size_t i)
{
	return i == 0 ? "aliases" : r->conf.extra_aliases[i - 1];
}

/* Is it one that we write? */
static bool is_own(const struct renaming *r, size_t i)
{
	return *name_of(r, i) != '\0' && strchr(name_of(r, i), '/') == NULL;
}

static enum pv_class load(struct renaming *r, size_t i, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *name = name_of(r, i);
	enum pv_class c = PV_OK;

	if (*name == '/')
		(void)snprintf(r->paths[i], sizeof r->paths[i], "%s", name);
	else
		(void)snprintf(r->paths[i], sizeof r->paths[i], "%s/%.*s", r->in.folder.path, NAME_MAX, name);
	if (*name != '\0')
		c = pv_folder_load_any(&r->in.folder, name, &text, &r->found[i], e);
	pv_alias_file_start(&r->files[i], r->paths[i], &text);
	return c;
}

static enum pv_class start(struct renaming *r, struct pv_error *e)
{
	for (size_t i = 0; i < PV_ALIAS_FILES; i++) {
		struct pv_buf nothing = PV_BUF_INIT(0);
		pv_alias_file_start(&r->files[i], "", &nothing);
	}
	pv_domain_conf_defaults(&r->conf);
	enum pv_class c = pv_inside_open(r->dir, &r->mark->domain, r->account, &r->in, e);
	if (c == PV_OK)
		c = pv_domain_conf_load(&r->in.folder, &r->conf, e);
	for (size_t i = 0; c == PV_OK && i < PV_ALIAS_FILES; i++)
		c = load(r, i, e);
	return c;
}

static void end(struct renaming *r)
{
	for (size_t i = 0; i < PV_ALIAS_FILES; i++)
		pv_alias_file_free(&r->files[i]);
	pv_domain_conf_free(&r->conf);
	pv_inside_close(&r->in);
}

/* --- what becomes of a file --- */

/* Is the target, with its tag, an alias of its own? */
static enum pv_class is_alias(struct renaming *r, const struct pv_target *t, bool *found_r,
			      struct pv_error *e)
{
	struct pv_alias_entry entry;
	enum pv_class c = PV_OK;

	*found_r = false;
	for (size_t i = 0; c == PV_OK && !*found_r && i < PV_ALIAS_FILES; i++)
		c = pv_alias_find(&r->files[i], t->text, strcspn(t->text, "@"), &entry, found_r, e);
	return c;
}

static enum pv_class swap(void *ctx, const struct pv_target *t, struct pv_buf *out)
{
	struct renaming *r = ctx;
	bool found = false;
	const char *rest;

	if (!pv_depend_is_name(&r->in.store, &r->mark->domain, r->mark->user.s, true, t, &rest))
		return PV_OK;
	enum pv_class c = t->kind == PV_TARGET_USER ? PV_OK : is_alias(r, t, &found, NULL);
	if (c == PV_OK && !found)
		pv_buf_addf(out, "%s%s%s", t->kind == PV_TARGET_USER ? "\\" : "", r->mark->to.s, rest);
	return c;
}

/* --- before the change --- */

static enum pv_class find(struct renaming *r, const struct pv_user *u, size_t *file_r,
			  struct pv_alias_entry *entry, bool *found_r, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	*found_r = false;
	for (size_t i = 0; c == PV_OK && !*found_r && i < PV_ALIAS_FILES; i++) {
		c = pv_alias_find(&r->files[i], u->s, u->len, entry, found_r, e);
		*file_r = i;
	}
	return c;
}

static enum pv_class refuse_names(struct renaming *r, struct pv_error *e)
{
	const char *from = r->mark->user.s, *to = r->mark->to.s, *d = r->mark->domain.s;
	struct pv_alias_entry entry;
	bool found;
	size_t i;

	enum pv_class c = find(r, &r->mark->to, &i, &entry, &found, e);
	if (c == PV_OK && found)
		return pv_fail(e, PV_PERMANENT, "5.1.3",
			       "%s is an alias (%s, line %u), which would go before the user: "
			       "postfix-virtual alias delete %s@%s first",
			       to, r->paths[i], entry.line, to, d);
	if (c == PV_OK)
		c = find(r, &r->mark->user, &i, &entry, &found, e);
	if (c == PV_OK && found)
		return pv_fail(e, PV_PERMANENT, "5.1.3",
			       "%s is an alias too (%s, line %u), and the aliases that lead to it would not "
			       "tell which is meant: postfix-virtual alias delete %s@%s first, or change "
			       "them by hand",
			       from, r->paths[i], entry.line, from, d);
	return c;
}

/* It would be replaced by a file, and what it leads to would be forgotten. */
static enum pv_class refuse_link(const struct renaming *r, size_t i, struct pv_error *e)
{
	struct stat st;

	if (fstatat(r->in.folder.fd, name_of(r, i), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%s is a symlink: edit by hand what it leads to, or move that here",
			       r->paths[i]);
	return PV_OK;
}

static enum pv_class refuse_inside(void *ctx, int out_fd, struct pv_error *e)
{
	struct pv_buf new = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	struct renaming *r = ctx;

	(void)out_fd;
	enum pv_class c = start(r, e);
	if (c == PV_OK)
		c = refuse_names(r, e);
	for (size_t i = 0; c == PV_OK && i < PV_ALIAS_FILES; i++) {
		pv_buf_reset(&new);
		if (is_own(r, i) && (c = refuse_link(r, i, e)) == PV_OK)
			c = pv_alias_file_swap(&r->files[i], swap, r, &new, e);
	}
	pv_buf_free(&new);
	end(r);
	return c;
}

enum pv_class pv_alias_rename_refuse(const struct pv_work *w, struct pv_error *e)
{
	struct renaming r = { .dir = w->c->store->dir, .mark = &w->mark, .account = &w->account };
	struct pv_buf out = PV_BUF_INIT(0);

	enum pv_class c = pv_child_run(w->account.uid, w->account.gid, &limits, refuse_inside, &r, &out, e);
	pv_buf_free(&out);
	return c;
}

/* --- the step --- */

static enum pv_class rewrite(struct pv_step *s, struct renaming *r, size_t i, struct pv_error *e)
{
	struct pv_buf new = PV_BUF_INIT(PV_ALIAS_FILE_MAX);

	enum pv_class c = pv_alias_file_swap(&r->files[i], swap, r, &new, e);
	if (c == PV_OK && r->found[i])
		c = pv_edit_file(&s->edit, r->in.folder.fd, s->where, name_of(r, i), &r->files[i].text, &new,
				 0600, (uid_t)-1, (gid_t)-1, e);
	pv_buf_free(&new);
	return c;
}

enum pv_class pv_step_aliases_rename(struct pv_step *s, struct pv_error *e)
{
	struct renaming r = { .dir = s->store->dir, .mark = s->mark, .account = s->account };

	if (!s->mark->aliases)
		return PV_OK;
	enum pv_class c = start(&r, e);
	for (size_t i = 0; c == PV_OK && i < PV_ALIAS_FILES; i++)
		if (is_own(&r, i) && (c = refuse_link(&r, i, e)) == PV_OK)
			c = rewrite(s, &r, i, e);
	end(&r);
	return c;
}
