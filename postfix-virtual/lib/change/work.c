#include "change/work.h"

#include "auth/session.h"
#include "base/file.h"
#include "change/hooks.h"
#include "change/next_text.h"
#include "change/state.h"
#include "store/history.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* A lock for a mailbox may take 20 s; two of them, and a large passwd. */
static const struct pv_child_limits step_limits = { .seconds = 90, .cpu_seconds = 30 };
/* Thirty hashes a second, for 100,000 users. */
static const struct pv_child_limits slow_limits = { .seconds = 7200, .cpu_seconds = 7200 };

typedef enum pv_class step(struct pv_step *s, struct pv_error *e);

/* What the kinds of changes consist of, in this order. */
static const struct recipe {
	bool keys_first;       /* what is deleted loses its keys before its files */
	step *as_account;      /* in a child that became the account */
	step *as_root;	       /* in folders that are root's alone */
	bool keys_last;	       /* keys as of what the files say then */
	bool logins_last;      /* likewise, but no key depends on it */
	bool account_may_lack; /* go on without as_account where the account is gone */
	bool slow;	       /* as_account is work for the processor */
	bool alone;	       /* no POP3 session of the user's may be open meanwhile */
} recipes[] = {
	[PV_MARK_USER_ADD] = { .as_account = pv_step_user_add, .keys_last = true },
	[PV_MARK_USER_PASSWORD] = { .as_account = pv_step_user_password, .logins_last = true },
	[PV_MARK_USER_APOP] = { .as_account = pv_step_user_apop },
	[PV_MARK_USER_HASH_ALL] = { .as_account = pv_step_hash_all, .logins_last = true, .slow = true },
	[PV_MARK_USER_RENAME] = { .keys_first = true,
				  .as_account = pv_step_user_rename,
				  .as_root = pv_step_user_seen,
				  .keys_last = true },
	[PV_MARK_USER_DISABLE] = { .keys_first = true, .as_account = pv_step_text, .keys_last = true },
	[PV_MARK_USER_ENABLE] = { .as_account = pv_step_text, .keys_last = true },
	[PV_MARK_USER_DELETE] = { .keys_first = true,
				  .as_account = pv_step_user_delete,
				  .as_root = pv_step_user_seen,
				  .keys_last = true },
	[PV_MARK_DOMAIN_ADD] = { .as_root = pv_step_domain_make, .keys_last = true },
	[PV_MARK_ADOPT] = { .as_root = pv_step_adopt, .keys_last = true },
	[PV_MARK_DOMAIN_DELETE] = { .keys_first = true,
				    .as_account = pv_step_domain_forwards,
				    .as_root = pv_step_domain_trash,
				    .keys_last = true,
				    .account_may_lack = true },
	[PV_MARK_DOMAIN_SET] = { .as_account = pv_step_text,
				 .as_root = pv_step_domain_set,
				 .keys_last = true },
	[PV_MARK_DOMAIN_ALIAS] = { .as_root = pv_step_domain_set, .keys_last = true },
	[PV_MARK_DOMAIN_UNALIAS] = { .keys_first = true, .as_root = pv_step_domain_set, .keys_last = true },
	[PV_MARK_HOST_SET] = { .as_root = pv_step_host_address, .keys_last = true },
	[PV_MARK_HOST_DELETE] = { .as_root = pv_step_host_address, .keys_last = true },
	[PV_MARK_USER_SET] = { .as_account = pv_step_text, .keys_last = true },
	[PV_MARK_ALIAS_ADD] = { .as_account = pv_step_text, .keys_last = true },
	[PV_MARK_ALIAS_SET] = { .as_account = pv_step_text, .keys_last = true },
	[PV_MARK_ALIAS_DELETE] = { .as_account = pv_step_text, .keys_last = true },
	[PV_MARK_MAILBOX_CONVERT] = { .as_account = pv_step_mailbox_convert,
				      .logins_last = true,
				      .slow = true,
				      .alone = true },
	[PV_MARK_MAILBOX_REPAIR] = { .as_account = pv_step_mailbox_repair, .slow = true, .alone = true },
	[PV_MARK_RESPONDER_SET] = { .as_account = pv_step_responder, .keys_last = true },
	[PV_MARK_RESPONDER_DELETE] = { .as_account = pv_step_responder, .keys_last = true },
	[PV_MARK_VACATION_ON] = { .as_account = pv_step_vacation },
	[PV_MARK_VACATION_OFF] = { .as_account = pv_step_vacation },
	[PV_MARK_VACATION_SET] = { .as_account = pv_step_vacation },
};

void pv_change_start(struct pv_change *c, const struct pv_store *s, const char *who, const char *where)
{
	*c = (struct pv_change){ .store = s,
				 .who = who,
				 .where = where,
				 .notes = PV_BUF_INIT((size_t)1 << 20),
				 .diff = PV_BUF_INIT(PV_EDIT_RECORDS_MAX) };
}

void pv_change_free(struct pv_change *c)
{
	pv_buf_free(&c->notes);
	pv_buf_free_zero(&c->diff);
}

static void clear_work(struct pv_work *w, struct pv_change *c, const struct pv_domain *d)
{
	*w = (struct pv_work){ .c = c,
			       .domain = *d,
			       .lock_fd = -1,
			       .pending_fd = -1,
			       .folder = { .fd = -1 },
			       .mark = { .domain = *d } };
}

enum pv_class pv_work_lock(struct pv_work *w, struct pv_change *c, const struct pv_domain *d,
			   unsigned deadline_ms, struct pv_error *e)
{
	clear_work(w, c, d);
	void *shared =
		mmap(NULL, sizeof *w->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "get memory to share with a child");
	w->shared = shared;
	/* A dry run makes no folder and no lock: it only looks. */
	if (c->dry)
		return PV_OK;
	enum pv_class r = pv_state_lock_domain(c->store, d, deadline_ms, &w->lock_fd, e);
	if (r == PV_OK)
		r = pv_state_open(c->store->conf.state_directory, "pending", 0700, &w->pending_fd, e);
	return r;
}

/* A folder that is root's is one that `domain add` was making when it was killed. */
enum pv_class pv_work_look(struct pv_work *w, struct pv_error *e)
{
	pv_folder_close(&w->folder);
	w->has_account = false;
	if (pv_work_is_hosts(w))
		return PV_OK;
	enum pv_class c = pv_folder_open(w->c->store, &w->domain, &w->folder, e);
	if (c != PV_OK || w->folder.fd < 0) {
		w->folder.fd = -1;
		return c;
	}
	return pv_account_by_uid(w->folder.uid, &w->account, &w->has_account, e);
}

enum pv_class pv_work_begin(struct pv_work *w, struct pv_change *c, const struct pv_domain *d, bool replaces,
			    struct pv_error *e)
{
	if (geteuid() != 0 && !c->dry) {
		clear_work(w, c, d);
		return pv_fail(e, PV_PERMANENT, "5.7.0", "only root can do this: try sudo");
	}
	enum pv_class r = pv_work_lock(w, c, d, PV_LOCK_DEADLINE_MS, e);
	if (r == PV_OK && !c->dry)
		r = pv_work_finish_marked(w, e);
	if (r != PV_OK && replaces && w->pending_fd >= 0) {
		pv_buf_addf(&c->notes, "%s\n", e->text);
		r = PV_OK;
	}
	if (r == PV_OK)
		r = pv_work_look(w, e);
	return r;
}

/* Has the name that is locked neither folder nor mark, as one that was mistyped? */
static bool is_nothing(const struct pv_work *w)
{
	struct stat st;

	return w->lock_fd >= 0 && w->pending_fd >= 0 && !pv_work_is_hosts(w) &&
	       fstatat(w->c->store->dirfd, w->domain.s, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT &&
	       fstatat(w->pending_fd, w->domain.s, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

void pv_work_end(struct pv_work *w)
{
	if (is_nothing(w))
		pv_state_drop_lock(w->c->store, &w->domain);
	pv_folder_close(&w->folder);
	if (w->pending_fd >= 0)
		(void)close(w->pending_fd);
	if (w->lock_fd >= 0)
		(void)close(w->lock_fd);
	if (w->shared != NULL)
		(void)munmap(w->shared, sizeof *w->shared);
	/* Not before the lock is released: a hook may well change this domain. */
	if (w->has_event)
		pv_hooks_run(w->c);
	pv_mark_free(&w->mark);
}

enum pv_class pv_work_need_domain(const struct pv_work *w, struct pv_error *e)
{
	if (w->folder.fd < 0)
		return pv_fail(e, PV_PERMANENT, "5.1.2",
			       "%s is no domain here: postfix-virtual domain add %s", w->domain.s,
			       w->domain.s);
	if (!w->has_account)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%s belongs to uid %lu, which has no account: make one with useradd -u %lu, "
			       "or chown the "
			       "folder to another account",
			       w->folder.path, (unsigned long)w->folder.uid, (unsigned long)w->folder.uid);
	return PV_OK;
}

struct child {
	struct pv_step step;
	step *work;
	struct pv_work_shared *shared;
};

static enum pv_class child_work(void *ctx, int out_fd, struct pv_error *e)
{
	struct child *child = ctx;
	struct pv_buf *records = &child->step.edit.records;

	child->shared->in_progress = true;
	enum pv_class c = child->work(&child->step, e);
	child->shared->in_progress = false;
	if (c == PV_OK)
		c = pv_buf_check(records, "the report of a change", e);
	if (c == PV_OK && pv_write_all(out_fd, records->s, records->len) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write to a pipe");
	return c;
}

static void fill_step(struct pv_work *w, struct pv_step *s)
{
	*s = (struct pv_step){ .store = w->c->store,
			       .mark = &w->mark,
			       .account = &w->account,
			       .edit = { .dry = w->c->dry,
					 .steps = &w->shared->steps,
					 .records = PV_BUF_INIT(PV_EDIT_RECORDS_MAX) } };
	(void)snprintf(s->where, sizeof s->where, "%s/%s", w->c->store->dir, w->domain.s);
}

/* Do one step, as root or in a child, and take over what it says. */
static enum pv_class do_step(struct pv_work *w, step *work, bool in_child, struct pv_error *e)
{
	struct child child = { .work = work, .shared = w->shared };
	struct pv_buf out = PV_BUF_INIT(PV_EDIT_RECORDS_MAX);
	enum pv_class c;

	fill_step(w, &child.step);
	struct pv_buf *records = in_child ? &out : &child.step.edit.records;
	if (in_child)
		c = pv_child_run(w->account.uid, w->account.gid,
				 recipes[w->mark.kind].slow ? &slow_limits : &step_limits, child_work, &child,
				 &out, e);
	else
		c = work(&child.step, e);
	if (c == PV_OK)
		c = pv_edit_read(records->s, records->len, &w->c->notes, &w->c->diff, e);
	pv_buf_free_zero(&out);
	pv_buf_free_zero(&child.step.edit.records);
	return c;
}

/* With the user's session in our hands: nobody reads his mailbox then. */
static enum pv_class step_alone(struct pv_work *w, step *work, struct pv_error *e)
{
	const struct pv_address a = { .user = w->mark.user, .domain = w->mark.domain };
	bool is_free = true;
	int fd = -1;

	enum pv_class c = w->c->dry ? PV_OK : pv_session_take(w->c->store, &a, &fd, &is_free, e);
	if (c == PV_OK && !is_free)
		c = pv_fail(e, PV_TEMPORARY, "4.2.0",
			    "a POP3 session of %s@%s is open: try again when it has ended", a.user.s,
			    a.domain.s);
	if (c == PV_OK)
		c = do_step(w, work, true, e);
	if (fd >= 0)
		(void)close(fd);
	return c;
}

static enum pv_class step_as_account(struct pv_work *w, const struct recipe *r, struct pv_error *e)
{
	char file[PV_NEXT_FILE_MAX];

	/* Of a domain set, all of it may be root's. */
	if (r->as_account == pv_step_text && !pv_next_file(&w->mark, file))
		return PV_OK;
	if (w->has_account)
		return r->alone ? step_alone(w, r->as_account, e) : do_step(w, r->as_account, true, e);
	if (!r->account_may_lack)
		return pv_work_need_domain(w, e);
	pv_buf_addf(&w->c->notes, "the account of %s is gone; .forward files in its home were not removed\n",
		    w->domain.s);
	return PV_OK;
}

static enum pv_class do_steps(struct pv_work *w, struct pv_error *e)
{
	const struct recipe *r = &recipes[w->mark.kind];
	enum pv_class c = PV_OK;

	if (r->keys_first || w->mark.no_key)
		c = pv_work_update_maps(w, true, e);
	if (c == PV_OK && r->as_account != NULL)
		c = step_as_account(w, r, e);
	if (c == PV_OK && r->as_root != NULL)
		c = do_step(w, r->as_root, false, e);
	if (c == PV_OK && r->keys_last && w->c->dry)
		pv_work_tell_keys(w);
	else if (c == PV_OK && r->keys_last && pv_work_wants_maps(&w->mark))
		c = pv_work_update_maps(w, false, e);
	if (c == PV_OK && r->logins_last && !w->c->dry)
		c = pv_work_update_logins(w, e);
	return c;
}

static enum pv_class write_history(struct pv_work *w, bool again, struct pv_error *e)
{
	gid_t group = w->has_account ? w->account.gid : (gid_t)-1;
	int fd;

	enum pv_class c = pv_state_open(w->c->store->conf.state_directory, "history", 0711, &fd, e);
	if (c != PV_OK)
		return c;
	c = pv_history_add(fd, &w->domain, group, w->mark.history, again, e);
	(void)close(fd);
	return c;
}

/* The steps of w->mark, which stands in pending/, up to its removal. */
static enum pv_class complete(struct pv_work *w, bool again, struct pv_error *e)
{
	struct pv_error why;

	enum pv_class c = do_steps(w, e);
	if (c == PV_OK)
		c = write_history(w, again, e);
	if (c != PV_OK)
		return c;
	/* Before the mark goes: a kill in between must not lose it. */
	w->has_event = pv_hooks_note(w->c, &w->mark, w->account.name) || w->has_event;
	/* It is done; were the mark to stay, its steps would be found done by the next command. */
	if (pv_mark_clear(w->pending_fd, &w->domain, &why) != PV_OK)
		pv_buf_addf(&w->c->notes, "%s\n", why.text);
	return PV_OK;
}

enum pv_class pv_work_carry_out(struct pv_work *w, const char *what, struct pv_error *e)
{
	struct pv_mark *m = &w->mark;
	char text[PV_MARK_HISTORY_MAX - 200];
	struct timespec now;

	if (w->c->dry)
		return do_steps(w, e);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	m->when = now.tv_sec;
	(void)snprintf(m->event, sizeof m->event, "%lld-%09ld-%ld", (long long)now.tv_sec, now.tv_nsec,
		       (long)getpid());
	m->uid = w->has_account ? w->account.uid : w->folder.fd >= 0 ? w->folder.uid : 0;
	(void)snprintf(text, sizeof text, "%s %s", pv_mark_words(m->kind), what);
	pv_history_format(m->when, w->c->who, w->c->where, text, m->history, sizeof m->history);
	*w->shared = (struct pv_work_shared){ .steps = 0 };
	enum pv_class c = pv_mark_write(w->pending_fd, m, e);
	if (c == PV_OK)
		c = complete(w, false, e);
	if (c == PV_OK)
		return c;
	/* Nothing was done, and nothing half done lies about: then it was never begun. */
	if (w->shared->steps == 0 && !w->shared->in_progress &&
	    pv_mark_clear(w->pending_fd, &w->domain, NULL) == PV_OK)
		return c;
	w->c->begun = true;
	e->class = PV_TEMPORARY;
	return PV_TEMPORARY;
}

/* A domain that was being made, or was half deleted, has no folder that tells the account. */
static enum pv_class account_of_mark(struct pv_work *w, struct pv_error *e)
{
	struct pv_error ignored;

	if (w->mark.uid == 0)
		return PV_OK;
	if (pv_work_look(w, &ignored) != PV_OK || w->folder.fd < 0)
		return pv_account_by_uid(w->mark.uid, &w->account, &w->has_account, e);
	if (w->folder.uid == w->mark.uid)
		return PV_OK;
	return pv_fail(e, PV_TEMPORARY, "4.3.5",
		       "%s belonged to uid %lu then: chown it back, or remove %s/pending/%s", w->folder.path,
		       (unsigned long)w->mark.uid, w->c->store->conf.state_directory, w->domain.s);
}

enum pv_class pv_work_finish_marked(struct pv_work *w, struct pv_error *e)
{
	bool found;

	enum pv_class c = pv_mark_read(w->pending_fd, &w->domain, &w->mark, &found, e);
	if (c == PV_OK && found) {
		c = account_of_mark(w, e);
		if (c == PV_OK)
			c = complete(w, true, e);
		if (c == PV_OK)
			pv_buf_addf(&w->c->notes, "finished what was interrupted: %s\n", w->mark.history);
		else
			(void)pv_error_prefix(e, "finish `%s`, which was interrupted", w->mark.history);
	}
	pv_mark_free(&w->mark);
	w->mark.domain = w->domain;
	return c;
}
