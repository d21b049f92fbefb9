/*
 * rehash.h: a password whose hash is weak is stored anew, at the moment at which it is known.
 */
#ifndef VP_REHASH_H
#define VP_REHASH_H

/* Keep what was typed, if it may be needed (a copy, wiped by vp_rehash()). */
void vp_rehash_keep(const char *password);

/* As root, after a right login: where the setting says so, let a child make the change while the session goes
 * on. What fails is logged. */
void vp_rehash(void);

#endif
