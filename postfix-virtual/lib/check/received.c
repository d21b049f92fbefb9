#include "check/checkup.h"

#include "change/words.h"
#include "maps/postfix.h"
#include "store/conf.h"

#include <unistd.h>

enum { SECONDS = 30 };
#define VALUE_MAX ((size_t)4 << 20)

/* A Received as this host's smtpd(8) or pickup(8) puts it on top, around the host's name: mail from others,
 * from one who logged in over TLS, and from here. Who hides some of them means to hide the second. */
static const struct {
	const char *before, *behind;
} forms[] = {
	{ "Received: from client.example.org (client.example.org [192.0.2.1])\n\tby ",
	  " (Postfix) with ESMTP id 4ABCDE12345\n"
	  "\tfor <postmaster@example.org>; Fri, 20 Nov 2026 10:00:00 +0000 (UTC)" },
	{ "Received: from client.example.org (client.example.org [192.0.2.1])\n"
	  "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n"
	  "\t key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256)\n"
	  "\t(No client certificate requested)\n"
	  "\t(Authenticated sender: user)\n"
	  "\tby ",
	  " (Postfix) with ESMTPSA id 4ABCDE12345\n"
	  "\tfor <postmaster@example.org>; Fri, 20 Nov 2026 10:00:00 +0000 (UTC)" },
	{ "Received: by ", " (Postfix, from userid 1000)\n"
			   "\tid 4ABCDE12345; Fri, 20 Nov 2026 10:00:00 +0000 (UTC)" },
};

enum { FORMS = sizeof forms / sizeof *forms };

/* Does the action leave no line by which a delivery knows the message again (see virtual-deliver's id)? */
static bool loses_line(const char *action)
{
	if (strncasecmp(action, "IGNORE", 6) == 0 || strncasecmp(action, "STRIP", 5) == 0)
		return true;
	if (strncasecmp(action, "REPLACE", 7) != 0)
		return false;
	const char *text = action + 7 + strspn(action + 7, " \t");
	return strncasecmp(text, "Received:", 9) != 0 || strstr(text, " (Postfix") == NULL ||
	       strstr(text, "id ") == NULL;
}

/* *lost_r: it takes the line away, and that was said. */
static enum pv_class ask_table(struct pv_checkup *u, const char *dir, const char *table, const char *line,
			       bool *lost_r, struct pv_error *e)
{
	const char *const argv[] = { PV_POSTMAP, "-c", dir, "-q", line, table, NULL };
	struct pv_buf answer = PV_BUF_INIT(65536);
	char place[PV_PLACE_SIZE];

	enum pv_class c = pv_postfix_ask(argv, NULL, SECONDS, &answer, e);
	*lost_r = c == PV_OK && loses_line(answer.s);
	if (*lost_r) {
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

/* Each table once: the first form that it takes away stands for all. */
static enum pv_class ask_list(struct pv_checkup *u, const char *dir, const char *list, const char *host,
			      struct pv_error *e)
{
	enum pv_class c = PV_OK;
	const char *word;
	size_t len;

	while (c == PV_OK && pv_words_next(&list, &word, &len)) {
		char *table = strndup(word, len);
		bool lost = false;
		if (table == NULL)
			c = pv_fail(e, PV_TEMPORARY, NULL, "no memory for a table's name");
		for (size_t i = 0; c == PV_OK && !lost && i < FORMS; i++) {
			struct pv_buf line = PV_BUF_INIT(8192);
			pv_buf_addf(&line, "%s%s%s", forms[i].before, host, forms[i].behind);
			c = pv_buf_check(&line, "a header line", e);
			if (c == PV_OK)
				c = ask_table(u, dir, table, line.s, &lost, e);
			pv_buf_free(&line);
		}
		free(table);
	}
	return c;
}

/* `-o header_checks=...` of services: `cleanup/unix/header_checks = pcre:...`. */
static enum pv_class ask_services(struct pv_checkup *u, const char *dir, const char *host, struct pv_error *e)
{
	const char *const argv[] = { PV_POSTCONF, "-c", dir, "-Px", NULL };
	struct pv_buf out = PV_BUF_INIT(VALUE_MAX);
	char *rest, *row;

	enum pv_class c = pv_postfix_ask(argv, NULL, SECONDS, &out, e);
	rest = out.s;
	while (c == PV_OK && (row = strsep(&rest, "\n")) != NULL) {
		const char *value = strstr(row, "/header_checks = ");
		if (value != NULL)
			c = ask_list(u, dir, value + sizeof "/header_checks = " - 1, host, e);
	}
	pv_buf_free(&out);
	return c;
}

enum pv_class pv_check_received(struct pv_checkup *u, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	char dir[PATH_MAX];

	for (size_t i = 0; c == PV_OK && pv_conf_instance(&u->store->conf, i, dir, sizeof dir); i++) {
		struct pv_buf host = PV_BUF_INIT(4096), list = PV_BUF_INIT(VALUE_MAX);
		c = pv_setting_value(dir, "myhostname", &host, e);
		if (c == PV_OK)
			c = pv_setting_value(dir, "header_checks", &list, e);
		if (c == PV_OK)
			c = ask_list(u, dir, list.s, host.s, e);
		if (c == PV_OK)
			c = ask_services(u, dir, host.s, e);
		pv_buf_free(&host);
		pv_buf_free(&list);
	}
	return c;
}
