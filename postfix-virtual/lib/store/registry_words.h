/*
 * registry_words.h: inside of the registry: the words of a line of `domains`.
 */
#ifndef PV_REGISTRY_WORDS_H
#define PV_REGISTRY_WORDS_H

#include "store/registry.h"

/* The number of a word, below 32; -1: there is none of that name. */
int pv_registry_word(const char *name);

/* Set it to what `value` says. Returns NULL, or what to write in place of a value that cannot be. */
const char *pv_registry_take(struct pv_registry_entry *r, int word, const char *value);

#endif
