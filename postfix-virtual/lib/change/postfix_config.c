#include "change/postfix_config.h"

#include "change/words.h"
#include "maps/postfix.h"

#define POSTFIX "/usr/sbin/postfix"

enum { SECONDS = 60, OUTPUT_MAX = 4 << 20 };

static const char *const names[PV_PARAMETERS] = {
	[PV_ALIAS_MAPS] = "virtual_alias_maps",
	[PV_ALIAS_DOMAINS] = "virtual_alias_domains",
	[PV_TRANSPORT_MAPS] = "transport_maps",
	[PV_RECIPIENT_LIMIT] = PV_VLOCAL "_destination_recipient_limit",
	[PV_CONCURRENCY_LIMIT] = PV_VLOCAL "_destination_concurrency_limit",
	[PV_SENDER_TRANSPORTS] = "sender_dependent_default_transport_maps",
	[PV_RECIPIENT_RESTRICTIONS] = "smtpd_recipient_restrictions",
};

const char *pv_parameter_name(enum pv_parameter p)
{
	return names[p];
}

/* Run a program of Postfix's. Warnings about what an administrator wrote are none of our business:
 * the exit status counts. */
static enum pv_class run(const char *const argv[], struct pv_buf *out, struct pv_error *e)
{
	struct pv_buf words = PV_BUF_INIT(65536);
	int status = 0;

	enum pv_class c = pv_postfix_run(argv, NULL, SECONDS, out, &words, &status, e);
	if (c == PV_OK && status != 0)
		c = pv_fail(e, PV_PERMANENT, NULL, "%s %s %s %s exits %d: %.300s", argv[0], argv[1], argv[2],
			    argv[3], status, words.s);
	pv_buf_free(&words);
	return c;
}

/* Cut the next line from *p. */
static char *next_line(char **p)
{
	char *line = *p;

	if (*line == '\0')
		return NULL;
	char *newline = strchr(line, '\n');
	*p = newline != NULL ? newline + 1 : line + strlen(line);
	if (newline != NULL)
		*newline = '\0';
	return line;
}

static enum pv_class keep(const char *text, char **to, struct pv_error *e)
{
	free(*to);
	*to = strdup(text);
	return *to != NULL ? PV_OK : pv_fail(e, PV_TEMPORARY, NULL, "no memory for main.cf");
}

static enum pv_class take_parameter(struct pv_postfix_config *c, char *line, struct pv_error *e)
{
	char *equals = strstr(line, " =");

	if (equals == NULL)
		return PV_OK;
	*equals = '\0';
	const char *value = equals + 2 + (equals[2] == ' ');
	for (size_t i = 0; i < PV_PARAMETERS; i++)
		if (strcmp(line, names[i]) == 0)
			return keep(value, &c->value[i], e);
	if (strcmp(line, "virtual_maps") == 0)
		c->has_virtual_maps = true;
	return PV_OK;
}

static enum pv_class read_main(const char *dir, struct pv_postfix_config *c, struct pv_error *e)
{
	const char *argv[] = { PV_POSTCONF, "-c", dir, "-n", NULL };
	struct pv_buf out = PV_BUF_INIT(OUTPUT_MAX);
	char *line;

	enum pv_class r = run(argv, &out, e);
	char *p = out.s;
	while (r == PV_OK && (line = next_line(&p)) != NULL)
		r = take_parameter(c, line, e);
	pv_buf_free(&out);
	return r;
}

static enum pv_class take_service(struct pv_postfix_config *c, const char *line, struct pv_error *e)
{
	struct pv_buf words = PV_BUF_INIT(65536);

	pv_words_squeeze(line, &words);
	enum pv_class r = pv_buf_check(&words, "a line of master.cf", e);
	if (r == PV_OK && strncmp(words.s, PV_VLOCAL " unix ", sizeof PV_VLOCAL " unix " - 1) == 0)
		r = keep(words.s, &c->service, e);
	pv_buf_free(&words);
	return r;
}

static enum pv_class read_master(const char *dir, struct pv_postfix_config *c, struct pv_error *e)
{
	const char *argv[] = { PV_POSTCONF, "-c", dir, "-M", NULL };
	struct pv_buf out = PV_BUF_INIT(OUTPUT_MAX);
	const char *line;

	enum pv_class r = run(argv, &out, e);
	char *p = out.s;
	while (r == PV_OK && (line = next_line(&p)) != NULL)
		r = take_service(c, line, e);
	pv_buf_free(&out);
	return r;
}

/* What has to be known expanded. */
static enum pv_class read_expanded(const char *dir, struct pv_postfix_config *c, struct pv_error *e)
{
	static const char host[] = "myhostname =", delimiter[] = "recipient_delimiter =";
	const char *argv[] = { PV_POSTCONF, "-c", dir, "-x", "myhostname", "recipient_delimiter", NULL };
	struct pv_buf out = PV_BUF_INIT(4096);
	const char *line;

	enum pv_class r = run(argv, &out, e);
	char *p = out.s;
	while (r == PV_OK && (line = next_line(&p)) != NULL) {
		if (strncmp(line, host, sizeof host - 1) == 0)
			r = keep(line + sizeof host - 1 + strspn(line + sizeof host - 1, " "), &c->myhostname,
				 e);
		else if (strncmp(line, delimiter, sizeof delimiter - 1) == 0)
			r = keep(line + sizeof delimiter - 1 + strspn(line + sizeof delimiter - 1, " "),
				 &c->delimiter, e);
	}
	if (r == PV_OK && c->myhostname == NULL)
		r = keep("", &c->myhostname, e);
	if (r == PV_OK && c->delimiter == NULL)
		r = keep("", &c->delimiter, e);
	pv_buf_free(&out);
	return r;
}

enum pv_class pv_postfix_config_read(const char *dir, struct pv_postfix_config *c, struct pv_error *e)
{
	*c = (struct pv_postfix_config){ .service = NULL };
	if (!pv_postfix_has(PV_POSTCONF))
		return pv_fail(e, PV_PERMANENT, NULL,
			       "there is no %s: install Postfix with its lmdb and pcre tables first",
			       PV_POSTCONF);
	enum pv_class r = read_main(dir, c, e);
	if (r == PV_OK)
		r = read_master(dir, c, e);
	return r == PV_OK ? read_expanded(dir, c, e) : r;
}

void pv_postfix_config_free(struct pv_postfix_config *c)
{
	for (size_t i = 0; i < PV_PARAMETERS; i++)
		free(c->value[i]);
	free(c->service);
	free(c->myhostname);
	free(c->delimiter);
	*c = (struct pv_postfix_config){ .service = NULL };
}

bool pv_postfix_edits_any(const struct pv_postfix_edits *edits)
{
	bool any = edits->service != NULL || edits->drop_service;

	for (size_t i = 0; i < PV_PARAMETERS; i++)
		any = any || edits->value[i] != NULL || edits->unset[i];
	return any;
}

static enum pv_class edit_service(const char *dir, const char *line, struct pv_error *e)
{
	const char *drop[] = { PV_POSTCONF, "-c", dir, "-MX", PV_VLOCAL "/unix", NULL };
	const char *put[] = { PV_POSTCONF, "-c", dir, "-M", NULL, NULL };
	struct pv_buf setting = PV_BUF_INIT(65536);

	if (line == NULL)
		return run(drop, NULL, e);
	pv_buf_addf(&setting, PV_VLOCAL "/unix=%s", line);
	enum pv_class c = pv_buf_check(&setting, "a line of master.cf", e);
	put[4] = setting.s;
	if (c == PV_OK)
		c = run(put, NULL, e);
	pv_buf_free(&setting);
	return c;
}

/* All values with one call, so that main.cf is written once. */
static enum pv_class set_values(const char *dir, const struct pv_postfix_edits *edits, struct pv_error *e)
{
	const char *argv[4 + PV_PARAMETERS + 1] = { PV_POSTCONF, "-c", dir, "-e" };
	struct pv_buf settings[PV_PARAMETERS];
	enum pv_class c = PV_OK;
	size_t count = 0;

	for (size_t i = 0; i < PV_PARAMETERS; i++) {
		if (edits->value[i] == NULL)
			continue;
		settings[count] = (struct pv_buf)PV_BUF_INIT(OUTPUT_MAX);
		pv_buf_addf(&settings[count], "%s = %s", names[i], edits->value[i]);
		if (c == PV_OK)
			c = pv_buf_check(&settings[count], names[i], e);
		argv[4 + count] = settings[count].s;
		count++;
	}
	if (c == PV_OK && count > 0)
		c = run(argv, NULL, e);
	for (size_t i = 0; i < count; i++)
		pv_buf_free(&settings[i]);
	return c;
}

static enum pv_class unset_values(const char *dir, const struct pv_postfix_edits *edits, struct pv_error *e)
{
	const char *argv[4 + PV_PARAMETERS + 1] = { PV_POSTCONF, "-c", dir, "-X" };
	size_t count = 0;

	for (size_t i = 0; i < PV_PARAMETERS; i++)
		if (edits->unset[i])
			argv[4 + count++] = names[i];
	return count > 0 ? run(argv, NULL, e) : PV_OK;
}

enum pv_class pv_postfix_config_edit(const char *dir, const struct pv_postfix_edits *edits,
				     struct pv_error *e)
{
	enum pv_class c = PV_OK;

	if (edits->service != NULL)
		c = edit_service(dir, edits->service, e);
	if (c == PV_OK)
		c = set_values(dir, edits, e);
	if (c == PV_OK)
		c = unset_values(dir, edits, e);
	if (c == PV_OK && edits->drop_service)
		c = edit_service(dir, NULL, e);
	return c;
}

enum pv_class pv_postfix_check(const char *dir, struct pv_error *e)
{
	const char *argv[] = { POSTFIX, "-c", dir, "check", NULL };

	return run(argv, NULL, e);
}
