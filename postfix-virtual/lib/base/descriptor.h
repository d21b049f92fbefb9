/*
 * descriptor.h: which descriptors a child keeps.
 */
#ifndef PV_DESCRIPTOR_H
#define PV_DESCRIPTOR_H

/* Close `first` and all descriptors above: for a child, in front of what is not ours. */
void pv_close_from(int first);

/*
 * Put fds[0..2], which may be any, in the places 0 to 2, and close all others. Returns 0, or -1 and errno:
 * some are closed then, and the child has to end.
 */
int pv_keep_standard(const int fds[3]);

#endif
