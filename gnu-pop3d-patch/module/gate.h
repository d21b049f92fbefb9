/*
 * gate.h: what stands between the client's lines and GNU pop3d's commands.
 *
 * GNU takes `DELE 1x` for DELE 1 and -1 for a large number, and answers CAPA with a capability that nobody
 * knows. So each line is judged here by a table (RFC 1939, 2449, 2595) before a command of GNU's sees it.
 */
#ifndef VP_GATE_H
#define VP_GATE_H

#include <stddef.h>

/* Get the next line that is fit for GNU pop3d into to[0..size), with its newline; others are answered here.
 * Returns 0 with *len_r, which is 0 when the session is to end, or MU_ERR_TIMEOUT. */
int vp_gate_line(char *to, size_t size, size_t *len_r);

/* Say `-ERR text` at once. */
void vp_gate_refuse(const char *text);

#endif
