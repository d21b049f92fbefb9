/*
 * pattern_judge.h: what a pattern does, found out by trying it: a catch-all, one that needs too many steps,
 * and one that takes nothing are refused.
 */
#ifndef PV_MAPS_PATTERN_JUDGE_H
#define PV_MAPS_PATTERN_JUDGE_H

#include "maps/pattern.h"
#include "maps/random.h"

enum pv_sample { PV_SAMPLE_SHORT, PV_SAMPLE_LONG, PV_SAMPLE_ANY };

/*
 * Append a string of at most `limit` bytes that p was made to take: with each repetition as short, or as
 * long as there is room, or at random. Where the room ends it is cut off, so it need not match; nor need it
 * be a name (two dots in a row).
 */
void pv_pattern_sample(const struct pv_pattern *p, enum pv_sample how, struct pv_random *random, size_t limit,
		       struct pv_buf *out);

/* Can s be the name of a user, as the guard around patterns wants it? */
bool pv_pattern_is_name(const char *s, size_t len);

/* PV_PERMANENT: refused; column, reason and mend as pv_pattern_parse() gives them. The same answer each time.
 */
enum pv_class pv_pattern_judge(const struct pv_pattern *p, struct pv_error *e);

#endif
