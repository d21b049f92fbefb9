#include "tables.h"

#include "change/words.h"
#include "maps/caught.h"
#include "maps/inner.h"
#include "maps/map.h"
#include "maps/postfix.h"
#include "store/conf.h"

#include <limits.h>

enum { ASK_SECONDS = 30, TABLES_MAX = 60, KEY_SIZE = TABLES_KEY_MAX };
#define VALUE_MAX ((size_t)1 << 20)

struct asking {
	char config[PATH_MAX];
	struct pv_buf words; /* of virtual_alias_maps, each with a NUL behind it */
	struct pv_buf delimiters;
	bool passes_tags; /* propagate_unmatched_extensions has `virtual` */
	const char *tables[TABLES_MAX + 1];
	size_t count;
};

static enum pv_class get_setting(const struct asking *a, const char *name, struct pv_buf *out,
				 struct pv_error *e)
{
	const char *const argv[] = { PV_POSTCONF, "-c", a->config, "-hx", name, NULL };

	enum pv_class c = pv_postfix_ask(argv, NULL, ASK_SECONDS, out, e);
	while (out->len > 0 && out->s[out->len - 1] == '\n')
		out->s[--out->len] = '\0';
	return c;
}

/* Make a->tables of the value of virtual_alias_maps, or of ours where it does not name them. */
static void list_tables(struct asking *a, const char *value, const char *ours, const char *regexp)
{
	const char *word;
	size_t len;

	if (!pv_words_have(value, ours)) {
		a->tables[a->count++] = ours;
		a->tables[a->count++] = regexp;
		return;
	}
	for (const char *p = value; pv_words_next(&p, &word, &len);) {
		pv_buf_add(&a->words, word, len);
		pv_buf_addc(&a->words, '\0');
	}
	for (size_t at = 0; at < a->words.len && a->count < TABLES_MAX; at += strlen(a->words.s + at) + 1)
		a->tables[a->count++] = a->words.s + at;
}

/* Such a table is asked for whole addresses only. */
static bool is_pattern(const char *table)
{
	static const char *const kinds[] = { "regexp:", "pcre:", "pipemap:{pcre:", "pipemap:{regexp:" };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strncmp(table, kinds[i], strlen(kinds[i])) == 0)
			return true;
	return false;
}

/* What tables[0..count) give for the key: the first line of it. */
static enum pv_class ask_tables(const struct asking *a, const char *const *tables, size_t count,
				const char *key, char target[TABLES_TARGET_MAX], struct pv_error *e)
{
	const char *argv[TABLES_MAX + 6] = { PV_POSTMAP, "-c", a->config, "-q", key };
	struct pv_buf out = PV_BUF_INIT(VALUE_MAX);

	target[0] = '\0';
	if (count == 0)
		return PV_OK;
	memcpy(argv + 5, tables, count * sizeof *tables);
	enum pv_class c = pv_postfix_ask(argv, NULL, ASK_SECONDS, &out, e);
	if (c == PV_OK)
		(void)snprintf(target, TABLES_TARGET_MAX, "%.*s", (int)strcspn(out.s, "\n"), out.s);
	pv_buf_free(&out);
	return c;
}

/* All at once; where one of them has it, one after the other, to know which. */
static enum pv_class ask_form(const struct asking *a, const char *key, bool whole, struct tables_answer *r,
			      struct pv_error *e)
{
	const char *tables[TABLES_MAX];
	char target[TABLES_TARGET_MAX];
	size_t count = 0;

	for (size_t i = 0; i < a->count; i++)
		if (whole || !is_pattern(a->tables[i]))
			tables[count++] = a->tables[i];
	enum pv_class c = ask_tables(a, tables, count, key, r->target, e);
	if (c != PV_OK || r->target[0] == '\0')
		return c;
	(void)snprintf(r->key, sizeof r->key, "%s", key);
	for (size_t i = 0; c == PV_OK && i < count && r->table[0] == '\0'; i++) {
		c = ask_tables(a, tables + i, 1, key, target, e);
		if (c == PV_OK && strcmp(target, r->target) == 0)
			(void)snprintf(r->table, sizeof r->table, "%s", tables[i]);
	}
	return c;
}

/* As Postfix writes it in a key: with quotes where it is no dot-atom (RFC 5321, section 4.1.2). */
static void put_key(const char *local, size_t len, const struct pv_domain *d, char key[KEY_SIZE])
{
	static const char specials[] = " \t()<>[]:;@\\,\"";
	bool quotes = len == 0 || local[0] == '.' || local[len - 1] == '.';
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		quotes = quotes || (unsigned char)local[i] < 0x20 || strchr(specials, local[i]) != NULL ||
			 (local[i] == '.' && i + 1 < len && local[i + 1] == '.');
	if (quotes)
		key[n++] = '"';
	for (size_t i = 0; i < len && n < KEY_SIZE - PV_DOMAIN_MAX - 8; i++) {
		if (local[i] == '"' || local[i] == '\\')
			key[n++] = '\\';
		key[n++] = local[i];
	}
	if (quotes)
		key[n++] = '"';
	(void)snprintf(key + n, KEY_SIZE - n, "@%s", d->s);
}

/* The whole address, and the address without its tag. */
static enum pv_class ask_address(const struct asking *a, const struct pv_recipient *to,
				 struct tables_answer *r, struct pv_error *e)
{
	size_t plain = 0;
	char key[KEY_SIZE];

	put_key(to->local, to->local_len, &to->domain, key);
	enum pv_class c = ask_form(a, key, true, r, e);
	while (plain < to->local_len &&
	       (to->local[plain] == '\0' || strchr(a->delimiters.s, to->local[plain]) == NULL))
		plain++;
	if (c == PV_OK && r->target[0] == '\0' && plain > 0 && plain < to->local_len) {
		put_key(to->local, plain, &to->domain, key);
		c = ask_form(a, key, false, r, e);
		r->passes_tag = r->target[0] != '\0' && a->passes_tags;
	}
	return c;
}

static enum pv_class ask_all(const struct asking *a, const struct pv_recipient *to, struct tables_answer *r,
			     struct pv_error *e)
{
	char key[KEY_SIZE];

	enum pv_class c = ask_address(a, to, r, e);
	if (c == PV_OK && r->target[0] == '\0') {
		(void)snprintf(key, sizeof key, "@%s", to->domain.s);
		c = ask_form(a, key, false, r, e);
	}
	return c;
}

enum pv_class tables_ask(const struct pv_store *s, const struct pv_recipient *to, struct tables_answer *r,
			 struct pv_error *e)
{
	struct pv_buf value = PV_BUF_INIT(VALUE_MAX), ours = PV_BUF_INIT(PATH_MAX * 2),
		      regexp = PV_BUF_INIT(PATH_MAX * 4);
	struct asking a = { .words = PV_BUF_INIT(VALUE_MAX), .delimiters = PV_BUF_INIT(4096) };

	*r = (struct tables_answer){ .ours_missing = false };
	(void)pv_conf_instance(&s->conf, 0, a.config, sizeof a.config);
	pv_buf_addf(&ours, "%s:%s/virtual", s->conf.map_type, s->conf.map_directory);
	pv_buf_addf(&regexp, "pipemap:{pcre:%s/virtual_regexp,%s}", s->conf.map_directory, ours.s);
	enum pv_class c = pv_buf_check(&regexp, "the names of our tables", e);
	if (c == PV_OK)
		c = get_setting(&a, "recipient_delimiter", &a.delimiters, e);
	if (c == PV_OK)
		c = get_setting(&a, "propagate_unmatched_extensions", &value, e);
	a.passes_tags = c == PV_OK && pv_words_have(value.s, "virtual");
	pv_buf_reset(&value);
	if (c == PV_OK)
		c = get_setting(&a, "virtual_alias_maps", &value, e);
	if (c == PV_OK)
		list_tables(&a, value.s, ours.s, regexp.s);
	r->ours_missing = c == PV_OK && !pv_words_have(value.s, ours.s);
	if (c == PV_OK)
		c = pv_buf_check(&a.words, "virtual_alias_maps", e);
	if (c == PV_OK)
		c = ask_all(&a, to, r, e);
	r->by_expression = r->table[0] != '\0' && strcmp(r->table, regexp.s) == 0;
	pv_buf_free(&value);
	pv_buf_free(&ours);
	pv_buf_free(&regexp);
	pv_buf_free(&a.words);
	pv_buf_free(&a.delimiters);
	return c;
}

/* A reply's code; what else a table of access may say refuses nobody. */
static bool is_refusal(const char *says)
{
	return (says[0] == '4' || says[0] == '5') && strspn(says, "0123456789") == 3;
}

static enum pv_class ask_refused(struct asking *a, const struct pv_store *s, const struct pv_recipient *to,
				 struct tables_answer *r, struct pv_error *e)
{
	struct pv_buf exact = PV_BUF_INIT(PATH_MAX * 2), inner = PV_BUF_INIT(PATH_MAX * 4);

	pv_buf_addf(&exact, "%s:%s/%s", s->conf.map_type, s->conf.map_directory, pv_map_name(PV_MAP_REFUSED));
	pv_buf_addf(&inner, "pipemap:{pcre:%s/" PV_INNER_NAME ",%s}", s->conf.map_directory, exact.s);
	a->tables[a->count++] = exact.s;
	a->tables[a->count++] = inner.s;
	enum pv_class c = pv_buf_check(&inner, "the names of our tables", e);
	if (c == PV_OK)
		c = get_setting(a, "recipient_delimiter", &a->delimiters, e);
	if (c == PV_OK)
		c = ask_address(a, to, r, e);
	if (!is_refusal(r->target))
		r->target[0] = '\0';
	pv_printable(r->target, strlen(r->target));
	pv_buf_free(&exact);
	pv_buf_free(&inner);
	return c;
}

enum pv_class tables_ask_refused(const struct pv_store *s, const struct pv_recipient *to,
				 struct tables_answer *r, struct pv_error *e)
{
	struct asking a = { .delimiters = PV_BUF_INIT(4096) };
	bool asks = false;

	*r = (struct tables_answer){ .ours_missing = false };
	(void)pv_conf_instance(&s->conf, 0, a.config, sizeof a.config);
	enum pv_class c = pv_caught_asks(s, a.config, &asks, e);
	if (c == PV_OK && asks)
		c = ask_refused(&a, s, to, r, e);
	pv_buf_free(&a.delimiters);
	return c;
}
