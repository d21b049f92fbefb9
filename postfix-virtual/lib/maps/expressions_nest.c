#include "maps/expression.h"

#include "maps/factor.h"

#include <errno.h>

/*
 * A lookup tries the lines from top to bottom, but passes over a block whose `if` does not hold. Few domains
 * stand one after the other, easy to read; more become a tree over the ends of their names, so that a lookup
 * tries a few lines at each level.
 */
static const struct pv_nest_shape measured = { .flat = 12, .branches = 4, .leaf = 6 };

/* A domain by its name's end: the name backwards. */
struct leaf {
	char back[PV_DOMAIN_MAX + 1];
	size_t index; /* into the expressions */
};

struct nest {
	const struct pv_nest_shape *shape;
	const struct leaf *leaves;
	const struct pv_buf *blocks;
	const size_t *starts;
	struct pv_buf *out;
};

static int compare(const void *a, const void *b)
{
	const struct leaf *x = a, *y = b;

	return strcmp(x->back, y->back);
}

static void add_block(const struct nest *n, size_t leaf)
{
	size_t i = n->leaves[leaf].index;

	pv_buf_add(n->out, n->blocks->s + n->starts[i], n->starts[i + 1] - n->starts[i]);
}

static void add_blocks(const struct nest *n, size_t low, size_t high)
{
	while (low < high)
		add_block(n, low++);
}

/* Bytes that an `if` looks at beside those that all its names have in common. Where it is about a few names,
 * that turns nearly all others away before any name is looked for. */
enum { CLASSES = 4, FEW_NAMES = 64 };

/* The number of bytes from `len` on, but not more than CLASSES, that each of leaves[low..high) has. */
static size_t classes_of(const struct nest *n, size_t low, size_t high, size_t len)
{
	size_t classes = high - low == 1 ? 0 : high - low <= FEW_NAMES ? CLASSES : 1;

	for (size_t i = low; i < high; i++)
		classes = strnlen(n->leaves[i].back + len, classes);
	return classes;
}

/* What leaves[low..high) have at `at`. */
static void add_class(const struct nest *n, size_t low, size_t high, size_t at)
{
	/* In the order of ASCII: `-` comes first, where it stands for itself. */
	pv_buf_addc(n->out, '[');
	for (int c = '-'; c <= 'z'; c++) {
		bool found = false;
		for (size_t i = low; i < high && !found; i++)
			found = n->leaves[i].back[at] == c;
		if (found)
			pv_buf_addc(n->out, (char)c);
	}
	pv_buf_addc(n->out, ']');
}

/* `if` for names whose backs are equal in `len` bytes, and in those behind like some of leaves[low..high). */
static void add_if(const struct nest *n, size_t low, size_t high, size_t len)
{
	/* Looks at the end alone. Without the lookbehind PCRE2 would try at each byte of an address: three
	 * times as slow. */
	pv_buf_adds(n->out, "if /^.*+(?<=");
	for (size_t i = classes_of(n, low, high, len); i-- > 0;)
		add_class(n, low, high, len + i);
	for (size_t i = len; i-- > 0;)
		pv_factor_quote(n->leaves[low].back + i, 1, n->out);
	pv_buf_adds(n->out, ")/\n");
}

static size_t equal_bytes(const struct nest *n, size_t low, size_t high)
{
	const char *a = n->leaves[low].back, *b = n->leaves[high - 1].back;
	size_t len = 0;

	while (a[len] != '\0' && a[len] == b[len])
		len++;
	return len;
}

static size_t end_of_run(const struct nest *n, size_t low, size_t high, size_t at)
{
	size_t i = low + 1;

	while (i < high && n->leaves[i].back[at] == n->leaves[low].back[at])
		i++;
	return i;
}

/* Where the branch that begins at `low` ends: at a change of the byte at `at`, before it has much more than
 * its share. */
static size_t end_of_branch(const struct nest *n, size_t low, size_t high, size_t at, size_t share)
{
	size_t i = end_of_run(n, low, high, at);

	while (i < high && i - low < share) {
		size_t next = end_of_run(n, i, high, at);
		if (next - i > share)
			break;
		i = next;
	}
	return i;
}

static void add_node(const struct nest *n, size_t low, size_t high);

/* The branches of leaves[low..high), which have `at` bytes in common. Each is a part of its node or has more
 * bytes in common; one that is neither (a small share, all in two runs) is not divided further. */
static void add_branches(const struct nest *n, size_t low, size_t high, size_t at)
{
	const size_t whole = high - low, share = (whole + n->shape->branches - 1) / n->shape->branches;

	while (low < high) {
		size_t next = end_of_branch(n, low, high, at, share);
		size_t len = n->leaves[low].back[at] == n->leaves[next - 1].back[at]
				     ? equal_bytes(n, low, next)
				     : at;
		if (next - low == 1)
			len = strlen(n->leaves[low].back);
		add_if(n, low, next, len);
		if (next - low == whole && len == at)
			add_blocks(n, low, next);
		else
			add_node(n, low, next);
		pv_buf_adds(n->out, "endif\n");
		low = next;
	}
}

static void add_node(const struct nest *n, size_t low, size_t high)
{
	size_t at = equal_bytes(n, low, high);

	if (high - low <= n->shape->leaf || high - low < 2) {
		add_blocks(n, low, high);
		return;
	}
	/* The rest are below it, or end as it does by chance. */
	if (n->leaves[low].back[at] == '\0')
		add_block(n, low++);
	add_branches(n, low, high, at);
}

/* The leaves of the domains that have pattern aliases, or of those that have none. Returns their number. */
static size_t make_leaves(const struct pv_expressions *l, bool patterns, struct leaf *leaves)
{
	size_t n = 0;

	for (size_t i = 0; i < l->count; i++) {
		size_t len = strlen(l->v[i].domain);
		if ((l->v[i].patterns.count > 0) != patterns)
			continue;
		for (size_t j = 0; j < len; j++)
			leaves[n].back[j] = l->v[i].domain[len - 1 - j];
		leaves[n].back[len] = '\0';
		leaves[n++].index = i;
	}
	if (n > 1)
		qsort(leaves, n, sizeof *leaves, compare);
	return n;
}

/* In two trees. The one whose domains take sub-domains only stands behind a test for two dots at least in
 * what follows the `@`: most addresses that are not ours have one, and get no further. */
static void add_trees(const struct pv_expressions *l, struct nest *n, struct leaf *leaves)
{
	size_t count = make_leaves(l, true, leaves);

	if (count > 0)
		add_node(n, 0, count);
	count = make_leaves(l, false, leaves);
	if (count == 0)
		return;
	pv_buf_adds(n->out, "if /\\.[^.@]*+\\.[^@]*+$/\n");
	add_node(n, 0, count);
	pv_buf_adds(n->out, "endif\n");
}

enum pv_class pv_expressions_nest(const struct pv_expressions *l, const struct pv_buf *blocks,
				  const size_t *starts, const struct pv_nest_shape *shape, struct pv_buf *out,
				  struct pv_error *e)
{
	if (shape == NULL)
		shape = &measured;
	if (l->count <= shape->flat) {
		pv_buf_add(out, blocks->s + starts[0], starts[l->count] - starts[0]);
		return PV_OK;
	}
	struct leaf *leaves = reallocarray(NULL, l->count, sizeof *leaves);
	struct nest n = { shape, leaves, blocks, starts, out };

	if (leaves == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu domains", l->count);
	add_trees(l, &n, leaves);
	free(leaves);
	return PV_OK;
}
