/*
 * server.h: pv_login_server_domain() of name.h with another file than /etc/hosts, for tests.
 */
#ifndef PV_AUTH_SERVER_H
#define PV_AUTH_SERVER_H

#include "auth/name.h"

enum pv_class pv_login_server_domain_in(const struct pv_store *s, const char *hosts_file, const char *address,
					struct pv_domain *d, bool *found_r, struct pv_error *e);

#endif
