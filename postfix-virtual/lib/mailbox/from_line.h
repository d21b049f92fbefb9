/*
 * from_line.h: the line in front of each message of an mbox, `From SENDER DATE` (RFC 4155, appendix A).
 */
#ifndef PV_FROM_LINE_H
#define PV_FROM_LINE_H

#include "base/buffer.h"

#include <time.h>

/* Append the line, its newline included. The date is in asctime(3)'s format and UTC. A sender of no bytes is
 * MAILER-DAEMON; blanks in one become `_`, since readers look for the date behind the first blank, and no
 * more than 1,000 bytes are taken. */
void pv_from_line_add(struct pv_buf *out, const char *sender, size_t len, time_t when);

/*
 * Is this line one, by what programs write: a sender, and a date like `Fri Nov 20 09:56:12 2026`, with or
 * without seconds and a time zone? A numeric zone counts, any other is taken for UTC. *when_r (may be NULL):
 * its time.
 */
bool pv_from_line_parse(const char *line, size_t len, time_t *when_r);

/* The sender for the line of a message that has none: what the first Return-Path of its header says. Returns
 * its length, 0 where there is none or it is empty; *sender_r points into header. */
size_t pv_from_line_sender(const char *header, size_t len, const char **sender_r);

#endif
