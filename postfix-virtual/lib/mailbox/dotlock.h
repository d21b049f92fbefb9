/*
 * dotlock.h: NAME.lock, the lock that every mail program of the last forty years knows.
 *
 * It is taken and broken only by who holds the fcntl lock on the mailbox at its path. So a dotlock that is
 * a link to .NAME.lock was left by one of us who is dead: whoever lives would hold the fcntl lock.
 */
#ifndef PV_DOTLOCK_H
#define PV_DOTLOCK_H

#include "base/error.h"
#include "mailbox/location.h"

enum pv_dotlock_result {
	PV_DOTLOCK_TAKEN,
	PV_DOTLOCK_BUSY,       /* somebody else holds it */
	PV_DOTLOCK_IMPOSSIBLE, /* no file can be made in this folder; errno says why */
};

/* Try once; may_break: also by breaking a stale one, which only they may do whose fcntl lock is on the file
 * that is at the path. The text begins with our pid on a line of its own, as other programs expect; then
 * host, boot id, pid namespace and the time since boot. */
enum pv_dotlock_result pv_dotlock_take(const struct pv_location *l, bool may_break);

/* Is there a dotlock, whosever? */
bool pv_dotlock_exists(const struct pv_location *l);

void pv_dotlock_release(const struct pv_location *l);

/*
 * Is a dotlock with this text, last changed age_s seconds ago by the file system's clock, left over?
 * Ours: host, boot and namespace are ours and that process is gone (or its pid is used by a younger
 * process), or the host is ours and the boot is not. Another program's: its pid is gone and it is older
 * than 60 s, or it holds no usable pid and is older than 30 min.
 */
bool pv_dotlock_is_stale(const char *text, size_t len, long long age_s);

#endif
