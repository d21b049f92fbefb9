/* A child's report, cleaned; and the answer as people read it. */
#include "explain.h"

enum { DEPTH_MAX = 6 };

/* --- cleaning --- */

static bool is_name(const char *s)
{
	return *s != '\0' && strlen(s) <= 40 && strspn(s, "abcdefghijklmnopqrstuvwxyz_") == strlen(s);
}

static json_t *clean_text(const json_t *value)
{
	struct pv_buf text = PV_BUF_INIT(64 * 1024);

	put_silent(&text, json_string_value(value), json_string_length(value));
	json_t *copy = text.failed ? NULL : json_text(text.s);
	pv_buf_free(&text);
	return copy;
}

/* A copy, or NULL. */
static json_t *clean(json_t *value, unsigned depth)
{
	const char *name;
	json_t *from, *copy;
	size_t i;

	if (depth == 0)
		return NULL;
	if (json_is_string(value))
		return clean_text(value);
	if (json_is_integer(value))
		return json_integer_value(value) < 0 ? NULL : json_integer(json_integer_value(value));
	if (json_is_boolean(value))
		return json_boolean(json_is_true(value));
	if (json_is_array(value)) {
		copy = json_array();
		json_array_foreach(value, i, from)
		{
			(void)json_array_append_new(copy, clean(from, depth - 1));
		}
		return copy;
	}
	if (!json_is_object(value))
		return NULL;
	copy = json_object();
	json_object_foreach(value, name, from)
	{
		if (is_name(name))
			(void)json_object_set_new(copy, name, clean(from, depth - 1));
	}
	return copy;
}

json_t *explain_clean(const char *report, size_t len)
{
	json_t *raw = json_loadb(report, len, JSON_REJECT_DUPLICATES, NULL);
	json_t *copy = json_is_object(raw) ? clean(raw, DEPTH_MAX) : NULL;

	json_decref(raw);
	return copy;
}

/* --- showing --- */

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static json_int_t number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static bool has(const json_t *object, const char *name)
{
	return json_object_get(object, name) != NULL;
}

static bool is_true(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

/* `FILE:LINE: `, as compilers write it. */
static void write_place(const json_t *object, struct pv_buf *out)
{
	if (*text_of(object, "file") == '\0')
		return;
	pv_buf_adds(out, text_of(object, "file"));
	if (number_of(object, "line") > 0)
		pv_buf_addf(out, ":%" JSON_INTEGER_FORMAT, number_of(object, "line"));
	pv_buf_adds(out, ": ");
}

static void write_steps(const json_t *steps, struct pv_buf *out)
{
	const json_t *step;
	size_t i;

	pv_buf_adds(out, json_array_size(steps) > 0 ? "steps:\n" : "");
	json_array_foreach(steps, i, step)
	{
		pv_buf_adds(out, "  ");
		write_place(step, out);
		pv_buf_addf(out, "%s\n", text_of(step, "says"));
	}
}

/* ` in PATH (mbox, kvt_dk, 0600)` */
static void write_mailbox(const json_t *a, struct pv_buf *out)
{
	pv_buf_addf(out, "%s (%s, %s, %s%s)\n", text_of(a, "mailbox"), text_of(a, "format"),
		    text_of(a, "owner"), text_of(a, "mode"), is_true(a, "exists") ? "" : ", not there yet");
}

static void write_limit(const json_t *a, const char *what, const char *before, const char *after,
			const char *limit, struct pv_buf *out)
{
	if (!has(a, limit) || number_of(a, limit) == 0)
		return;
	pv_buf_addf(out, "    %s: %" JSON_INTEGER_FORMAT " before", what, number_of(a, before));
	if (after != NULL)
		pv_buf_addf(out, ", %" JSON_INTEGER_FORMAT " after", number_of(a, after));
	pv_buf_addf(out, ", %" JSON_INTEGER_FORMAT " allowed\n", number_of(a, limit));
}

static void write_store(const json_t *a, struct pv_buf *out)
{
	static const char *const programs[] = { "filter", "after_storing" };

	if (has(a, "deliver_with")) {
		pv_buf_addf(out, "  hand it over for %s to %s\n", text_of(a, "user"),
			    text_of(a, "deliver_with"));
	} else {
		pv_buf_addf(out, "  store it for %s in ", text_of(a, "user"));
		write_mailbox(a, out);
	}
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		if (has(a, programs[i]))
			pv_buf_addf(out, "    %s: %s\n", programs[i], text_of(a, programs[i]));
	if (has(a, "message_size"))
		pv_buf_addf(out, "    message_size: %" JSON_INTEGER_FORMAT "\n",
			    number_of(a, "message_size"));
	write_limit(a, "bytes", "bytes_before", "bytes_after", "quota", out);
	write_limit(a, "messages", "messages_before", "messages_after", "quota_messages", out);
	write_limit(a, "bytes of the domain", "domain_bytes_before", NULL, "domain_quota", out);
	if (has(a, "over"))
		pv_buf_addf(out, "    over: %s%s\n", text_of(a, "over"),
			    is_true(a, "goes_in_all_the_same") ? ", but it goes in all the same" : "");
	if (has(a, "status"))
		pv_buf_addf(out, "    %s %s\n", text_of(a, "status"), text_of(a, "reason"));
}

static void write_command(const json_t *a, struct pv_buf *out)
{
	const json_t *word;
	size_t i;

	pv_buf_adds(out, "  give it to");
	json_array_foreach(json_object_get(a, "command"), i, word)
	{
		pv_buf_addf(out, " %s", json_string_value(word) != NULL ? json_string_value(word) : "");
	}
	pv_buf_addc(out, '\n');
}

static void write_answer(const json_t *a, struct pv_buf *out)
{
	pv_buf_addf(out, "  %s of %s: %s%s%s\n", text_of(a, "kind"), text_of(a, "as"),
		    is_true(a, "answers") ? "answers" : "does not answer", has(a, "why") ? ": " : "",
		    text_of(a, "why"));
}

static void write_action(const json_t *a, struct pv_buf *out)
{
	const char *what = text_of(a, "do");

	if (strcmp(what, "store") == 0) {
		write_store(a, out);
	} else if (strcmp(what, "append") == 0) {
		pv_buf_adds(out, "  add it to ");
		write_mailbox(a, out);
	} else if (strcmp(what, "run") == 0) {
		write_command(a, out);
	} else if (strcmp(what, "send") == 0) {
		pv_buf_addf(out, "  send it to %s%s%s\n", text_of(a, "to"), has(a, "sender") ? ", from " : "",
			    text_of(a, "sender"));
	} else if (strcmp(what, "answer") == 0) {
		write_answer(a, out);
	} else {
		pv_buf_adds(out, "  throw it away\n");
	}
}

static void write_value(const char *name, const json_t *value, struct pv_buf *out)
{
	if (json_is_string(value))
		pv_buf_addf(out, "%s: %s\n", name, json_string_value(value));
	else if (json_is_integer(value))
		pv_buf_addf(out, "%s: %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(value));
	else if (json_is_boolean(value))
		pv_buf_addf(out, "%s: %s\n", name, json_is_true(value) ? "yes" : "no");
}

void explain_write(json_t *result, struct pv_buf *out)
{
	const json_t *actions = json_object_get(result, "actions"), *action;
	const char *name;
	json_t *value;
	size_t i;

	json_object_foreach(result, name, value)
	{
		write_value(name, value, out);
	}
	write_steps(json_object_get(result, "steps"), out);
	pv_buf_adds(out, json_array_size(actions) > 0 ? "actions:\n" : "");
	json_array_foreach(actions, i, action)
	{
		write_action(action, out);
	}
}
