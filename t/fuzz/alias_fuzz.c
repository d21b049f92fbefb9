/*
 * alias_fuzz.c: whatever stands in a file of aliases: going through it and asking for a name agree, with the
 * index and without; what is cut from it as a target is one; a change touches its entry alone, and swapped
 * targets nothing else. A line of a list that is included says what it says alone.
 *
 * Input: a line, of which a change is made, then the file.
 * fuzz-max-len: 2000
 */
#include "store/alias_file.h"
#include "t/fuzz/require.h"

#include <ctype.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void start(struct pv_alias_file *f, const char *text, size_t len)
{
	struct pv_buf b = PV_BUF_INIT(PV_ALIAS_FILE_MAX);

	pv_buf_add(&b, text, len);
	pv_alias_file_start(f, "fuzz", &b);
}

static bool is_clean(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)s[i] < 0x20 && s[i] != '\t' && s[i] != '\r') || s[i] == 0x7f)
			return false;
	return true;
}

static void check_target(const struct pv_target *t)
{
	require(strlen(t->text) == t->len && t->len > 0 && is_clean(t->text, t->len));
	switch (t->kind) {
	case PV_TARGET_NAME:
		require(strchr(t->text, '@') == NULL && t->len <= PV_ALIAS_NAME_MAX);
		break;
	case PV_TARGET_USER:
		require(strpbrk(t->text, "@/|\\\" ") == NULL);
		break;
	case PV_TARGET_ADDRESS:
		require(strpbrk(t->text, " \t\",<>()[]\\;:") == NULL && t->text[0] != '-' &&
			t->text[0] != '@');
		require(strchr(t->text, '@') == strrchr(t->text, '@') && strchr(t->text, '@') != NULL);
		require(strstr(t->text, ".invalid") == NULL ||
			strcmp(strstr(t->text, ".invalid"), ".invalid") != 0);
		break;
	case PV_TARGET_FILE:
		require(t->text[0] == '/');
		break;
	case PV_TARGET_INCLUDE:
	case PV_TARGET_COMMAND:
		break;
	}
}

static void check_sentence(enum pv_class c, const struct pv_error *e)
{
	require(c == PV_TEMPORARY && e->class == c && e->text[0] != '\0' && strcmp(e->status, "4.3.5") == 0);
}

/* A comment in front says nothing, but such a target is read at leisure: what is read quickly is no other. */
static void read_at_leisure(const char *from, const char *to, enum pv_class is, const struct pv_target *quick)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX), out = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	struct pv_target t;
	enum pv_class c;

	pv_buf_adds(&text, "()");
	pv_buf_add(&text, from, (size_t)(to - from));
	const char *at = text.s;
	require(pv_target_next(&at, text.s + text.len, &out, &t, &c, NULL) && c == is);
	if (c == PV_OK)
		require(t.kind == quick->kind && t.len == quick->len &&
			memcmp(t.text, quick->text, t.len) == 0);
	if (c == PV_OK && t.kind == PV_TARGET_ADDRESS)
		require(t.local_len == quick->local_len);
	pv_buf_free(&text);
	pv_buf_free(&out);
}

static void read_targets(const char *list, size_t len)
{
	struct pv_buf out = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *at = list, *end = list + len;
	struct pv_target t;
	struct pv_error e;
	enum pv_class c;

	for (const char *before = at; pv_target_next(&at, end, &out, &t, &c, &e); before = at) {
		require(at > before && at <= end);
		const char *from = before;
		while (*from == ',' || *from == ' ' || *from == '\t' || *from == '\r')
			from++;
		if (isalnum((unsigned char)*from))
			read_at_leisure(from, at, c, &t);
		if (c == PV_OK)
			check_target(&t);
		else
			check_sentence(c, &e);
	}
	require(at == end);
	pv_buf_free(&out);
}

/* What a list says, as lines `LINE KIND TEXT`. `first` is the number of its first line. */
static void take_list(const char *text, size_t len, unsigned first, struct pv_buf *said)
{
	struct pv_buf out = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	/* In memory of its own: a read over its end is found. */
	char *copy = malloc(len + 1), *at = copy;
	const char *end = copy + len;
	unsigned line = 0, last = 0;
	struct pv_target t;
	struct pv_error e;
	enum pv_class c;

	memcpy(copy, text, len);
	copy[len] = '\0';
	for (const char *before = at; pv_include_next(&at, end, &line, &out, &t, &c, &e); before = at) {
		require(at > before && at <= end && line >= last);
		last = line;
		if (c == PV_OK)
			check_target(&t);
		else
			check_sentence(c, &e);
		require(c != PV_OK || !t.lasts || (t.text >= copy && t.text + t.len == at && *at == '\0'));
		pv_buf_addf(said, "%u %d %s\n", first - 1 + line, c == PV_OK ? (int)t.kind : -1,
			    c == PV_OK ? t.text : e.text);
	}
	require(at == end);
	free(copy);
	pv_buf_free(&out);
}

/* Each line of a list says what it says alone, whatever stands above it. */
static void read_list(const char *text, size_t len)
{
	struct pv_buf whole = PV_BUF_INIT(1 << 20), lines = PV_BUF_INIT(1 << 20);
	const char *p = text, *end = text + len;

	take_list(text, len, 1, &whole);
	for (unsigned line = 1; p < end; line++) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline != NULL ? newline : end;
		take_list(p, (size_t)(stop - p), line, &lines);
		p = newline != NULL ? newline + 1 : end;
	}
	require(whole.len == lines.len && memcmp(whole.s, lines.s, whole.len) == 0);
	pv_buf_free(&whole);
	pv_buf_free(&lines);
}

/* The same answer from a pass and from the index. */
static void ask(struct pv_alias_file *f, const struct pv_alias_entry *entry)
{
	struct pv_alias_entry found;
	struct pv_error e;
	bool there;

	enum pv_class first_class = PV_OK;
	struct pv_alias_entry first = { .line = 0 };
	bool first_there = false;

	for (int i = 0; i < 4; i++) {
		f->spent = i < 2 ? 0 : SIZE_MAX / 2;
		if (i == 0) {
			free(f->index);
			f->index = NULL;
		}
		enum pv_class c = pv_alias_find(f, entry->name, entry->name_len, &found, &there, &e);
		if (i == 0) {
			first_class = c;
			first = found;
			first_there = c == PV_OK && there;
		}
		require(c == first_class && (c != PV_OK || there == first_there));
		require(!first_there ||
			(found.line == first.line && found.from == first.from && found.to == first.to));
		if (c != PV_OK) {
			/* It stands there twice, or in its first line as another's. */
			check_sentence(c, &e);
			continue;
		}
		/* What is named by two lines together is not found. */
		if (!there)
			continue;
		require(found.line == entry->line && found.from == entry->from && found.to == entry->to);
		require(found.targets_len == entry->targets_len &&
			memcmp(found.targets, entry->targets, found.targets_len) == 0);
		require(pv_day_compare(&found.expires, &entry->expires) == 0);
	}
}

static void go_through(struct pv_alias_file *f)
{
	struct pv_alias_entry entry;
	size_t at = 0, end = 0, count = 0;
	struct pv_error e;

	for (size_t before = 0;; before = at) {
		enum pv_class c = pv_alias_next(f, &at, &entry, &e);
		if (c == PV_OK && entry.name == NULL)
			break;
		require(at > before && at <= f->text.len);
		if (c != PV_OK) {
			check_sentence(c, &e);
			require(strstr(e.text, "fuzz, line ") == e.text);
			continue;
		}
		require(entry.from >= end && entry.to > entry.from && entry.to <= f->text.len &&
			entry.line > 0);
		end = entry.to;
		if (entry.pattern != NULL) {
			require(entry.pattern[0] == '/' &&
				memchr(entry.pattern, '\n', strlen(entry.pattern)) == NULL);
			continue;
		}
		require(entry.name_len > 0 && entry.name_len <= PV_ALIAS_NAME_MAX &&
			is_clean(entry.name, entry.name_len) &&
			memchr(entry.name, '@', entry.name_len) == NULL);
		require(entry.targets_len > 0 && memchr(entry.targets, '\n', entry.targets_len) == NULL);
		read_targets(entry.targets, entry.targets_len);
		if (count++ < 20)
			ask(f, &entry);
	}
}

/* All that is not of our name: bytes of good entries, a byte for each wrong one. */
static void put_others(struct pv_alias_file *f, const struct pv_alias_change *c, struct pv_buf *out)
{
	size_t at = 0, len = strlen(c->name);
	struct pv_alias_entry entry;

	for (;;) {
		enum pv_class class = pv_alias_next(f, &at, &entry, NULL);
		if (class == PV_OK && entry.name == NULL)
			return;
		if (class != PV_OK)
			continue;
		if (entry.name_len != len || strncasecmp(entry.name, c->name, len) != 0) {
			/* An empty line behind the last one is what a new entry needs after a backslash. */
			while (entry.to > entry.from && f->text.s[entry.to - 1] == '\n')
				entry.to--;
			pv_buf_add(out, f->text.s + entry.from, entry.to - entry.from);
			pv_buf_addc(out, '\n');
		}
	}
}

static void change(const char *text, size_t len, const struct pv_alias_change *c)
{
	struct pv_buf out = PV_BUF_INIT(PV_ALIAS_FILE_MAX), left = PV_BUF_INIT(PV_ALIAS_FILE_MAX),
		      right = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	struct pv_alias_file before, after;
	struct pv_alias_entry entry;
	bool had, found;

	start(&before, text, len);
	if (pv_alias_file_change(&before, c, &out, &had, NULL) == PV_OK) {
		put_others(&before, c, &left);
		pv_alias_file_start(&after, "fuzz", &out);
		put_others(&after, c, &right);
		require(left.len == right.len && memcmp(left.s, right.s, left.len) == 0);
		if (c->name[0] != '/' && memchr(text, '\0', len) == NULL) {
			require(pv_alias_find(&after, c->name, strlen(c->name), &entry, &found, NULL) ==
				PV_OK);
			require(found == (c->targets != NULL));
			require(!found || (entry.comment_len == strlen(c->comment) &&
					   pv_day_compare(&entry.expires, &c->expires) == 0));
		}
		pv_alias_file_free(&after);
	}
	pv_buf_free(&out);
	pv_buf_free(&left);
	pv_buf_free(&right);
	pv_alias_file_free(&before);
}

static enum pv_class swap_names(void *ctx, const struct pv_target *t, struct pv_buf *out)
{
	(void)ctx;
	if (t->kind == PV_TARGET_NAME && strcmp(t->text, "swapped") != 0)
		pv_buf_adds(out, "swapped");
	return PV_OK;
}

/* What a file says, with each name among the targets as `swapped`. */
static void put_meaning(struct pv_alias_file *f, struct pv_buf *out)
{
	struct pv_buf memory = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	struct pv_alias_entry entry;
	struct pv_target t;
	enum pv_class c;
	size_t at = 0;

	while ((c = pv_alias_next(f, &at, &entry, NULL)) != PV_OK || entry.name != NULL) {
		if (c != PV_OK) {
			pv_buf_adds(out, "wrong\n");
			continue;
		}
		pv_buf_add(out, entry.name, entry.name_len);
		pv_buf_addf(out, " %u-%u-%u ", entry.expires.year, entry.expires.month, entry.expires.day);
		pv_buf_add(out, entry.comment, entry.comment_len);
		const char *list = entry.targets, *end = list + entry.targets_len;
		while (pv_target_next(&list, end, &memory, &t, &c, NULL))
			pv_buf_addf(out, ", %d %s", c == PV_OK ? (int)t.kind : -1,
				    c != PV_OK		       ? ""
				    : t.kind == PV_TARGET_NAME ? "swapped"
							       : t.text);
		pv_buf_addc(out, '\n');
	}
	pv_buf_free(&memory);
}

static void swap(const char *text, size_t len)
{
	struct pv_buf out = PV_BUF_INIT(PV_ALIAS_FILE_MAX), left = PV_BUF_INIT(PV_ALIAS_FILE_MAX),
		      right = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	struct pv_alias_file before, after;

	start(&before, text, len);
	if (pv_alias_file_swap(&before, swap_names, NULL, &out, NULL) == PV_OK) {
		put_meaning(&before, &left);
		pv_alias_file_start(&after, "fuzz", &out);
		put_meaning(&after, &right);
		require(left.len == right.len && memcmp(left.s, right.s, left.len) == 0);
		pv_alias_file_free(&after);
	}
	pv_buf_free(&out);
	pv_buf_free(&left);
	pv_buf_free(&right);
	pv_alias_file_free(&before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *all = (const char *)data, *newline = size > 0 ? memchr(all, '\n', size) : NULL;
	char name[100];
	struct pv_alias_file f;

	if (newline == NULL)
		return 0;
	const char *text = newline + 1;
	size_t len = size - (size_t)(text - all);
	(void)snprintf(name, sizeof name, "%.*s", (int)(newline - all), all);
	start(&f, text, len);
	go_through(&f);
	pv_alias_file_free(&f);
	read_list(text, len);
	swap(text, len);
	read_targets(all, (size_t)(newline - all));
	change(text, len,
	       &(struct pv_alias_change){ .name = name, .targets = "\"a b\", c@d.ef", .comment = "" });
	change(text, len, &(struct pv_alias_change){ .name = name, .targets = NULL, .comment = "" });
	/* What is no target is not written, whatever it is. */
	change(text, len,
	       &(struct pv_alias_change){
		       .name = "new", .targets = name, .comment = "a comment", .expires = { 2026, 12, 31 } });
	return 0;
}
