/*
 * descriptor.h: descriptors, several at once.
 */
#ifndef PV_DESCRIPTOR_H
#define PV_DESCRIPTOR_H

/* Close `first` and all descriptors above: for a child, in front of what is not ours. */
void pv_close_from(int first);

/* Close both, of which each may be -1 for none: with one system call where their numbers are neighbours. */
void pv_close_both(int a, int b);

/*
 * Put fds[0..2], which may be any, in the places 0 to 2, and close all others. Returns 0, or -1 and errno:
 * some are closed then, and the child has to end.
 */
int pv_keep_standard(const int fds[3]);

#endif
