#include "change/setup_record.h"

#include "base/file.h"
#include "base/table.h"
#include "change/state.h"

#include <fcntl.h>
#include <unistd.h>

#define NAME "postfix"

enum { RECORD_MAX = 1 << 20 };

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

	for (size_t i = 0; i < PV_PARAMETERS; i++) {
		put(&b, pv_parameter_name(i), "original", r->original[i]);
		put(&b, pv_parameter_name(i), "written", r->written[i]);
		put(&b, pv_parameter_name(i), "word_1", r->words[i][0]);
		put(&b, pv_parameter_name(i), "word_2", r->words[i][1]);
	}
	put(&b, "service", "", r->service);
	put(&b, "myhostname", "", r->myhostname);
	enum pv_class c = pv_buf_check(&b, "what setup did", e);
	if (c == PV_OK)
		c = pv_state_open(s->conf.state_directory, "setup", 0700, &fd, e);
	if (c == PV_OK) {
		c = pv_file_replace(fd, NAME, b.s, b.len, 0600, (uid_t)-1, (gid_t)-1, e);
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
	if (strcmp(name, "myhostname") == 0)
		return &r->myhostname;
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

enum pv_class pv_setup_record_read(const struct pv_store *s, struct pv_setup_record *r, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = "setup" };
	struct pv_buf text = PV_BUF_INIT(RECORD_MAX);
	int fd;

	*r = (struct pv_setup_record){ .found = false };
	enum pv_class c = open_folder(s, &fd, e);
	if (c != PV_OK || fd < 0)
		return c;
	c = pv_file_load(fd, NAME, &trust, &text, &r->found, e);
	(void)close(fd);
	if (c == PV_OK && r->found)
		c = parse(&text, "setup/" NAME, r, e);
	pv_buf_free(&text);
	return c;
}

enum pv_class pv_setup_record_remove(const struct pv_store *s, struct pv_error *e)
{
	int fd;

	enum pv_class c = open_folder(s, &fd, e);
	if (c != PV_OK || fd < 0)
		return c;
	c = pv_file_remove(fd, NAME, e);
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
	free(r->service);
	free(r->myhostname);
	*r = (struct pv_setup_record){ .found = false };
}
