#include "base/buffer.h"

#include <stdarg.h>
#include <stdint.h>

char pv_buf_empty[1];

static void back_to_empty(struct pv_buf *b)
{
	if (b->cap != 0 && b->s != b->lent)
		free(b->s);
	b->s = pv_buf_empty;
	b->len = b->cap = 0;
	b->lent = NULL;
	b->failed = false;
}

void pv_buf_free(struct pv_buf *b)
{
	back_to_empty(b);
}

void pv_buf_free_zero(struct pv_buf *b)
{
	if (b->cap != 0)
		explicit_bzero(b->s, b->cap);
	back_to_empty(b);
}

void pv_buf_reset(struct pv_buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->cap != 0)
		b->s[0] = '\0';
}

void pv_buf_truncate(struct pv_buf *b, size_t len)
{
	if (len < b->len) {
		b->len = len;
		b->s[len] = '\0';
	}
}

char *pv_buf_reserve(struct pv_buf *b, size_t more)
{
	if (b->failed || more > b->max - b->len || more > SIZE_MAX - 1 - b->len) {
		b->failed = true;
		return NULL;
	}
	size_t need = b->len + more + 1;
	if (need <= b->cap)
		return b->s + b->len;
	size_t cap = b->cap < 256 ? 256 : b->cap;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	bool owned = b->cap != 0 && b->s != b->lent;
	char *s = realloc(owned ? b->s : NULL, cap);
	if (s == NULL) {
		b->failed = true;
		return NULL;
	}
	if (!owned && b->len > 0)
		memcpy(s, b->s, b->len);
	b->s = s;
	b->cap = cap;
	b->s[b->len] = '\0';
	return b->s + b->len;
}

void pv_buf_grew(struct pv_buf *b, size_t more)
{
	b->len += more;
	b->s[b->len] = '\0';
}

void pv_buf_add(struct pv_buf *b, const void *data, size_t len)
{
	char *to = pv_buf_reserve(b, len);

	if (to != NULL && len != 0) {
		memcpy(to, data, len);
		pv_buf_grew(b, len);
	}
}

void pv_buf_adds(struct pv_buf *b, const char *str)
{
	pv_buf_add(b, str, strlen(str));
}

void pv_buf_addc(struct pv_buf *b, char c)
{
	pv_buf_add(b, &c, 1);
}

void pv_buf_addf(struct pv_buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *to = n < 0 ? NULL : pv_buf_reserve(b, (size_t)n);
	if (to == NULL) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	pv_buf_grew(b, (size_t)n);
}

enum pv_class pv_buf_check(const struct pv_buf *b, const char *what, struct pv_error *e)
{
	if (!b->failed)
		return PV_OK;
	return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s: more than %zu bytes, or out of memory", what, b->max);
}
