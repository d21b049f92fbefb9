#include "check/checkup.h"

#include "change/words.h"
#include "maps/postfix.h"
#include "store/conf.h"

#include <unistd.h>

enum { SECONDS = 30 };
#define VALUE_MAX ((size_t)4 << 20)

/* A Received as our smtpd(8) puts it on top. */
static enum pv_class make_line(const char *dir, struct pv_buf *line, struct pv_error *e)
{
	struct pv_buf host = PV_BUF_INIT(4096);

	enum pv_class c = pv_setting_value(dir, "myhostname", &host, e);
	pv_buf_addf(line,
		    "Received: from client.example.org (client.example.org [192.0.2.1])\n"
		    "\tby %s (Postfix) with ESMTP id 4ABCDE12345\n"
		    "\tfor <postmaster@example.org>; Fri, 20 Nov 2026 10:00:00 +0000 (UTC)",
		    host.s);
	pv_buf_free(&host);
	return c == PV_OK ? pv_buf_check(line, "a header line", e) : c;
}

static enum pv_class ask_table(struct pv_checkup *u, const char *dir, const char *table, const char *line,
			       struct pv_error *e)
{
	const char *const argv[] = { PV_POSTMAP, "-c", dir, "-q", line, table, NULL };
	struct pv_buf answer = PV_BUF_INIT(65536);
	char place[PV_PLACE_SIZE];

	enum pv_class c = pv_postfix_ask(argv, NULL, SECONDS, &answer, e);
	if (c == PV_OK &&
	    (strncasecmp(answer.s, "IGNORE", 6) == 0 || strncasecmp(answer.s, "STRIP", 5) == 0)) {
		pv_table_place(dir, "header_checks", table, line, place);
		pv_found(u, PV_WARNING, dir,
			 "%s takes away the Received line of this host, so that a message that is delivered "
			 "twice after a crash cannot be told from two that are equal: let it pass those that "
			 "say `(Postfix)` and the host's name, or use smtp_header_checks, which leave mail "
			 "for "
			 "our domains alone",
			 place);
	}
	pv_buf_free(&answer);
	return c;
}

static enum pv_class ask_list(struct pv_checkup *u, const char *dir, const char *list, const char *line,
			      struct pv_error *e)
{
	enum pv_class c = PV_OK;
	const char *word;
	size_t len;

	while (c == PV_OK && pv_words_next(&list, &word, &len)) {
		char *table = strndup(word, len);
		c = table != NULL ? ask_table(u, dir, table, line, e)
				  : pv_fail(e, PV_TEMPORARY, NULL, "no memory for a table's name");
		free(table);
	}
	return c;
}

/* `-o header_checks=...` of services: `cleanup/unix/header_checks = pcre:...`. */
static enum pv_class ask_services(struct pv_checkup *u, const char *dir, const char *line, struct pv_error *e)
{
	const char *const argv[] = { PV_POSTCONF, "-c", dir, "-Px", NULL };
	struct pv_buf out = PV_BUF_INIT(VALUE_MAX);
	char *rest, *row;

	enum pv_class c = pv_postfix_ask(argv, NULL, SECONDS, &out, e);
	rest = out.s;
	while (c == PV_OK && (row = strsep(&rest, "\n")) != NULL) {
		const char *value = strstr(row, "/header_checks = ");
		if (value != NULL)
			c = ask_list(u, dir, value + sizeof "/header_checks = " - 1, line, e);
	}
	pv_buf_free(&out);
	return c;
}

enum pv_class pv_check_received(struct pv_checkup *u, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	char dir[PATH_MAX];

	for (size_t i = 0; c == PV_OK && pv_conf_instance(&u->store->conf, i, dir, sizeof dir); i++) {
		struct pv_buf line = PV_BUF_INIT(8192), list = PV_BUF_INIT(VALUE_MAX);
		c = make_line(dir, &line, e);
		if (c == PV_OK)
			c = pv_setting_value(dir, "header_checks", &list, e);
		if (c == PV_OK)
			c = ask_list(u, dir, list.s, line.s, e);
		if (c == PV_OK)
			c = ask_services(u, dir, line.s, e);
		pv_buf_free(&line);
		pv_buf_free(&list);
	}
	return c;
}
