/*
 * pattern_target.h: the second half of pattern.c: where a pattern alias leads to, and the proof that it is
 * the name of a user whatever was matched.
 */
#ifndef PV_MAPS_PATTERN_TARGET_H
#define PV_MAPS_PATTERN_TARGET_H

#include "maps/pattern.h"

/* Parse `: target` at `at`, behind the second slash of entry, for p, whose nodes are there. PV_PERMANENT as
 * pv_pattern_parse(). */
enum pv_class pv_pattern_target(const char *entry, const char *at, struct pv_pattern *p, struct pv_error *e);

/* The sentence about the place `at` in entry. Returns PV_PERMANENT. */
enum pv_class pv_pattern_fault(const char *entry, const char *at, const char *mend, struct pv_error *e);

#endif
