#include "maps/reader_faults.h"

#include "base/file.h"
#include "base/table.h"
#include "route/route.h"
#include "route/seen.h"
#include "store/alias_file.h"
#include "store/command_line.h"
#include "store/folder_load.h"
#include "store/mail_conf.h"
#include "store/program_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#define INCLUDE "include"
#define USERS "users"
#define FORWARDS_MAX ((size_t)4 << 20)

enum { FORWARD_MAX = 2048 }; /* address and place */

/* Nobody has it: whoever else gets mail for it is the fallback. */
static const char nobody[] = "zz--there.is-no-such-name--zz";

struct checking {
	struct pv_sender *s;
	const struct pv_folder *f;
	struct pv_domain_conf conf;
	struct pv_instead conf_file; /* what is good of domain.conf */
	struct pv_faults faults;
	struct pv_seen seen; /* forwards, with their places */
	struct pv_arena memory;
	struct pv_buf forwards; /* address, NUL, place, NUL each: they are sent together */
	size_t forward_count;
};

static enum pv_class find(struct checking *k, const struct pv_error *why, struct pv_error *e)
{
	return pv_faults_say(&k->faults, why, e);
}

/* --- where mail would lead --- */

static const char *home_of(void *ctx)
{
	struct pv_sender *s = ctx;

	if (s->home == NULL) {
		const struct passwd *p = getpwuid(s->uid);
		s->home = p != NULL ? strdup(p->pw_dir) : NULL;
	}
	return s->home;
}

/* Whether it leads to somebody in another domain of this host only who has all tables can say. */
static void note_forwards(struct checking *k, const struct pv_route *r)
{
	char entry[FORWARD_MAX];
	bool had;

	for (size_t i = 0; i < r->count && k->forward_count < PV_ROUTE_ACTIONS_MAX; i++) {
		const struct pv_action *a = &r->actions[i];
		if (a->kind != PV_ACTION_FORWARD || strchr(a->text, '@') == NULL)
			continue;
		int len = snprintf(entry, sizeof entry, "%s\t%s, line %u", a->text, a->file, a->line);
		if ((size_t)len >= sizeof entry || !pv_seen_add(&k->seen, &k->memory, 'f', entry, &had) ||
		    had)
			continue;
		entry[strlen(a->text)] = '\0';
		pv_buf_add(&k->forwards, entry, (size_t)len + 1);
		k->forward_count++;
	}
}

static enum pv_class send_forwards(struct checking *k, struct pv_error *e)
{
	const char *at = k->forwards.s, *end = k->forwards.s + k->forwards.len;
	enum pv_class c = PV_OK;

	while (c == PV_OK && !k->forwards.failed && at < end) {
		const char *place = at + strlen(at) + 1;
		c = pv_send_frame(k->s, PV_FRAME_FORWARD, at, place, strlen(place), e);
		at = place + strlen(place) + 1;
	}
	return c;
}

static enum pv_class check_address(struct checking *k, const char *local, size_t len,
				   const struct pv_error *if_unknown, struct pv_error *e)
{
	const struct pv_route_query query = { .store = &k->s->store,
					      .account = k->s->uid,
					      .account_home = home_of,
					      .ctx = k->s,
					      .to = { local, len, k->f->domain } };
	struct pv_error why;
	struct pv_route r;

	if (pv_route_resolve(&query, &r, &why) != PV_OK)
		return find(k, &why, e);
	note_forwards(k, &r);
	bool unknown = r.by_fallback || (r.refused && strcmp(r.status, "5.1.1") == 0);
	pv_route_free(&r);
	return unknown && if_unknown != NULL ? find(k, if_unknown, e) : PV_OK;
}

static enum pv_class check_fallback(struct checking *k, struct pv_error *e)
{
	if (k->conf.fallback[0] == '\0' && !pv_unknown_to_postmaster(&k->s->store, &k->conf))
		return PV_OK;
	return check_address(k, nobody, sizeof nobody - 1, NULL, e);
}

/* A pattern that leads to one name leads to somebody. */
static enum pv_class check_pattern(struct checking *k, const char *file, const struct pv_alias_entry *entry,
				   struct pv_error *e)
{
	struct pv_error why;

	if (memchr(entry->targets, '$', entry->targets_len) != NULL)
		return PV_OK;
	(void)pv_fail(&why, PV_TEMPORARY, "4.3.5",
		      "%s, line %u: the pattern leads to %.*s, which is nobody: make that user or alias, or "
		      "take the pattern out",
		      file, entry->line, entry->targets_len > 80 ? 80 : (int)entry->targets_len,
		      entry->targets);
	return check_address(k, entry->targets, entry->targets_len, &why, e);
}

/* --- programs --- */

/* The account's name, for sentences. */
static const char *account_name(const struct checking *k)
{
	const struct passwd *p = getpwuid(k->s->uid);

	return p != NULL ? p->pw_name : "?";
}

/* What is no command line at all is said by who resolves it. */
static enum pv_class check_program(struct checking *k, const char *file, unsigned line, const char *what,
				   const char *command, struct pv_error *e)
{
	struct pv_command_line words;
	struct pv_error why;

	command += strspn(command, " \t");
	if (pv_command_line_parse(command, strlen(command), NULL, &words, NULL) != PV_OK)
		return PV_OK;
	enum pv_class c = pv_program_file_check(words.argv[0], account_name(k), &why);
	pv_command_line_free(&words);
	if (c == PV_OK)
		return PV_OK;
	(void)pv_error_prefix(&why, "%s, line %u%s%s", file, line, what[0] != '\0' ? ": " : "", what);
	return find(k, &why, e);
}

static enum pv_class check_commands(struct checking *k, const char *file, const struct pv_alias_entry *entry,
				    struct pv_error *e)
{
	const char *list = entry->targets, *end = entry->targets + entry->targets_len;
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	enum pv_class c = PV_OK, wrong = PV_OK;
	struct pv_target t;

	while (c == PV_OK && pv_target_next(&list, end, &text, &t, &wrong, NULL) && wrong == PV_OK)
		if (t.kind == PV_TARGET_COMMAND)
			c = check_program(k, file, entry->line, "", t.text, e);
	pv_buf_free(&text);
	return c;
}

/* A setting that names a program. */
static enum pv_class check_setting(struct checking *k, const char *file, unsigned line, const char *setting,
				   const char *value, struct pv_error *e)
{
	static const char *const programs[] = { "filter", "deliver_with", "after_storing" };
	char what[200];

	(void)snprintf(what, sizeof what, "%s = %.150s", setting, value);
	if (strcmp(setting, "fallback") == 0 && value[0] == '|')
		return check_program(k, file, line, what, value + 1, e);
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		if (strcmp(setting, programs[i]) == 0)
			return check_program(k, file, line, what, value, e);
	return PV_OK;
}

/* --- aliases --- */

static enum pv_class check_entry(struct checking *k, const char *file, const struct pv_alias_entry *entry,
				 struct pv_error *e)
{
	if (entry->pattern != NULL)
		return check_pattern(k, file, entry, e);
	enum pv_class c = check_address(k, entry->name, entry->name_len, NULL, e);
	return c == PV_OK ? check_commands(k, file, entry, e) : c;
}

static enum pv_class check_entries(struct checking *k, struct pv_alias_file *file, struct pv_error *e)
{
	struct pv_alias_entry entry;
	enum pv_class c = PV_OK;
	struct pv_error why;
	size_t at = 0;

	while (c == PV_OK) {
		enum pv_class got = pv_alias_next(file, &at, &entry, &why);
		if (got == PV_OK && entry.name == NULL)
			break;
		c = got != PV_OK ? find(k, &why, e) : check_entry(k, file->file, &entry, e);
	}
	return c;
}

/* That it cannot be read is a doubt already. */
static enum pv_class check_alias_file(struct checking *k, const char *name, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_READER_ALIASES_MAX);
	char path[sizeof k->f->path + 1024];
	enum pv_class c = PV_OK;
	struct pv_alias_file file;
	bool found = false;

	if (name[0] != '\0' && pv_folder_load_any(k->f, name, &text, &found, NULL) == PV_OK && found) {
		(void)snprintf(path, sizeof path, "%s%s%.1000s", name[0] == '/' ? "" : k->f->path,
			       name[0] == '/' ? "" : "/", name);
		pv_alias_file_start(&file, path, &text);
		c = check_entries(k, &file, e);
		pv_alias_file_free(&file);
	}
	pv_buf_free(&text);
	return c;
}

/* --- lists --- */

static enum pv_class check_list(struct checking *k, const char *name, struct pv_buf *list, struct pv_error *e)
{
	struct pv_buf out = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *end = list->s + list->len;
	char *at = list->s;
	enum pv_class c = PV_OK, got = PV_OK;
	struct pv_target t;
	struct pv_error why;
	unsigned line = 0;

	while (c == PV_OK && pv_include_next(&at, end, &line, &out, &t, &got, &why)) {
		if (got == PV_OK)
			continue;
		(void)pv_error_prefix(&why, "%s/%s, line %u", k->f->path, name, line);
		c = find(k, &why, e);
		got = PV_OK;
	}
	pv_buf_free(&out);
	return c;
}

static enum pv_class check_list_file(struct checking *k, const char *name, struct pv_error *e)
{
	struct pv_buf list = PV_BUF_INIT(PV_READER_ALIASES_MAX);
	char path[sizeof INCLUDE "/" + NAME_MAX];
	struct pv_error why;
	bool found;

	(void)snprintf(path, sizeof path, INCLUDE "/%s", name);
	enum pv_class c = pv_folder_load(k->f, path, &list, &found, &why) == PV_OK
				  ? check_list(k, path, &list, e)
				  : find(k, &why, e);
	pv_buf_free(&list);
	return c;
}

/* --- settings --- */

/* Keep a line where it stood, so that what is said of it is true. */
static void keep_line(const struct pv_line *l, const char *setting, const char *value, unsigned *lines,
		      struct pv_buf *good)
{
	for (; *lines + 1 < l->no; ++*lines)
		pv_buf_addc(good, '\n');
	pv_buf_addf(good, "%s = %s\n", setting, value);
	++*lines;
}

/* Find every line that is wrong, not the first alone. What is good of the file goes into *good: the others
 * shall not hide what else is wrong; nor shall it that the domain takes no mail just now. */
static enum pv_class check_settings(struct checking *k, const char *name, bool of_user, struct pv_buf *good,
				    struct pv_error *e)
{
	unsigned lines = 0;
	struct pv_buf text = PV_BUF_INIT(PV_READER_CONF_MAX);
	char path[sizeof k->f->path + 2 * NAME_MAX], *setting, *value;
	enum pv_class c = PV_OK;
	struct pv_error why;
	struct pv_lines it;
	struct pv_line l;
	bool found;

	(void)snprintf(path, sizeof path, "%s/%s", k->f->path, name);
	if (pv_file_load(k->f->fd, name, &k->f->trust, &text, &found, &why) != PV_OK)
		c = find(k, &why, e);
	pv_lines_start(&it, path, &text, true);
	while (c == PV_OK) {
		enum pv_class got = pv_lines_next(&it, &l, &why);
		if (got == PV_OK && l.text == NULL)
			break;
		if (got == PV_OK)
			got = pv_line_setting(&it, &l, &setting, &value, &why);
		if (got == PV_OK && (got = pv_mail_setting_check(setting, value, of_user, &why)) != PV_OK)
			(void)pv_error_prefix(&why, "%s, line %u", path, l.no);
		c = got != PV_OK ? find(k, &why, e) : check_setting(k, path, l.no, setting, value, e);
		if (got == PV_OK && strcmp(setting, "receive") != 0)
			keep_line(&l, setting, value, &lines, good);
	}
	pv_buf_free(&text);
	return c;
}

static enum pv_class check_user(struct checking *k, const char *name, struct pv_error *e)
{
	struct pv_buf good = PV_BUF_INIT(PV_READER_CONF_MAX);
	char file[sizeof USERS "/" + NAME_MAX];
	struct pv_user u;

	if (pv_user_parse(name, strlen(name), &u, NULL) != PV_OK || strcmp(u.s, name) != 0)
		return PV_OK;
	(void)snprintf(file, sizeof file, USERS "/%s", name);
	enum pv_class c = check_settings(k, file, true, &good, e);
	const struct pv_instead user = {
		.domain = k->f->domain, .name = file, .text = &good, .next = &k->conf_file
	};
	k->s->store.instead = &user;
	if (c == PV_OK)
		c = check_address(k, u.s, u.len, NULL, e);
	k->s->store.instead = &k->conf_file;
	pv_buf_free(&good);
	return c;
}

/* --- */

/* Call each() for every visible name in a folder of the domain, if there is such a folder. */
static enum pv_class
each_file(struct checking *k, const char *folder,
	  enum pv_class (*each)(struct checking *k, const char *name, struct pv_error *e), struct pv_error *e)
{
	int o_path, fd = -1;
	enum pv_class c = PV_OK;
	struct dirent *entry;
	struct pv_error why;

	if (pv_dir_open(k->f->fd, folder, &k->f->trust, &o_path, NULL, &why) != PV_OK)
		return find(k, &why, e);
	if (o_path >= 0) {
		fd = openat(o_path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(o_path);
	}
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL && fd >= 0)
		(void)close(fd);
	while (c == PV_OK && dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			c = each(k, entry->d_name, e);
	if (dir != NULL)
		(void)closedir(dir);
	return c;
}

static enum pv_class check_all(struct checking *k, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < PV_READER_ALIAS_FILES; i++)
		c = check_alias_file(k, i == 0 ? "aliases" : k->conf.extra_aliases[i - 1], e);
	if (c == PV_OK)
		c = each_file(k, INCLUDE, check_list_file, e);
	if (c == PV_OK)
		c = each_file(k, USERS, check_user, e);
	if (c == PV_OK)
		c = pv_check_answers(&k->faults, k->f, home_of(k->s), e);
	if (c == PV_OK)
		c = check_fallback(k, e);
	return c == PV_OK ? send_forwards(k, e) : c;
}

enum pv_class pv_send_findings(struct pv_sender *s, const struct pv_folder *f, struct pv_error *e)
{
	struct checking k = { .s = s, .f = f, .forwards = PV_BUF_INIT(FORWARDS_MAX) };
	struct pv_buf conf = PV_BUF_INIT(PV_READER_CONF_MAX), text = PV_BUF_INIT(PV_READER_CONF_MAX);

	pv_faults_start(&k.faults, s);
	pv_domain_conf_defaults(&k.conf);
	enum pv_class c = check_settings(&k, "domain.conf", false, &conf, e);
	pv_buf_add(&text, conf.s, conf.len);
	(void)pv_domain_conf_parse(&text, "domain.conf", &k.conf, NULL);
	k.conf_file = (struct pv_instead){ .domain = f->domain, .name = "domain.conf", .text = &conf };
	s->store.instead = &k.conf_file;
	if (c == PV_OK)
		c = check_all(&k, e);
	s->store.instead = NULL;
	pv_domain_conf_free(&k.conf);
	pv_faults_free(&k.faults);
	pv_seen_free(&k.seen);
	pv_arena_free(&k.memory);
	pv_buf_free(&k.forwards);
	pv_buf_free(&conf);
	pv_buf_free(&text);
	return c;
}
