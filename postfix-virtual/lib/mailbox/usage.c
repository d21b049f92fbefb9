#include "mailbox/usage.h"

#include "mailbox/maildir_name.h"
#include "mailbox/maildir_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* --- a Maildir --- */

static int add_file(void *ctx, int folder, const struct dirent *entry)
{
	struct pv_usage *u = ctx;
	uint64_t size = 0;
	struct stat st;

	if (!pv_maildir_name_size(entry->d_name, &size)) {
		if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			return errno == ENOENT ? 0 : -1; /* a reader moved it, or removed it */
		if (!S_ISREG(st.st_mode))
			return 0;
		size = (uint64_t)st.st_size;
	}
	u->bytes += size;
	u->messages++;
	return 0;
}

int pv_usage_of_maildir(int top, struct pv_usage *u)
{
	static const char *const folders[] = { "new", "cur" };

	*u = (struct pv_usage){ .bytes = 0 };
	for (size_t i = 0; i < 2; i++)
		if (pv_maildir_each(top, folders[i], add_file, u) != 0 && errno != ENOENT)
			return -1;
	return 0;
}

/* What the last delivery noted about the Maildir `name` in dirfd, if nothing has changed since. */
static bool is_noted(int dirfd, const char *name, int top, struct pv_usage *u)
{
	static const char *const folders[] = { "new", "cur" };
	struct pv_maildir_state s;
	struct stat st;

	pv_maildir_state_look(dirfd, name, &s);
	for (size_t i = 0; i < 2 && s.counted; i++)
		s.counted = fstatat(top, folders[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			    pv_maildir_time(&st) == s.times[i];
	*u = s.usage;
	return s.counted;
}

static int count_maildir(int dirfd, const char *name, bool anew, struct pv_usage *u)
{
	int top = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (top < 0)
		return -1;
	int r = !anew && is_noted(dirfd, name, top, u) ? 0 : pv_usage_of_maildir(top, u);
	int err = errno;
	(void)close(top);
	errno = err;
	return r;
}

/* --- an mbox --- */

/* Does a line `From ` begin at p, behind an empty line? Three bytes before it may be looked at. */
static bool begins_message(const char *p)
{
	return p[-1] == '\n' && (p[-2] == '\n' || (p[-2] == '\r' && p[-3] == '\n'));
}

int pv_usage_of_mbox(int fd, uint64_t size, uint64_t *messages_r)
{
	/* In front: the last bytes of the block before, in which a line may begin. */
	enum { BEFORE = 7, BLOCK = 64 * 1024 };
	char bytes[BEFORE + BLOCK];

	*messages_r = 0;
	memset(bytes, '\n', BEFORE);
	for (uint64_t at = 0; at < size;) {
		ssize_t n = pread(fd, bytes + BEFORE, BLOCK, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		const char *p = bytes + 3, *stop = bytes + BEFORE + n;
		for (; (p = memmem(p, (size_t)(stop - p), "From ", 5)) != NULL; p += 5)
			*messages_r += begins_message(p);
		memmove(bytes, stop - BEFORE, BEFORE);
		at += (uint64_t)n;
	}
	/* One that does not begin so is a message too. */
	if (size > 0 && *messages_r == 0)
		*messages_r = 1;
	return 0;
}

static int count_file(const struct pv_location *where, struct pv_usage *u)
{
	int fd = openat(where->dirfd, where->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int r = fd < 0 ? -1 : pv_usage_of_mbox(fd, u->bytes, &u->messages);
	int err = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = err;
	return r;
}

/* --- both --- */

enum pv_class pv_usage_of(const struct pv_location *where, bool with_messages, struct pv_usage *u,
			  struct pv_error *e)
{
	struct stat st;
	int r = 0;

	*u = (struct pv_usage){ .bytes = 0 };
	if (where->dirfd < 0)
		return PV_OK;
	if (fstatat(where->dirfd, where->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? PV_OK
				       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "look for mailbox %s",
						       where->path);
	if (S_ISDIR(st.st_mode))
		r = count_maildir(where->dirfd, where->name, true, u);
	else if (S_ISREG(st.st_mode))
		u->bytes = (uint64_t)st.st_size;
	if (r == 0 && S_ISREG(st.st_mode) && with_messages)
		r = count_file(where, u);
	return r == 0 ? PV_OK
		      : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "count what is in mailbox %s",
				      where->path);
}

struct folder_count {
	uid_t uid;
	bool anew;
	uint64_t bytes;
};

/* A user's name does not end in `.lock`: that is a dotlock. What is gone meanwhile, or is none, is nothing.
 */
static void add_entry(struct folder_count *c, int dirfd, const char *name)
{
	size_t len = strlen(name);
	struct pv_usage u = { .bytes = 0 };
	struct stat st;

	if (name[0] == '.' || (len > 5 && strcmp(name + len - 5, ".lock") == 0) ||
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_uid != c->uid)
		return;
	if (S_ISREG(st.st_mode))
		c->bytes += (uint64_t)st.st_size;
	else if (S_ISDIR(st.st_mode) && count_maildir(dirfd, name, c->anew, &u) == 0)
		c->bytes += u.bytes;
}

enum pv_class pv_usage_of_folder(const char *folder, uid_t uid, bool anew, uint64_t *bytes_r,
				 struct pv_error *e)
{
	struct folder_count c = { .uid = uid, .anew = anew };
	const struct dirent *entry;

	*bytes_r = 0;
	int fd = openat(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return PV_OK;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		enum pv_class class =
			pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "count the mail in %s", folder);
		if (fd >= 0)
			(void)close(fd);
		return class;
	}
	errno = 0;
	while ((entry = readdir(d)) != NULL) {
		add_entry(&c, fd, entry->d_name);
		errno = 0;
	}
	int err = errno;
	(void)closedir(d);
	*bytes_r = c.bytes;
	return err == 0 ? PV_OK
			: pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "count the mail in %s", folder);
}
