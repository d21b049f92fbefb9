/*
 * old_lines.h: what this host's own tables in Postfix say about one domain, line by line.
 *
 * These are the administrator's files. They are read, so that `adopt` knows what they do, and never changed.
 */
#ifndef PV_OLD_LINES_H
#define PV_OLD_LINES_H

#include "address/address.h"
#include "base/buffer.h"
#include "maps/keys.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

enum pv_old_kind {
	PV_OLD_USERS,  /* answers for every user: `/^(.+)@kvt\.dk$/ kvt_dk+$1--kvt.dk`, `@kvt.dk x` */
	PV_OLD_USER,   /* for one: `abc@kvt.dk x` */
	PV_OLD_DOMAIN, /* makes it a domain of Postfix's: `kvt.dk anything` */
};

struct pv_old_table {
	const char *word; /* as main.cf names it: `regexp:/etc/postfix/virtual_regexp` */
	const char *type, *path;
	const char *parameter; /* in which setting */
	const char *config;    /* the folder of that main.cf */
	size_t entries;	       /* lines that are no comment */
	bool was_read;
};

struct pv_old_line {
	enum pv_old_kind kind;
	bool itself, below; /* for the domain, for any sub-domain of it */
	const char *one;    /* for this sub-domain alone; NULL: not so */
	bool expression;
	const struct pv_old_table *table; /* NULL: a word in main.cf itself */
	const char *file;
	unsigned line;	    /* 0: not in a file of lines */
	const char *text;   /* as it stands there */
	const char *target; /* where it leads */
	const char *other;  /* another domain that it answers for; NULL: none is known */
	bool everyone;	    /* it answers for every domain */
};

struct pv_old_lines {
	struct pv_old_line *v; /* in the order in which Postfix asks */
	size_t count, room;
	struct pv_old_table *tables[64];
	size_t table_count;
	struct pv_arena arena;
	struct pv_buf notes; /* what could not be read, or answers for no line that was found; a line each */
	bool has_ours;	     /* every instance names our tables: `setup` was there */
};

/* Read every table of virtual_alias_maps and virtual_alias_domains (virtual_maps on a Postfix of before 2.0),
 * in every instance. A table that cannot be read is a note. Without Postfix: nothing. To be freed in any
 * case. */
enum pv_class pv_old_lines_find(const struct pv_store *s, const struct pv_domain *d, struct pv_old_lines *l,
				struct pv_error *e);
void pv_old_lines_free(struct pv_old_lines *l);

/* For old_lines.c: */

#define PV_OLD_PROBES 64

/* Which of the strings do the rules of a regexp or pcre table match? A bit each. */
struct pv_old_rules {
	bool pcre;
	const char *const *probes;
	size_t count;
	uint64_t inside[32]; /* what the blocks of `if` around this line let through */
	size_t depth;
};

void pv_old_rules_start(struct pv_old_rules *r, bool pcre, const char *const *probes, size_t count);
/* The next line of the table; it is changed. *target_r: its right side, NULL for `if` and `endif`. Returns
 * false where it is no rule, or its expression is wrong: Postfix passes over those as well. */
bool pv_old_rules_next(struct pv_old_rules *r, char *line, uint64_t *matched_r, const char **target_r);

#endif
