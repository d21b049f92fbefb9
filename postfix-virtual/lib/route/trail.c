#include "route/trail.h"

#include <stdio.h>

void pv_trail_add(struct pv_trail *t, const char *file, unsigned line, const char *fmt, ...)
{
	char place[1024], sentence[1024];
	va_list ap;

	if (t == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(sentence, sizeof sentence, fmt, ap);
	va_end(ap);
	(void)snprintf(place, sizeof place, "%s", file != NULL ? file : "");
	pv_printable(sentence, strlen(sentence));
	pv_printable(place, strlen(place));
	pv_buf_addf(&t->steps, "%s:%u\t%s\n", place, line, sentence);
}
