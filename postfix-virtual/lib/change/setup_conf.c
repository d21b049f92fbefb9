#include "change/setup_plan.h"

#include "base/file.h"
#include "maps/diff.h"
#include "store/conf.h"

#include <unistd.h>

/* The kernel's name is what a delivery takes for Postfix's own, with or without a domain behind it. */
static bool is_node_name(const char *name)
{
	char node[256];
	size_t n;

	if (gethostname(node, sizeof node) != 0)
		return false;
	node[sizeof node - 1] = '\0';
	n = strlen(node);
	return strncasecmp(name, node, n) == 0 && (name[n] == '\0' || name[n] == '.');
}

/* What virtual.conf must say of a Postfix like this; NULL: nothing, what is the default will do. */
static const char *wanted(const struct pv_postfix_config *now, enum pv_setup_conf i)
{
	if (i == PV_SETUP_MYHOSTNAME)
		return *now->myhostname != '\0' && !is_node_name(now->myhostname) ? now->myhostname : NULL;
	return *now->delimiter != '\0' && strcmp(now->delimiter, "+") != 0 ? now->delimiter : NULL;
}

/* A line that virtual.conf cannot hold would stop all mail. */
static bool can_stand(const char *name, const char *value)
{
	struct pv_conf c;

	pv_conf_defaults(&c);
	pv_buf_addf(&c.text, "%s = %s\n", name, value);
	bool ok = pv_conf_parse(&c, "virtual.conf", NULL) == PV_OK;
	pv_buf_free(&c.text);
	return ok;
}

/* Append text without the line `name = value`. */
static void without_line(const char *text, const char *name, const char *value, struct pv_buf *out)
{
	char line[512];

	int n = snprintf(line, sizeof line, "%s = %s", name, value);
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		size_t whole = len + (text[len] == '\n');
		if (len != (size_t)n || memcmp(text, line, len) != 0)
			pv_buf_add(out, text, whole);
		text += whole;
	}
}

/* Does the administrator say it himself, be it that it shall be found out? */
static bool says(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (; *text != '\0'; text += strspn(text, "\n")) {
		size_t len = strcspn(text, "\n");
		if (strncmp(text, name, n) == 0 && text[n + strspn(text + n, " \t")] == '=')
			return true;
		text += len;
	}
	return false;
}

/* What an earlier setup wrote there, for whichever instance was the main one then. */
static const char *ours(const struct pv_setup *p, enum pv_setup_conf i)
{
	for (size_t k = 0; k < p->count; k++)
		if (p->instances[k].record.conf[i] != NULL)
			return p->instances[k].record.conf[i];
	return NULL;
}

static enum pv_class plan_line(struct pv_setup *p, enum pv_setup_conf i, struct pv_buf *text,
			       struct pv_error *e)
{
	const char *name = pv_setup_conf_name(i), *value = p->undo ? NULL : wanted(&p->instances[0].now, i);
	struct pv_buf next = PV_BUF_INIT(text->max);
	const char *was = ours(p, i);

	if (was != NULL)
		without_line(text->s, name, was, &next);
	else
		pv_buf_add(&next, text->s, text->len);
	if (value != NULL && !says(next.s, name) && !can_stand(name, value)) {
		pv_buf_addf(&p->notes, "virtual.conf cannot say %s = %s, as main.cf does\n", name, value);
	} else if (value != NULL && !says(next.s, name)) {
		if (next.len > 0 && next.s[next.len - 1] != '\n')
			pv_buf_addc(&next, '\n');
		pv_buf_addf(&next, "%s = %s\n", name, value);
		if ((p->instances[0].next.conf[i] = strdup(value)) == NULL)
			next.failed = true;
	}
	pv_buf_reset(text);
	pv_buf_add(text, next.s, next.len);
	text->failed = text->failed || next.failed;
	pv_buf_free(&next);
	return pv_buf_check(text, "virtual.conf", e);
}

enum pv_class pv_setup_plan_conf(const struct pv_store *s, struct pv_setup *p, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = s->dir };
	enum pv_class c = PV_OK;
	char path[PATH_MAX];

	if (s->dirfd >= 0)
		c = pv_file_load(s->dirfd, "virtual.conf", &trust, &p->conf_before, &p->conf_found, e);
	if (c != PV_OK)
		return c;
	pv_buf_add(&p->conf, p->conf_before.s, p->conf_before.len);
	for (enum pv_setup_conf i = 0; c == PV_OK && i < PV_SETUP_CONFS; i++)
		c = plan_line(p, i, &p->conf, e);
	if (!p->undo && p->count > 0 && *p->instances[0].now.delimiter == '\0')
		pv_buf_addf(
			&p->notes,
			"%s/main.cf has no recipient_delimiter, so mail to user+tag is refused; to take it: "
			"postconf -c %s -e recipient_delimiter=+\n",
			p->instances[0].dir, p->instances[0].dir);
	p->conf_changes = strcmp(p->conf_before.s, p->conf.s) != 0;
	(void)snprintf(path, sizeof path, "%s/virtual.conf", s->dir);
	if (c == PV_OK && p->conf_changes)
		pv_diff(&p->diff, path, p->conf_found ? p->conf_before.s : NULL, p->conf.s);
	return c;
}
