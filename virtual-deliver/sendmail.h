/*
 * sendmail.h: to hand a message to Postfix again.
 */
#ifndef PV_SENDMAIL_H
#define PV_SENDMAIL_H

#include "base/error.h"

#include <stddef.h>

/*
 * Run `program -i -f SENDER -- RECIPIENT...`, the message being what fd holds from where it stands on.
 * sender: as in an SMTP command, without <>; empty: the null sender. Neither it nor a recipient can become an
 * option. PV_OK: it is in the queue. PV_TEMPORARY: it is not, or not surely; of a killed call nothing is
 * queued that is not whole.
 */
enum pv_class sendmail_run(const char *program, const char *sender, const char *const *recipients,
			   size_t count, int fd, unsigned seconds, struct pv_error *e);

/* How many of recipients[0..count) fit into one call. */
size_t sendmail_fits(const char *const *recipients, size_t count);

#endif
