#include "gate.h"

#include "base/clock.h"
#include "base/table.h"
#include "hooks.h"
#include "session.h"
#include "texts.h"
#include "wire.h"

#include <ctype.h>

enum { BAD_LINES_MAX = 50 }; /* in one session: whoever sends so many is no mail program */

enum arguments {
	NONE,
	TEXT, /* one or more words, judged by GNU pop3d */
	NUMBER,
	MAY_BE_NUMBER,
	TWO_NUMBERS,
	ANY,
};

/* What stands behind a command's verb. */
struct request {
	const char *text;	 /* without the blanks around it */
	const char *exact;	 /* from behind the one blank that divides */
	unsigned long number[2]; /* what is larger than UINT32_MAX is that */
};

/* What is asked of a command before GNU pop3d sees it; NULL: it may. */
typedef const char *judge(const struct request *r);

static judge judge_user, judge_pass, judge_apop, judge_stls, judge_message, judge_top;
static void answer_capa(void);

static const struct command {
	const char *verb;
	enum arguments arguments;
	judge *judge;
	void (*answer)(void); /* it is answered here */
} commands[] = {
	{ "APOP", TEXT, judge_apop, NULL },
	{ "AUTH", ANY, NULL, NULL },
	{ "CAPA", NONE, NULL, answer_capa },
	{ "DELE", NUMBER, judge_message, NULL },
	{ "LIST", MAY_BE_NUMBER, NULL, NULL },
	{ "NOOP", NONE, NULL, NULL },
	{ "PASS", TEXT, judge_pass, NULL },
	{ "QUIT", NONE, NULL, NULL },
	{ "RETR", NUMBER, judge_message, NULL },
	{ "RSET", NONE, NULL, NULL },
	{ "STAT", NONE, NULL, NULL },
	{ "STLS", NONE, judge_stls, NULL },
	{ "TOP", TWO_NUMBERS, judge_top, NULL },
	{ "UIDL", MAY_BE_NUMBER, NULL, NULL },
	{ "USER", TEXT, judge_user, NULL },
};

void vp_gate_refuse(const char *text)
{
	char line[400];

	int n = snprintf(line, sizeof line, "-ERR %s\r\n", vp_text(vp.language, text));
	(void)vp_wire_write(line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
}

static bool tls_is_required(void)
{
	return strcmp(vp.store.conf.pop3_tls, "required") == 0 && !vp_wire_is_tls();
}

static bool tls_is_offered(void)
{
	return strcmp(vp.store.conf.pop3_tls, "no") != 0 && vp.store.conf.pop3_certificate[0] != '\0' &&
	       !vp_wire_is_tls() && vp.who == VP_NOBODY;
}

static const char *judge_user(const struct request *r)
{
	(void)r;
	return tls_is_required() ? VP_TEXT_TLS_FIRST : NULL;
}

/* Blanks are part of a password (RFC 1939, section 7); GNU takes those at its end away. */
static const char *judge_pass(const struct request *r)
{
	vp.asked_ms = pv_now_ms();
	(void)snprintf(vp.password, sizeof vp.password, "%s", r->exact);
	return NULL;
}

static const char *judge_apop(const struct request *r)
{
	const char *blank = strchr(r->text, ' ');

	vp.asked_ms = pv_now_ms();
	if (!vp.store.conf.apop)
		return VP_TEXT_NO_APOP;
	if (tls_is_required())
		return VP_TEXT_TLS_FIRST;
	if (blank == NULL || strlen(blank + 1) != sizeof vp.apop_digest - 1)
		return VP_TEXT_BAD_ARGUMENTS;
	memcpy(vp.apop_digest, blank + 1, sizeof vp.apop_digest);
	return NULL;
}

static const char *judge_stls(const struct request *r)
{
	(void)r;
	if (vp_wire_is_tls() || vp.who != VP_NOBODY)
		return VP_TEXT_WRONG_STATE;
	return tls_is_offered() ? NULL : VP_TEXT_UNKNOWN_COMMAND;
}

/* Of our own mailboxes; GNU's are GNU's to judge. */
static const char *judge_message(const struct request *r)
{
	struct pv_maildrop_message m;
	unsigned long number = r->number[0];

	if (vp.who != VP_VIRTUAL)
		return NULL;
	if (number < 1 || number > vp.count)
		return VP_TEXT_NO_MESSAGE;
	pv_maildrop_message(vp.drop, number - 1, &m);
	/* GNU keeps marks of its own until QUIT. */
	return m.deleted || (vp.flags[number - 1] & VP_FLAG_DELETED) != 0 ? VP_TEXT_IS_DELETED : NULL;
}

static const char *judge_top(const struct request *r)
{
	vp.top_lines = r->number[1];
	return judge_message(r);
}

/* Read `count` numbers, and nothing else, divided by blanks. */
static bool read_numbers(struct request *r, size_t count)
{
	const char *s = r->text;

	for (size_t i = 0; i < count; i++) {
		size_t len = strspn(s, "0123456789");
		if (len == 0 || strchr(" \t", s[len]) == NULL) /* which finds the NUL too */
			return false;
		if (!pv_parse_number(s, len, UINT32_MAX, &r->number[i]))
			r->number[i] = UINT32_MAX;
		s += len + strspn(s + len, " \t");
	}
	return *s == '\0';
}

static bool fits(enum arguments arguments, struct request *r)
{
	switch (arguments) {
	case ANY:
		return true;
	case NONE:
		return *r->text == '\0';
	case TEXT:
		return *r->text != '\0';
	case MAY_BE_NUMBER:
		return *r->text == '\0' || read_numbers(r, 1);
	case NUMBER:
		return read_numbers(r, 1);
	case TWO_NUMBERS:
		return read_numbers(r, 2);
	}
	return false;
}

static const struct command *find_command(const char *line, size_t *verb_len_r)
{
	*verb_len_r = strcspn(line, " \t");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strlen(commands[i].verb) == *verb_len_r &&
		    strncasecmp(commands[i].verb, line, *verb_len_r) == 0)
			return &commands[i];
	return NULL;
}

/* RFC 2449, section 6; GNU's own answer has `EXPIRENEVER`. */
static void answer_capa(void)
{
	char text[400];

	int n = snprintf(text, sizeof text,
			 "+OK Capability list follows\n"
			 "TOP\nUIDL\nRESP-CODES\nAUTH-RESP-CODE\nPIPELINING\nEXPIRE NEVER\n%s%s%s%s%s%s.\n",
			 tls_is_required() ? "" : "USER\n", tls_is_offered() ? "STLS\n" : "",
			 vp.store.conf.login_delay[0] != '0' ? "LOGIN-DELAY " : "",
			 vp.store.conf.login_delay[0] != '0' ? vp.store.conf.login_delay : "",
			 vp.store.conf.login_delay[0] != '0' ? "\n" : "",
			 vp.who != VP_NOBODY ? "IMPLEMENTATION postfix-virtual-" PV_VERSION "\n" : "");
	(void)vp_wire_text(text, n > 0 ? (size_t)n : 0);
}

/* Judge a line. Returns whether GNU pop3d shall see it. */
static bool judge_line(char *line)
{
	size_t verb_len;

	const struct command *c = find_command(line, &verb_len);
	vp.top_lines = PV_ALL_LINES;
	/* GNU would skip blanks in front, and find a command that was not judged. */
	if (c == NULL && verb_len == 0) {
		vp_gate_refuse(VP_TEXT_UNKNOWN_COMMAND);
		return false;
	}
	if (c == NULL)
		return true; /* refused there, also where a PASS is waited for */
	struct request r = { .exact = line + verb_len + (line[verb_len] != '\0') };
	r.text = r.exact + strspn(r.exact, " \t");
	if (!fits(c->arguments, &r)) {
		vp_gate_refuse(VP_TEXT_BAD_ARGUMENTS);
		return false;
	}
	const char *why = c->judge != NULL ? c->judge(&r) : NULL;
	if (why != NULL)
		vp_gate_refuse(why);
	else if (c->answer != NULL)
		c->answer();
	return why == NULL && c->answer == NULL;
}

/* Is there to be no further line? */
static bool is_over(unsigned bad)
{
	return !vp_wire_flush(false) || vp.ending || vp_wire_is_stopped() || bad >= BAD_LINES_MAX;
}

int vp_gate_line(char *to, size_t size, size_t *len_r)
{
	static unsigned bad;
	char line[VP_LINE_SIZE];
	size_t len;

	*len_r = 0;
	for (;;) {
		if (is_over(bad)) {
			(void)vp_wire_flush(true);
			return 0;
		}
		enum vp_line r = vp_wire_line(line, &len);
		if (r == VP_LINE_IDLE)
			return MU_ERR_TIMEOUT;
		if (r == VP_LINE_END)
			return 0;
		if (r == VP_LINE_BAD || len + 2 > size) {
			bad++;
			vp_gate_refuse(VP_TEXT_BAD_LINE);
		} else if (judge_line(line)) {
			break;
		}
	}
	(void)snprintf(to, size, "%s\n", line);
	explicit_bzero(line, sizeof line); /* it may be a password */
	*len_r = len + 1;
	return 0;
}
