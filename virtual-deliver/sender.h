/*
 * sender.h: does the program that writes the message to us still live? local(8) that is killed half-way
 * leaves an end of file behind half a message, which looks like the end of a whole one.
 */
#ifndef PV_SENDER_H
#define PV_SENDER_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Is our parent no longer `parent`, or about to end, while the message came through a pipe or a socket? To be
 * asked as late as can be: a process that was killed closes its pipes a moment before it is gone. In that
 * moment only /proc tells, so it is asked where ends_in_line says that the message broke off within a line;
 * Postfix ends every message with a newline.
 */
bool sender_is_gone(pid_t parent, bool ends_in_line);

#endif
