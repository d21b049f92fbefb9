#include "base/error.h"

#include <errno.h>

/* The names in brackets are no macros: see PV_ANALYZER in error.h. */

void pv_printable(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] > 0x7e)
			s[i] = '?';
}

/* Make text[] presentable after something was printed into it that needed `need` bytes. */
static void finish_text(char *text, int need)
{
	if (need < 0)
		(void)snprintf(text, PV_ERROR_TEXT, "(an error that could not be formatted)");
	else if (need >= PV_ERROR_TEXT)
		memcpy(text + PV_ERROR_TEXT - 4, "...", 4);
	pv_printable(text, strlen(text));
}

static enum pv_class fill(struct pv_error *e, enum pv_class class, const char *status, int err,
			  const char *fmt, va_list ap)
{
	if (e == NULL)
		return class;
	e->class = class;
	(void)snprintf(e->status, sizeof e->status, "%s", status != NULL ? status : "");
	int n = vsnprintf(e->text, sizeof e->text, fmt, ap);
	if (err != 0 && n >= 0 && n < PV_ERROR_TEXT)
		n += snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", strerror(err));
	finish_text(e->text, n);
	return class;
}

enum pv_class(pv_fail)(struct pv_error *e, enum pv_class class, const char *status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	class = fill(e, class, status, 0, fmt, ap);
	va_end(ap);
	return class;
}

enum pv_class(pv_fail_errno)(struct pv_error *e, enum pv_class class, const char *status, int err,
			     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	class = fill(e, class, status, err, fmt, ap);
	va_end(ap);
	return class;
}

enum pv_class(pv_errno_class)(int err)
{
	return err == EBADF || err == EFAULT || err == EINVAL ? PV_BUG : PV_TEMPORARY;
}

enum pv_class pv_error_prefix(struct pv_error *e, const char *fmt, ...)
{
	char old[PV_ERROR_TEXT];
	va_list ap;

	memcpy(old, e->text, sizeof old);
	va_start(ap, fmt);
	int n = vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	if (n >= 0 && n < PV_ERROR_TEXT)
		n += snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", old);
	finish_text(e->text, n);
	return e->class;
}
