#include "store/user_conf_write.h"

/* Is this the line of the setting `name`? */
static bool sets(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	if (len < n || memcmp(line, name, n) != 0)
		return false;
	while (n < len && (line[n] == ' ' || line[n] == '\t'))
		n++;
	return n < len && line[n] == '=';
}

void pv_user_conf_switch(const char *text, size_t len, bool on, struct pv_buf *out)
{
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline != NULL ? newline : end) - text);
		if (!sets(text, n, "receive") && !sets(text, n, "retrieve")) {
			pv_buf_add(out, text, n);
			pv_buf_addc(out, '\n');
		}
		text += n + (newline != NULL);
	}
	if (!on)
		pv_buf_adds(out, "receive = no\nretrieve = no\n");
}
