#include "maps/postfix_lists.h"

#include "base/file.h"
#include "maps/postfix.h"
#include "store/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { ASK_SECONDS = 60 };
#define TEXT_MAX ((size_t)256 << 20)

/* The lists, and at the end what says whose words mean sub-domains too. */
static const char *const asked[] = { "mydestination", "relay_domains", "virtual_mailbox_domains",
				     "parent_domain_matches_subdomains" };

enum { RELAY_DOMAINS = 1, ASKED = sizeof asked / sizeof *asked, LISTS = ASKED - 1 };

char *pv_postfix_cut_word(char **rest)
{
	char *word = *rest, *p;
	int depth = 0;

	for (p = word; *p != '\0' && (depth > 0 || strchr(", \t\r\n", *p) == NULL); p++)
		depth += (*p == '{') - (*p == '}');
	*rest = *p == '\0' ? p : p + 1;
	*p = '\0';
	return word;
}

static enum pv_class visit_words(const struct pv_postfix_visitor *v, const struct pv_postfix_place *at,
				 char *words, bool in_file, struct pv_error *e);

/* A line of a file is a list as in main.cf, unless it is a comment. */
static enum pv_class visit_lines(const struct pv_postfix_visitor *v, const struct pv_postfix_place *at,
				 char *text, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	char *line;

	while (c == PV_OK && (line = strsep(&text, "\n")) != NULL)
		if (line[strspn(line, " \t")] != '#')
			c = visit_words(v, at, line, true, e);
	return c;
}

/* A word that begins with / is a file of further words. One that is not there is Postfix's own trouble. */
static enum pv_class visit_file(const struct pv_postfix_visitor *v, const struct pv_postfix_place *at,
				const char *path, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(TEXT_MAX);

	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? PV_OK
				       : pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno,
						       "open %s, a file in %s", path, at->setting);
	enum pv_class c = pv_file_read(fd, path, &text, e);
	(void)close(fd);
	if (c == PV_OK)
		c = visit_lines(v, at, text.s, e);
	pv_buf_free(&text);
	return c;
}

/* One word of a list of domains (postconf(5), `pattern`). */
static enum pv_class visit_word(const struct pv_postfix_visitor *v, const struct pv_postfix_place *at,
				char *word, bool in_file, struct pv_error *e)
{
	if (*word == '\0')
		return PV_OK;
	if (*word == '/' && !in_file)
		return visit_file(v, at, word, e);
	if (strchr(word, ':') != NULL && *word != '[' && *word != '!')
		return v->table(v->ctx, at, word, e);
	return v->word(v->ctx, at, word, e);
}

static enum pv_class visit_words(const struct pv_postfix_visitor *v, const struct pv_postfix_place *at,
				 char *words, bool in_file, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	while (c == PV_OK && *words != '\0')
		c = visit_word(v, at, pv_postfix_cut_word(&words), in_file, e);
	return c;
}

/* Does the list of parent_domain_matches_subdomains name relay_domains? */
static bool names_relay_domains(const char *list)
{
	static const char name[] = "relay_domains";

	for (const char *p = list; *p != '\0';) {
		p += strspn(p, ", \t");
		size_t len = strcspn(p, ", \t");
		if (len == sizeof name - 1 && memcmp(p, name, len) == 0)
			return true;
		p += len;
	}
	return false;
}

/* postconf's answer, `name = value` lines, cut into values[], in the order of asked[]. */
static void take_values(char *answer, char *values[ASKED])
{
	char *line;

	while ((line = strsep(&answer, "\n")) != NULL) {
		char *equals = strstr(line, " =");
		if (equals == NULL)
			continue;
		*equals = '\0';
		for (size_t i = 0; i < ASKED; i++)
			if (strcmp(line, asked[i]) == 0)
				values[i] = equals + 2;
	}
}

static enum pv_class visit_instance(const struct pv_postfix_visitor *v, struct pv_postfix_place *at,
				    struct pv_error *e)
{
	const char *argv[4 + ASKED + 1] = { PV_POSTCONF, "-c", at->dir, "-x" };
	struct pv_buf answer = PV_BUF_INIT(TEXT_MAX);
	char *values[ASKED] = { NULL };

	memcpy(argv + 4, asked, sizeof asked);
	enum pv_class c = pv_postfix_ask(argv, NULL, ASK_SECONDS, &answer, e);
	if (c == PV_OK)
		take_values(answer.s, values);
	for (size_t i = 0; c == PV_OK && i < LISTS; i++) {
		if (values[i] == NULL)
			continue;
		at->setting = asked[i];
		at->parents =
			i == RELAY_DOMAINS && values[LISTS] != NULL && names_relay_domains(values[LISTS]);
		c = visit_words(v, at, values[i], false, e);
	}
	pv_buf_free(&answer);
	return c;
}

enum pv_class pv_postfix_lists_visit(const struct pv_store *s, const struct pv_postfix_visitor *v,
				     struct pv_error *e)
{
	struct pv_postfix_place at;
	enum pv_class c = PV_OK;

	for (at.instance = 0; c == PV_OK && pv_conf_instance(&s->conf, at.instance, at.dir, sizeof at.dir);
	     at.instance++)
		c = visit_instance(v, &at, e);
	return c;
}
