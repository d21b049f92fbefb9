/*
 * environment.h: what a program is told in its environment: in qmail's terms (qmail-command(8)), and in those
 * of Postfix's local(8).
 */
#ifndef PV_ENVIRONMENT_H
#define PV_ENVIRONMENT_H

#include "base/buffer.h"

enum { ENVIRONMENT_NAMES = 24 };

/* Strings are borrowed; NULL: as if empty. */
struct environment_words {
	const char *recipient; /* the address that the sender wrote: LOCAL@HOST */
	const char *local;     /* its local part without quotes */
	size_t local_len;
	const char *user; /* whose message it is; or the name that it was sent to */
	const char *home; /* his, or the account's */
	const char *tag;  /* what stood behind the delimiter */
	size_t tag_len;
	const char *domain; /* the domain of ours that it is in */
	const char *sender; /* the envelope's; empty for the null sender */
	size_t sender_len;
	const char *original; /* the recipient as Postfix first had it */
	size_t original_len;
};

struct environment {
	struct pv_buf text;
	const char *list[ENVIRONMENT_NAMES + 1]; /* for pv_program_do() */
};

/* A control character becomes `?`. PV_TEMPORARY: no memory; in any case environment_free() it. */
enum pv_class environment_make(struct environment *env, const struct environment_words *w,
			       struct pv_error *e);
void environment_free(struct environment *env);

#endif
