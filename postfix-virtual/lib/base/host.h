/*
 * host.h: this machine and this process.
 */
#ifndef PV_HOST_H
#define PV_HOST_H

/* What uname(2) says, asked once; "-" where it says nothing. */
const char *pv_host_name(void);

/* getpid(2), asked once. */
long pv_process_id(void);
/* In a child after fork(2): it is another process, so forget the number. */
void pv_process_forget(void);

#endif
