#include "change/setup_record.h"

#include "base/file.h"
#include "base/table.h"
#include "change/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { RECORD_MAX = 1 << 20 };

static const char *const confs[PV_SETUP_CONFS] = { "myhostname", "recipient_delimiter" };

const char *pv_setup_conf_name(enum pv_setup_conf i)
{
	return confs[i];
}

static void put(struct pv_buf *b, const char *name, const char *part, const char *value)
{
	if (value != NULL)
		pv_buf_addf(b, "%s%s%s = %s\n", name, *part != '\0' ? "_" : "", part, value);
}

enum pv_class pv_setup_record_write(const struct pv_store *s, const struct pv_setup_record *r,
				    struct pv_error *e)
{
	struct pv_buf b = PV_BUF_INIT(RECORD_MAX);
	int fd;

	put(&b, "config_directory", "", r->dir);
	for (size_t i = 0; i < PV_PARAMETERS; i++) {
		put(&b, pv_parameter_name(i), "original", r->original[i]);
		put(&b, pv_parameter_name(i), "written", r->written[i]);
		put(&b, pv_parameter_name(i), "word_1", r->words[i][0]);
		put(&b, pv_parameter_name(i), "word_2", r->words[i][1]);
	}
	put(&b, "service", "", r->service);
	for (size_t i = 0; i < PV_SETUP_CONFS; i++)
		put(&b, confs[i], "", r->conf[i]);
	enum pv_class c = pv_buf_check(&b, "what setup did", e);
	if (c == PV_OK)
		c = pv_state_open(s->conf.state_directory, "setup", 0700, &fd, e);
	if (c == PV_OK) {
		c = pv_file_replace(fd, r->name, b.s, b.len, 0600, (uid_t)-1, (gid_t)-1, e);
		(void)close(fd);
	}
	pv_buf_free(&b);
	return c;
}

/* Where does the value of `name` belong? NULL: nowhere. */
static char **place_of(struct pv_setup_record *r, const char *name)
{
	if (strcmp(name, "service") == 0)
		return &r->service;
	if (strcmp(name, "config_directory") == 0)
		return &r->dir;
	for (size_t i = 0; i < PV_SETUP_CONFS; i++)
		if (strcmp(name, confs[i]) == 0)
			return &r->conf[i];
	for (size_t i = 0; i < PV_PARAMETERS; i++) {
		size_t n = strlen(pv_parameter_name(i));
		if (strncmp(name, pv_parameter_name(i), n) != 0 || name[n] != '_')
			continue;
		const char *part = name + n + 1;
		if (strcmp(part, "original") == 0)
			return &r->original[i];
		if (strcmp(part, "written") == 0)
			return &r->written[i];
		if (strcmp(part, "word_1") == 0)
			return &r->words[i][0];
		if (strcmp(part, "word_2") == 0)
			return &r->words[i][1];
	}
	return NULL;
}

static enum pv_class parse(struct pv_buf *text, const char *file, struct pv_setup_record *r,
			   struct pv_error *e)
{
	struct pv_lines it;
	struct pv_line l;
	char *name, *value;
	enum pv_class c;

	pv_lines_start(&it, file, text, false);
	while ((c = pv_lines_next(&it, &l, e)) == PV_OK && l.text != NULL) {
		if ((c = pv_line_setting(&it, &l, &name, &value, e)) != PV_OK)
			return c;
		char **place = place_of(r, name);
		if (place == NULL || *place != NULL)
			return pv_line_fail(&it, &l, e, "`%.60s` is nothing that setup writes there", name);
		if ((*place = strdup(value)) == NULL)
			return pv_fail(e, PV_TEMPORARY, NULL, "no memory for %s", file);
	}
	return c;
}

/* The folder may be missing: nothing was set up yet. It is not made here. */
static enum pv_class open_folder(const struct pv_store *s, int *fd_r, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = s->conf.state_directory };
	int state;

	*fd_r = -1;
	enum pv_class c = pv_dir_open(AT_FDCWD, s->conf.state_directory, &trust, &state, NULL, e);
	if (c != PV_OK || state < 0)
		return c;
	c = pv_dir_open(state, "setup", &trust, fd_r, NULL, e);
	(void)close(state);
	return c;
}

static enum pv_class read_one(int dirfd, const char *name, struct pv_setup_record *r, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = "setup" };
	struct pv_buf text = PV_BUF_INIT(RECORD_MAX);
	char file[PV_RECORD_NAME + 8];

	*r = (struct pv_setup_record){ .found = false };
	(void)snprintf(r->name, sizeof r->name, "%.15s", name);
	(void)snprintf(file, sizeof file, "setup/%.15s", name);
	enum pv_class c = pv_file_load(dirfd, name, &trust, &text, &r->found, e);
	if (c == PV_OK && r->found)
		c = parse(&text, file, r, e);
	pv_buf_free(&text);
	return c;
}

/* `postfix`, and `postfix.2` to `postfix.99`. */
static bool is_record(const char *name)
{
	if (strncmp(name, "postfix", 7) != 0)
		return false;
	name += 7;
	if (*name == '\0')
		return true;
	size_t digits = name[0] == '.' ? strspn(name + 1, "0123456789") : 0;
	return digits > 0 && digits < 3 && name[1 + digits] == '\0';
}

static int compare(const void *a, const void *b)
{
	const struct pv_setup_record *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static enum pv_class read_all(DIR *d, struct pv_setup_record **list, size_t *count, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct dirent *entry;

	while (c == PV_OK && (entry = readdir(d)) != NULL) {
		if (!is_record(entry->d_name))
			continue;
		struct pv_setup_record *more = reallocarray(*list, *count + 1, sizeof *more);
		if (more == NULL)
			return pv_fail(e, PV_TEMPORARY, NULL, "no memory for what setup did");
		*list = more;
		c = read_one(dirfd(d), entry->d_name, &more[(*count)++], e);
	}
	if (*count > 1)
		qsort(*list, *count, sizeof **list, compare);
	return c;
}

enum pv_class pv_setup_records_read(const struct pv_store *s, struct pv_setup_record **list_r,
				    size_t *count_r, struct pv_error *e)
{
	int path_fd;

	*list_r = NULL;
	*count_r = 0;
	enum pv_class c = open_folder(s, &path_fd, e);
	if (c != PV_OK || path_fd < 0)
		return c;
	int fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = errno;
	(void)close(path_fd);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return pv_fail_errno(e, PV_TEMPORARY, NULL, err, "read %s/setup", s->conf.state_directory);
	}
	c = read_all(d, list_r, count_r, e);
	(void)closedir(d);
	return c;
}

enum pv_class pv_setup_record_remove(const struct pv_store *s, const char *name, struct pv_error *e)
{
	int fd;

	enum pv_class c = open_folder(s, &fd, e);
	if (c != PV_OK || fd < 0)
		return c;
	c = pv_file_remove(fd, name, e);
	(void)close(fd);
	return c;
}

void pv_setup_record_free(struct pv_setup_record *r)
{
	for (size_t i = 0; i < PV_PARAMETERS; i++) {
		free(r->original[i]);
		free(r->written[i]);
		free(r->words[i][0]);
		free(r->words[i][1]);
	}
	for (size_t i = 0; i < PV_SETUP_CONFS; i++)
		free(r->conf[i]);
	free(r->service);
	free(r->dir);
	*r = (struct pv_setup_record){ .found = false };
}
