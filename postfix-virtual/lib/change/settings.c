#include "change/settings.h"

#include "base/table.h"
#include "change/mark.h"

enum pv_class pv_settings_apply(struct pv_registry_entry *r, const char *words, struct pv_error *e)
{
	struct pv_registry_entry next = *r;
	char copy[PV_MARK_WORDS_MAX + 1], *rest = copy, *word;
	enum pv_class c = PV_OK;

	if ((size_t)snprintf(copy, sizeof copy, "%s", words) >= sizeof copy)
		return pv_fail(e, PV_PERMANENT, "5.3.5", "too many settings at once");
	while (c == PV_OK && (word = pv_word(&rest)) != NULL) {
		char *equals = strchr(word, '=');
		if (equals == NULL)
			return pv_fail(e, PV_PERMANENT, "5.3.5", "`%.60s` is no setting: write NAME=VALUE",
				       word);
		*equals = '\0';
		c = pv_registry_set(&next, word, equals + 1, e);
	}
	if (c == PV_OK)
		*r = next;
	return c;
}

bool pv_settings_have(const char *words, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = words; (p = strstr(p, name)) != NULL; p++)
		if ((p == words || p[-1] == ' ') && p[n] == '=')
			return true;
	return false;
}
