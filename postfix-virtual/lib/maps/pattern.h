/*
 * pattern.h: a pattern alias, `/^sales-([a-z0-9]+)$/: sales-${1}`: what may stand in one.
 *
 * An account writes it, so only what is known to be harmless is taken: characters of a user's name, classes
 * of them, groups, `|` in groups, `? * + {n,m}` and `.`, between `^` and `$`. The target is one user of the
 * same domain. From the parsed form follows that whatever the pattern matches, and whatever the target
 * becomes by it, is made of such characters alone.
 */
#ifndef PV_MAPS_PATTERN_H
#define PV_MAPS_PATTERN_H

#include "address/address.h"
#include "base/buffer.h"

#include <stdint.h>

enum {
	PV_PATTERN_MAX = 256,	/* bytes between the slashes */
	PV_PATTERNS_MAX = 100,	/* patterns of a domain */
	PV_PATTERN_GROUPS = 9,	/* ${1} to ${9} */
	PV_PATTERN_DEPTH = 16,	/* groups in groups */
	PV_PATTERN_REPEAT = 64, /* largest n in {n} */
	PV_PATTERN_NODES = 3 * PV_PATTERN_MAX,
};

/* What `.` stands for in a pattern, and what every byte of a user's name is in. */
#define PV_PATTERN_ANY "[a-z0-9._-]"
#define PV_PATTERN_BYTES "abcdefghijklmnopqrstuvwxyz0123456789._-"

enum pv_pattern_kind {
	PV_PATTERN_SET,	     /* one of the bytes in `set` */
	PV_PATTERN_SEQUENCE, /* all children, one after the other */
	PV_PATTERN_CHOICE,   /* one of the children */
	PV_PATTERN_REPEAT_OF /* the child, min to max times; max 0: without a limit */
};

struct pv_pattern_node {
	enum pv_pattern_kind kind;
	uint64_t set; /* bit i: PV_PATTERN_BYTES[i] */
	unsigned min, max;
	unsigned group; /* the number of the capturing group that this is, or 0 */
	unsigned child; /* the first one; 0: none */
	unsigned next;	/* the next child of the same parent; 0: none */
};

struct pv_pattern {
	char source[PV_PATTERN_MAX + PV_USER_MAX * 4 + 8]; /* as written, blanks removed */
	char expression[PV_PATTERN_MAX * (sizeof PV_PATTERN_ANY - 1) +
			1];				/* between ^ and $; `.` spelled out */
	char target[PV_USER_MAX * 4 + 1];		/* ${1} in braces */
	struct pv_pattern_node nodes[PV_PATTERN_NODES]; /* [0] is not used; [1] the root */
	unsigned node_count;
	unsigned groups;
	unsigned group_node[PV_PATTERN_GROUPS + 1];
	bool group_optional[PV_PATTERN_GROUPS + 1]; /* it need not take part in a match */
};

/*
 * Parse an entry of `aliases` that begins with `/`. PV_PERMANENT: the sentence begins with the column and the
 * text that stands there, and says what to write instead.
 */
enum pv_class pv_pattern_parse(const char *entry, struct pv_pattern *p, struct pv_error *e);

/* What a part of a pattern can begin and end with, and whether it can be empty. */
struct pv_pattern_edges {
	uint64_t first, last;
	bool nullable;
};

struct pv_pattern_edges pv_pattern_edges_of(const struct pv_pattern *p, unsigned node);

/* The bit of a byte in `set`, or 0. */
uint64_t pv_pattern_bit(char c);

#endif
