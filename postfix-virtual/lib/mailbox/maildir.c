#include "mailbox/maildir.h"

#include "base/file.h"
#include "mailbox/done.h"
#include "mailbox/maildir_name.h"
#include "mailbox/maildir_parts.h"
#include "mailbox/plain.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { NAMES_MAX = 20 };

/* Litter is looked for, and what is in the Maildir counted anew, by the first delivery in each of these. */
#define HOURS_6 ((int64_t)6 * 3600 * PV_DONE_UNITS)

static enum pv_class fail_io(struct pv_error *e, const struct pv_maildir_box *b, const char *what)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	return pv_fail_errno(e, PV_TEMPORARY, full ? "4.3.1" : "4.3.0", errno, "%s Maildir %s", what,
			     b->where->path);
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void pv_maildir_box_close(struct pv_maildir_box *b)
{
	close_one(&b->new);
	close_one(&b->tmp);
	close_one(&b->top);
	close_one(&b->lock); /* last: what follows may be another's */
}

/* --- what a killed delivery left --- */

/* Its retry must find its id. Without a usable .done there is no memory; but one that cannot be written just
 * now is a reason to come again. */
static enum pv_class note_left(const struct pv_maildir_box *b, struct pv_error *e)
{
	const struct pv_maildir_state *s = &b->state;
	struct pv_done done;
	bool noted = true;
	int64_t when;

	if (!s->has_id)
		return PV_OK;
	if (!pv_done_find(b->where, s->id, &when, &done))
		noted = done.fd >= 0 ? pv_done_add(&done, s->id, s->begun) : pv_done_is_unusable(errno);
	pv_done_close(&done);
	return noted ? PV_OK : fail_io(e, b, "note an id for");
}

/* Did the message under way get into new/? */
static enum pv_class was_linked(const struct pv_maildir_box *b, bool *was_r, struct pv_error *e)
{
	int found = pv_maildir_has_name(b, b->state.name);

	if (found < 0)
		return fail_io(e, b, "look for a message in");
	/* A reader may have removed it since. */
	*was_r = found == 1 || b->state.step == PV_MAILDIR_LINKED;
	return PV_OK;
}

static int sync_both(const struct pv_maildir_box *b)
{
	int cur = openat(b->top, "cur", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = cur < 0 ? -1 : fsync(cur);
	int err = errno;

	if (cur >= 0)
		(void)close(cur);
	errno = err;
	return r == 0 ? fsync(b->new) : -1;
}

static enum pv_class finish_left(struct pv_maildir_box *b, struct pv_error *e)
{
	bool linked = false;

	enum pv_class c = was_linked(b, &linked, e);
	if (c == PV_OK && linked && sync_both(b) != 0)
		c = fail_io(e, b, "sync");
	if (c == PV_OK && linked)
		c = note_left(b, e);
	if (c != PV_OK)
		return c;
	if (unlinkat(b->tmp, b->state.name, 0) != 0 && errno != ENOENT)
		return fail_io(e, b, "remove a part of a message from");
	b->state.counted = false;
	b->state.step = PV_MAILDIR_IDLE;
	b->state.name[0] = '\0';
	b->state.has_id = false;
	return pv_maildir_state_write(b->lock, &b->state) == 0 ? PV_OK : fail_io(e, b, "write the state of");
}

static enum pv_class recover(struct pv_maildir_box *b, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	if (pv_maildir_state_read(b->lock, &b->state) != 0)
		return fail_io(e, b, "read the state of");
	if (b->state.step != PV_MAILDIR_IDLE && b->state.name[0] != '\0')
		c = finish_left(b, e);
	/* A Maildir that is new, or older than the last delivery (put back from a backup), or of which we
	 * know nothing: what we noted until now says nothing about it. */
	if (b->created || b->state.begun == 0 || b->state.begun > b->changed)
		b->state.doubt = pv_done_now();
	return c;
}

enum pv_class pv_maildir_box_open(const struct pv_location *where, const struct pv_maildir_options *o,
				  struct pv_maildir_box *b, bool *there_r, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct stat st;

	*there_r = false;
	*b = (struct pv_maildir_box){
		.where = where, .uid = o->uid, .lock = -1, .top = -1, .tmp = -1, .new = -1
	};
	/* No lock is made beside what is none. Who has it may make what stands there another. */
	bool there = fstatat(where->dirfd, where->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!there && errno != ENOENT)
		return fail_io(e, b, "look for");
	if (there ? !S_ISDIR(st.st_mode) : !o->make || where->shared)
		return PV_OK;
	if (!where->shared)
		c = pv_maildir_lock(where, o->lock_deadline_ms, &b->lock, e);
	if (c == PV_OK)
		c = pv_maildir_open_folders(b, o->make && !where->shared, there_r, e);
	if (c == PV_OK && *there_r && b->lock >= 0)
		c = recover(b, e);
	if (c != PV_OK || !*there_r)
		pv_maildir_box_close(b);
	return c;
}

/* --- a message --- */

struct delivery {
	struct pv_maildir_box *b;
	struct pv_plain plain;
	const unsigned char *id;
	struct pv_done done;
	struct pv_maildir_state before; /* the state, to be put back where nothing comes of it */
	bool counted;			/* it is known how much is in the Maildir */
};

/* Was it stored before? A note that may be newer than the Maildir is believed only if the message is there.
 */
static enum pv_class was_stored(struct delivery *d, bool *was_r, struct pv_error *e)
{
	struct pv_maildir_box *b = d->b;
	int64_t when;

	*was_r = false;
	bool noted = pv_done_find(b->where, d->id, &when, &d->done);
	if (!noted && d->done.fd < 0 && !pv_done_is_unusable(errno))
		return fail_io(e, b, "read the ids of");
	/* Every delivery is in our state before it is noted: a state that does not know of the last one was
	 * put back, and with it perhaps the Maildir. */
	if (d->done.newest > b->state.begun)
		b->state.doubt = pv_done_now();
	if (!noted)
		return PV_OK;
	if (when > b->state.doubt && when <= b->changed) {
		*was_r = true;
		return PV_OK;
	}
	int found = pv_maildir_has_id(b, d->id);
	*was_r = found == 1;
	return found < 0 ? fail_io(e, b, "look for a message in") : PV_OK;
}

/* Is the count of the last delivery still good? Whoever adds, moves or removes a message changes a folder's
 * time. Two changes within one tick of the kernel's clock may look like one: so it is counted anew now and
 * then, and before a message is refused. */
static bool count_is_good(const struct pv_maildir_box *b)
{
	const struct pv_maildir_state *s = &b->state;

	return s->counted && s->times[0] == b->times[0] && s->times[1] == b->times[1] &&
	       s->begun / HOURS_6 == pv_done_now() / HOURS_6;
}

static enum pv_class check_quota(struct delivery *d, const struct pv_quota *q, struct pv_quota_state *s,
				 struct pv_error *e)
{
	struct pv_maildir_box *b = d->b;
	bool good = count_is_good(b);

	if (good)
		s->before = b->state.usage;
	if (pv_quota_asks(q) && !good && pv_usage_of_maildir(b->top, &s->before) != 0)
		return fail_io(e, b, "count what is in");
	d->counted = good || pv_quota_asks(q);
	enum pv_class c = pv_quota_judge(q, b->where, b->uid, d->plain.size, s, e);
	if (c == PV_OK || !good || s->over == PV_OVER_DOMAIN || s->over == PV_OVER_NOTHING)
		return c;
	*s = (struct pv_quota_state){ .over = PV_OVER_NOTHING };
	if (pv_usage_of_maildir(b->top, &s->before) != 0)
		return fail_io(e, b, "count what is in");
	return pv_quota_judge(q, b->where, b->uid, d->plain.size, s, e);
}

/* Choose a name, note it, and make the file. Returns its descriptor, or -1 and errno. */
static int make_file(struct delivery *d)
{
	struct pv_maildir_state *s = &d->b->state;
	struct timespec now;
	int fd = -1;

	for (int i = 0; i < NAMES_MAX && fd < 0; i++) {
		(void)clock_gettime(CLOCK_REALTIME, &now);
		pv_maildir_name(s->name, &now, d->id, d->plain.size);
		if (d->b->lock >= 0 && pv_maildir_state_write(d->b->lock, s) != 0)
			return -1;
		fd = openat(d->b->tmp, s->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			return -1;
	}
	return fd;
}

/* What was begun came to nothing. */
static void take_back(struct delivery *d)
{
	int err = errno;
	bool gone = unlinkat(d->b->tmp, d->b->state.name, 0) == 0 || errno == ENOENT;

	/* As long as the file is there, somebody must come to remove it. */
	if (gone && d->b->lock >= 0)
		(void)pv_maildir_state_write(d->b->lock, &d->before);
	errno = err;
}

static enum pv_class write_file(struct delivery *d, struct pv_error *e)
{
	const char *failed = NULL;

	int fd = make_file(d);
	if (fd < 0)
		failed = "make a file in";
	else if (fchmod(fd, 0600) != 0)
		failed = "set the mode of a file in";
	else if (pv_plain_write(&d->plain, fd) != 0)
		failed = "write to";
	else if (fsync(fd) != 0)
		failed = "sync a message in";
	int err = errno;
	if (fd >= 0 && close(fd) != 0 && failed == NULL) {
		failed = "close a file in";
		err = errno;
	}
	if (failed == NULL)
		return PV_OK;
	errno = err;
	take_back(d);
	return fail_io(e, d->b, failed);
}

/* Where new/ cannot be synced the message is taken out again. Where a reader was faster it stays, and so does
 * what says that it was linked. */
static enum pv_class unlink_again(struct delivery *d, struct pv_error *e)
{
	enum pv_class c = fail_io(e, d->b, "sync");

	if (unlinkat(d->b->new, d->b->state.name, 0) == 0)
		take_back(d);
	return c;
}

/* Returns 0, or -1 and errno. On NFS a call that was made twice says EEXIST, although it did its work. */
static int link_it(const struct pv_maildir_box *b)
{
	struct stat st;

	if (linkat(b->tmp, b->state.name, b->new, b->state.name, 0) == 0)
		return 0;
	int err = errno;
	bool did = err == EEXIST && fstatat(b->tmp, b->state.name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		   st.st_nlink == 2;
	errno = err;
	return did ? 0 : -1;
}

static enum pv_class link_file(struct delivery *d, struct pv_error *e)
{
	const struct pv_maildir_box *b = d->b;

	if (link_it(b) != 0) {
		take_back(d);
		return fail_io(e, b, "link a message into");
	}
	if (b->lock >= 0)
		(void)pv_maildir_state_step(b->lock, PV_MAILDIR_LINKED);
	return fsync(b->new) == 0 ? PV_OK : unlink_again(d, e);
}

/* It is safe. What fails from here on leaves work for the next delivery. */
static void finish(struct delivery *d, const struct pv_quota_state *q)
{
	struct pv_maildir_box *b = d->b;
	struct pv_maildir_state *s = &b->state;

	if (b->lock < 0) {
		(void)unlinkat(b->tmp, s->name, 0);
		return;
	}
	bool noted = d->id == NULL || d->done.fd < 0 || pv_done_add(&d->done, d->id, s->begun);
	bool gone = unlinkat(b->tmp, s->name, 0) == 0 || errno == ENOENT;
	/* cur/ had its old time before the count; what was moved there since makes the count a bad one. */
	int64_t cur = b->times[1];
	s->usage = q->after;
	s->counted = d->counted && pv_maildir_take_times(b) == 0;
	s->times[0] = b->times[0];
	s->times[1] = cur;
	if (!noted || !gone)
		return;
	s->step = PV_MAILDIR_IDLE;
	s->name[0] = '\0';
	s->has_id = false;
	(void)pv_maildir_state_write(b->lock, s);
}

static enum pv_class store(struct delivery *d, const struct pv_quota_state *q, struct pv_error *e)
{
	struct pv_maildir_state *s = &d->b->state;
	int64_t last = s->begun;

	d->before = *s;
	s->begun = pv_done_now();
	s->step = PV_MAILDIR_WRITES;
	s->has_id = d->id != NULL;
	if (d->id != NULL)
		memcpy(s->id, d->id, sizeof s->id);
	enum pv_class c = write_file(d, e);
	if (c == PV_OK)
		c = link_file(d, e);
	if (c != PV_OK)
		return c;
	finish(d, q);
	if (last / HOURS_6 != s->begun / HOURS_6)
		pv_maildir_clean(d->b);
	return PV_OK;
}

enum pv_class pv_maildir_box_store(struct pv_maildir_box *b, const struct pv_store_options *o,
				   const struct pv_content *content, const unsigned char id[PV_ID_BYTES],
				   struct pv_stored *r, struct pv_error *e)
{
	struct delivery d = { .b = b, .id = b->lock >= 0 ? id : NULL };
	bool before = false;

	d.done.fd = -1;
	enum pv_class c = d.id != NULL ? was_stored(&d, &before, e) : PV_OK;
	r->result = before ? PV_DUPLICATE : PV_APPENDED;
	if (c == PV_OK && !before && o->last_look != NULL)
		c = o->last_look(o->ctx, e);
	if (c == PV_OK && !before && pv_plain_start(&d.plain, content) != 0)
		c = fail_io(e, b, "read a message for");
	if (c == PV_OK && !before)
		c = check_quota(&d, &o->quota, &r->quota, e);
	if (c == PV_OK && !before)
		c = store(&d, &r->quota, e);
	pv_done_close(&d.done);
	return c;
}
