/*
 * child_wait.h: what the two halves of child.h share. Only for them.
 */
#ifndef PV_CHILD_WAIT_H
#define PV_CHILD_WAIT_H

#include "base/child.h"

/* What a child says of itself in its exit status; the sentence comes through a second pipe. */
enum { PV_CHILD_OK = 0, PV_CHILD_FAILED = 1 };

#endif
