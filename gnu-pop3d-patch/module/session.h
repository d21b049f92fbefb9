/*
 * session.h: what is known of the one connection that this process serves.
 */
#ifndef VP_SESSION_H
#define VP_SESSION_H

#include "auth/login.h"
#include "auth/tries.h"
#include "mailbox/maildrop.h"
#include "store/store.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <sys/socket.h>

enum vp_who {
	VP_NOBODY,  /* nobody is logged in */
	VP_VIRTUAL, /* a user of ours: the mailbox is this module's */
	VP_SYSTEM,  /* a user of the host's own: all is GNU's */
};

enum { VP_FLAG_DELETED = 1 }; /* GNU's mark of DELE, beside that of pv_maildrop_set_deleted() */

struct vp_session {
	struct pv_store store;
	struct sockaddr_storage client;
	char client_text[INET6_ADDRSTRLEN]; /* `-` where it is no IP address */
	char server_text[INET6_ADDRSTRLEN];
	struct pv_domain server_domain;
	bool has_server_domain;
	bool ending; /* the next line is not read any more */

	/* Logging in. */
	unsigned tries;		   /* wrong ones in this connection */
	int64_t asked_ms;	   /* when PASS or APOP came */
	char password[512];	   /* of PASS; wiped when it was looked at */
	char typed[512];	   /* what was given as name */
	struct pv_login_name name; /* and whom it means */
	struct pv_login login;
	char challenge[300]; /* of the greeting, for APOP */
	char apop_digest[33];
	bool apop_right;

	enum vp_who who;
	char language[3];
	struct pv_maildrop *drop;
	uint16_t *flags; /* [i] of message i, GNU's own marks; their addresses are the messages */
	size_t count;
	uint64_t top_lines; /* of the command that is being answered; PV_ALL_LINES: not TOP */

	/* What to say in place of GNU's next -ERR; "": nothing. */
	char instead[320];
};

extern struct vp_session vp;

/* The configuration's folder, from virtual-pop3d. */
void vp_session_configure(const char *dir);

/* A connection began: look at both ends, open the settings. Once in a process; what goes wrong is logged, and
 * makes the greeting an error. */
void vp_session_begin(int in, int out);

/* Is there one? In the daemon's master process there is not. */
bool vp_session_is_on(void);

/* One line of greeting, or of refusal, for the client: `+OK ...`; challenge: GNU's `<...>`. */
void vp_session_greet(const char *challenge, char *line, size_t size);

/* Let the next -ERR say this (with its response code), translated where the language has it. */
void vp_session_say(const char *text);

/* What to say for e: `temporary`, or, where somebody must mend something first, that (RFC 3206). */
const char *vp_session_text(const struct pv_error *e, const char *temporary);

/* Note e in the log as `op: sentence`. */
void vp_session_log(const char *op, const struct pv_error *e);

#endif
