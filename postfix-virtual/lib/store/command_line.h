/*
 * command_line.h: a program and its arguments as an administrator writes them: split at blanks, with 'single'
 * and "double" quotes around an argument; no shell ever sees it. In double quotes a backslash stands in front
 * of a quote or a backslash.
 */
#ifndef PV_COMMAND_LINE_H
#define PV_COMMAND_LINE_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>

#define PV_COMMAND_ARGS_MAX 64

struct pv_command_line {
	const char *argv[PV_COMMAND_ARGS_MAX + 1]; /* NULL at the end; into text */
	unsigned count;
	struct pv_buf text; /* free it with pv_command_line_free() */
};

/* What takes the place of %d, %f and %u in an argument, as a part of that argument and nothing more. */
struct pv_command_tokens {
	const char *domain, *sender, *user;
};

/*
 * Split s. tokens NULL: none are replaced (and `%` has no meaning). PV_PERMANENT with reason and mend: no
 * absolute path in front, or a token in it; a quote that is not closed; what only a shell could mean, outside
 * of single quotes: `$`, a backtick, `<`, `>`, `|`, `;`, `&`, another backslash; a control character; more
 * than PV_COMMAND_ARGS_MAX words. With tokens `%%` is one `%`, and any other `%x` is refused. PV_TEMPORARY:
 * no memory, or words longer than 256 KiB. After a failure there is nothing to free.
 */
enum pv_class pv_command_line_parse(const char *s, size_t len, const struct pv_command_tokens *tokens,
				    struct pv_command_line *c, struct pv_error *e);
void pv_command_line_free(struct pv_command_line *c);

#endif
