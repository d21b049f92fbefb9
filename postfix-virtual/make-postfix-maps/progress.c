#include "progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

enum { FIRST_MS = 1000, NEXT_MS = 200 };

static void wipe(struct progress *p)
{
	if (p->width > 0)
		(void)fprintf(stderr, "\r%*s\r", p->width, "");
	p->width = 0;
}

static const char *const what_is_done[] = { "domains read", "domains proved", "keys written" };

static void show(void *ctx, enum pv_progress what, size_t done, size_t total)
{
	struct progress *p = ctx;
	int64_t now = pv_now_ms();

	if (now - p->shown_ms < (p->width > 0 ? NEXT_MS : FIRST_MS))
		return;
	wipe(p);
	p->shown_ms = now;
	p->width = fprintf(stderr, "%zu of %zu %s", done, total, what_is_done[what]);
	(void)fflush(stderr);
}

void progress_start(struct progress *p, struct pv_maps_options *o)
{
	*p = (struct progress){ .shown_ms = pv_now_ms() };
	if (isatty(STDERR_FILENO) == 0)
		return;
	o->progress = show;
	o->progress_ctx = p;
}

void progress_end(struct progress *p)
{
	wipe(p);
	(void)fflush(stderr);
}
