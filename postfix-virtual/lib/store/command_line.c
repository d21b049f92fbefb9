#include "store/command_line.h"

#include <ctype.h>
#include <stdint.h>

/* Bytes of all words, tokens replaced. */
enum { TEXT_MAX = 256 * 1024 };

struct splitting {
	const char *at, *end;
	const struct pv_command_tokens *tokens;
	struct pv_command_line *c;
	size_t words[PV_COMMAND_ARGS_MAX]; /* where each begins in c->text */
	size_t token_at;     /* in the word that is being read: where its first token begins; SIZE_MAX: it has
				none */
	bool has_sender;     /* and whether a sender chooses what is in one of them */
	bool behind_program; /* the word before is -c or -e */
	bool has_script; /* and something in it that is neither a name nor an address, an option or a path */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

static enum pv_class refuse_byte(char c, struct pv_error *e)
{
	if (is_control(c))
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "a control character stands in the command: remove it");
	if (c == '\\')
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "a backslash stands in the command: write the argument in single quotes");
	return pv_fail(e, PV_PERMANENT, "5.3.5",
		       "`%c` stands in the command, and no shell reads it: write the argument in single "
		       "quotes, or a "
		       "script that does the work",
		       c);
}

/* `%u` at s->at, in a word that began at `word`. */
static enum pv_class put_token(struct splitting *s, struct pv_error *e)
{
	char name = s->at + 1 < s->end ? s->at[1] : '\0';
	const char *value = name == '%'	  ? "%"
			    : name == 'd' ? s->tokens->domain
			    : name == 'f' ? s->tokens->sender
			    : name == 'u' ? s->tokens->user
					  : NULL;

	if (value == NULL)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "`%%` must have d (domain), f (sender), u (user) or %% behind it");
	/* Which program is started is nobody's to say who sends a message. */
	if (s->c->count == 0 && name != '%')
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%%%c stands in the path of the program: write the path itself", name);
	if (name != '%' && s->token_at == SIZE_MAX)
		s->token_at = s->c->text.len - s->words[s->c->count];
	s->has_sender = s->has_sender || name == 'f' || name == 'u';
	pv_buf_adds(&s->c->text, value);
	s->at += 2;
	return PV_OK;
}

static void put_plain(struct splitting *s, char c)
{
	s->has_script = s->has_script || (!isalnum((unsigned char)c) && strchr("@._+=:,/%-", c) == NULL);
	pv_buf_addc(&s->c->text, c);
}

/* One byte of a word that is outside of single quotes, or a token. */
static enum pv_class put_byte(struct splitting *s, bool quoted, struct pv_error *e)
{
	char c = *s->at;

	if (quoted && c == '\\' && s->at + 1 < s->end && (s->at[1] == '"' || s->at[1] == '\\')) {
		put_plain(s, s->at[1]);
		s->at += 2;
		return PV_OK;
	}
	if (is_control(c) || strchr("$`<>|;&\\", c) != NULL)
		return refuse_byte(c, e);
	if (c == '%' && s->tokens != NULL)
		return put_token(s, e);
	put_plain(s, c);
	s->at++;
	return PV_OK;
}

static enum pv_class put_literal(struct splitting *s, struct pv_error *e)
{
	if (is_control(*s->at))
		return refuse_byte(*s->at, e);
	if (*s->at == '%' && s->tokens != NULL)
		return put_token(s, e);
	put_plain(s, *s->at++);
	return PV_OK;
}

/* From the quote at s->at to behind its fellow. */
static enum pv_class put_quoted(struct splitting *s, struct pv_error *e)
{
	char quote = *s->at++;
	enum pv_class c = PV_OK;

	while (c == PV_OK && s->at < s->end && *s->at != quote)
		c = quote == '"' ? put_byte(s, true, e) : put_literal(s, e);
	if (c == PV_OK && s->at == s->end)
		return pv_fail(e, PV_PERMANENT, "5.3.5", "a quote (%c) of the command is not closed", quote);
	s->at++;
	return c;
}

/* Is it an option behind which a shell or an interpreter reads its program? */
static bool takes_program(const char *word)
{
	return word[0] == '-' && (word[1] == 'c' || word[1] == 'e') && word[2] == '\0';
}

/* A word in which a sender may write, and which is in c->text by now: is it data, whatever the program is? */
static enum pv_class judge_token(const struct splitting *s, struct pv_error *e)
{
	const char *word = s->c->text.s + s->words[s->c->count];

	if (s->token_at == 0 && word[0] == '-')
		return pv_fail(
			e, PV_PERMANENT, "5.1.7",
			"an address begins with `-`, and the program would take it for an option: write "
			"--from=%%f in place of %%f");
	bool is_option = s->token_at > 0 && word[0] == '-';
	if (s->has_script || s->behind_program ||
	    (is_option && (s->token_at == 1 || word[1] == 'c' || word[1] == 'e')))
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%%f or %%u stands where a program may be read from it, and a sender chooses "
			       "what that is: "
			       "give it as an argument of its own, or of an option like --from=%%f");
	return PV_OK;
}

static enum pv_class put_word(struct splitting *s, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	if (s->c->count == PV_COMMAND_ARGS_MAX)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "the command has more than %d words: write a script that has them",
			       PV_COMMAND_ARGS_MAX);
	s->words[s->c->count] = s->c->text.len;
	s->token_at = SIZE_MAX;
	s->has_script = s->has_sender = false;
	while (c == PV_OK && s->at < s->end && !is_blank(*s->at))
		c = *s->at == '"' || *s->at == '\'' ? put_quoted(s, e) : put_byte(s, false, e);
	pv_buf_addc(&s->c->text, '\0');
	if (s->c->text.failed)
		return c; /* the caller asks for it once, at the end */
	if (c == PV_OK && s->has_sender)
		c = judge_token(s, e);
	s->behind_program = s->token_at == SIZE_MAX && takes_program(s->c->text.s + s->words[s->c->count]);
	s->c->count++;
	return c;
}

static enum pv_class put_words(struct splitting *s, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (;;) {
		while (s->at < s->end && is_blank(*s->at))
			s->at++;
		if (c != PV_OK || s->at == s->end)
			return c;
		c = put_word(s, e);
	}
}

enum pv_class pv_command_line_parse(const char *s, size_t len, const struct pv_command_tokens *tokens,
				    struct pv_command_line *c, struct pv_error *e)
{
	struct splitting split = { .at = s, .end = s + len, .tokens = tokens, .c = c };

	*c = (struct pv_command_line){ .text = PV_BUF_INIT(TEXT_MAX) };
	enum pv_class class = put_words(&split, e);
	if (class == PV_OK)
		class = pv_buf_check(&c->text, "the words of a command", e);
	for (unsigned i = 0; class == PV_OK && i < c->count; i++)
		c->argv[i] = c->text.s + split.words[i];
	if (class == PV_OK && (c->count == 0 || c->argv[0][0] != '/'))
		class = pv_fail(e, PV_PERMANENT, "5.3.5",
				"the program needs its whole path, like /usr/bin/procmail");
	if (class != PV_OK)
		pv_command_line_free(c);
	return class;
}

void pv_command_line_free(struct pv_command_line *c)
{
	pv_buf_free(&c->text);
	c->argv[0] = NULL;
	c->count = 0;
}
