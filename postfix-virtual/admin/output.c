#include "admin.h"

#include "base/file.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

json_t *json_text(const char *s)
{
	json_t *text = json_string(s);

	if (text != NULL)
		return text;
	/* Bytes that are no UTF-8 become `?`, and what was cut off in the middle of a letter. */
	char *copy = strdup(s);
	size_t len = copy != NULL ? strlen(copy) : 0;
	for (size_t i = 0; i < len;) {
		size_t n = pv_utf8_next(copy + i, len - i);
		if (n == 0)
			copy[i] = '?';
		i += n == 0 ? 1 : n;
	}
	text = copy != NULL ? json_string(copy) : NULL;
	free(copy);
	return text;
}

void put_text(json_t *object, const char *name, const char *value)
{
	(void)json_object_set_new(object, name, json_text(value));
}

void put_bool(json_t *object, const char *name, bool value)
{
	(void)json_object_set_new(object, name, json_boolean(value));
}

void put_number(json_t *object, const char *name, unsigned long long value)
{
	(void)json_object_set_new(object, name, json_integer((json_int_t)value));
}

void put_silent(struct pv_buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i], behind = i + 1 < len ? (unsigned char)s[i + 1] : 0;
		/* Control characters there are beyond ASCII as well (U+0080 to U+009F). */
		bool is_pair = c == 0xc2 && behind >= 0x80 && behind < 0xa0;
		pv_buf_addc(out, is_pair || c < 0x20 || c == 0x7f ? '?' : s[i]);
		i += is_pair;
	}
}

static void each_line(const struct pv_buf *b, void (*take)(void *ctx, const char *line), void *ctx)
{
	for (const char *p = b->s; *p != '\0';) {
		size_t n = strcspn(p, "\n");
		char *line = strndup(p, n);
		if (line != NULL)
			take(ctx, line);
		free(line);
		p += n + (p[n] == '\n');
	}
}

static void put_in_list(void *list, const char *line)
{
	(void)json_array_append_new(list, json_text(line));
}

/* A note of a dry run goes in front of the diff, where patch(1) passes it over. */
static void put_comment(void *text, const char *line)
{
	pv_buf_addf(text, "# %s\n", line);
}

static void put_on_stderr(void *unused, const char *line)
{
	(void)unused;
	(void)fprintf(stderr, "postfix-virtual: %s\n", line);
}

/* The lines of a buffer as a JSON list. */
static json_t *lines_of(const struct pv_buf *b)
{
	json_t *list = json_array();

	each_line(b, put_in_list, list);
	return list;
}

void say_done(struct admin *a, const char *fmt, ...)
{
	char sentence[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(sentence, sizeof sentence, fmt, ap);
	va_end(ap);
	if (a->result == NULL)
		a->result = json_object();
	put_text(a->result, "message", sentence);
	put_bool(a->result, "already", a->change.already);
	put_bool(a->result, "dry_run", a->dry);
	(void)json_object_set_new(a->result, "notes", lines_of(&a->change.notes));
	if (a->dry)
		put_text(a->result, "diff", a->change.diff.s);
	if (!a->dry || a->change.already)
		pv_buf_addf(&a->text, "%s\n", sentence);
	if (a->dry) {
		each_line(&a->change.notes, put_comment, &a->text);
		pv_buf_add(&a->text, a->change.diff.s, a->change.diff.len);
	}
}

/* A value as people read it. */
static void text_of(const json_t *value, struct pv_buf *out)
{
	if (json_is_string(value))
		pv_buf_adds(out, json_string_value(value));
	else if (json_is_integer(value))
		pv_buf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_boolean(value))
		pv_buf_adds(out, json_is_true(value) ? "yes" : "no");
	else
		pv_buf_adds(out, "-");
}

/* `name: value`, a line each. */
static void text_of_object(json_t *object, struct pv_buf *out)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		pv_buf_addf(out, "%s: ", name);
		text_of(value, out);
		pv_buf_addc(out, '\n');
	}
}

/* One line for each object, its values with a tab between. */
static void text_of_list(json_t *list, struct pv_buf *out)
{
	const char *name;
	json_t *object, *value;
	size_t i;

	json_array_foreach(list, i, object)
	{
		size_t before = out->len;
		json_object_foreach(object, name, value)
		{
			if (out->len > before)
				pv_buf_addc(out, '\t');
			text_of(value, out);
		}
		pv_buf_addc(out, '\n');
	}
}

static void fill_text(struct admin *a)
{
	if (a->json && a->result != NULL) {
		char *dump = json_dumps(a->result, JSON_INDENT(2));
		pv_buf_reset(&a->text);
		if (dump == NULL)
			a->text.failed = true;
		else
			pv_buf_addf(&a->text, "%s\n", dump);
		free(dump);
	} else if (a->text.len == 0 && !a->quiet && json_is_object(a->result)) {
		text_of_object(a->result, &a->text);
	} else if (a->text.len == 0 && json_is_array(a->result)) {
		text_of_list(a->result, &a->text);
	}
}

enum pv_class print_all(struct admin *a, struct pv_error *e)
{
	if (!a->dry)
		each_line(&a->change.notes, put_on_stderr, NULL);
	fill_text(a);
	enum pv_class c = pv_buf_check(&a->text, "the output", e);
	if (c == PV_OK && pv_write_all(STDOUT_FILENO, a->text.s, a->text.len) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "write the output");
	/* A full disk may say so only now. */
	if (c == PV_OK && a->text.len > 0 && close(STDOUT_FILENO) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "write the output");
	return c;
}
