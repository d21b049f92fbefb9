/*
 * check.h: is this host right? All questions that `postfix-virtual doctor` asks, and what came of them.
 *
 * Nothing is changed by a question. What an account controls is looked at by a child that became the
 * account, what comes from the network is read by a child that became nobody.
 */
#ifndef PV_CHECK_H
#define PV_CHECK_H

#include "address/address.h"
#include "base/buffer.h"
#include "base/error.h"
#include "store/store.h"

#include <netinet/in.h>
#include <stdbool.h>

enum pv_severity {
	PV_NOTE,     /* worth knowing, nothing to mend */
	PV_WARNING,  /* mail flows, but something is not as it should be */
	PV_CRITICAL, /* mail is refused, deferred, goes elsewhere, or may be lost */
	PV_UNKNOWN,  /* it could not be asked */
};

#define PV_FINDING_OBJECT 320
#define PV_FINDING_ID 16

struct pv_finding {
	char id[PV_FINDING_ID]; /* of the question: `forward` */
	enum pv_severity severity;
	char object[PV_FINDING_OBJECT]; /* what it is about: a domain, a user, a file; printable */
	char text[PV_ERROR_TEXT];	/* what is wrong, where, and the command that mends it; printable */
};

struct pv_findings {
	struct pv_finding *list;
	size_t count, room;
	size_t domains; /* how many were looked at */
	bool failed;	/* no memory for all of them */
};

/* Add one. Neither object nor text need be printable. */
void pv_findings_add(struct pv_findings *f, const char *id, enum pv_severity severity, const char *object,
		     const char *text);
/* Critical ones first, then unknown ones, warnings and notes; in each by object. */
void pv_findings_sort(struct pv_findings *f);
/* How many of a severity there are. */
size_t pv_findings_count(const struct pv_findings *f, enum pv_severity severity);
/* PV_CRITICAL where there is one, else PV_WARNING, else PV_UNKNOWN, else PV_NOTE: all is well. */
enum pv_severity pv_findings_worst(const struct pv_findings *f);
void pv_findings_free(struct pv_findings *f);
/* `ok`, `warning`, `critical`, `unknown`. */
const char *pv_severity_name(enum pv_severity s);

/* What is asked, and of whom. */
struct pv_checkup_options {
	const struct pv_domain *domain; /* this one; NULL: all */
	bool network;			/* DNS, SMTP and POP3 too */
	struct sockaddr_in resolver;	/* sin_port 0: the system's */
	const char *addresses;		/* of this host, with commas between; NULL: found out */
	const char *selector;		/* of DKIM; NULL: as opendkim's tables say */
	const char *zones;		/* a file with a list of zones, or a named.conf; NULL: none */
	unsigned smtp_port, pop3_port;	/* 0: not asked */
};

/*
 * Ask. PV_OK: everything that was found is in *f. What could not be asked is a finding of its own. Otherwise
 * (PV_TEMPORARY: no memory, `domains` cannot be read ...) *f may hold a part. To be freed in either case.
 */
enum pv_class pv_checkup(const struct pv_store *s, const struct pv_checkup_options *o, struct pv_findings *f,
			 struct pv_error *e);

/*
 * Repair what can be repaired without harm among the findings of *f: tables, a reload that is due, changes
 * that were begun, modes. A line for each is appended to *said (dry: of what would be done). Must be root.
 */
enum pv_class pv_checkup_repair(const struct pv_store *s, const struct pv_checkup_options *o, bool dry,
				const struct pv_findings *f, struct pv_buf *said, struct pv_error *e);

/*
 * What is new in *now, and what is gone from it, since the last call with the same `scope` (`all`, `host` or
 * a domain): state_directory/doctor/SCOPE, which is brought up to date. Must be root.
 */
enum pv_class pv_checkup_changes(const struct pv_store *s, const char *scope, const struct pv_findings *now,
				 struct pv_findings *new, struct pv_findings *gone, struct pv_error *e);

#endif
