#include "check/checkup.h"

#include "change/setup.h"
#include "change/words.h"
#include "maps/postfix.h"
#include "store/conf.h"

#include <unistd.h>

enum { SECONDS = 30 };
#define VALUE_MAX ((size_t)4 << 20)

enum pv_class pv_check_running(struct pv_checkup *u, struct pv_error *e)
{
	char dir[PATH_MAX];
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && pv_conf_instance(&u->store->conf, i, dir, sizeof dir); i++) {
		const char *const argv[] = { PV_POSTFIX, "-c", dir, "status", NULL };
		struct pv_buf words = PV_BUF_INIT(65536);
		int status = 0;
		c = pv_postfix_run(argv, NULL, SECONDS, NULL, &words, &status, e);
		pv_buf_free(&words);
		if (c == PV_OK && status != 0)
			pv_found(u, PV_CRITICAL, dir, "Postfix does not run: postfix -c %s start", dir);
	}
	return c;
}

/* The first change of a unified diff, as a sentence's part: where, and what. */
static void first_change(const char *diff, char *out, size_t size)
{
	char path[512] = "", line[200] = "";
	unsigned number = 0;

	for (const char *p = diff; *p != '\0' && *line == '\0';) {
		int len = (int)strcspn(p, "\n");
		if (strncmp(p, "+++ ", 4) == 0)
			(void)snprintf(path, sizeof path, "%.*s", (int)strcspn(p + 4, "\t\n"), p + 4);
		else if (strncmp(p, "@@ -", 4) == 0)
			number = (unsigned)strtoul(p + 4, NULL, 10);
		else if (*p == '+')
			(void)snprintf(line, sizeof line, "%.*s", len - 1, p + 1);
		else if (*p == ' ')
			number++;
		p += len + (p[len] == '\n');
	}
	if (number > 0)
		(void)snprintf(out, size, "%s, line %u, should say `%s`", path, number, line);
	else
		(void)snprintf(out, size, "%s should say `%s`", path, line);
}

enum pv_class pv_check_setup(struct pv_checkup *u, struct pv_error *e)
{
	const struct pv_setup_order order = { .undo = false };
	struct pv_setup p = { .nothing = false };
	struct pv_error why = { .class = PV_OK };
	char change[1024];

	enum pv_class c = pv_setup_plan(u->store, &order, &p, &why);
	if (c == PV_PERMANENT)
		pv_found(u, PV_CRITICAL, u->store->conf.postfix_config_directory, "%s", why.text);
	else if (c != PV_OK)
		*e = why;
	/* Without a diff everything is there, be it that the administrator put it in by hand. */
	if (c == PV_OK && p.diff.len > 0) {
		bool is_postfix =
			strstr(p.diff.s, "/main.cf\n") != NULL || strstr(p.diff.s, "/master.cf\n") != NULL ||
			strstr(p.diff.s, "/main.cf\t") != NULL || strstr(p.diff.s, "/master.cf\t") != NULL;
		first_change(p.diff.s, change, sizeof change);
		pv_found(u, is_postfix ? PV_CRITICAL : PV_WARNING, u->store->conf.postfix_config_directory,
			 "what setup put into the settings is missing or was changed (%s): postfix-virtual "
			 "setup",
			 change);
	}
	pv_setup_free(&p);
	return c == PV_PERMANENT ? PV_OK : c;
}

enum pv_class pv_check_claimed(struct pv_checkup *u, struct pv_error *e)
{
	const struct pv_domain **domains = calloc(u->count + 1, sizeof *domains);
	struct pv_postfix_domains r = { .v = NULL };
	char place[PV_PLACE_SIZE], dir[PATH_MAX];
	size_t count = 0;

	if (domains == NULL)
		return pv_fail(e, PV_TEMPORARY, NULL, "no memory for %zu domains", u->count);
	/* One with `postfix=yes` shall stand there. */
	for (size_t i = 0; i < u->count; i++)
		if (u->subjects[i].said == NULL || !u->subjects[i].said->standard)
			domains[count++] = &u->subjects[i].domain;
	enum pv_class c = pv_postfix_domains_find(u->store, domains, count, &r, e);
	for (size_t i = 0; c == PV_OK && i < r.count; i++) {
		if (!pv_conf_instance(&u->store->conf, r.v[i].instance, dir, sizeof dir))
			continue;
		const struct pv_subject *s = pv_subject_find(u, &r.v[i].domain);
		if (s != NULL)
			u->subjects[s - u->subjects].is_claimed = true;
		pv_setting_place(dir, r.v[i].setting, place);
		pv_found(u, PV_CRITICAL, r.v[i].domain.s,
			 "Postfix also knows it by %s, so mail may go there: take it out", place);
	}
	pv_postfix_domains_free(&r);
	free(domains);
	return c;
}

static void check_delimiter(struct pv_checkup *u, const char *dir, const char *value)
{
	/* What deliveries take for the host's. */
	const char *ours = pv_conf_value(&u->store->conf, "recipient_delimiter");
	char place[PV_PLACE_SIZE];

	pv_setting_place(dir, "recipient_delimiter", place);
	if (*value == '\0')
		pv_found(u, PV_WARNING, dir,
			 "%s is empty, so abc+tag@ is refused where abc@ is a user: postconf -c %s -e "
			 "recipient_delimiter=+",
			 place, dir);
	else if (ours != NULL && strcmp(ours, value) != 0)
		pv_found(u, PV_WARNING, dir,
			 "%s is `%s`, but virtual.conf says `%s`, so mail with a tag may be deferred: make "
			 "them "
			 "equal (postfix-virtual setup)",
			 place, value, ours);
}

static void check_commands(struct pv_checkup *u, const char *dir, const char *value)
{
	char place[PV_PLACE_SIZE];

	if (pv_words_have(value, "alias"))
		return;
	pv_setting_place(dir, "allow_mail_to_commands", place);
	pv_found(
		u, PV_NOTE, dir,
		"%s has no `alias`, so commands in the host's alias_maps do not run; ours need nothing of it",
		place);
}

/* Where .forward files of users name a file, local(8) writes there, by its own locks. */
static void check_lock(struct pv_checkup *u, const char *dir, const char *value)
{
	char place[PV_PLACE_SIZE];

	if (pv_words_have(value, "dotlock"))
		return;
	pv_setting_place(dir, "mailbox_delivery_lock", place);
	pv_found(u, PV_WARNING, dir,
		 "%s has no `dotlock`, so two programs may write a mailbox at once: postconf -c %s -e "
		 "'mailbox_delivery_lock=fcntl, dotlock'",
		 place, dir);
}

enum pv_class pv_check_settings(struct pv_checkup *u, struct pv_error *e)
{
	static const struct {
		const char *name;
		void (*check)(struct pv_checkup *u, const char *dir, const char *value);
	} settings[] = {
		{ "recipient_delimiter", check_delimiter },
		{ "allow_mail_to_commands", check_commands },
		{ "mailbox_delivery_lock", check_lock },
	};
	enum pv_class c = PV_OK;
	char dir[PATH_MAX];

	for (size_t i = 0; c == PV_OK && pv_conf_instance(&u->store->conf, i, dir, sizeof dir); i++)
		for (size_t s = 0; c == PV_OK && s < sizeof settings / sizeof *settings; s++) {
			struct pv_buf value = PV_BUF_INIT(VALUE_MAX);
			c = pv_setting_value(dir, settings[s].name, &value, e);
			if (c == PV_OK)
				settings[s].check(u, dir, value.s);
			pv_buf_free(&value);
		}
	return c;
}
