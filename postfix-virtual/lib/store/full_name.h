/*
 * full_name.h: users by their full name: `match_full_name = yes` lets joe with the name "Joe Who" get mail as
 * joe.who@ too.
 */
#ifndef PV_FULL_NAME_H
#define PV_FULL_NAME_H

#include "store/passwd.h"

#define PV_FULL_NAME_SIZE 201 /* bytes of a local part that a full name makes, the NUL included */

/*
 * Write to out the local part that a full name makes: what stands before the first comma (passwd(5) lets an
 * office and a telephone follow), ASCII letters as small ones, and one dot for each run of blanks and dots
 * between words. Returns its length; 0: the name makes none, because nothing is left, it is longer, or it has
 * a byte that no unquoted local part has.
 */
size_t pv_full_name_fold(const char *name, char out[PV_FULL_NAME_SIZE]);

/*
 * Look for the user whose full name makes name[0..len), in any case of letters: one pass over the folder's
 * passwd. PV_OK: *found_r tells, *p is filled. PV_TEMPORARY: two users have that name (the sentence has
 * both), the file cannot be read or trusted, or nobody was found and a line cannot be parsed.
 */
enum pv_class pv_full_name_find(const struct pv_folder *f, const char *name, size_t len,
				struct pv_passwd_entry *p, bool *found_r, struct pv_error *e);

#endif
