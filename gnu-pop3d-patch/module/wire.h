/*
 * wire.h: the connection to the client: lines in, replies out, both buffered, in plain text by the socket
 * itself, and by a stream of GNU's where TLS was begun.
 *
 * What is written stays here until vp_wire_flush(), so that a reply, or the replies to several commands that
 * came at once, is one packet. What came in plain text and was not read yet is dropped when TLS begins
 * (RFC 2595, section 4): nobody can put a command in front of the encryption.
 */
#ifndef VP_WIRE_H
#define VP_WIRE_H

#include <mailutils/types.h>
#include <stdbool.h>
#include <stddef.h>

enum vp_line {
	VP_LINE,     /* one line, its CRLF or LF taken off */
	VP_LINE_BAD, /* it was too long, or held a NUL or another control character: all of it was passed over
		      */
	VP_LINE_END, /* the client is gone, or we are to stop */
	VP_LINE_IDLE, /* nothing came in time */
};

/* in and out: the descriptors, one socket or two pipes; idle_s: how long to wait for the other side. false:
 * no memory for it, and then nothing else here may be called. */
bool vp_wire_start(int in, int out, unsigned idle_s);

/* From now on by TLS: stream is where GNU reads lines (iostream), or NULL until it is known. */
void vp_wire_tls(mu_stream_t stream);
bool vp_wire_is_tls(void);

#define VP_LINE_MAX 512 /* bytes of a command with its CRLF: as GNU pop3d; RFC 2449 asks for 255 */
#define VP_LINE_SIZE (VP_LINE_MAX + 1)

/* Read the next line, NUL-terminated. What was VP_LINE_BAD is not in it. */
enum vp_line vp_wire_line(char line[VP_LINE_SIZE], size_t *len_r);

/* Take bytes as they shall be sent. false: the client is gone, or did not read in time. */
bool vp_wire_write(const char *data, size_t len);
/* The same for text whose lines end in LF. */
bool vp_wire_text(const char *text, size_t len);
/* Send what was taken. In plain text it may wait until the commands that have come are answered, unless
 * `now`. */
bool vp_wire_flush(bool now);

/* Ask the session to end at the next line: for a signal's handler. */
void vp_wire_stop(void);
bool vp_wire_is_stopped(void);

#endif
