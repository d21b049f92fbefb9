/*
 * process.h: which process this is: GNU pop3d's first, which listens, or one that serves a connection.
 */
#ifndef VP_PROCESS_H
#define VP_PROCESS_H

#include <stdbool.h>

enum { VP_EXIT_REFUSED = 1, VP_EXIT_LATER = 75, VP_EXIT_UNFIT = 78 }; /* as virtual-pop3d's */

/* Is this the first process, with no session of its own (--inetd)? */
bool vp_is_master(void);

/* At the start, what virtual-pop3d said: how many sockets systemd has opened for us, how many sessions there
 * may be. Signals that end it, and SIGCHLD, are heard only in select(2) from now on. */
void vp_master_configure(const char *sockets, const char *max);

/* A session begins in a child: let it hear the signals that its parent hears only while it waits. */
void vp_master_is_past(void);

#endif
