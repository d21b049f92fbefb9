/*
 * host.h: the name of this machine.
 */
#ifndef PV_HOST_H
#define PV_HOST_H

/* What uname(2) says, asked once; "-" where it says nothing. */
const char *pv_host_name(void);

#endif
