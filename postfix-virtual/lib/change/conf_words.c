#include "change/conf_words.h"

#include "change/mark.h"
#include "store/mail_conf.h"

#include <string.h>

enum { CONF_MAX = 64 * 1024 };

bool pv_conf_has(enum pv_conf_file file, const char *name, size_t len)
{
	for (const struct pv_mail_setting *s = pv_mail_settings(); s->name != NULL; s++)
		if (strlen(s->name) == len && memcmp(s->name, name, len) == 0)
			return file == PV_CONF_OF_USER ? s->of_user : s->of_domain;
	return false;
}

/* Move *p behind its line, whose end is returned. */
static const char *next_line(const char **p)
{
	const char *end = *p + strcspn(*p, "\n");

	*p = *end == '\n' ? end + 1 : end;
	return end;
}

/* The line that sets `name`, or NULL; *end_r is its end. */
static const char *find(const char *lines, const char *name, size_t len, const char **end_r)
{
	for (const char *p = lines; *p != '\0';) {
		const char *line = p;
		*end_r = next_line(&p);
		if (strncmp(line, name, len) == 0 && line[len] == '=')
			return line;
	}
	return NULL;
}

const char *pv_conf_words_get(const char *lines, const char *name, char *value, size_t size)
{
	const char *end, *line = find(lines, name, strlen(name), &end);

	if (line == NULL)
		return NULL;
	line += strlen(name) + 1;
	(void)snprintf(value, size, "%.*s", (int)(end - line), line);
	return value;
}

static enum pv_class check_value(enum pv_conf_file file, const char *name, const char *value,
				 struct pv_error *e)
{
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return pv_fail(e, PV_PERMANENT, "5.3.5",
				       "the value of %s has a control character in it: write one line", name);
	/* Nothing is the default of all. */
	if (*value == '\0' && pv_conf_has(file, name, strlen(name)))
		return PV_OK;
	return pv_mail_setting_check(name, value, file == PV_CONF_OF_USER, e);
}

static enum pv_class add_line(char *lines, size_t size, enum pv_conf_file file, const char *name,
			      const char *value, struct pv_error *e)
{
	size_t len = strlen(lines);

	enum pv_class c = check_value(file, name, value, e);
	if (c == PV_OK && (size_t)snprintf(lines + len, size - len, "%s=%s\n", name, value) >= size - len) {
		lines[len] = '\0';
		c = pv_fail(e, PV_PERMANENT, "5.3.5", "too many settings at once");
	}
	return c;
}

enum pv_class pv_conf_words_add(char *lines, size_t size, enum pv_conf_file file, const char *word,
				struct pv_error *e)
{
	size_t n = strcspn(word, "=");
	const char *end;

	if (word[n] != '=' || n == 0)
		return pv_fail(e, PV_PERMANENT, "5.3.5", "`%.60s` is no setting: write NAME=VALUE", word);
	if (find(lines, word, n, &end) != NULL)
		return pv_fail(e, PV_PERMANENT, "5.3.5", "%.*s is given twice: name it once", (int)n, word);
	const char *value = word + n + 1 + strspn(word + n + 1, " \t");
	size_t len = strlen(value);
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	char *name = strndup(word, n), *copy = strndup(value, len);
	enum pv_class c = name != NULL && copy != NULL
				  ? add_line(lines, size, file, name, copy, e)
				  : pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for a setting");
	free(name);
	free(copy);
	return c;
}

/* One line of *p upon text, which becomes the next one. */
static enum pv_class apply(struct pv_buf *text, const char **p, struct pv_error *e)
{
	struct pv_buf next = PV_BUF_INIT(CONF_MAX);
	char name[64], value[PV_MARK_SETTINGS_MAX + 1];
	const char *line = *p, *end = next_line(p);

	size_t n = strcspn(line, "=");
	(void)snprintf(name, sizeof name, "%.*s", (int)n, line);
	(void)snprintf(value, sizeof value, "%.*s", (int)(end - line - 1) - (int)n, line + n + 1);
	pv_mail_conf_change(text->s, text->len, name, *value != '\0' ? value : NULL, &next);
	enum pv_class c = pv_buf_check(&next, "a file of settings", e);
	if (c == PV_OK) {
		pv_buf_free(text);
		*text = next;
	} else {
		pv_buf_free(&next);
	}
	return c;
}

enum pv_class pv_conf_words_apply(const char *text, size_t len, const char *lines, struct pv_buf *out,
				  struct pv_error *e)
{
	struct pv_buf work = PV_BUF_INIT(CONF_MAX);

	pv_buf_add(&work, text, len);
	enum pv_class c = pv_buf_check(&work, "a file of settings", e);
	for (const char *p = lines; c == PV_OK && *p != '\0';)
		c = apply(&work, &p, e);
	pv_buf_add(out, work.s, work.len);
	pv_buf_free(&work);
	return c == PV_OK ? pv_buf_check(out, "a file of settings", e) : c;
}

void pv_conf_words_show(const char *lines, struct pv_buf *out)
{
	for (const char *p = lines; *p != '\0';) {
		const char *line = p, *end = next_line(&p);
		size_t n = strcspn(line, "="), len = (size_t)(end - line);
		bool quotes = memchr(line, ' ', len) != NULL;
		pv_buf_addf(out, " %.*s%s%.*s%s", (int)n + 1, line, quotes ? "\"" : "", (int)(len - n - 1),
			    line + n + 1, quotes ? "\"" : "");
	}
}
