#include "maps/pattern.h"

#include "maps/pattern_target.h"

#define PUNCTUATION "._-"

/* Where the parser is. out: what has been written of the expression. */
struct parse {
	const char *entry, *at;
	struct pv_pattern *p;
	size_t out;
	unsigned depth;
	struct pv_error *e;
};

static unsigned parse_choice(struct parse *s);

uint64_t pv_pattern_bit(char c)
{
	const char *found = c == '\0' ? NULL : strchr(PV_PATTERN_BYTES, c);

	return found == NULL ? 0 : (uint64_t)1 << (found - PV_PATTERN_BYTES);
}

enum pv_class pv_pattern_fault(const char *entry, const char *at, const char *mend, struct pv_error *e)
{
	return pv_fail(e, PV_PERMANENT, "5.1.3", "column %zu, at `%.24s`: %s", (size_t)(at - entry) + 1, at,
		       mend);
}

/* Returns 0, the node that is none. */
static unsigned fault(struct parse *s, const char *at, const char *mend)
{
	(void)pv_pattern_fault(s->entry, at, mend, s->e);
	return 0;
}

static unsigned add_node(struct parse *s, enum pv_pattern_kind kind)
{
	struct pv_pattern *p = s->p;

	if (p->node_count == PV_PATTERN_NODES)
		return fault(s, s->at, "the pattern has too many parts: write a shorter one");
	p->nodes[p->node_count] = (struct pv_pattern_node){ .kind = kind };
	return p->node_count++;
}

/* Take the bytes from `from` up to here as they are. */
static void copy(struct parse *s, const char *from)
{
	size_t len = (size_t)(s->at - from);

	memcpy(s->p->expression + s->out, from, len);
	s->out += len;
}

static const char *mend_escape(char c)
{
	if (c == 'd')
		return "write [0-9]";
	if (c == 'w')
		return "write [a-z0-9_]";
	if (c >= '0' && c <= '9')
		return "back references are not taken: write out what is meant";
	if (c == '+' || c == '@')
		return "a pattern is about the name before tag and domain: leave it out";
	return "of escapes only \\. \\- and \\_ are taken: write the characters themselves";
}

static const char *mend_byte(char c)
{
	if (c == '\0')
		return "a pattern ends in `$/`: add it";
	if (c == '/')
		return "a pattern must end in `$`: write it before the `/`";
	if (c >= 'A' && c <= 'Z')
		return "addresses are compared in lower case: write it so";
	if (c == '@')
		return "the domain is added by itself: write the name before the @ alone";
	if (c == '^')
		return "`^` stands at the beginning only: remove it";
	if (c == '$')
		return "`$` stands at the end only: remove it";
	if (c == '|')
		return "`|` is taken in a group only: write (a|b)";
	if (c == ')')
		return "this closes no group: remove it";
	if (c == '?' || c == '*' || c == '+' || c == '{')
		return "there is nothing here that could be repeated (one repetition for each part): remove "
		       "it";
	return "only a-z 0-9 . _ - can stand in a name: remove it";
}

/* The byte at s->at in a class, or behind a backslash. Returns '\0' and a fault where it is none. */
static char take_byte(struct parse *s)
{
	const char *at = s->at;
	bool escaped = *at == '\\';
	char c = at[escaped];

	if (at[0] == '$' && at[1] == '\0') {
		(void)fault(s, at, mend_byte('\0'));
		return '\0';
	}
	if (escaped && (c == '\0' || strchr(PUNCTUATION, c) == NULL)) {
		(void)fault(s, at, mend_escape(c));
		return '\0';
	}
	if (pv_pattern_bit(c) == 0) {
		(void)fault(s, at, mend_byte(c));
		return '\0';
	}
	s->at += 1 + escaped;
	return c;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* `a` or `a-z` in a class. A hyphen is itself at the beginning and at the end. */
static bool take_range(struct parse *s, uint64_t *set)
{
	const char *from = s->at;
	char low = take_byte(s);

	if (low == '\0')
		return false;
	*set |= pv_pattern_bit(low);
	if (s->at[0] != '-' || s->at[1] == ']')
		return true;
	s->at++;
	char high = take_byte(s);
	if (high == '\0')
		return false;
	if (strchr(PUNCTUATION, low) != NULL || strchr(PUNCTUATION, high) != NULL ||
	    is_digit(low) != is_digit(high) || low > high)
		return fault(s, from,
			     "a range goes from a letter to a later one, or from a digit to one: "
			     "write it so, and `-` at the end of the class") != 0;
	for (char c = low; c <= high; c++)
		*set |= pv_pattern_bit(c);
	return true;
}

static unsigned parse_class(struct parse *s)
{
	const char *from = s->at++;
	uint64_t set = 0;

	if (*s->at == '^')
		return fault(s, s->at,
			     "a class names the characters that it takes: write them, as in [a-z0-9]");
	if (*s->at == ']')
		return fault(s, s->at, "a class without characters matches nothing: write some into it");
	while (*s->at != ']') {
		if (*s->at == '\0' || *s->at == '/')
			return fault(s, from, "this class has no end: add the `]`");
		if (!take_range(s, &set))
			return 0;
	}
	s->at++;
	copy(s, from);
	unsigned n = add_node(s, PV_PATTERN_SET);
	if (n != 0)
		s->p->nodes[n].set = set;
	return n;
}

static unsigned parse_single(struct parse *s)
{
	const char *from = s->at;
	uint64_t set = 0;

	if (*s->at == '.') {
		s->at++;
		memcpy(s->p->expression + s->out, PV_PATTERN_ANY, sizeof PV_PATTERN_ANY - 1);
		s->out += sizeof PV_PATTERN_ANY - 1;
		set = ((uint64_t)1 << (sizeof PV_PATTERN_BYTES - 1)) - 1;
	} else {
		char c = take_byte(s);
		if (c == '\0')
			return 0;
		copy(s, from);
		set = pv_pattern_bit(c);
	}
	unsigned n = add_node(s, PV_PATTERN_SET);
	if (n != 0)
		s->p->nodes[n].set = set;
	return n;
}

/* Groups from number `first` on need not take part in a match. */
static void make_optional(struct pv_pattern *p, unsigned first)
{
	for (unsigned g = first; g <= p->groups; g++)
		p->group_optional[g] = true;
}

static unsigned parse_group(struct parse *s)
{
	const char *from = s->at++;
	unsigned number = 0, wrapper, inside;

	if (s->depth == PV_PATTERN_DEPTH)
		return fault(s, from, "groups lie too deep in each other: write a simpler pattern");
	if (*s->at == '*' || (*s->at == '?' && s->at[1] != ':'))
		return fault(s, from,
			     "of groups only (...) and (?:...) are taken: no flags, names, comments, "
			     "verbs or looking around; write it without");
	if (*s->at == '?')
		s->at += 2;
	else if ((number = ++s->p->groups) > PV_PATTERN_GROUPS)
		return fault(s, from, "there are ${1} to ${9} and no more: write (?:...)");
	copy(s, from);
	s->depth++;
	inside = parse_choice(s);
	s->depth--;
	if (inside == 0)
		return 0;
	if (*s->at != ')')
		return fault(s, from, "this group has no end: add the `)`");
	from = s->at++;
	copy(s, from);
	/* Of its own, so that it can be a child beside others whatever is in it. */
	if ((wrapper = add_node(s, PV_PATTERN_SEQUENCE)) == 0)
		return 0;
	s->p->nodes[wrapper].child = inside;
	s->p->nodes[wrapper].group = number;
	if (number != 0)
		s->p->group_node[number] = wrapper;
	return wrapper;
}

static bool take_number(struct parse *s, unsigned *n)
{
	if (!is_digit(*s->at))
		return false;
	for (*n = 0; is_digit(*s->at); s->at++)
		if ((*n = *n * 10 + (unsigned)(*s->at - '0')) > PV_PATTERN_REPEAT)
			return false;
	return true;
}

/* `{n}`, `{n,}` or `{n,m}` */
static bool take_braces(struct parse *s, unsigned *min, unsigned *max)
{
	s->at++;
	if (!take_number(s, min))
		return false;
	*max = *min;
	if (*s->at == ',') {
		s->at++;
		*max = 0;
		if (*s->at != '}' && (!take_number(s, max) || *max == 0))
			return false;
	} else if (*max == 0) {
		return false;
	}
	return *s->at++ == '}' && (*max == 0 || *max >= *min);
}

static bool is_repetition(char c)
{
	return c == '?' || c == '*' || c == '+' || c == '{';
}

/* What may stand behind a part. first_group: of those in the part. */
static unsigned parse_repetition(struct parse *s, unsigned part, unsigned first_group)
{
	const char *from = s->at;
	unsigned min = 0, max = 0;

	if (!is_repetition(*from))
		return part;
	if (*from == '{') {
		if (!take_braces(s, &min, &max))
			return fault(s, from, "write {n}, {n,} or {n,m} with numbers of at most 64, m not 0");
	} else {
		s->at++;
		min = *from == '+';
		max = *from == '?';
	}
	if (is_repetition(*s->at))
		return fault(s, s->at, mend_byte(*s->at));
	copy(s, from);
	if (min == 0)
		make_optional(s->p, first_group);
	unsigned n = add_node(s, PV_PATTERN_REPEAT_OF);
	if (n == 0)
		return 0;
	s->p->nodes[n].child = part;
	s->p->nodes[n].min = min;
	s->p->nodes[n].max = max;
	return n;
}

static unsigned parse_part(struct parse *s)
{
	unsigned first_group = s->p->groups + 1, part = 0;

	if (*s->at == '[')
		part = parse_class(s);
	else if (*s->at == '(')
		part = parse_group(s);
	else
		part = parse_single(s);
	return part == 0 ? 0 : parse_repetition(s, part, first_group);
}

static bool ends_sequence(const struct parse *s)
{
	if (s->at[0] == '$' && s->at[1] == '/')
		return true;
	return s->depth > 0 && (*s->at == '|' || *s->at == ')' || *s->at == '/' || *s->at == '\0');
}

static unsigned parse_sequence(struct parse *s)
{
	unsigned n = add_node(s, PV_PATTERN_SEQUENCE), last = 0;

	while (n != 0 && !ends_sequence(s)) {
		unsigned part = parse_part(s);
		if (part == 0)
			return 0;
		if (last == 0)
			s->p->nodes[n].child = part;
		else
			s->p->nodes[last].next = part;
		last = part;
	}
	return n;
}

static unsigned parse_choice(struct parse *s)
{
	unsigned n = add_node(s, PV_PATTERN_CHOICE), first_group = s->p->groups + 1;
	unsigned last = n == 0 ? 0 : parse_sequence(s);

	if (last == 0)
		return 0;
	s->p->nodes[n].child = last;
	while (*s->at == '|') {
		const char *from = s->at++;
		copy(s, from);
		unsigned part = parse_sequence(s);
		if (part == 0)
			return 0;
		s->p->nodes[last].next = part;
		last = part;
		make_optional(s->p, first_group);
	}
	return n;
}

enum pv_class pv_pattern_parse(const char *entry, struct pv_pattern *p, struct pv_error *e)
{
	struct parse s = { .entry = entry, .at = entry + 1, .p = p, .e = e };

	*p = (struct pv_pattern){ .node_count = 1 };
	if (strcspn(s.at, "/") > PV_PATTERN_MAX)
		return pv_pattern_fault(entry, s.at, "a pattern has at most 256 bytes: write a shorter one",
					e);
	if (*s.at != '^')
		return pv_pattern_fault(entry, s.at, "a pattern must begin with `^`: add it", e);
	s.at++;
	/* The root is no choice: `|` is left to groups, since `^` and `$` bind more strongly. */
	unsigned root = parse_sequence(&s);
	if (root == 0)
		return PV_PERMANENT;
	p->expression[s.out] = '\0';
	if (s.out == 0)
		return pv_pattern_fault(entry, s.at, "an empty pattern matches no address: write a name", e);
	return pv_pattern_target(entry, s.at + 2, p, e);
}
