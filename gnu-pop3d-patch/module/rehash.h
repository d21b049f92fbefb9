/*
 * rehash.h: a password whose hash is weak is stored anew, at the moment at which it is known.
 */
#ifndef VP_REHASH_H
#define VP_REHASH_H

/* As root, after a right login: where the setting says so, let a child make the change while the session goes
 * on. What fails is logged. vp.password is wiped. */
void vp_rehash(void);

#endif
