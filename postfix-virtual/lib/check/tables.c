#include "check/checkup.h"

#include "maps/inner.h"
#include "maps/map.h"
#include "maps/postfix.h"
#include "maps/regexp.h"
#include "maps/text.h"
#include "maps/update.h"
#include "store/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { SECONDS = 300 };

/* The first line that a unified diff adds or takes away, comments aside. Returns false: there is none. */
static bool first_line(const char *diff, char *out, size_t size)
{
	for (const char *p = diff; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n') {
		bool is_head = strncmp(p, "+++", 3) == 0 || strncmp(p, "---", 3) == 0;
		if (is_head || (*p != '+' && *p != '-') || p[1] == '#')
			continue;
		int n = snprintf(out, size, "%.*s", (int)strcspn(p, "\n"), p);
		for (int i = 0; i < n && (size_t)i < size; i++)
			out[i] = out[i] == '\t' ? ' ' : out[i];
		return true;
	}
	return false;
}

/* Is it said already that the folder cannot be used, or that the domain stands in a list of Postfix's? */
static bool is_told(const struct pv_checkup *u, const struct pv_domain *d)
{
	const struct pv_subject *s = d->len > 0 ? pv_subject_find(u, d) : NULL;

	return s != NULL && (s->is_claimed || (!s->is_alias && !s->has_account));
}

enum pv_class pv_check_maps(struct pv_checkup *u, struct pv_error *e)
{
	const struct pv_maps_options options = { .dry_run = true };
	struct pv_maps_report r = { .complaints = NULL };
	const struct pv_domain *one = u->options->domain;
	char line[400];

	enum pv_class c = pv_maps_update(u->store, one, one != NULL ? 1 : 0, &options, &r, e);
	for (size_t i = 0; c == PV_OK && i < r.complaint_count; i++) {
		const struct pv_maps_complaint *p = &r.complaints[i];
		bool is_asked = one == NULL || p->domain.len == 0 || pv_domain_equal(&p->domain, one);
		if (is_asked && !is_told(u, &p->domain))
			pv_found(u, PV_CRITICAL, p->domain.len > 0 ? p->domain.s : u->store->dir,
				 "its keys in the tables stay as they were: %s", p->error.text);
	}
	if (c == PV_OK && r.diff.len > 0) {
		if (first_line(r.diff.s, line, sizeof line))
			pv_found(u, PV_CRITICAL, u->store->conf.map_directory,
				 "the tables do not say what the domains' files say (first: `%s`): "
				 "make-postfix-maps",
				 line);
		else
			pv_found(u, PV_NOTE, u->store->conf.map_directory,
				 "a comment in the texts of the tables is not as it would be written now");
	}
	pv_maps_report_free(&r);
	return c;
}

enum pv_class pv_repair_maps(struct pv_checkup *u, struct pv_error *e)
{
	const struct pv_maps_options options = { .force = false };
	struct pv_maps_report r = { .complaints = NULL };
	enum pv_class c = PV_OK;

	if (!u->dry) {
		c = pv_maps_update(u->store, NULL, 0, &options, &r, e);
		pv_maps_report_free(&r);
	}
	if (c == PV_OK)
		pv_repaired(u, "make-postfix-maps: the tables are brought up to date");
	return c;
}

/* The text's own lines, without the comments on top. */
static const char *body_of(const struct pv_buf *text, unsigned *no)
{
	const char *p = text->s;

	for (*no = 1; *p == '#'; (*no)++) {
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return p;
}

/* Both are sorted, so that the first place where they differ is what matters. */
static void compare(struct pv_checkup *u, const char *path, const struct pv_buf *text,
		    const struct pv_buf *table)
{
	unsigned no;
	const char *a = body_of(text, &no), *b = table->s;

	for (;; no++) {
		size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
		if (n != m || memcmp(a, b, n) != 0) {
			pv_found(u, PV_CRITICAL, path,
				 "the built table differs from its text (line %u: `%.*s`; in the table: "
				 "`%.*s`), as "
				 "after a postmap that was killed or a change by another hand: "
				 "make-postfix-maps",
				 no, (int)strcspn(a, "\t\n"), a, (int)strcspn(b, "\t\n"), b);
			return;
		}
		if (a[n] == '\0' || b[m] == '\0')
			return;
		a += n + 1;
		b += m + 1;
	}
}

static enum pv_class check_table(struct pv_checkup *u, enum pv_map m, struct pv_error *e)
{
	const struct pv_conf *conf = &u->store->conf;
	struct pv_buf text = PV_BUF_INIT(PV_MAP_TEXT_MAX), table = PV_BUF_INIT(PV_MAP_TEXT_MAX);
	char path[PATH_MAX], spec[PATH_MAX + 32], first[PATH_MAX];
	const char *const argv[] = { PV_POSTMAP, "-c", first, "-s", spec, NULL };
	struct pv_error why = { .class = PV_OK };

	(void)pv_conf_instance(conf, 0, first, sizeof first);
	(void)snprintf(path, sizeof path, "%.3800s/%s", conf->map_directory, pv_map_name(m));
	(void)snprintf(spec, sizeof spec, "%.20s:%.4000s", conf->map_type, path);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		pv_found(u, PV_CRITICAL, path, "the text of a table cannot be opened (%s): make-postfix-maps",
			 strerror(errno));
		return PV_OK;
	}
	enum pv_class c = pv_file_read(fd, path, &text, e);
	(void)close(fd);
	if (c == PV_OK && pv_postfix_ask(argv, NULL, SECONDS, &table, &why) != PV_OK)
		pv_found(u, PV_CRITICAL, path, "the built table cannot be read (%s): make-postfix-maps",
			 why.text);
	else if (c == PV_OK)
		compare(u, path, &text, &table);
	pv_buf_free(&text);
	pv_buf_free(&table);
	return c;
}

/* Where one is missing Postfix can look nobody up, also where no domain has an expression. */
static void check_expressions(struct pv_checkup *u)
{
	static const char *const names[] = { PV_REGEXP_NAME, PV_INNER_NAME };
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		(void)snprintf(path, sizeof path, "%.3800s/%s", u->store->conf.map_directory, names[i]);
		if (access(path, R_OK) != 0)
			pv_found(u, PV_CRITICAL, path,
				 "the text of the expressions cannot be opened (%s), so that mail for all is "
				 "deferred: make-postfix-maps",
				 strerror(errno));
	}
}

enum pv_class pv_check_tables(struct pv_checkup *u, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	check_expressions(u);

	for (enum pv_map m = 0; c == PV_OK && m < PV_MAP_COUNT; m++)
		c = check_table(u, m, e);
	return c;
}

/* Every domain must take mail for postmaster (RFC 5321) and abuse (RFC 2142). */
enum pv_class pv_check_needed(struct pv_checkup *u, struct pv_error *e)
{
	static const char *const names[] = { "postmaster", "abuse" };
	const struct pv_conf *conf = &u->store->conf;
	struct pv_buf keys = PV_BUF_INIT(PV_MAP_TEXT_MAX), answers = PV_BUF_INIT(PV_MAP_TEXT_MAX);
	char spec[PATH_MAX], first[PATH_MAX], key[PV_DOMAIN_MAX + 32];
	const char *const argv[] = { PV_POSTMAP, "-c", first, "-q", "-", spec, NULL };

	(void)pv_conf_instance(conf, 0, first, sizeof first);
	(void)snprintf(spec, sizeof spec, "%.20s:%.3800s/%s", conf->map_type, conf->map_directory,
		       pv_map_name(PV_MAP_ADDRESSES));
	/* In one order: the answers come in it, and those that are missing leave a gap. */
	for (size_t i = 0; i < u->count; i++)
		for (size_t n = 0; n < 2; n++)
			pv_buf_addf(&keys, "%s@%s\n", names[n], u->subjects[i].domain.s);
	enum pv_class c = pv_buf_check(&keys, "the list of domains", e);
	if (c == PV_OK && u->count > 0)
		c = pv_postfix_ask(argv, &keys, SECONDS, &answers, e);
	const char *p = answers.s;
	for (size_t i = 0; c == PV_OK && i < u->count; i++)
		for (size_t n = 0; n < 2; n++) {
			(void)snprintf(key, sizeof key, "%s@%s\t", names[n], u->subjects[i].domain.s);
			bool is_there = strncmp(p, key, strlen(key)) == 0;
			if (is_there)
				p += strcspn(p, "\n"), p += *p == '\n';
			else
				pv_found(u, PV_WARNING, u->subjects[i].domain.s,
					 "%s@%s leads nowhere: make that user, or let %s/host-addresses name "
					 "who gets it and `own=` in %s/domains leave it to the host",
					 names[n], u->subjects[i].domain.s, u->store->dir, u->store->dir);
		}
	pv_buf_free(&keys);
	pv_buf_free(&answers);
	return c;
}
