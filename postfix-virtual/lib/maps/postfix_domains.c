#include "maps/postfix.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { ASK_SECONDS = 60 };
#define ANSWER_MAX ((size_t)256 << 20)

static const char *const settings[] = { "mydestination", "relay_domains", "virtual_mailbox_domains" };

struct search {
	const struct pv_store *store;
	struct pv_postfix_domains *all; /* the domains in question, sorted; setting NULL: not found */
};

static int compare(const void *a, const void *b)
{
	const struct pv_postfix_domain *x = a, *y = b;

	return strcmp(x->domain.s, y->domain.s);
}

static struct pv_postfix_domain *find(const struct pv_postfix_domains *r, const struct pv_domain *d)
{
	const struct pv_postfix_domain wanted = { *d, NULL };

	return r->count == 0 ? NULL : bsearch(&wanted, r->v, r->count, sizeof *r->v, compare);
}

/* If `name` is one of the domains in question, note that it stands in `setting`. */
static void note(struct search *s, const char *name, const char *setting)
{
	struct pv_domain d;

	if (pv_domain_parse(name, strlen(name), &d, NULL) != PV_OK)
		return;
	struct pv_postfix_domain *found = find(s->all, &d);
	if (found != NULL && found->setting == NULL)
		found->setting = setting;
}

/* Ask a table about all domains at once: each answer is `key<TAB>value`. */
static enum pv_class note_table(struct search *s, const char *table, const char *setting, struct pv_error *e)
{
	const char *const argv[] = { PV_POSTMAP, "-c", s->store->conf.postfix_config_directory, "-q", "-",
				     table,	 NULL };
	struct pv_buf names = PV_BUF_INIT(ANSWER_MAX), answer = PV_BUF_INIT(ANSWER_MAX);
	char *line, *rest;

	for (size_t i = 0; i < s->all->count; i++)
		pv_buf_addf(&names, "%s\n", s->all->v[i].domain.s);
	enum pv_class c = pv_buf_check(&names, "the list of domains", e);
	if (c == PV_OK)
		c = pv_postfix_ask(argv, &names, ASK_SECONDS, &answer, e);
	rest = answer.s;
	while (c == PV_OK && (line = strsep(&rest, "\n")) != NULL) {
		line[strcspn(line, "\t ")] = '\0';
		note(s, line, setting);
	}
	pv_buf_free(&names);
	pv_buf_free(&answer);
	return c != PV_OK ? pv_error_prefix(e, "ask %s, a table in %s", table, setting) : PV_OK;
}

static enum pv_class note_words(struct search *s, char *words, const char *setting, bool in_file,
				struct pv_error *e);

/* A word that begins with / is a file of further words. One that is not there is Postfix's own trouble. */
static enum pv_class note_file(struct search *s, const char *path, const char *setting, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(ANSWER_MAX);
	enum pv_class c = PV_OK;

	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? PV_OK
				       : pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno,
						       "open %s, a file in %s", path, setting);
	c = pv_file_read(fd, path, &text, e);
	(void)close(fd);
	if (c == PV_OK)
		c = note_words(s, text.s, setting, true, e);
	pv_buf_free(&text);
	return c;
}

/* One word of a list of domains (postconf(5), `pattern`). `!` takes out, so it claims nothing. */
static enum pv_class note_word(struct search *s, char *word, const char *setting, bool in_file,
			       struct pv_error *e)
{
	if (*word == '\0' || *word == '!' || *word == '#')
		return PV_OK;
	if (*word == '/' && !in_file)
		return note_file(s, word, setting, e);
	if (strchr(word, ':') != NULL && *word != '[')
		return note_table(s, word, setting, e);
	note(s, word, setting);
	return PV_OK;
}

/* Cut the next word. A table may be `type:{...}` with blanks between its braces. */
static char *cut_word(char **rest)
{
	char *word = *rest, *p;
	int depth = 0;

	for (p = word; *p != '\0' && (depth > 0 || strchr(", \t\r\n", *p) == NULL); p++)
		depth += (*p == '{') - (*p == '}');
	*rest = *p == '\0' ? p : p + 1;
	*p = '\0';
	return word;
}

static enum pv_class note_words(struct search *s, char *words, const char *setting, bool in_file,
				struct pv_error *e)
{
	enum pv_class c = PV_OK;

	while (c == PV_OK && *words != '\0')
		c = note_word(s, cut_word(&words), setting, in_file, e);
	return c;
}

static enum pv_class ask_setting(struct search *s, const char *setting, struct pv_error *e)
{
	const char *const argv[] = { PV_POSTCONF, "-c",	   s->store->conf.postfix_config_directory,
				     "-hx",	  setting, NULL };
	struct pv_buf answer = PV_BUF_INIT(ANSWER_MAX);

	enum pv_class c = pv_postfix_ask(argv, NULL, ASK_SECONDS, &answer, e);
	if (c == PV_OK)
		c = note_words(s, answer.s, setting, false, e);
	pv_buf_free(&answer);
	return c;
}

static void keep_found(struct pv_postfix_domains *r)
{
	size_t to = 0;

	for (size_t i = 0; i < r->count; i++)
		if (r->v[i].setting != NULL)
			r->v[to++] = r->v[i];
	r->count = to;
}

enum pv_class pv_postfix_domains_find(const struct pv_store *s, const struct pv_domain *domains, size_t count,
				      struct pv_postfix_domains *r, struct pv_error *e)
{
	struct search search = { .store = s, .all = r };
	enum pv_class c = PV_OK;

	*r = (struct pv_postfix_domains){ 0 };
	if (count == 0 || !pv_postfix_has(PV_POSTCONF))
		return PV_OK;
	r->v = calloc(count, sizeof *r->v);
	if (r->v == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu domains", count);
	r->count = count;
	for (size_t i = 0; i < count; i++)
		r->v[i].domain = domains[i];
	qsort(r->v, count, sizeof *r->v, compare);
	for (size_t i = 0; c == PV_OK && i < sizeof settings / sizeof *settings; i++)
		c = ask_setting(&search, settings[i], e);
	keep_found(r);
	return c;
}

const char *pv_postfix_domains_get(const struct pv_postfix_domains *r, const struct pv_domain *d)
{
	const struct pv_postfix_domain *found = find(r, d);

	return found == NULL ? NULL : found->setting;
}

void pv_postfix_domains_free(struct pv_postfix_domains *r)
{
	free(r->v);
	*r = (struct pv_postfix_domains){ 0 };
}
