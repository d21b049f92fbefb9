#include "check/sayings.h"

#include <stdarg.h>

void pv_say(struct pv_buf *out, enum pv_severity severity, const char *id, const char *object,
	    const char *fmt, ...)
{
	char text[PV_ERROR_TEXT * 2], name[PV_FINDING_OBJECT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	(void)snprintf(name, sizeof name, "%s", object);
	/* A tab or a newline in them would be taken for ours. */
	pv_printable(text, strlen(text));
	pv_printable(name, strlen(name));
	pv_buf_addf(out, "%d\t%s\t%s\t%s\n", (int)severity, id, name, text);
}

static bool is_known(const char *id, const char *const ids[])
{
	for (; *ids != NULL; ids++)
		if (strcmp(*ids, id) == 0)
			return true;
	return false;
}

static bool is_said(const struct pv_findings *f, size_t from, const char *id, const char *object,
		    const char *text)
{
	for (size_t i = from; i < f->count; i++)
		if (strcmp(f->list[i].id, id) == 0 && strcmp(f->list[i].object, object) == 0 &&
		    strncmp(f->list[i].text, text, sizeof f->list[i].text - 4) == 0)
			return true;
	return false;
}

void pv_sayings_take(struct pv_checkup *u, const struct pv_buf *said, const char *const ids[])
{
	char *copy = strndup(said->s, said->len), *rest = copy, *line;
	/* What is told more than once, the disk of several homes, the address of several domains, comes close
	 * together; a list of thousands is not searched whole for each. */
	size_t from = u->findings->count > 2000 ? u->findings->count - 2000 : 0;

	while (copy != NULL && (line = strsep(&rest, "\n")) != NULL) {
		const char *severity = strsep(&line, "\t"), *id = strsep(&line, "\t");
		const char *object = strsep(&line, "\t"), *text = line;
		if (text == NULL || strlen(severity) != 1 || *severity < '0' ||
		    *severity > '0' + (int)PV_UNKNOWN || !is_known(id, ids))
			continue;
		if (u->said != NULL)
			pv_repaired(u, "%s", text);
		else if (!is_said(u->findings, from, id, object, text))
			pv_findings_add(u->findings, id, (enum pv_severity)(*severity - '0'), object, text);
	}
	free(copy);
}
