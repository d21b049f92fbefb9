#include "maps/text.h"

#include "base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define SUM_WORD "# checksum of what follows: "
#define NO_SUM "0000000000000000\n"
enum { SUM_DIGITS = 16 };
enum { HEAD_MAX = 64 * 1024 }; /* bytes in which the checksum's line must be found */
#define PIECE ((size_t)1 << 18)

void pv_text_head(struct pv_buf *out, const char *what, const char *own)
{
	pv_buf_adds(out, "# Written by make-postfix-maps, and replaced as a whole when it runs again.\n");
	pv_buf_addf(out, "# %s belong in %s: it is asked first, and never written.\n", what, own);
}

static uint64_t sum_of(const char *s, size_t len)
{
	struct pv_sum sum;

	pv_sum_start(&sum);
	pv_sum_add(&sum, s, len);
	return pv_sum_finish(&sum);
}

void pv_text_format(struct pv_buf *out, const char *what, const char *own, const struct pv_keys *keys)
{
	pv_text_head(out, what, own);
	pv_text_format_below(out, "", keys);
}

void pv_text_format_below(struct pv_buf *out, const char *head, const struct pv_keys *keys)
{
	char digits[SUM_DIGITS + 1];

	pv_buf_adds(out, head);
	pv_buf_adds(out, SUM_WORD);
	size_t sum_at = out->len;
	pv_buf_adds(out, NO_SUM);
	size_t start = out->len;
	for (size_t i = 0; i < keys->count; i++) {
		pv_buf_adds(out, keys->v[i].key);
		pv_buf_addc(out, '\t');
		pv_buf_adds(out, keys->v[i].value);
		pv_buf_addc(out, '\n');
	}
	if (out->failed)
		return;
	(void)snprintf(digits, sizeof digits, "%016" PRIx64, sum_of(out->s + start, out->len - start));
	memcpy(out->s + sum_at, digits, SUM_DIGITS);
}

static enum pv_class doubtful(struct pv_error *e, const char *file, const char *reason)
{
	return pv_fail(e, PV_TEMPORARY, "4.3.5",
		       "%s %s, so it was changed by another hand or damaged: leave it to make-postfix-maps",
		       file, reason);
}

/* Pass over the comment lines. NULL: the checksum is missing or not that of the rest. */
static char *checked_start(struct pv_buf *text)
{
	char *line = text->s;
	char expected[sizeof SUM_WORD + SUM_DIGITS];

	while (*line == '#') {
		char *end = strchr(line, '\n');
		if (end == NULL)
			return NULL;
		if (strncmp(line, SUM_WORD, strlen(SUM_WORD)) == 0) {
			size_t left = text->len - (size_t)(end + 1 - text->s);
			(void)snprintf(expected, sizeof expected, SUM_WORD "%016" PRIx64,
				       sum_of(end + 1, left));
			bool same = end - line == (ptrdiff_t)strlen(expected) &&
				    memcmp(line, expected, strlen(expected)) == 0;
			return same ? end + 1 : NULL;
		}
		line = end + 1;
	}
	return NULL;
}

/* Cut the next `key<TAB>value` from *next, in place. Returns false where it is no such line. */
static bool cut_pair(char **next, struct pv_key *pair)
{
	char *end = strchr(*next, '\n');
	char *tab = strchr(*next, '\t');

	if (end == NULL || tab == NULL || tab > end || tab == *next || tab + 1 == end)
		return false;
	*tab = '\0';
	*end = '\0';
	*pair = (struct pv_key){ *next, tab + 1 };
	*next = end + 1;
	return true;
}

enum pv_class pv_text_parse(struct pv_buf *text, const char *file, struct pv_keys *keys, struct pv_error *e)
{
	struct pv_key pair;

	if (memchr(text->s, '\0', text->len) != NULL)
		return doubtful(e, file, "holds a NUL");
	char *next = checked_start(text);
	if (next == NULL)
		return doubtful(e, file, "does not have the checksum that stands in it");
	while (next < text->s + text->len) {
		if (!cut_pair(&next, &pair))
			return doubtful(e, file, "holds a line that is no `key value`");
		if (keys->count > 0 && strcmp(keys->v[keys->count - 1].key, pair.key) >= 0)
			return doubtful(e, file, "is not sorted");
		enum pv_class c = pv_keys_add(keys, pair.key, pair.value, e);
		if (c != PV_OK)
			return c;
	}
	return PV_OK;
}

void pv_text_wrap(struct pv_buf *out, const char *what, const char *own, const struct pv_buf *lines)
{
	pv_text_head(out, what, own);
	pv_buf_addf(out, SUM_WORD "%016" PRIx64 "\n", sum_of(lines->s, lines->len));
	pv_buf_add(out, lines->s, lines->len);
}

const char *pv_text_unwrap(struct pv_buf *text)
{
	return memchr(text->s, '\0', text->len) != NULL ? NULL : checked_start(text);
}

/* Where the lines begin behind the head s[0..len): *sum_r is what the checksum's line says. 0: it has none.
 */
static size_t find_lines(const char *s, size_t len, uint64_t *sum_r)
{
	char digits[SUM_DIGITS + 1];
	size_t at = 0;

	while (at < len && s[at] == '#') {
		const char *end = memchr(s + at, '\n', len - at);
		if (end == NULL)
			return 0;
		size_t line = (size_t)(end - s) - at;
		if (line == strlen(SUM_WORD) + SUM_DIGITS &&
		    memcmp(s + at, SUM_WORD, strlen(SUM_WORD)) == 0) {
			memcpy(digits, end - SUM_DIGITS, SUM_DIGITS);
			digits[SUM_DIGITS] = '\0';
			if (strspn(digits, "0123456789abcdef") != SUM_DIGITS)
				return 0;
			*sum_r = strtoull(digits, NULL, 16);
			return (size_t)(end + 1 - s);
		}
		at += line + 1;
	}
	return 0;
}

/* Read the next piece of the file. -1: errno says why; 0: its end. */
static ssize_t read_piece(int fd, struct pv_buf *piece)
{
	pv_buf_reset(piece);
	char *to = pv_buf_reserve(piece, PIECE);

	if (to == NULL) {
		errno = ENOMEM;
		return -1;
	}
	ssize_t have = pv_read_all(fd, to, PIECE);
	if (have > 0)
		pv_buf_grew(piece, (size_t)have);
	return have;
}

/* Returns 0, or -1 with errno. *reason: what is wrong with the text, or NULL. */
static int look(int fd, const char *head, struct pv_buf *piece, struct pv_text_look *r, const char **reason)
{
	struct pv_sum sum;
	ssize_t n = read_piece(fd, piece);
	size_t len = n > 0 ? (size_t)n : 0;
	uint64_t said = 0;

	size_t from = find_lines(piece->s, len < HEAD_MAX ? len : HEAD_MAX, &said);
	r->has_head = strlen(head) + strlen(SUM_WORD) + SUM_DIGITS + 1 == from &&
		      memcmp(piece->s, head, strlen(head)) == 0;
	*reason = from == 0 ? "does not have the checksum that stands in it" : NULL;
	pv_sum_start(&sum);
	while (n > 0 && *reason == NULL) {
		if (memchr(piece->s, '\0', (size_t)n) != NULL)
			*reason = "holds a NUL";
		pv_sum_add(&sum, piece->s + from, (size_t)n - from);
		from = 0;
		n = read_piece(fd, piece);
	}
	r->sum = pv_sum_finish(&sum);
	if (*reason == NULL && r->sum != said)
		*reason = "does not have the checksum that stands in it";
	return n < 0 ? -1 : 0;
}

enum pv_class pv_text_look(int dirfd, const char *name, const struct pv_trust *trust, const char *head,
			   struct pv_text_look *r, struct pv_error *e)
{
	struct pv_buf piece = PV_BUF_INIT(2 * PIECE);
	const char *reason = NULL;
	char path[PATH_MAX];
	struct stat st;
	int fd;

	*r = (struct pv_text_look){ .found = false };
	enum pv_class c = pv_file_open(dirfd, name, trust, &fd, &st, e);
	if (c != PV_OK || fd < 0)
		return c;
	r->found = true;
	r->size = (size_t)st.st_size;
	(void)snprintf(path, sizeof path, "%s/%s", trust->where, name);
	if (look(fd, head, &piece, r, &reason) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read %s", path);
	r->good = c == PV_OK && reason == NULL;
	if (reason != NULL)
		(void)doubtful(&r->why, path, reason);
	(void)close(fd);
	pv_buf_free(&piece);
	return c;
}

void pv_text_begin(struct pv_text_writer *t, struct pv_new_file *file, const char *head, struct pv_error *e)
{
	*t = (struct pv_text_writer){ .file = file, .piece = PV_BUF_INIT(4 * PIECE), .c = PV_OK, .e = e };
	pv_sum_start(&t->sum);
	if (file == NULL)
		return;
	pv_buf_adds(&t->piece, head);
	pv_buf_adds(&t->piece, SUM_WORD);
	t->sum_at = (off_t)t->piece.len;
	pv_buf_adds(&t->piece, NO_SUM);
	t->c = pv_buf_check(&t->piece, file->name, e);
	if (t->c == PV_OK)
		t->c = pv_file_write(file, t->piece.s, t->piece.len, e);
	pv_buf_reset(&t->piece);
}

static void flush_piece(struct pv_text_writer *t)
{
	if (t->c == PV_OK)
		t->c = pv_buf_check(&t->piece, "a line of a table", t->e);
	if (t->c == PV_OK)
		pv_sum_add(&t->sum, t->piece.s, t->piece.len);
	if (t->c == PV_OK && t->file != NULL)
		t->c = pv_file_write(t->file, t->piece.s, t->piece.len, t->e);
	pv_buf_reset(&t->piece);
}

void pv_text_add(struct pv_text_writer *t, const struct pv_key *k)
{
	size_t key = strlen(k->key), value = strlen(k->value);
	char *to = pv_buf_reserve(&t->piece, key + value + 2);

	/* flush_piece() says it. */
	if (to == NULL)
		return;
	memcpy(to, k->key, key);
	to[key] = '\t';
	memcpy(to + key + 1, k->value, value);
	to[key + 1 + value] = '\n';
	pv_buf_grew(&t->piece, key + value + 2);
	if (t->piece.len >= PIECE)
		flush_piece(t);
}

enum pv_class pv_text_end(struct pv_text_writer *t, uint64_t *sum_r)
{
	char digits[SUM_DIGITS + 1];

	flush_piece(t);
	*sum_r = pv_sum_finish(&t->sum);
	(void)snprintf(digits, sizeof digits, "%016" PRIx64, *sum_r);
	if (t->c == PV_OK && t->file != NULL &&
	    pv_write_all_at(t->file->fd, digits, SUM_DIGITS, t->sum_at) != 0)
		t->c = pv_fail_errno(t->e, PV_TEMPORARY, "4.3.0", errno, "write %s", t->file->temp);
	pv_buf_free(&t->piece);
	return t->c;
}
