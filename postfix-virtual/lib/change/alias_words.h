/*
 * alias_words.h: an alias as it is typed on a command line, and as it is written into a file of aliases.
 */
#ifndef PV_ALIAS_WORDS_H
#define PV_ALIAS_WORDS_H

#include "address/address.h"
#include "base/buffer.h"
#include "store/alias_file.h"

#include <stdbool.h>
#include <stddef.h>

/* The name of an alias that was checked. */
struct pv_alias_word {
	char s[PV_ALIAS_NAME_MAX + 1]; /* without quotes, ASCII in lower case */
	size_t len;
	bool is_pattern; /* /^sales-([a-z]+)$/ */
	bool is_user;	 /* it could be a user's: then it is in `user` */
	struct pv_user user;
};

/*
 * Take NAME@DOMAIN apart; NAME may be in quotes, the last `@` divides. PV_PERMANENT with the mend: no domain,
 * an empty or too long name, an `@` or control character in it, no UTF-8.
 */
enum pv_class pv_alias_word_parse(const char *text, struct pv_alias_word *n, struct pv_domain *d,
				  struct pv_error *e);

/*
 * Append the targets words[0..count) to out as they stand behind the colon: `abc, "|/bin/x -y"`. A word may
 * hold several with commas between; a command, a file or an :include: is one word. Domains become A-labels.
 * PV_PERMANENT with the mend: one that is no target.
 */
enum pv_class pv_alias_targets_join(char *const words[], size_t count, struct pv_buf *out,
				    struct pv_error *e);

#endif
