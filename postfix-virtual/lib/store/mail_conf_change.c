#include "store/mail_conf.h"

#include "base/table.h"

/* `name = value`, or `name=value`. */
static bool is_of(const char *word, size_t len, const void *name)
{
	size_t n = strlen(name);

	return len >= n && memcmp(word, name, n) == 0 && (len == n || word[n] == '=');
}

void pv_mail_conf_change(const char *text, size_t len, const char *name, const char *value,
			 struct pv_buf *out)
{
	struct pv_buf line = PV_BUF_INIT(SIZE_MAX / 2);

	if (value != NULL)
		pv_buf_addf(&line, "%s =%s%s", name, *value != '\0' ? " " : "", value);
	if (line.failed)
		out->failed = true;
	else
		pv_lines_change(text, len, is_of, name, value != NULL ? line.s : NULL, out);
	pv_buf_free(&line);
}
