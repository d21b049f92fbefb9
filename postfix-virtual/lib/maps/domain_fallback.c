#include "maps/making.h"

#include "address/extension.h"
#include "store/command_line.h"
#include "store/conf.h"

#include <errno.h>

static enum pv_class doubt(struct pv_error *why, const char *fallback, const char *reason)
{
	return pv_fail(why, PV_TEMPORARY, "4.3.5", "fallback = %.100s: %s", fallback, reason);
}

/* A user, an alias or a full name of the domain, with or without a tag, who takes mail. */
static bool is_there(const struct pv_making *m, const char *s, size_t len)
{
	char local[PV_USER_MAX + 1];
	struct pv_user u;

	if (len == 0 || len > PV_USER_MAX)
		return false;
	(void)snprintf(local, sizeof local, "%.*s", (int)len, s);
	for (char *p = local; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	if (pv_making_get(m, local) != NULL)
		return true;
	if (pv_user_parse(local, strlen(local), &u, NULL) == PV_OK && pv_making_is_hosts(m, &u))
		return true;
	size_t front = strcspn(local, m->w->store->conf.recipient_delimiter);
	local[front] = '\0';
	return front > 0 && front < len && pv_making_get(m, local) != NULL;
}

static enum pv_class check_address(const struct pv_making *m, const char *s, struct pv_error *why)
{
	const char *at = strrchr(s, '@');
	size_t len = at != NULL ? (size_t)(at - s) : strlen(s);

	if (at != NULL && strcasecmp(at + 1, m->d->domain.s) != 0)
		return len > 0 ? PV_OK : doubt(why, s, "it is no address: write user@domain");
	if (is_there(m, s, len))
		return PV_OK;
	return doubt(why, s, "there is no such user or alias whose mail is received: name another");
}

static enum pv_class check_domain(const struct pv_making *m, const char *s, struct pv_error *why)
{
	struct pv_domain d;

	if (pv_domain_parse(s + 1, strlen(s + 1), &d, NULL) != PV_OK)
		return doubt(why, s, "that is no domain: write another");
	return pv_domain_equal(&d, &m->d->domain) ? doubt(why, s, "that is this domain itself: write another")
						  : PV_OK;
}

static enum pv_class check_command(const struct pv_making *m, const char *s, struct pv_error *why)
{
	const struct pv_command_tokens tokens = { .domain = m->d->domain.s, .sender = "", .user = "x" };
	struct pv_command_line line;
	const char *command = s + 1 + strspn(s + 1, " \t");

	if (!m->says->commands)
		return doubt(why, s, "`domains` has commands=no for this domain: write another");
	enum pv_class c = pv_command_line_parse(command, strlen(command), &tokens, &line, why);
	if (c == PV_OK)
		pv_command_line_free(&line);
	return c;
}

/* Can mail for all other names go there? */
static enum pv_class check(const struct pv_making *m, struct pv_error *why)
{
	const char *s = m->conf.fallback;

	if (s[0] == '\0' || s[0] == '/' || strcmp(s, "delete") == 0)
		return PV_OK;
	return s[0] == '|'   ? check_command(m, s, why)
	       : s[0] == '@' ? check_domain(m, s, why)
			     : check_address(m, s, why);
}

/* A fallback that leads nowhere would take in all mail and bounce or hold it: the key is not made, and
 * one that is there stays, as its mail can wait. */
static enum pv_class complain(struct pv_making *m, struct pv_error *why, struct pv_error *e)
{
	(void)pv_error_prefix(why, "%s/domain.conf, line %u", m->path, m->conf.fallback_line);
	enum pv_class c = pv_making_complain(m, why, e);
	if (c == PV_OK)
		c = pv_making_keep(m, "", e);
	m->catches_all = m->fresh.count > 0;
	return c;
}

static enum pv_class add(struct pv_making *m, struct pv_error *e)
{
	const char *const parts[] = { m->before, m->behind };
	struct pv_error why;

	if (m->d->domain.len + 2 > PV_EXTENSION_MAX) {
		(void)pv_fail(&why, PV_TEMPORARY, "4.3.5",
			      "the domain's name is too long for a fallback: remove it");
		return complain(m, &why, e);
	}
	const char *target = pv_arena_join(&m->w->arena, parts, sizeof parts / sizeof *parts);
	if (target == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the keys of %s", m->d->domain.s);
	m->catches_all = true;
	return pv_making_add(m, "", target, e);
}

enum pv_class pv_making_fallback(struct pv_making *m, struct pv_error *e)
{
	struct pv_error why;

	if (m->conf.fallback[0] == '\0' && !pv_unknown_to_postmaster(m->w->store, &m->conf))
		return PV_OK;
	enum pv_class c = check(m, &why) == PV_OK ? add(m, e) : complain(m, &why, e);
	return c == PV_OK ? pv_making_settle(m, e) : c;
}
