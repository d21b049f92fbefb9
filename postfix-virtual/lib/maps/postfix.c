#include "maps/postfix.h"

#include "base/program.h"

#include <unistd.h>

bool pv_postfix_has(const char *path)
{
	return access(path, X_OK) == 0;
}

enum pv_class pv_postfix_run(const char *const argv[], const struct pv_buf *input, unsigned seconds,
			     struct pv_buf *out, struct pv_buf *err, int *status_r, struct pv_error *e)
{
	if (!pv_postfix_has(argv[0]))
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s is not there: install Postfix", argv[0]);
	return pv_program_run(argv, input, seconds, out, err, status_r, e);
}

/* Every program of Postfix's warns about a main.cf that says a thing twice; that is the administrator's
 * business, and no fault of the table in hand. */
static void drop_main_cf_warnings(struct pv_buf *err)
{
	size_t kept = 0;

	for (size_t at = 0; at < err->len;) {
		size_t len = strcspn(err->s + at, "\n");
		size_t whole = len + (err->s[at + len] == '\n');
		const char *warning = memmem(err->s + at, len, ": warning: /", 12);
		bool about_main_cf = warning != NULL && memmem(err->s + at, len, "/main.cf", 8) != NULL;
		if (!about_main_cf) {
			memmove(err->s + kept, err->s + at, whole);
			kept += whole;
		}
		at += whole;
	}
	pv_buf_truncate(err, kept);
}

/* The first line of what it complained about is enough for a sentence. */
enum pv_class pv_postfix_ask(const char *const argv[], const struct pv_buf *input, unsigned seconds,
			     struct pv_buf *out, struct pv_error *e)
{
	struct pv_buf err = PV_BUF_INIT(1 << 20);
	int status = 0;

	enum pv_class c = pv_postfix_run(argv, input, seconds, out, &err, &status, e);
	drop_main_cf_warnings(&err);
	if (c == PV_OK && err.len > 0)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%.*s", (int)strcspn(err.s, "\n"), err.s);
	else if (c == PV_OK && status > 1)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%s ended with status %d", argv[0], status);
	pv_buf_free(&err);
	return c;
}
