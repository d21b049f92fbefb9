/*
 * expression.h: the lines of virtual_regexp for one domain.
 *
 *     # kvt.dk: its sub-domains
 *     # not: shop.kvt.dk
 *     if /\.kvt\.dk$/
 *     if !/(?:^|[@.])shop\.kvt\.dk$/
 *     /^(?:LABEL\.)+kvt\.dk$/                kvt.dk
 *     /^(USER)(?:\+TAG)?@(?:LABEL\.)+kvt\.dk$/  ${1}@kvt.dk
 *     endif
 *     endif
 *     # kvt.dk: pattern aliases
 *     # /^sales-([a-z0-9]+)$/: sales
 *     if /^[a-z0-9_][a-z0-9._-]{0,63}@kvt\.dk$/
 *     if !/\.[.@]/
 *     /^sales-([a-z0-9]+)@kvt\.dk$/          sales@kvt.dk
 *     endif
 *     endif
 *
 * The comments hold what the lines were made from, so that they can be made again without the domain's files.
 */
#ifndef PV_MAPS_EXPRESSION_H
#define PV_MAPS_EXPRESSION_H

#include "base/buffer.h"
#include "maps/factor.h"
#include "maps/keys.h"

/* A list of strings, which are borrowed. */
struct pv_strings {
	const char **v;
	size_t count, cap;
};

/* PV_TEMPORARY: no memory. */
enum pv_class pv_strings_add(struct pv_strings *w, const char *word, struct pv_error *e);
void pv_strings_free(struct pv_strings *w);
bool pv_strings_equal(const struct pv_strings *a, const struct pv_strings *b);

struct pv_expression {
	const char *domain; /* a checked name */
	bool sub_domains;
	struct pv_strings
		cuts; /* names below the domain that are not its sub-domains; sorted; none below another */
	struct pv_strings patterns; /* pattern aliases as pv_pattern_parse() gives their source */
	const char *block;	    /* of one that was read: its lines, block_len bytes in the text */
	size_t block_len;
};

/*
 * Append the lines for x. delimiters: what stands before a tag (recipient_delimiter); those that can stand in
 * a user's name are not used. PV_BUG: a pattern that pv_pattern_parse() would refuse.
 */
enum pv_class pv_expression_format(const struct pv_expression *x, const char *delimiters, struct pv_buf *out,
				   struct pv_error *e);

/* The `if !` lines of x alone, and their number, that of the `endif` lines to come. PV_TEMPORARY: no memory.
 */
enum pv_class pv_expression_cuts(const struct pv_expression *x, enum pv_flavor flavor, size_t *lines_r,
				 struct pv_buf *out, struct pv_error *e);

struct pv_expressions {
	struct pv_expression *v; /* sorted by domain */
	size_t count;
	struct pv_arena arena; /* of what was read */
};

void pv_expressions_free(struct pv_expressions *l);
struct pv_expression *pv_expressions_get(const struct pv_expressions *l, const char *domain);
/* Append an empty one. PV_TEMPORARY: no memory. */
enum pv_class pv_expressions_add(struct pv_expressions *l, const char *domain, struct pv_error *e);
/* Sort by domain, for pv_expressions_get(). */
void pv_expressions_sort(struct pv_expressions *l);

/*
 * Read the lines behind a text's checksum back. The blocks point into them. Returns false where they are not
 * what pv_regexp_make() writes, or memory ran out.
 */
bool pv_expressions_read(const char *lines, struct pv_expressions *l);

/* How the tree over the domains is cut. Any numbers make lines that mean the same. */
struct pv_nest_shape {
	size_t flat;	 /* so many domains need no tree */
	size_t branches; /* of a node; at least 1 */
	size_t leaf;	 /* a node of so many domains has no branches */
};

/*
 * Append all blocks of `blocks`, in which that of l->v[i] begins at starts[i] and ends at starts[i + 1],
 * nested in `if` and `endif` by the ends of the names where there are many. shape: NULL: the one that was
 * measured.
 */
enum pv_class pv_expressions_nest(const struct pv_expressions *l, const struct pv_buf *blocks,
				  const size_t *starts, const struct pv_nest_shape *shape, struct pv_buf *out,
				  struct pv_error *e);

/* Append the lines of all domains once more, for addresses with letters beyond ASCII (fold.h), which the
 * others never take. PV_BUG: a pattern that pv_pattern_parse() would refuse. */
enum pv_class pv_expressions_fold(const struct pv_expressions *l, const char *delimiters, struct pv_buf *out,
				  struct pv_error *e);

#endif
