#include "verdict.h"

#include <stdbool.h>
#include <string.h>

enum { QMAIL_DONE = 99, QMAIL_PERMANENT = 100 };

void said_take(struct said *s, int fd, const char *data, size_t len)
{
	if (fd == 1) {
		size_t room = sizeof s->out - s->out_len, take = len < room ? len : room;
		memcpy(s->out + s->out_len, data, take);
		s->out_len += take;
		return;
	}
	size_t take = len < sizeof s->err ? len : sizeof s->err, room = sizeof s->err - take;
	s->err_cut = s->err_cut || s->err_len > room || take < len;
	if (s->err_len > room) {
		memmove(s->err, s->err + s->err_len - room, room);
		s->err_len = room;
	}
	memcpy(s->err + s->err_len, data + len - take, take);
	s->err_len += take;
}

struct line {
	const char *s;
	size_t len;
};

static struct line first_line(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] != '\n' && s[n] != '\r')
		n++;
	return (struct line){ .s = s, .len = n };
}

static struct line last_line(const char *s, size_t len)
{
	while (len > 0 && (s[len - 1] == '\n' || s[len - 1] == '\r' || s[len - 1] == ' '))
		len--;
	const char *newline = len > 0 ? memrchr(s, '\n', len) : NULL;
	if (newline != NULL) {
		len -= (size_t)(newline + 1 - s);
		s = newline + 1;
	}
	return (struct line){ .s = s, .len = len };
}

/* Length of the enhanced status code that the line begins with (RFC 3463), of class 4 or 5; 0: none. */
static size_t status_code(struct line l)
{
	size_t n = 0;

	if (l.len < 5 || (l.s[0] != '4' && l.s[0] != '5'))
		return 0;
	for (int part = 0; part < 3; part++) {
		size_t digits = 0;
		while (n < l.len && l.s[n] >= '0' && l.s[n] <= '9' && digits < 3) {
			n++;
			digits++;
		}
		if (digits == 0 || (part == 0 && digits > 1) || (part < 2 && (n >= l.len || l.s[n++] != '.')))
			return 0;
	}
	return n == l.len || l.s[n] == ' ' || l.s[n] == '\t' ? n : 0;
}

/* With the class and code that its own words begin with. Returns false where they begin with none. */
static bool by_own_code(const char *program, const struct said *said, enum pv_class *c_r, struct pv_error *e)
{
	/* Of long errors the beginning is not kept. */
	const struct line lines[] = { first_line(said->out, said->out_len),
				      first_line(said->err, said->err_cut ? 0 : said->err_len) };

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		char code[PV_ERROR_STATUS];
		size_t n = status_code(lines[i]);
		if (n == 0 || n >= sizeof code)
			continue;
		(void)snprintf(code, sizeof code, "%.*s", (int)n, lines[i].s);
		struct line rest = { .s = lines[i].s + n, .len = lines[i].len - n };
		while (rest.len > 0 && (rest.s[0] == ' ' || rest.s[0] == '\t')) {
			rest.s++;
			rest.len--;
		}
		*c_r = pv_fail(e, code[0] == '5' ? PV_PERMANENT : PV_TEMPORARY, code, "%s: %.*s", program,
			       (int)rest.len, rest.s);
		return true;
	}
	return false;
}

static enum pv_class fail_with(struct line l, const char *program, enum pv_class class, const char *code,
			       int status, struct pv_error *e)
{
	if (l.len == 0)
		return pv_fail(e, class, code, "%s ended with status %d", program, status);
	return pv_fail(e, class, code, "%s: %.*s", program, (int)l.len, l.s);
}

enum pv_class said_fail(const char *program, enum pv_class class, const char *code, int status,
			const struct said *said, struct pv_error *e)
{
	struct line l = last_line(said->err, said->err_len);

	if (l.len == 0)
		l = first_line(said->out, said->out_len);
	return fail_with(l, program, class, code, status, e);
}

enum pv_class command_verdict(const char *program, int status, const struct said *said, struct pv_error *e)
{
	/* From 64 on; "" is for a later try. */
	static const char *const codes[] = { "5.3.0", "5.6.0", "5.3.0", "5.1.1", "5.1.2",
					     "5.3.0", "5.3.0", "",	"5.3.0", "5.2.0",
					     "5.3.0", "",      "5.5.0", "5.7.1", "5.3.5" };
	enum { FIRST = 64, COUNT = sizeof codes / sizeof *codes };
	enum pv_class c;

	if (status == 0 || status == QMAIL_DONE)
		return PV_OK;
	if (by_own_code(program, said, &c, e))
		return c;
	const char *code = "";
	if (status >= FIRST && status < FIRST + COUNT)
		code = codes[status - FIRST];
	else if (status == QMAIL_PERMANENT)
		code = "5.3.0";
	if (code[0] == '\0')
		return said_fail(program, PV_TEMPORARY, "4.3.0", status, said, e);
	return said_fail(program, PV_PERMANENT, code, status, said, e);
}

enum pv_class filter_verdict(const char *program, int status, const struct said *said, struct pv_error *e)
{
	bool refuses = status == 67 || status == 77 || status == QMAIL_PERMANENT;
	enum pv_class c = refuses ? PV_PERMANENT : PV_TEMPORARY;

	return fail_with(last_line(said->err, said->err_len), program, c, refuses ? "5.7.1" : "4.3.0", status,
			 e);
}
