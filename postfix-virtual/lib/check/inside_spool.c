/* Mailboxes into which nothing can be delivered, what a delivery that was cut off has left, and how full it
 * is where the account's mail goes. */
#include "check/inside.h"

#include "mailbox/journal.h"
#include "mailbox/lock.h"
#include "mailbox/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { DELIVERY_SECONDS = 900, FINDINGS_MAX = 200 };

/* What statfs(2) calls them. */
enum { FS_NFS = 0x6969, FS_SMB = 0x517b };
#define FS_CIFS 0xff534d42u
#define FS_SMB2 0xfe534d42u

/* Is the journal open, and from a time so long ago that nobody can be at work on it? */
static bool is_left(int dirfd, const char *journal, time_t *when_r)
{
	struct stat st;

	int fd = openat(dirfd, journal, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool left = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    time(NULL) - st.st_mtime > DELIVERY_SECONDS && pv_journal_is_open(fd);
	(void)close(fd);
	*when_r = left ? st.st_mtime : 0;
	return left;
}

static void judge_journal(struct pv_visit *v, int dirfd, const char *folder, const char *journal)
{
	size_t len = strlen(journal) - strlen(".journal");
	char path[PATH_MAX], when[32];
	time_t then;
	struct tm tm;

	if (snprintf(path, sizeof path, "%s/%.*s", folder, (int)len - 1, journal + 1) >= (int)sizeof path ||
	    !is_left(dirfd, journal, &then) || gmtime_r(&then, &tm) == NULL)
		return;
	(void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	pv_say(v->out, PV_WARNING, "journal", path,
	       "a delivery was cut off at %s; the next one to this mailbox repairs it: send a message there",
	       when);
}

/* NULL: mail can be delivered to it, by whatever else may stop it. */
static const char *mailbox_fault(const struct pv_visit *v, int dirfd, const char *name, const struct stat *st,
				 char says[100])
{
	if (S_ISDIR(st->st_mode))
		return pv_maildir_fault(dirfd, name, v->account->uid);
	const char *fault = pv_mailbox_fault(st, v->account->uid, false);
	if (fault != NULL || faccessat(dirfd, name, R_OK | W_OK, 0) == 0 || errno == ENOENT)
		return fault;
	(void)snprintf(says, 100, "cannot be read and written by its account (%s): chmod 0600 it",
		       strerror(errno));
	return says;
}

/* Is it the mailbox of a user of d, or (d NULL) of whoever has his in the home? One in a home that is
 * another's is passed over by deliveries. */
static void judge_mailbox(struct pv_visit *v, int dirfd, const char *folder, const char *name,
			  const struct pv_domain *d)
{
	char path[PATH_MAX], says[100];
	struct pv_user user;
	struct stat st;

	if (d != NULL && (pv_user_parse(name, strlen(name), &user, NULL) != PV_OK ||
			  strcmp(user.s, name) != 0 || !pv_visit_has_user(v, &user, d)))
		return;
	if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path ||
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    (d == NULL && st.st_uid != v->account->uid))
		return;
	const char *fault = mailbox_fault(v, dirfd, name, &st, says);
	if (fault != NULL)
		pv_say(v->out, PV_CRITICAL, "mailbox", path, "it %s; until then its mail waits", fault);
}

static bool is_journal(const char *name)
{
	size_t len = strlen(name);

	return name[0] == '.' && len > sizeof "..journal" - 1 && strcmp(name + len - 8, ".journal") == 0;
}

/* d: whose folder it is; NULL: that of a home, in which `only` is a mailbox (else NULL). */
static void go_through(struct pv_visit *v, const char *folder, const struct pv_domain *d, const char *only)
{
	size_t found = v->out->len, count = 0;
	struct dirent *entry;

	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL && fd >= 0)
		(void)close(fd);
	while (dir != NULL && count < FINDINGS_MAX && (entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;
		if (is_journal(name))
			judge_journal(v, dirfd(dir), folder, name);
		else if (only == NULL || strcmp(name, only) == 0)
			judge_mailbox(v, dirfd(dir), folder, name, d);
		count += v->out->len > found;
		found = v->out->len;
	}
	if (dir != NULL)
		(void)closedir(dir);
}

/* The folder of HOME/Mail/mailbox, where HOME is the account's. */
static void go_through_home(struct pv_visit *v)
{
	char folder[PATH_MAX];

	if (*v->store->conf.mail_spool_home == '\0')
		return;
	(void)snprintf(folder, sizeof folder, "%.2000s/%.2000s", v->account->home,
		       v->store->conf.mail_spool_home);
	char *slash = strrchr(folder, '/');
	*slash = '\0';
	go_through(v, folder, NULL, slash + 1);
}

void pv_visit_mailboxes(struct pv_visit *v)
{
	char folder[PATH_MAX];

	for (size_t i = 0; i < v->count; i++) {
		(void)snprintf(folder, sizeof folder, "%.3800s/%s", v->store->conf.spool_directory,
			       v->domains[i]->domain.s);
		go_through(v, folder, &v->domains[i]->domain, NULL);
	}
	if (v->has_homes)
		go_through_home(v);
}

/* Over 90 % of a limit; 0 is none. */
static bool is_near(unsigned long long used, unsigned long long limit)
{
	return limit > 0 && used / 9 >= limit / 10;
}

/* QCMD() itself shifts a 1 into the sign. */
#define GET_QUOTA ((int)((unsigned)Q_GETQUOTA << SUBCMDSHIFT | USRQUOTA))

/* The account's share of the file system, by quota(5), where it has any. */
static void check_quota(struct pv_visit *v, int fd, const char *path)
{
	struct dqblk q = { .dqb_valid = 0 };

	/* Each may ask about itself. */
	if (syscall(SYS_quotactl_fd, fd, GET_QUOTA, v->account->uid, &q) != 0)
		return;
	unsigned long long blocks = q.dqb_bsoftlimit != 0 ? q.dqb_bsoftlimit : q.dqb_bhardlimit;
	unsigned long long inodes = q.dqb_isoftlimit != 0 ? q.dqb_isoftlimit : q.dqb_ihardlimit;
	if (is_near(q.dqb_curspace, blocks * 1024))
		pv_say(v->out, PV_WARNING, "quota", v->account->name,
		       "it has used %llu of %llu KB at %s; over its quota mail is deferred: remove old mail, "
		       "or "
		       "setquota(8)",
		       (unsigned long long)q.dqb_curspace / 1024, blocks, path);
	if (is_near(q.dqb_curinodes, inodes))
		pv_say(v->out, PV_WARNING, "quota", v->account->name,
		       "it has used %llu of %llu files at %s; over its quota mail is deferred: remove some, "
		       "or "
		       "setquota(8)",
		       (unsigned long long)q.dqb_curinodes, inodes, path);
}

/* The disk of a home is told of once for all homes beside it. */
static void check_disk(struct pv_visit *v, int fd, const char *path)
{
	char above[PATH_MAX];
	struct statvfs s;

	(void)snprintf(above, sizeof above, "%s", path);
	char *slash = strrchr(above, '/');
	if (slash != NULL && slash != above)
		*slash = '\0';
	if (fstatvfs(fd, &s) != 0)
		return;
	double used = (double)(s.f_blocks - s.f_bfree), room = used + (double)s.f_bavail;
	if (room > 0 && used > 0.9 * room)
		pv_say(v->out, s.f_bavail == 0 ? PV_CRITICAL : PV_WARNING, "disk", above,
		       "its disk is over 90 %% full: make room, or give it a larger disk");
	if (s.f_files > 0 && (double)s.f_favail < 0.1 * (double)s.f_files)
		pv_say(v->out, s.f_favail == 0 ? PV_CRITICAL : PV_WARNING, "disk", above,
		       "over 90 %% of its disk's inodes are used: remove files, or give it a larger disk");
}

static void check_network(struct pv_visit *v, int fd, const char *path)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return;
	unsigned type = (unsigned)fs.f_type;
	if (v->has_homes && (type == FS_NFS || type == FS_SMB || type == FS_CIFS || type == FS_SMB2))
		pv_say(v->out, PV_CRITICAL, "home", v->account->name,
		       "%s lies on a network file system, so mail for mailboxes in it is deferred: give "
		       "these users "
		       "none in the home (the field in passwd), or move it",
		       path);
}

void pv_visit_disks(struct pv_visit *v)
{
	char spool[PATH_MAX];
	struct stat of_spool = { .st_dev = 0 }, of_home;

	(void)snprintf(spool, sizeof spool, "%.3800s/%s", v->store->conf.spool_directory,
		       v->domains[0]->domain.s);
	int fd = open(spool, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		(void)fstat(fd, &of_spool);
		check_quota(v, fd, spool);
		(void)close(fd);
	}
	fd = open(v->account->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	check_network(v, fd, v->account->home);
	if (fstat(fd, &of_home) == 0 && of_home.st_dev != of_spool.st_dev) {
		check_quota(v, fd, v->account->home);
		check_disk(v, fd, v->account->home);
	}
	(void)close(fd);
}
