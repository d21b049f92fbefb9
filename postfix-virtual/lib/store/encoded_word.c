#include "store/encoded_word.h"

#include "base/base64.h"
#include "base/utf8.h"

#include <string.h>
#include <strings.h>

enum {
	WORD_BYTES = 39, /* of text; four letters for three, and twelve bytes around them */
	LINE_MAX_BYTES = 78,
	LONGEST_WORD = 900, /* a line must not have more than 998 bytes (RFC 5322, section 2.1.1) */
};

#define WORD_MAX 1024 /* bytes of an encoded word that is read; RFC 2047 knows no longer one than 75 */

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

static void add_latin(char c, struct pv_buf *out)
{
	unsigned char u = (unsigned char)c;

	if (u >= 0x80)
		pv_buf_addc(out, (char)(0xc0 | u >> 6));
	pv_buf_addc(out, (char)(u >= 0x80 ? 0x80 | (u & 0x3f) : u));
}

void pv_utf8_from_any(const char *s, size_t len, struct pv_buf *out)
{
	bool is_utf8 = pv_utf8_is_valid(s, len);

	for (size_t i = 0; i < len; i++) {
		char c = is_control(s[i]) && s[i] != '\t' && s[i] != '\n' ? '?' : s[i];
		if (is_utf8)
			pv_buf_addc(out, c);
		else
			add_latin(c, out);
	}
}

static bool is_ascii(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && (unsigned char)s[i] < 0x80)
		i++;
	return i == len;
}

void pv_encoded_words_add(const char *s, size_t len, struct pv_buf *out)
{
	if (is_ascii(s, len)) {
		pv_buf_add(out, s, len);
		return;
	}
	for (size_t from = 0; from < len;) {
		size_t to = from, n;
		while (to < len && (n = pv_utf8_next(s + to, len - to)) > 0 && to + n - from <= WORD_BYTES)
			to += n;
		if (to == from) /* it is no UTF-8, against the contract */
			to++;
		pv_buf_adds(out, from > 0 ? "\n =?utf-8?B?" : "=?utf-8?B?");
		pv_base64_add(out, s + from, to - from);
		pv_buf_adds(out, "?=");
		from = to;
	}
}

void pv_header_field_add(const char *name, size_t name_len, const char *value, size_t len, struct pv_buf *out)
{
	size_t line = name_len + 1, from = 0;

	pv_buf_add(out, name, name_len);
	pv_buf_adds(out, ": ");
	if (!is_ascii(value, len)) {
		pv_encoded_words_add(value, len, out);
		pv_buf_addc(out, '\n');
		return;
	}
	while (from < len && value[from] == ' ')
		from++;
	for (size_t i = from; i < len;) {
		size_t blanks = i, word, end;
		while (i < len && value[i] == ' ')
			i++;
		for (word = i; i < len && value[i] != ' ';)
			i++;
		if (word == i) /* blanks at the end */
			break;
		if (word > blanks && line + (i - blanks) > LINE_MAX_BYTES) {
			pv_buf_addc(out, '\n');
			line = 0;
		}
		end = i - word > LONGEST_WORD ? word + LONGEST_WORD : i;
		pv_buf_add(out, value + blanks, end - blanks);
		line += end - blanks;
	}
	pv_buf_addc(out, '\n');
}

/* What came out of a word, or stood there unencoded: no control character, and UTF-8. */
static void add_clean(const char *s, size_t len, bool is_latin, struct pv_buf *out)
{
	for (size_t i = 0; i < len;) {
		size_t n = is_latin ? 1 : pv_utf8_next(s + i, len - i);
		if (n == 0 || is_control(s[i]))
			pv_buf_addc(out, s[i] == '\t' ? ' ' : '?');
		else if (is_latin)
			add_latin(s[i], out);
		else
			pv_buf_add(out, s + i, n);
		i += n > 0 ? n : 1;
	}
}

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at == NULL ? -1 : (int)(at - digits) % 16;
}

/* Undo Q. Returns false where it is none. */
static bool read_q(const char *s, size_t len, struct pv_buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] != '=') {
			pv_buf_addc(out, s[i] == '_' ? ' ' : s[i]);
			continue;
		}
		int high = i + 2 < len ? hex(s[i + 1]) : -1, low = high >= 0 ? hex(s[i + 2]) : -1;
		if (low < 0)
			return false;
		pv_buf_addc(out, (char)(high * 16 + low));
		i += 2;
	}
	return true;
}

/* A part of an encoded word, up to the next `?`. Returns false where there is none. */
static bool cut_part(const char **p, const char *end, const char **part_r, size_t *len_r)
{
	const char *mark = memchr(*p, '?', (size_t)(end - *p));

	if (mark == NULL)
		return false;
	*part_r = *p;
	*len_r = (size_t)(mark - *p);
	*p = mark + 1;
	return true;
}

static bool is_name(const char *s, size_t len, const char *name)
{
	const char *language = memchr(s, '*', len); /* RFC 2231, section 5 */

	if (language != NULL)
		len = (size_t)(language - s);
	return len == strlen(name) && strncasecmp(s, name, len) == 0;
}

/* Decode one word without a blank in it. Returns false where it is no encoded word that we know. */
static bool read_word(const char *s, size_t len, struct pv_buf *out)
{
	const char *p = s + 2, *end = s + len, *charset, *kind, *text;
	size_t charset_len, kind_len, text_len;
	struct pv_buf bytes = PV_BUF_INIT(WORD_MAX);

	if (len < 8 || len > WORD_MAX || memcmp(s, "=?", 2) != 0 || memcmp(end - 2, "?=", 2) != 0 ||
	    !cut_part(&p, end, &charset, &charset_len) || !cut_part(&p, end, &kind, &kind_len) ||
	    !cut_part(&p, end, &text, &text_len) || p + 1 != end || kind_len != 1)
		return false;
	bool is_latin = is_name(charset, charset_len, "iso-8859-1");
	bool known = is_latin || is_name(charset, charset_len, "utf-8") ||
		     is_name(charset, charset_len, "us-ascii");
	if (known && (*kind == 'B' || *kind == 'b'))
		known = pv_base64_decode(text, text_len, &bytes);
	else if (known)
		known = (*kind == 'Q' || *kind == 'q') && read_q(text, text_len, &bytes);
	if (known)
		add_clean(bytes.s, bytes.len, is_latin, out);
	pv_buf_free(&bytes);
	return known;
}

void pv_encoded_words_read(const char *s, size_t len, struct pv_buf *out)
{
	bool was_encoded = false;

	for (size_t i = 0; i < len;) {
		size_t blank = i;
		while (i < len && strchr(" \t\r\n", s[i]) != NULL && s[i] != '\0')
			i++;
		size_t word = i;
		while (i < len && (strchr(" \t\r\n", s[i]) == NULL || s[i] == '\0'))
			i++;
		/* Blanks between two encoded words are none (RFC 2047, section 6.2). */
		if (word > blank && !was_encoded)
			pv_buf_addc(out, ' ');
		bool encoded = read_word(s + word, i - word, out);
		if (!encoded && word > blank && was_encoded)
			pv_buf_addc(out, ' ');
		if (!encoded)
			add_clean(s + word, i - word, false, out);
		was_encoded = encoded;
	}
}
