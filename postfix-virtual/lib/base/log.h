/*
 * log.h: lines to the system's log (facility mail), without ever waiting for it.
 */
#ifndef PV_LOG_H
#define PV_LOG_H

enum pv_log_level { PV_LOG_ERROR = 3, PV_LOG_WARNING = 4, PV_LOG_INFO = 6 };

/* ident: the program's name; socket_path: usually /dev/log. Both are borrowed. Before this
 * call, with a path of NULL, and where nobody listens at the path, lines are dropped. */
void pv_log_open(const char *ident, const char *socket_path);

/* One line, `ident[pid]: ...`. Every byte that is not printable ASCII becomes `?`, so nothing
 * that a sender wrote can begin a line of its own; what is over 1,000 bytes is cut. A line
 * that the log cannot take at once is dropped: mail goes before logging. errno stays as it was. */
void pv_log(enum pv_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* In a child that closes descriptors it does not know: the socket, which is kept from line to line, is gone.
 */
void pv_log_forget(void);

#endif
