/*
 * hooks.h: the functions that GNU pop3d imports and that stand here in front of the real ones.
 *
 * GNU pop3d takes mailboxes, messages, attributes and streams for opaque pointers, so this module hands out
 * pointers of its own. A pointer that is not ours goes to the real function: the host's own users are served
 * as ever.
 */
#ifndef VP_HOOKS_H
#define VP_HOOKS_H

#include <mailutils/mailutils.h>

#include <gnutls/gnutls.h>
#include <mailutils/dbm.h>
#include <mailutils/server.h>
#include <mailutils/tls.h>
#include <stdbool.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define VP_EXPORT __attribute__((visibility("default")))

/* Of libmuaux, which has no header: the mailbox under GNU's own lock. */
int manlock_open_mailbox(mu_mailbox_t *mailbox, const char *name, int url, int flags);
int manlock_unlock(mu_mailbox_t mailbox);
int manlock_touchlock(mu_mailbox_t mailbox);
/* Of libmailutils, likewise without a header. */
int mu_set_signals(void (*handler)(int), int *list, int count);

/* Each is imported by the program itself; vp_hooks_find() sees that it is. */
#define VP_PROGRAM_HOOKS(X)                                                                                  \
	X(mu_get_auth)                                                                                       \
	X(mu_get_auth_by_name)                                                                               \
	X(mu_authenticate)                                                                                   \
	X(mu_dbm_create)                                                                                     \
	X(mu_dbm_open)                                                                                       \
	X(mu_dbm_fetch)                                                                                      \
	X(mu_dbm_destroy)                                                                                    \
	X(mu_dbm_safety_check)                                                                               \
	X(mu_dbm_datum_free)                                                                                 \
	X(mu_stdio_stream_create)                                                                            \
	X(mu_tlsfd_stream_create)                                                                            \
	X(mu_tls_config_check)                                                                               \
	X(mu_starttls)                                                                                       \
	X(mu_filter_create)                                                                                  \
	X(mu_stream_timed_readdelim)                                                                         \
	X(mu_stream_timed_getdelim)                                                                          \
	X(mu_stream_vprintf)                                                                                 \
	X(mu_stream_flush)                                                                                   \
	X(mu_stream_write)                                                                                   \
	X(mu_stream_copy)                                                                                    \
	X(mu_stream_close)                                                                                   \
	X(mu_stream_destroy)                                                                                 \
	X(mu_stream_unref)                                                                                   \
	X(mu_m_server_create)                                                                                \
	X(mu_set_signals)                                                                                    \
	X(mu_diag_output)                                                                                    \
	X(mu_error)                                                                                          \
	X(manlock_open_mailbox)                                                                              \
	X(manlock_unlock)                                                                                    \
	X(manlock_touchlock)                                                                                 \
	X(mu_mailbox_messages_count)                                                                         \
	X(mu_mailbox_get_message)                                                                            \
	X(mu_mailbox_get_size)                                                                               \
	X(mu_mailbox_get_url)                                                                                \
	X(mu_mailbox_is_updated)                                                                             \
	X(mu_mailbox_flush)                                                                                  \
	X(mu_mailbox_close)                                                                                  \
	X(mu_mailbox_destroy)                                                                                \
	X(mu_message_get_attribute)                                                                          \
	X(mu_message_size)                                                                                   \
	X(mu_message_lines)                                                                                  \
	X(mu_message_get_uidl)                                                                               \
	X(mu_message_get_streamref)                                                                          \
	X(mu_message_get_header)                                                                             \
	X(mu_message_get_body)                                                                               \
	X(mu_header_get_streamref)                                                                           \
	X(mu_body_get_streamref)                                                                             \
	X(mu_attribute_is_deleted)                                                                           \
	X(mu_attribute_set_deleted)                                                                          \
	X(mu_attribute_unset_deleted)                                                                        \
	X(mu_attribute_is_userflag)                                                                          \
	X(mu_attribute_set_userflag)                                                                         \
	X(mu_attribute_unset_userflag)                                                                       \
	X(mu_attribute_is_read)                                                                              \
	X(mu_attribute_set_read)

/* Imported by its library, libmailutils. */
#define VP_LIBRARY_HOOKS(X)                                                                                  \
	X(bind)                                                                                              \
	X(select)                                                                                            \
	X(fork)                                                                                              \
	X(waitpid)

/* Of the library that GNU pop3d has its TLS by: nothing stands in front of them, they are only called. */
#define VP_TLS_FUNCTIONS(X)                                                                                  \
	X(gnutls_certificate_allocate_credentials)                                                           \
	X(gnutls_certificate_set_x509_key_file)                                                              \
	X(gnutls_certificate_free_credentials)                                                               \
	X(gnutls_strerror)

/* The real functions. */
struct vp_real {
#define VP_MEMBER(f) __typeof__(&(f)) f;
	VP_PROGRAM_HOOKS(VP_MEMBER) VP_LIBRARY_HOOKS(VP_MEMBER) VP_TLS_FUNCTIONS(VP_MEMBER)
#undef VP_MEMBER
};
extern struct vp_real vp_real;

/* Find the real functions. Returns the name of one that is missing, or that the program or its library does
 * not import any more (this is another GNU pop3d than the one that is known here); NULL: all is well. */
const char *vp_hooks_find(void);

/* In place of GNU's filter that ends a message by its dot, for messages of ours (hook_message.c). */
int vp_dot_filter(mu_stream_t *filter);
bool vp_is_dot_filter(mu_stream_t s);
int vp_dot_filter_close(void);
/* mu_stream_destroy() for what may be one of ours. */
void vp_message_stream_destroy(mu_stream_t *s);

#endif
