#include "maps/pattern_target.h"

/* What can stand in front of the next part of a target. */
enum { AT_START = 1, AFTER_DOT = 2, AFTER_OTHER = 4 };

struct pv_pattern_edges pv_pattern_edges_of(const struct pv_pattern *p, unsigned node)
{
	const struct pv_pattern_node *n = &p->nodes[node];
	struct pv_pattern_edges r = { .nullable = n->kind == PV_PATTERN_SEQUENCE };

	if (n->kind == PV_PATTERN_SET)
		return (struct pv_pattern_edges){ n->set, n->set, false };
	for (unsigned c = n->child; c != 0; c = p->nodes[c].next) {
		struct pv_pattern_edges part = pv_pattern_edges_of(p, c);
		if (n->kind == PV_PATTERN_SEQUENCE) {
			r.first |= r.nullable ? part.first : 0;
			r.last = part.last | (part.nullable ? r.last : 0);
			r.nullable = r.nullable && part.nullable;
		} else {
			r.first |= part.first;
			r.last |= part.last;
			r.nullable = r.nullable || part.nullable;
		}
	}
	if (n->kind == PV_PATTERN_REPEAT_OF)
		r.nullable = r.nullable || n->min == 0;
	return r;
}

/*
 * What ${n} can be. A name never begins with a dot or a hyphen, never ends in a dot and has no two in a row
 * (the guard around a domain's patterns sees to that), so neither does a group at that end of the pattern.
 */
static struct pv_pattern_edges capture_edges(const struct pv_pattern *p, unsigned number)
{
	const struct pv_pattern_node *root = &p->nodes[1];
	unsigned node = p->group_node[number];
	struct pv_pattern_edges r = pv_pattern_edges_of(p, node);

	r.nullable = r.nullable || p->group_optional[number];
	if (root->child == node)
		r.first &= ~(pv_pattern_bit('.') | pv_pattern_bit('-'));
	/* A group within a repetition is no child of the root. */
	unsigned last = root->child;
	while (p->nodes[last].next != 0)
		last = p->nodes[last].next;
	if (last == node)
		r.last &= ~pv_pattern_bit('.');
	return r;
}

/* One more part of a target behind what *before says. */
static const char *join(unsigned *before, const struct pv_pattern_edges *part)
{
	uint64_t dot = pv_pattern_bit('.'), hyphen = pv_pattern_bit('-');
	unsigned after = part->nullable ? *before : 0;

	if ((*before & AT_START) != 0 && (part->first & (dot | hyphen)) != 0)
		return "the user's name could begin with `.` or `-`: let what is captured begin otherwise";
	if ((*before & AFTER_DOT) != 0 && (part->first & dot) != 0)
		return "the user's name could hold two dots in a row: let what is captured not begin with "
		       "one";
	if ((part->last & dot) != 0)
		after |= AFTER_DOT;
	if ((part->last & ~dot) != 0)
		after |= AFTER_OTHER;
	*before = after;
	return NULL;
}

/* `$1` or `${1}` at *at, which is moved on; its number, or 0. */
static unsigned take_reference(const char **at)
{
	const char *s = *at + 1;
	bool braces = *s == '{';

	s += braces;
	if (*s < '1' || *s > '9')
		return 0;
	unsigned number = (unsigned)(*s++ - '0');
	if (braces && *s++ != '}')
		return 0;
	*at = s;
	return number;
}

static const char *mend_target(char c)
{
	if (c == '@')
		return "a pattern leads to a user of its own domain: write the name without the domain";
	if (c == ',' || c == ' ' || c == '\t')
		return "a pattern leads to one user: write one name";
	if (c == '|' || c == '/' || c == ':' || c == '"')
		return "a pattern leads to a user, not to a program, file or list: write a user's name";
	if (c == '$')
		return "write ${1} to ${9} for what a group took";
	return "a user's name consists of a-z 0-9 . _ -: write one";
}

/* Append one part to the target, whose room was seen to. */
static const char *take_part(struct pv_pattern *p, const char **at, size_t *len, unsigned *before)
{
	struct pv_pattern_edges edges;
	char c = **at;

	if (c == '$') {
		unsigned number = take_reference(at);
		if (number == 0)
			return mend_target(c);
		if (number > p->groups)
			return "there is no such group in the pattern: count the ( of those without ?:";
		edges = capture_edges(p, number);
		*len += (size_t)snprintf(p->target + *len, 5, "${%u}", number);
		return join(before, &edges);
	}
	if (c >= 'A' && c <= 'Z')
		c = (char)(c - 'A' + 'a');
	uint64_t bit = pv_pattern_bit(c);
	if (bit == 0)
		return mend_target(c);
	edges = (struct pv_pattern_edges){ bit, bit, false };
	p->target[(*len)++] = c;
	(*at)++;
	return join(before, &edges);
}

static const char too_long[] = "the target is too long: write a shorter one";

static enum pv_class take_parts(const char *entry, const char *at, struct pv_pattern *p, struct pv_error *e)
{
	const char *start = at;
	unsigned before = AT_START;
	size_t len = 0;

	while (*at != '\0') {
		const char *from = at;
		const char *mend = len > PV_USER_MAX ? too_long : take_part(p, &at, &len, &before);
		if (mend != NULL)
			return pv_pattern_fault(entry, from, mend, e);
	}
	p->target[len] = '\0';
	if (len > PV_USER_MAX)
		return pv_pattern_fault(entry, start, too_long, e);
	if (len == 0)
		return pv_pattern_fault(entry, start, "the pattern leads nowhere: write a user's name", e);
	if ((before & AT_START) != 0)
		return pv_pattern_fault(entry, start,
					"the user's name could be empty: let what is captured have a "
					"character, or write a name beside it",
					e);
	if ((before & AFTER_DOT) != 0)
		return pv_pattern_fault(
			entry, start,
			"the user's name could end in a dot: let what is captured end otherwise", e);
	return PV_OK;
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

enum pv_class pv_pattern_target(const char *entry, const char *at, struct pv_pattern *p, struct pv_error *e)
{
	size_t body = (size_t)(at - entry);
	const char *colon = skip_blanks(at);

	if (*colon != ':')
		return pv_pattern_fault(
			entry, at, "behind the pattern come `:` and a user's name, and no flags: write it so",
			e);
	enum pv_class c = take_parts(entry, skip_blanks(colon + 1), p, e);
	if (c == PV_OK)
		(void)snprintf(p->source, sizeof p->source, "%.*s: %s", (int)body, entry, p->target);
	return c;
}
