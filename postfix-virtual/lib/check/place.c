/* Where in Postfix's own files something stands: an administrator mends a line, not a finding. */
#include "check/checkup.h"

#include "base/file.h"
#include "maps/postfix.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { ASK_SECONDS = 30 };
#define FILE_MAX ((size_t)64 << 20)

/* Root's own file, named in Postfix's configuration. */
static bool load(const char *path, struct pv_buf *text)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return false;
	bool ok = pv_file_read(fd, path, text, NULL) == PV_OK;
	(void)close(fd);
	return ok;
}

/* A logical line: one that begins with white space continues the one before. */
struct logical {
	const char *text;
	size_t len; /* with what continues it */
	unsigned no;
};

static bool next_logical(const char **p, unsigned *no, struct logical *l)
{
	const char *at = *p;

	if (*at == '\0')
		return false;
	*l = (struct logical){ .text = at, .no = *no };
	do {
		at += strcspn(at, "\n");
		at += *at == '\n';
		(*no)++;
	} while (*at == ' ' || *at == '\t');
	l->len = (size_t)(at - l->text);
	*p = at;
	return true;
}

void pv_setting_place(const char *dir, const char *name, char place[PV_PLACE_SIZE])
{
	struct pv_buf text = PV_BUF_INIT(FILE_MAX);
	char path[PATH_MAX];
	struct logical l;
	size_t len = strlen(name);
	unsigned no = 1, found = 0;

	(void)snprintf(path, sizeof path, "%s/main.cf", dir);
	(void)load(path, &text);
	for (const char *p = text.s; next_logical(&p, &no, &l);)
		if (l.len > len && strncmp(l.text, name, len) == 0 && strchr(" \t=", l.text[len]) != NULL)
			found = l.no;
	pv_buf_free(&text);
	if (found > 0)
		(void)snprintf(place, PV_PLACE_SIZE, "%s (%s, line %u)", name, path, found);
	else
		(void)snprintf(place, PV_PLACE_SIZE, "%s (its default; %s)", name, path);
}

enum pv_class pv_setting_value(const char *dir, const char *name, struct pv_buf *out, struct pv_error *e)
{
	const char *const argv[] = { PV_POSTCONF, "-c", dir, "-hx", name, NULL };

	enum pv_class c = pv_postfix_ask(argv, NULL, ASK_SECONDS, out, e);
	while (out->len > 0 && out->s[out->len - 1] == '\n')
		pv_buf_truncate(out, out->len - 1);
	return c;
}

/* The line of a text that postmap(1) makes a table of. */
static unsigned find_key(const char *text, const char *key)
{
	size_t len = strlen(key);
	struct logical l;
	unsigned no = 1;

	for (const char *p = text; next_logical(&p, &no, &l);)
		if (l.len > len && strncasecmp(l.text, key, len) == 0 && strchr(" \t\n", l.text[len]) != NULL)
			return l.no;
	return 0;
}

/* Does the table of the first `len` bytes answer? */
static bool answers(const char *dir, const char *type, const char *text, size_t len, const char *key)
{
	char table[64];
	const char *const argv[] = { PV_POSTMAP, "-c", dir, "-q", key, table, NULL };
	struct pv_buf input = PV_BUF_INIT(FILE_MAX), out = PV_BUF_INIT(65536), err = PV_BUF_INIT(65536);
	int status = 1;

	(void)snprintf(table, sizeof table, "%.20s:/dev/stdin", type);
	pv_buf_add(&input, text, len);
	/* What it says of an `if` whose `endif` is cut off is of no interest. */
	bool yes =
		pv_postfix_run(argv, &input, ASK_SECONDS, &out, &err, &status, NULL) == PV_OK && status == 0;
	pv_buf_free(&input);
	pv_buf_free(&out);
	pv_buf_free(&err);
	return yes;
}

/* The first expression that matches wins: the shortest beginning of the file that answers ends with it. */
static unsigned find_expression(const char *dir, const char *type, const char *text, const char *key)
{
	unsigned no = 1, lines = 0;
	struct logical l;

	for (const char *p = text; next_logical(&p, &no, &l);)
		lines++;
	struct logical *all = calloc(lines + 1, sizeof *all);
	if (all == NULL || !answers(dir, type, text, strlen(text), key)) {
		free(all);
		return 0;
	}
	no = 1;
	lines = 0;
	for (const char *p = text; next_logical(&p, &no, &all[lines]);)
		lines++;
	unsigned low = 0, high = lines; /* the first `low` lines do not answer, the first `high` do */
	while (high - low > 1) {
		unsigned middle = low + (high - low) / 2;
		const struct logical *last = &all[middle - 1];
		if (answers(dir, type, text, (size_t)(last->text - text) + last->len, key))
			high = middle;
		else
			low = middle;
	}
	no = all[high - 1].no;
	free(all);
	return no;
}

static bool is_one_of(const char *type, const char *const list[])
{
	for (; *list != NULL; list++)
		if (strcmp(type, *list) == 0)
			return true;
	return false;
}

void pv_table_place(const char *dir, const char *setting, const char *table, const char *key,
		    char place[PV_PLACE_SIZE])
{
	static const char *const made[] = { "hash", "btree", "lmdb", "cdb", "dbm", "sdbm", "texthash", NULL };
	static const char *const expressions[] = { "pcre", "regexp", "cidr", NULL };
	struct pv_buf text = PV_BUF_INIT(FILE_MAX);
	char where[PV_PLACE_SIZE], type[32];
	const char *path = strchr(table, ':');
	unsigned line = 0;

	/* proxymap(8) reads the same file. */
	if (strncmp(table, "proxy:", 6) == 0) {
		table += 6;
		path = strchr(table, ':');
	}
	if (path != NULL && path[1] == '/' && (size_t)(path - table) < sizeof type) {
		(void)snprintf(type, sizeof type, "%.*s", (int)(path - table), table);
		bool loaded = load(path + 1, &text);
		if (loaded && is_one_of(type, made))
			line = find_key(text.s, key);
		else if (loaded && is_one_of(type, expressions))
			line = find_expression(dir, type, text.s, key);
	}
	pv_buf_free(&text);
	if (line > 0) {
		(void)snprintf(place, PV_PLACE_SIZE, "%s, line %u", path + 1, line);
		return;
	}
	pv_setting_place(dir, setting, where);
	(void)snprintf(place, PV_PLACE_SIZE, "%.1500s in %.2000s", table, where);
}
