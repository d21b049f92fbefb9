#include "change/depend.h"

#include "base/child.h"
#include "base/file.h"
#include "change/alias_words.h"
#include "change/inside.h"
#include "store/alias_file.h"
#include "store/folder_load.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static const struct pv_child_limits limits = { .seconds = 30, .cpu_seconds = 20 };

#define INCLUDE_FOLDER "include"

enum { FILES = 3 };

struct search {
	const struct pv_work *w;
	const char *name;
	bool as_user;
	bool is_alias;	     /* of a user who goes: an alias of his name stays, and takes his place */
	struct pv_inside in; /* in the child, from here on */
	struct pv_alias_file files[FILES];
	bool is_own[FILES]; /* it lies in the domain's folder */
	char paths[FILES][PATH_MAX * 2];
};

/* Is text the name, as it stands or with a tag behind it? */
static bool is_name(const struct pv_store *store, const char *name, const char *text, size_t len)
{
	size_t n = strlen(name);

	if (len < n || strncasecmp(text, name, n) != 0)
		return false;
	return len == n || (text[n] != '\0' && strchr(store->conf.recipient_delimiter, text[n]) != NULL);
}

bool pv_depend_is_address(const struct pv_store *store, const struct pv_domain *domain, const char *name,
			  const char *text, size_t len)
{
	const char *at = memrchr(text, '@', len);
	struct pv_domain d;
	struct pv_folder f;

	if (at == NULL || !is_name(store, name, text, (size_t)(at - text)) ||
	    pv_domain_parse(at + 1, len - (size_t)(at + 1 - text), &d, NULL) != PV_OK)
		return false;
	if (pv_domain_equal(&d, domain))
		return true;
	if (pv_folder_behind(store, &d, &f, NULL) != PV_OK || f.fd < 0)
		return false;
	bool own = pv_domain_equal(&f.domain, domain);
	pv_folder_close(&f);
	return own;
}

bool pv_depend_is_name(const struct pv_store *store, const struct pv_domain *domain, const char *name,
		       bool as_user, const struct pv_target *t, const char **rest_r)
{
	*rest_r = t->text + strlen(name);
	switch (t->kind) {
	case PV_TARGET_NAME:
		return is_name(store, name, t->text, t->len);
	case PV_TARGET_USER:
		return as_user && is_name(store, name, t->text, t->len);
	case PV_TARGET_ADDRESS:
		return pv_depend_is_address(store, domain, name, t->text, t->len);
	case PV_TARGET_INCLUDE:
	case PV_TARGET_COMMAND:
	case PV_TARGET_FILE:
		break;
	}
	return false;
}

/* Is name+tag an alias of its own? */
static bool is_tagged_alias(struct search *s, const struct pv_target *t, const char *rest)
{
	size_t len = strcspn(t->text, "@");
	struct pv_alias_entry entry;
	bool found = false;

	for (size_t i = 0; *rest != '\0' && *rest != '@' && !found && i < FILES; i++)
		if (pv_alias_find(&s->files[i], t->text, len, &entry, &found, NULL) != PV_OK)
			found = true; /* one that is wrong */
	return found;
}

static bool leads_there(struct search *s, const struct pv_target *t)
{
	const char *rest;

	if (!pv_depend_is_name(&s->in.store, &s->w->domain, s->name, s->as_user, t, &rest))
		return false;
	if (t->kind == PV_TARGET_USER)
		return true;
	return !s->is_alias && !is_tagged_alias(s, t, rest);
}

/* can_follow: it is in a file of aliases that may follow a user who is renamed. */
static enum pv_class refuse(const struct search *s, const char *file, unsigned line, bool can_follow,
			    struct pv_error *e)
{
	return pv_fail(e, PV_PERMANENT, "5.3.5",
		       "%s, line %u leads to %s, which would lead nowhere then: take it out there first%s",
		       file, line, s->name, can_follow ? ", or add --aliases" : "");
}

/* The members of include/FILE. What is wrong with the list is found by who reads it for a delivery. */
static enum pv_class search_list(struct search *s, const char *name, struct pv_error *e)
{
	char file[sizeof s->in.folder.path + PATH_MAX], path[PATH_MAX];
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX), memory = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	enum pv_class c, found_class = PV_OK;
	struct pv_target t;
	unsigned line = 0;
	bool found = false;

	if (*name == '/' || (size_t)snprintf(path, sizeof path, INCLUDE_FOLDER "/%s", name) >= sizeof path)
		return PV_OK;
	(void)snprintf(file, sizeof file, "%s/%s", s->in.folder.path, path);
	if (pv_folder_load(&s->in.folder, path, &text, &found, NULL) != PV_OK)
		found = false;
	char *at = text.s;
	while (found && found_class == PV_OK &&
	       pv_include_next(&at, text.s + text.len, &line, &memory, &t, &c, NULL))
		if (c == PV_OK && leads_there(s, &t))
			found_class = refuse(s, file, line, false, e);
	pv_buf_free(&text);
	pv_buf_free(&memory);
	return found_class;
}

static enum pv_class search_entry(struct search *s, size_t i, const struct pv_alias_entry *entry,
				  struct pv_error *e)
{
	const bool can_follow = s->is_own[i] && s->w->mark.to.len > 0;
	struct pv_buf memory = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *at = entry->targets, *end = at + entry->targets_len;
	enum pv_class c, r = PV_OK;
	struct pv_target t;

	/* Its own targets go with it. */
	bool itself = !s->as_user && entry->name_len == strlen(s->name) &&
		      strncasecmp(entry->name, s->name, entry->name_len) == 0;
	while (r == PV_OK && !itself && pv_target_next(&at, end, &memory, &t, &c, NULL)) {
		if (c == PV_OK && leads_there(s, &t) && !(can_follow && s->w->mark.aliases))
			r = refuse(s, s->paths[i], entry->line, can_follow, e);
		else if (c == PV_OK && t.kind == PV_TARGET_INCLUDE)
			r = search_list(s, t.text, e);
	}
	pv_buf_free(&memory);
	return r;
}

static enum pv_class load_file(struct search *s, size_t i, const char *name, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	bool is_path = *name == '/', found;
	enum pv_class c = PV_OK;

	(void)snprintf(s->paths[i], sizeof s->paths[i], "%s%s%s", is_path ? "" : s->in.folder.path,
		       is_path ? "" : "/", name);
	if (*name != '\0')
		c = pv_folder_load_any(&s->in.folder, name, &text, &found, e);
	s->is_own[i] = strchr(name, '/') == NULL;
	pv_alias_file_start(&s->files[i], s->paths[i], &text);
	return c;
}

static enum pv_class search_file(struct search *s, size_t i, struct pv_error *e)
{
	struct pv_alias_entry entry;
	enum pv_class c = PV_OK;
	size_t at = 0;

	while (c == PV_OK) {
		/* A wrong entry leads nowhere already. */
		enum pv_class next = pv_alias_next(&s->files[i], &at, &entry, NULL);
		if (next == PV_OK && entry.name == NULL)
			break;
		if (next == PV_OK)
			c = search_entry(s, i, &entry, e);
	}
	return c;
}

/* The files as they are; is there an alias of the name? */
static enum pv_class load_files(struct search *s, const struct pv_domain_conf *conf, struct pv_error *e)
{
	struct pv_alias_entry entry;
	enum pv_class c = PV_OK;
	bool found = false;

	for (size_t i = 0; c == PV_OK && i < FILES; i++) {
		c = load_file(s, i, i == 0 ? "aliases" : conf->extra_aliases[i - 1], e);
		if (c == PV_OK && s->as_user && !s->is_alias)
			c = pv_alias_find(&s->files[i], s->name, strlen(s->name), &entry, &found, e);
		s->is_alias = s->is_alias || found;
	}
	return c;
}

static enum pv_class search_fallback(struct search *s, const struct pv_domain_conf *conf, struct pv_error *e)
{
	const struct pv_target as_name = { .kind = strchr(conf->fallback, '@') != NULL ? PV_TARGET_ADDRESS
										       : PV_TARGET_NAME,
					   .text = conf->fallback,
					   .len = strlen(conf->fallback) };

	if (as_name.len == 0 || !leads_there(s, &as_name))
		return PV_OK;
	return pv_fail(
		e, PV_PERMANENT, "5.3.5",
		"%s is the fallback of %s (%s/domain.conf, line %u): give that to somebody else first, with "
		"postfix-virtual domain set %s fallback=NAME",
		s->name, s->w->domain.s, s->in.folder.path, conf->fallback_line, s->w->domain.s);
}

/* The domain's settings and files of aliases, in the child. conf is to be freed, whatever is returned. */
static enum pv_class load_domain(struct search *s, struct pv_domain_conf *conf, struct pv_error *e)
{
	pv_domain_conf_defaults(conf);
	enum pv_class c = pv_inside_open(s->w->c->store->dir, &s->w->domain, &s->w->account, &s->in, e);
	if (c == PV_OK)
		c = pv_domain_conf_load(&s->in.folder, conf, e);
	return c == PV_OK ? load_files(s, conf, e) : c;
}

static enum pv_class search_all(void *ctx, int out_fd, struct pv_error *e)
{
	struct search *s = ctx;
	struct pv_domain_conf conf;

	(void)out_fd;
	enum pv_class c = load_domain(s, &conf, e);
	if (c == PV_OK)
		c = search_fallback(s, &conf, e);
	for (size_t i = 0; c == PV_OK && i < FILES; i++)
		c = search_file(s, i, e);
	/* The process ends here, and so does what it holds. */
	pv_domain_conf_free(&conf);
	pv_inside_close(&s->in);
	return c;
}

static bool has(const struct pv_work *w, const char *name)
{
	return faccessat(w->folder.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

bool pv_depend_is_possible(const struct pv_work *w)
{
	return has(w, "aliases") || has(w, "domain.conf");
}

enum pv_class pv_depend_refuse(const struct pv_work *w, const char *name, bool as_user, struct pv_error *e)
{
	static struct search s;
	struct pv_buf out = PV_BUF_INIT(0);
	struct pv_error why;

	s = (struct search){ .w = w, .name = name, .as_user = as_user };
	if (!pv_depend_is_possible(w))
		return PV_OK;
	enum pv_class c = pv_child_run(w->account.uid, w->account.gid, &limits, search_all, &s, &out, &why);
	pv_buf_free(&out);
	if (c == PV_PERMANENT && e != NULL)
		*e = why;
	/* A damaged file is no reason to keep a name. */
	if (c != PV_OK && c != PV_PERMANENT)
		pv_buf_addf(&w->c->notes, "whether something leads to %s could not be found out: %s\n", name,
			    why.text);
	return c == PV_PERMANENT ? c : PV_OK;
}

/* --- and what leads to what leads there --- */

/* Names, a NUL in front of each and behind the last. */
static bool has_name(const struct pv_buf *names, const struct pv_alias_entry *entry)
{
	char name[PV_ALIAS_NAME_MAX + 2] = "";

	memcpy(name + 1, entry->name, entry->name_len);
	return memmem(names->s, names->len, name, entry->name_len + 2) != NULL;
}

/* Those of a file whose targets are s->name. */
static void add_leaders(struct search *s, size_t i, struct pv_buf *names, size_t *count)
{
	struct pv_alias_entry entry;
	size_t at = 0;

	while (*count <= PV_LEADERS_MAX) {
		enum pv_class c = pv_alias_next(&s->files[i], &at, &entry, NULL);
		if (c == PV_OK && entry.name == NULL)
			break;
		if (c != PV_OK || entry.pattern != NULL || entry.name_len > PV_ALIAS_NAME_MAX ||
		    has_name(names, &entry) || search_entry(s, i, &entry, NULL) == PV_OK)
			continue;
		pv_buf_add(names, entry.name, entry.name_len);
		pv_buf_addc(names, '\0');
		++*count;
	}
}

static enum pv_class send_leaders(void *ctx, int out_fd, struct pv_error *e)
{
	struct search *s = ctx;
	struct pv_buf names = PV_BUF_INIT((PV_LEADERS_MAX + 3) * (PV_ALIAS_NAME_MAX + 1));
	char name[PV_ALIAS_NAME_MAX + 1];
	struct pv_domain_conf conf;
	const size_t first = strlen(s->name) + 2;
	size_t count = 0;

	pv_buf_addc(&names, '\0');
	pv_buf_add(&names, s->name, strlen(s->name) + 1);
	enum pv_class c = load_domain(s, &conf, e);
	for (size_t at = 1; c == PV_OK && at < names.len; at += strlen(name) + 1) {
		(void)snprintf(name, sizeof name, "%s", names.s + at);
		s->name = name;
		for (size_t i = 0; i < FILES; i++)
			add_leaders(s, i, &names, &count);
	}
	if (c == PV_OK)
		c = pv_buf_check(&names, "the aliases that lead to another", e);
	if (c == PV_OK && pv_write_all(out_fd, names.s + first, names.len - first) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write to a pipe");
	/* The process ends here, and so does what it holds. */
	pv_domain_conf_free(&conf);
	pv_inside_close(&s->in);
	pv_buf_free(&names);
	return c;
}

enum pv_class pv_depend_leaders(const struct pv_work *w, const char *name, struct pv_buf *names,
				struct pv_error *e)
{
	static struct search s;

	s = (struct search){ .w = w, .name = name };
	return pv_depend_is_possible(w)
		       ? pv_child_run(w->account.uid, w->account.gid, &limits, send_leaders, &s, names, e)
		       : PV_OK;
}
