/*
 * deliver.h: one message from standard input to where it belongs.
 */
#ifndef PV_DELIVER_H
#define PV_DELIVER_H

#include "base/error.h"

#include <stdbool.h>

struct deliver_options {
	const char *config_directory; /* -c; NULL: the default */
	const char *recipient;	      /* user@domain; NULL: see recipient.h */
	bool dry_run;		      /* say what would happen; read, but write nothing */
};

/*
 * Deliver, and log one line. PV_OK: the message is on the disk (or was before). PV_PERMANENT: it is refused,
 * with an enhanced status code (5.1.1 unknown user, 5.2.1 takes no mail, 5.4.6 loop). PV_TEMPORARY: anything
 * else; the mailbox is as it was.
 */
enum pv_class deliver(const struct deliver_options *o, struct pv_error *e);

#endif
