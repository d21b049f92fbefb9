/* The rules of regexp_table(5) and pcre_table(5), for as much as is needed to see which of a few strings a
 * line matches. */
#include "change/old_lines.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <regex.h>

enum { MATCH_LIMIT = 100000 };

void pv_old_rules_start(struct pv_old_rules *r, bool pcre, const char *const *probes, size_t count)
{
	*r = (struct pv_old_rules){ .pcre = pcre,
				    .probes = probes,
				    .count = count < PV_OLD_PROBES ? count : PV_OLD_PROBES,
				    .inside = { UINT64_MAX } };
}

/* `!/pattern/flags`, cut from *p. Returns false where it is none. */
static bool cut_pattern(char **p, char **pattern_r, char **flags_r, bool *not_r)
{
	char *s = *p;

	*not_r = false;
	for (; *s == '!' || *s == ' ' || *s == '\t'; s++)
		*not_r = *not_r != (*s == '!');
	char delimiter = *s;
	if (delimiter == '\0' ||
	    strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", delimiter) != NULL)
		return false;
	*pattern_r = ++s;
	for (; *s != '\0' && *s != delimiter; s++)
		if (*s == '\\' && s[1] != '\0')
			s++;
	if (*s == '\0')
		return false;
	*s++ = '\0';
	*flags_r = s;
	s += strcspn(s, " \t");
	if (*s != '\0')
		*s++ = '\0';
	*p = s + strspn(s, " \t");
	return true;
}

static bool has_odd(const char *flags, char flag)
{
	bool odd = false;

	for (; *flags != '\0'; flags++)
		odd = odd != (*flags == flag);
	return odd;
}

static bool match_posix(const char *pattern, const char *flags, const struct pv_old_rules *r,
			uint64_t *matched_r)
{
	int options =
		(has_odd(flags, 'x') ? 0 : REG_EXTENDED) | (has_odd(flags, 'i') ? 0 : REG_ICASE) | REG_NOSUB;
	regex_t expression;

	if (regcomp(&expression, pattern, options) != 0)
		return false;
	for (size_t i = 0; i < r->count; i++)
		if (regexec(&expression, r->probes[i], 0, NULL, 0) == 0)
			*matched_r |= (uint64_t)1 << i;
	regfree(&expression);
	return true;
}

static uint32_t pcre_options(const char *flags)
{
	return (has_odd(flags, 'i') ? 0 : PCRE2_CASELESS) | (has_odd(flags, 's') ? 0 : PCRE2_DOTALL) |
	       (has_odd(flags, 'm') ? PCRE2_MULTILINE : 0) | (has_odd(flags, 'x') ? PCRE2_EXTENDED : 0) |
	       (has_odd(flags, 'A') ? PCRE2_ANCHORED : 0) | (has_odd(flags, 'E') ? PCRE2_DOLLAR_ENDONLY : 0) |
	       (has_odd(flags, 'U') ? PCRE2_UNGREEDY : 0);
}

static bool match_pcre(const char *pattern, const char *flags, const struct pv_old_rules *r,
		       uint64_t *matched_r)
{
	PCRE2_SIZE at;
	int error;

	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, pcre_options(flags),
					 &error, &at, NULL);
	pcre2_match_data *data = code != NULL ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
	pcre2_match_context *limits = data != NULL ? pcre2_match_context_create(NULL) : NULL;
	if (limits != NULL) {
		(void)pcre2_set_match_limit(limits, MATCH_LIMIT);
		for (size_t i = 0; i < r->count; i++)
			if (pcre2_match(code, (PCRE2_SPTR)r->probes[i], strlen(r->probes[i]), 0, 0, data,
					limits) >= 0)
				*matched_r |= (uint64_t)1 << i;
	}
	bool ok = limits != NULL;
	pcre2_match_context_free(limits);
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return ok;
}

static bool match(const struct pv_old_rules *r, const char *pattern, const char *flags, bool not,
		  uint64_t *matched_r)
{
	*matched_r = 0;
	bool ok = r->pcre ? match_pcre(pattern, flags, r, matched_r)
			  : match_posix(pattern, flags, r, matched_r);
	if (not )
		*matched_r = ~*matched_r;
	*matched_r &= r->inside[r->depth];
	return ok;
}

/* The word `if` or `endif` at the front, in any case, with no letter behind it. */
static bool has_word(const char *line, const char *word)
{
	size_t n = strlen(word);
	char next = strncasecmp(line, word, n) == 0 ? line[n] : 'x';

	return next == '\0' ||
	       strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", next) == NULL;
}

bool pv_old_rules_next(struct pv_old_rules *r, char *line, uint64_t *matched_r, const char **target_r)
{
	bool is_if = has_word(line, "if"), not ;
	char *pattern, *flags;

	*target_r = NULL;
	*matched_r = 0;
	if (has_word(line, "endif")) {
		if (r->depth > 0)
			r->depth--;
		return true;
	}
	char *p = line + (is_if ? 2 : 0);
	p += strspn(p, " \t");
	bool ok = cut_pattern(&p, &pattern, &flags, &not ) && match(r, pattern, flags, not, matched_r);
	if (!is_if) {
		*target_r = ok ? p : NULL;
		return ok;
	}
	/* Nothing inside a block whose condition cannot be read, or that is nested too deep, is believed. */
	if (r->depth + 1 < sizeof r->inside / sizeof *r->inside)
		r->inside[++r->depth] = ok ? *matched_r : 0;
	*matched_r = 0;
	return true;
}
