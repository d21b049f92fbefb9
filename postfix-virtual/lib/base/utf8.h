/*
 * utf8.h: is it UTF-8? (RFC 3629: the shortest form of each character, no surrogates, none above U+10FFFF.)
 */
#ifndef PV_UTF8_H
#define PV_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes the character at s[0..len) has (1 to 4); 0: it is none, or len is 0. */
size_t pv_utf8_next(const char *s, size_t len);
bool pv_utf8_is_valid(const char *s, size_t len);

#endif
