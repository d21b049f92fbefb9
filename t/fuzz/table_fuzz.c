/*
 * table_fuzz.c: the readers of text files keep to their text, whatever it is: entries are not
 * empty, hold no NUL and no newline, do not overlap, and their line numbers grow.
 */
#include "base/table.h"
#include "t/fuzz/require.h"

#include <stdint.h>

static void take_apart(const struct pv_lines *it, struct pv_line *l)
{
	struct pv_error e;
	char *name, *value;
	unsigned long number;
	bool flag;

	if (pv_line_setting(it, l, &name, &value, &e) != PV_OK) {
		require(e.class == PV_TEMPORARY && strstr(e.text, "fuzz, line ") == e.text);
		return;
	}
	require(*name != '\0' && value >= l->text && value <= l->text + l->len);
	(void)pv_parse_bool(value, &flag);
	if (pv_parse_number(value, strlen(value), 7, &number))
		require(number <= 7);
	for (char *word; (word = pv_word(&value)) != NULL;)
		require(*word != '\0' && strpbrk(word, " \t\r\n\v\f") == NULL);
}

static void read_all(const uint8_t *data, size_t size, bool joins)
{
	struct pv_buf b = PV_BUF_INIT(1 << 20);
	struct pv_error e;
	struct pv_lines it;
	struct pv_line l;
	const char *end = NULL;
	unsigned no = 0;

	pv_buf_add(&b, data, size);
	require(pv_buf_check(&b, "input", &e) == PV_OK);
	pv_lines_start(&it, "fuzz", &b, joins);
	for (;;) {
		enum pv_class c = pv_lines_next(&it, &l, &e);
		if (c == PV_OK && l.text == NULL)
			break;
		require(l.no > no);
		no = l.no;
		if (c != PV_OK)
			continue;
		require(l.len > 0 && strlen(l.text) == l.len && strchr(l.text, '\n') == NULL);
		require(*l.text != '#' && (end == NULL || l.text > end));
		end = l.text + l.len;
		require(end <= b.s + b.len);
		take_apart(&it, &l);
	}
	pv_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_all(data, size, false);
	read_all(data, size, true);
	return 0;
}
