/*
 * banned.h: calls that this project never makes, refused by the compiler.
 *
 * The Makefile includes this file in front of every source file. The system's
 * own headers are read first, because poisoning a name also forbids declaring it.
 */
#ifndef PV_BANNED_H
#define PV_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* No shell: an argument vector goes to execve() as it is. */
#pragma GCC poison system popen
/* No length: snprintf(), memcpy() or a struct pv_buf instead. */
#pragma GCC poison sprintf vsprintf strcpy strcat stpcpy gets
/* Hidden state, or a file name that can be guessed. */
#pragma GCC poison strtok mktemp tempnam tmpnam rand srand asctime ctime

#endif
