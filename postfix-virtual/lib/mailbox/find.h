/*
 * find.h: does a message stand anywhere in a mailbox? Asked after a crash, when another program has rewritten
 * the mailbox, or put an older one there, so that no side file says where.
 */
#ifndef PV_FIND_H
#define PV_FIND_H

#include "mailbox/content.h"

#include <stdbool.h>

/*
 * A message counts as `content` when its body is the same and every line of content's header stands in its
 * header in the same order; other programs add lines (Status, X-UID). From_ lines are not compared: each try
 * writes its own time there, and other programs write them anew. Empty lines at the end do not count. So only
 * for a content that has an id: two without may be equal. Costs one pass over the mailbox. PV_TEMPORARY: it
 * cannot be read.
 */
enum pv_class pv_find_message(int mailbox_fd, uint64_t size, const struct pv_content *content, bool *found_r,
			      struct pv_error *e);

#endif
