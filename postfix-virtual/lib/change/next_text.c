#include "change/next_text.h"

#include "change/conf_words.h"
#include "store/alias_file.h"

#include <stdio.h>
#include <string.h>

/* What the commands that have a verb of their own set. */
static const char *settings_of(const struct pv_mark *m)
{
	if (m->kind == PV_MARK_USER_DISABLE)
		return "receive=no\nretrieve=no\n";
	if (m->kind == PV_MARK_USER_ENABLE)
		return "receive=\nretrieve=\n";
	return m->settings;
}

bool pv_next_file(const struct pv_mark *m, char name[PV_NEXT_FILE_MAX])
{
	if (m->alias.name[0] != '\0')
		(void)snprintf(name, PV_NEXT_FILE_MAX, "%s", m->alias.file);
	else if (*settings_of(m) == '\0')
		return false;
	else if (m->user.len > 0)
		(void)snprintf(name, PV_NEXT_FILE_MAX, "users/%s", m->user.s);
	else
		(void)snprintf(name, PV_NEXT_FILE_MAX, "domain.conf");
	return true;
}

static enum pv_class next_aliases(const struct pv_mark *m, const char *file, const struct pv_buf *old,
				  struct pv_buf *new, struct pv_error *e)
{
	const struct pv_mark_alias *a = &m->alias;
	struct pv_alias_change change = { .name = a->name,
					  .targets = m->kind != PV_MARK_ALIAS_DELETE ? a->targets : NULL,
					  .comment = a->comment };
	struct pv_buf copy = PV_BUF_INIT(PV_NEXT_TEXT_MAX);
	struct pv_alias_file f;
	bool had;

	if (*a->expires != '\0' && !pv_day_parse(a->expires, strlen(a->expires), &change.expires))
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "`%s` is no day", a->expires);
	pv_buf_add(&copy, old->s, old->len);
	enum pv_class c = pv_buf_check(&copy, file, e);
	pv_alias_file_start(&f, file, &copy);
	if (c == PV_OK)
		c = pv_alias_file_change(&f, &change, new, &had, e);
	pv_alias_file_free(&f);
	return c;
}

enum pv_class pv_next_text(const struct pv_mark *m, const char *file, const struct pv_buf *old,
			   struct pv_buf *new, struct pv_error *e)
{
	enum pv_class c = m->alias.name[0] != '\0'
				  ? next_aliases(m, file, old, new, e)
				  : pv_conf_words_apply(old->s, old->len, settings_of(m), new, e);

	return c == PV_OK ? pv_buf_check(new, file, e) : c;
}
