/*
 * config.h: the configuration that GNU pop3d is given: made from virtual.conf and the command line.
 */
#ifndef VP_CONFIG_H
#define VP_CONFIG_H

#include "base/buffer.h"
#include "store/store.h"

#include <stdbool.h>

struct vp_listen {
	const char *places[32]; /* ADDRESS:PORT of --listen; none: those of virtual.conf */
	size_t count;
	unsigned sockets; /* so many that systemd has opened, from descriptor 3 on, in place of virtual.conf's
			   */
	bool inetd;	  /* one connection on standard input */
};

/*
 * Write it to out. PV_PERMANENT with the mend: a place that is none, TLS that is asked for and has no
 * certificate, a certificate or key that cannot be used (missing, no regular file, not root's, a key that
 * others can read).
 */
enum pv_class vp_config_make(const struct pv_store *s, const struct vp_listen *l, struct pv_buf *out,
			     struct pv_error *e);

#endif
