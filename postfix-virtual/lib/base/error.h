/*
 * error.h: how every part of the library says that something went wrong.
 *
 * A function that can fail returns an enum pv_class and takes a last parameter
 * struct pv_error *e, which it leaves alone on success and fills on failure. The
 * library neither prints nor exits: only main() of a program does, and it chooses
 * the exit status by the class (for a delivery agent a temporary error defers the
 * mail and a permanent one bounces it, so in doubt the class is PV_TEMPORARY).
 */
#ifndef PV_ERROR_H
#define PV_ERROR_H

#include <stdarg.h>
#include <stddef.h>

enum pv_class {
	PV_OK = 0,
	PV_TEMPORARY, /* may work later: nothing was changed, try again */
	PV_PERMANENT, /* stays wrong until somebody changes the input */
	PV_BUG,	      /* our own mistake: an interface was used against its contract */
};

#define PV_ERROR_TEXT 640  /* bytes of a sentence, the NUL included */
#define PV_ERROR_STATUS 12 /* bytes of an enhanced status code, the NUL included */

struct pv_error {
	enum pv_class class;
	char status[PV_ERROR_STATUS]; /* enhanced status code (RFC 3463), or "" */
	char text[PV_ERROR_TEXT];     /* operation, object, cause; printable, one line */
};

/*
 * Fill *e and return class, so that a caller can write `return pv_fail(...)`.
 * status may be NULL. Every byte that is not printable ASCII becomes `?` and a text
 * that is too long ends in `...`: untrusted input may be handed in as it is.
 * e may be NULL where only the class is wanted.
 */
enum pv_class pv_fail(struct pv_error *e, enum pv_class class, const char *status, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The same, with `: ` and the text of errno value err at the end. */
enum pv_class pv_fail_errno(struct pv_error *e, enum pv_class class, const char *status, int err,
			    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The class of a system call that failed with errno value err, for most callers:
 * PV_TEMPORARY whatever it was, PV_BUG for EBADF, EFAULT and EINVAL. */
enum pv_class pv_errno_class(int err);

/* Put `prefix: ` in front of the sentence in *e (where is it, which line). Returns its class. */
enum pv_class pv_error_prefix(struct pv_error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#ifdef PV_ANALYZER
/* For t/lint: static analysers read one file at a time and would not know that the class that goes
 * in comes out, and so never is PV_OK. */
#define pv_fail(e, class, ...) ((void)(pv_fail)(e, class, __VA_ARGS__), class)
#define pv_fail_errno(e, class, ...) ((void)(pv_fail_errno)(e, class, __VA_ARGS__), class)
#define pv_errno_class(err) ((pv_errno_class)(err) == PV_BUG ? PV_BUG : PV_TEMPORARY)
#endif

/* Replace every byte of s[0..len) that is not printable ASCII by `?`. */
void pv_printable(char *s, size_t len);

#endif
