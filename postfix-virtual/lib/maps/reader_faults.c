#include "maps/reader_faults.h"

#include "maps/report.h"

enum { FINDINGS_MAX = 1000 };

static const char arrow[] = " -> ";

void pv_faults_start(struct pv_faults *f, struct pv_sender *s)
{
	*f = (struct pv_faults){ .s = s, .said = PV_BUF_INIT(2 * FINDINGS_MAX * (PV_ERROR_TEXT + 2)) };
}

void pv_faults_free(struct pv_faults *f)
{
	pv_buf_free(&f->said);
}

/* Note what[0..len). Returns whether it was there. */
static bool note(struct pv_faults *f, const char *what, size_t len)
{
	char key[PV_ERROR_TEXT + 2] = "";

	memcpy(key + 1, what, len);
	key[len + 1] = '\0';
	if (memmem(f->said.s, f->said.len, key, len + 2) != NULL)
		return true;
	pv_buf_add(&f->said, key, len + 2);
	return false;
}

static const char *next_name(const char *p)
{
	const char *next = strstr(p, arrow);

	return next != NULL ? next + sizeof arrow - 1 : NULL;
}

/* The names of a loop, from the one on that comes first in the order of letters: so it is one, wherever it is
 * entered. The way that led into it is not part of it: it ends in the name that is met again. */
static bool read_loop(const char *text, char out[PV_ERROR_TEXT])
{
	static const char mark[] = ": a loop: ", end[] = ": take one of them out";
	const char *s = strstr(text, mark), *stop = strstr(text, end), *last, *least;

	if (s == NULL || stop == NULL || s > stop)
		return false;
	s += sizeof mark - 1;
	last = s;
	for (const char *p = next_name(s); p != NULL && p < stop; p = next_name(p))
		last = p;
	const size_t len = (size_t)(stop - last);
	while (s != NULL && s < last &&
	       (strncmp(s, last, len) != 0 || strncmp(s + len, arrow, sizeof arrow - 1) != 0))
		s = next_name(s);
	if (s == NULL)
		return false;
	least = s;
	for (const char *p = s; p != NULL && p < last; p = next_name(p))
		least = strcmp(p, least) < 0 ? p : least;
	(void)snprintf(out, PV_ERROR_TEXT, "a loop: %.*s%.*s", (int)(last - least), least, (int)(least - s),
		       s);
	return true;
}

enum pv_class pv_faults_say(struct pv_faults *f, const struct pv_error *why, struct pv_error *e)
{
	char loop[PV_ERROR_TEXT];
	size_t file_len, len;
	unsigned line;

	if (f->count == FINDINGS_MAX)
		return PV_OK;
	len = pv_report_place(why->text, &file_len, &line);
	if (note(f, why->text, line > 0 ? len : strlen(why->text)) ||
	    (read_loop(why->text, loop) && note(f, loop, strlen(loop))))
		return PV_OK;
	f->count++;
	return pv_send_frame(f->s, PV_FRAME_FINDING, NULL, why->text, strlen(why->text), e);
}
