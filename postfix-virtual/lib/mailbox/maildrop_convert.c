#include "mailbox/maildrop_convert.h"

#include "mailbox/done.h"
#include "mailbox/dotlock.h"
#include "mailbox/journal.h"
#include "mailbox/maildir_parts.h"
#include "mailbox/maildrop_convert_parts.h"
#include "mailbox/maildrop_exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct conversion {
	const struct pv_location *where;
	const struct pv_convert_options *o;
	struct pv_converted *r;
	char to_maildir[NAME_MAX + 1], to_mbox[NAME_MAX + 1]; /* see maildrop_convert.h */
};

static enum pv_class fail_io(const struct conversion *c, const char *what, struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "%s %s", what, c->where->path);
}

/* Which kind of file stands there? 0: none. */
static mode_t kind_of(const struct conversion *c, const char *name)
{
	struct stat st;

	return fstatat(c->where->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode & S_IFMT : 0;
}

/* --- what was built, and is not needed --- */

static int remove_file(void *ctx, int folder, const struct dirent *entry)
{
	(void)ctx;
	return unlinkat(folder, entry->d_name, 0);
}

static int remove_maildir(int dirfd, const char *name)
{
	static const char *const folders[] = { "tmp", "new", "cur" };
	int r = 0;

	int top = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < 3; i++) {
		r = pv_maildir_each(top, folders[i], remove_file, NULL);
		if (r == 0)
			r = unlinkat(top, folders[i], AT_REMOVEDIR);
		if (r != 0 && errno == ENOENT)
			r = 0;
	}
	int err = errno;
	(void)close(top);
	errno = err;
	return r == 0 ? unlinkat(dirfd, name, AT_REMOVEDIR) : -1;
}

/* Remove what a conversion that was killed has half built. What is a whole old mailbox is named in *r. */
static enum pv_class clean(const struct conversion *c, struct pv_error *e)
{
	mode_t maildir = kind_of(c, c->to_maildir), mbox = kind_of(c, c->to_mbox);
	int r = 0;

	if (maildir == S_IFDIR)
		r = remove_maildir(c->where->dirfd, c->to_maildir);
	if (r == 0 && mbox == S_IFREG)
		r = unlinkat(c->where->dirfd, c->to_mbox, 0);
	if (r != 0)
		return fail_io(c, "remove what an earlier conversion has left of", e);
	if (maildir == S_IFREG || mbox == S_IFDIR)
		(void)snprintf(c->r->old, sizeof c->r->old, "%s",
			       maildir == S_IFREG ? c->to_maildir : c->to_mbox);
	return PV_OK;
}

static enum pv_class change_places(const struct conversion *c, const char *name, const struct stat *was,
				   struct pv_error *e)
{
	return pv_exchange(c->where, name, was, c->r->old, e);
}

/* --- mbox to Maildir --- */

/* What deliveries into the Maildir must know: what is noted as stored is in it, as far as it was in the mbox.
 */
static enum pv_class write_state(const struct conversion *c, int lock, int64_t doubt, struct pv_error *e)
{
	struct pv_maildir_state s = { .doubt = doubt };
	char path[NAME_MAX + 8];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/new", c->to_maildir);
	if (fstatat(c->where->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return fail_io(c, "look at the Maildir of", e);
	s.begun = pv_done_time(&st.st_mtim);
	return pv_maildir_state_write(lock, &s) == 0 ? PV_OK : fail_io(c, "write the state of Maildir", e);
}

static enum pv_class to_maildir(const struct conversion *c, const struct pv_mailbox *box, int lock,
				struct pv_error *e)
{
	enum pv_class class = pv_build_maildir(box, c->to_maildir, c->r, e);

	if (class == PV_OK)
		class = write_state(c, lock, box->doubt, e);
	if (class == PV_OK)
		class = change_places(c, c->to_maildir, &box->st, e);
	if (c->r->old[0] == '\0' && kind_of(c, c->to_maildir) == S_IFDIR)
		(void)remove_maildir(c->where->dirfd, c->to_maildir);
	return class;
}

static enum pv_class convert_mbox(const struct conversion *c, struct pv_error *e)
{
	const struct pv_mailbox_options mo = { .uid = c->o->uid,
					       .lock_deadline_ms = c->o->lock_deadline_ms,
					       .use = PV_TO_REMOVE };
	struct pv_mailbox box;
	int lock = -1;

	enum pv_class class = pv_mailbox_open(c->where, &mo, &box, e);
	if (class != PV_OK)
		return class;
	/* Who finds the Maildir in its place waits until all is said. */
	class = pv_maildir_lock(c->where, c->o->lock_deadline_ms, &lock, e);
	if (class == PV_OK)
		class = clean(c, e);
	c->r->again = class == PV_OK && c->r->old[0] != '\0' && c->o->to_maildir;
	if (class == PV_OK && c->o->to_maildir && !c->r->again && !box.created)
		class = to_maildir(c, &box, lock, e);
	if (lock >= 0)
		(void)close(lock);
	enum pv_class closed = pv_mailbox_close(&box, class == PV_OK ? e : NULL);
	return class != PV_OK ? class : closed;
}

/* --- Maildir to mbox --- */

/* The same for deliveries into the mbox: they ask the journal. */
static enum pv_class write_journal(const struct conversion *c, int64_t doubt, struct pv_error *e)
{
	struct pv_journal j = { .doubt = doubt };
	struct pv_content nothing;
	struct stat st;

	if (fstatat(c->where->dirfd, c->to_mbox, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return fail_io(c, "look at the mbox of", e);
	j.start = (uint64_t)st.st_size;
	j.begun = pv_done_time(&st.st_mtim);
	int fd = pv_journal_open(c->where);
	if (fd < 0)
		return fail_io(c, "open the journal of", e);
	pv_content_start(&nothing, -1);
	enum pv_class class = pv_content_finish(&nothing, e);
	if (class == PV_OK)
		class = pv_journal_begin(fd, c->where, &j, &nothing, e);
	if (class == PV_OK)
		pv_journal_end(fd, c->where, false);
	pv_content_free(&nothing);
	(void)close(fd);
	return class;
}

static enum pv_class to_mbox(const struct conversion *c, const struct pv_maildir_box *box, struct pv_error *e)
{
	struct stat was;

	if (fstat(box->top, &was) != 0)
		return fail_io(c, "stat Maildir", e);
	enum pv_class class = pv_build_mbox(box, c->to_mbox, c->r, e);
	if (class == PV_OK)
		class = write_journal(c, box->state.doubt, e);
	if (class == PV_OK)
		class = change_places(c, c->to_mbox, &was, e);
	if (c->r->old[0] == '\0' && kind_of(c, c->to_mbox) == S_IFREG)
		(void)unlinkat(c->where->dirfd, c->to_mbox, 0);
	return class;
}

static enum pv_class convert_maildir(const struct conversion *c, struct pv_error *e)
{
	const struct pv_maildir_options mo = { .uid = c->o->uid, .lock_deadline_ms = c->o->lock_deadline_ms };
	struct pv_maildir_box box;
	bool there = false;

	enum pv_class class = pv_maildir_box_open(c->where, &mo, &box, &there, e);
	if (class != PV_OK || !there)
		return class;
	/* What a kill has left of a dotlock: an mbox's deliveries would have broken it. */
	if (pv_dotlock_exists(c->where) && pv_dotlock_take(c->where, true) == PV_DOTLOCK_TAKEN)
		pv_dotlock_release(c->where);
	class = clean(c, e);
	c->r->again = class == PV_OK && c->r->old[0] != '\0' && !c->o->to_maildir;
	if (class == PV_OK && !c->o->to_maildir && !c->r->again)
		class = to_mbox(c, &box, e);
	pv_maildir_box_close(&box);
	return class;
}

enum pv_class pv_mailbox_convert(const struct pv_location *where, const struct pv_convert_options *o,
				 struct pv_converted *r, struct pv_error *e)
{
	struct conversion c = { .where = where, .o = o, .r = r };

	*r = (struct pv_converted){ .again = false };
	if (where->dirfd < 0)
		return PV_OK;
	if (where->shared)
		return pv_fail(e, PV_PERMANENT, "4.3.5",
			       "%s lies in a folder that others may write to: it cannot be converted there",
			       where->path);
	int a = snprintf(c.to_maildir, sizeof c.to_maildir, ".%s.to-maildir", where->name);
	int b = snprintf(c.to_mbox, sizeof c.to_mbox, ".%s.to-mbox", where->name);
	if (a < 0 || b < 0 || (size_t)a >= sizeof c.to_maildir)
		return pv_fail(e, PV_PERMANENT, "4.3.5", "the name of %s is too long", where->path);
	mode_t kind = kind_of(&c, where->name);
	if (kind == 0)
		return errno == ENOENT ? PV_OK : fail_io(&c, "look for", e);
	return kind == S_IFDIR ? convert_maildir(&c, e) : convert_mbox(&c, e);
}
