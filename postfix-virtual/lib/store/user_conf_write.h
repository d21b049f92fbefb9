/*
 * user_conf_write.h: changing the text of users/<user> (see folder.h). From text to text.
 */
#ifndef PV_USER_CONF_WRITE_H
#define PV_USER_CONF_WRITE_H

#include "base/buffer.h"

/*
 * Write to out what text becomes when the user is switched off (`receive = no`, `retrieve = no`) or on (both
 * lines go: that is the default). All other lines stay as they are.
 */
void pv_user_conf_switch(const char *text, size_t len, bool on, struct pv_buf *out);

#endif
