#include "change/account.h"

#include "base/buffer.h"
#include "base/hash.h"
#include "base/program.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#define USERADD "/usr/sbin/useradd"

enum { PASSWD_ROOM = 16384, USERADD_SECONDS = 60, UIDS_TRIED = 10000 };

/* Delivery puts the name in front of `+user--domain`, and into maps without quotes. */
static bool can_stand_in_a_key(const char *name)
{
	return *name != '\0' && strlen(name) <= PV_ACCOUNT_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == strlen(name) && *name != '-' &&
	       *name != '.';
}

static enum pv_class fill(struct pv_account *a, const struct passwd *pw, struct pv_error *e)
{
	if (pw->pw_uid == 0 || pw->pw_gid == 0)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "account %s is root or in root's group: a domain needs an ordinary account",
			       pw->pw_name);
	if (!can_stand_in_a_key(pw->pw_name))
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "the account's name `%.40s` has characters other than a-z, 0-9, `_`, `.` and "
			       "`-`: use "
			       "another account",
			       pw->pw_name);
	if (pw->pw_dir[0] != '/' || strlen(pw->pw_dir) >= sizeof a->home)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "account %s has no home folder: usermod -d /home/%s %s", pw->pw_name,
			       pw->pw_name, pw->pw_name);
	a->uid = pw->pw_uid;
	a->gid = pw->pw_gid;
	(void)snprintf(a->name, sizeof a->name, "%s", pw->pw_name);
	(void)snprintf(a->home, sizeof a->home, "%s", pw->pw_dir);
	return PV_OK;
}

static enum pv_class finish(int err, const struct passwd *pw, struct pv_account *a, bool *found_r,
			    struct pv_error *e)
{
	*found_r = false;
	if (pw == NULL) {
		if (err == 0 || err == ENOENT || err == ESRCH)
			return PV_OK;
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "look up an account");
	}
	*found_r = true;
	return fill(a, pw, e);
}

enum pv_class pv_account_by_uid(uid_t uid, struct pv_account *a, bool *found_r, struct pv_error *e)
{
	struct passwd pw, *result = NULL;
	char room[PASSWD_ROOM];

	int err = getpwuid_r(uid, &pw, room, sizeof room, &result);
	return finish(err, result, a, found_r, e);
}

enum pv_class pv_account_by_name(const char *name, struct pv_account *a, bool *found_r, struct pv_error *e)
{
	struct passwd pw, *result = NULL;
	char room[PASSWD_ROOM];

	int err = getpwnam_r(name, &pw, room, sizeof room, &result);
	return finish(err, result, a, found_r, e);
}

void pv_account_derive(const struct pv_domain *d, char name[PV_ACCOUNT_MAX + 1])
{
	const char *front = d->s[0] >= '0' && d->s[0] <= '9' ? "_" : "";
	struct pv_sum sum;

	if (strlen(front) + d->len <= PV_ACCOUNT_MAX) {
		memcpy(name, front, strlen(front) + 1);
		memcpy(name + strlen(front), d->s, (size_t)d->len + 1);
	} else {
		/* What is cut off may be all that tells two domains apart. */
		pv_sum_start(&sum);
		pv_sum_add(&sum, d->s, d->len);
		(void)snprintf(name, PV_ACCOUNT_MAX + 1, "%s%.20s_%08lx", front, d->s,
			       (unsigned long)(pv_sum_finish(&sum) & 0xffffffff));
	}
	for (char *p = name; *p != '\0'; p++)
		if (*p == '.')
			*p = '_';
}

bool pv_account_name_is_good(const char *name)
{
	return can_stand_in_a_key(name) && strchr(name, '.') == NULL && (*name < '0' || *name > '9');
}

/* useradd's words are for people; the first line will do. */
static enum pv_class useradd_failed(const char *name, struct pv_buf *words, int status, struct pv_error *e)
{
	char *newline = strchr(words->s, '\n');

	if (newline != NULL)
		pv_buf_truncate(words, (size_t)(newline - words->s));
	return pv_fail(e, PV_TEMPORARY, "4.3.0", "make account %s: useradd exits %d: %s", name, status,
		       words->s);
}

static enum pv_class is_uid_taken(uid_t uid, bool *taken_r, struct pv_error *e)
{
	struct passwd pw, *user = NULL;
	struct group gr, *group = NULL;
	char room[PASSWD_ROOM];

	int err = getpwuid_r(uid, &pw, room, sizeof room, &user);
	if (err == 0 && user == NULL)
		err = getgrgid_r((gid_t)uid, &gr, room, sizeof room, &group);
	/* A group with too many members for `room` is there, too. */
	*taken_r = user != NULL || group != NULL || err == ERANGE;
	return err == 0 || err == ERANGE
		       ? PV_OK
		       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "look for uid %lu", (unsigned long)uid);
}

/* 65534 and 65535 are nobody's to have. */
static enum pv_class find_uid(uid_t first, uid_t *uid_r, struct pv_error *e)
{
	bool taken = true;

	for (uid_t uid = first; uid - first < UIDS_TRIED && uid <= PV_UID_MAX; uid++) {
		enum pv_class c = PV_OK;
		if (uid != 65534 && uid != 65535)
			c = is_uid_taken(uid, &taken, e);
		if (c != PV_OK)
			return c;
		*uid_r = uid;
		if (!taken)
			return PV_OK;
	}
	return pv_fail(e, PV_PERMANENT, "5.3.5", "no uid from %lu on is free", (unsigned long)first);
}

/* uid 0: useradd's choice. */
static enum pv_class run_useradd(const char *name, uid_t uid, struct pv_error *e)
{
	char home[64], number[24], gid_min[40], gid_max[40];
	const char *argv[24] = { USERADD,      "--system",    "--user-group",  "--shell", "/usr/sbin/nologin",
				 "--home-dir", home,	      "--create-home", "--key",	  "HOME_MODE=0700",
				 "--skel",     "/nonexistent" };
	size_t n = 12;
	struct pv_buf words = PV_BUF_INIT(4096);
	int status = 0;

	(void)snprintf(home, sizeof home, "/home/%s", name);
	(void)snprintf(number, sizeof number, "%lu", (unsigned long)uid);
	(void)snprintf(gid_min, sizeof gid_min, "SYS_GID_MIN=%s", number);
	(void)snprintf(gid_max, sizeof gid_max, "SYS_GID_MAX=%s", number);
	if (uid != 0) {
		const char *const more[] = { "--uid", number, "--key", gid_min, "--key", gid_max };
		memcpy(argv + n, more, sizeof more);
		n += sizeof more / sizeof *more;
	}
	argv[n++] = "--";
	argv[n] = name;
	enum pv_class c = pv_program_run(argv, NULL, USERADD_SECONDS, NULL, &words, &status, e);
	if (c == PV_OK && status != 0)
		c = useradd_failed(name, &words, status, e);
	pv_buf_free(&words);
	return c;
}

enum pv_class pv_account_create(const char *name, uid_t first_uid, struct pv_account *a, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	bool found = false;
	uid_t uid = 0;

	if (!pv_account_name_is_good(name))
		return pv_fail(
			e, PV_PERMANENT, "5.3.5",
			"`%.40s` is no name for an account: a-z, 0-9, `_` and `-`, at most 32, not beginning "
			"with a digit",
			name);
	if (first_uid != 0)
		c = find_uid(first_uid, &uid, e);
	if (c == PV_OK)
		c = run_useradd(name, uid, e);
	if (c == PV_OK)
		c = pv_account_by_name(name, a, &found, e);
	if (c == PV_OK && !found)
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "account %s was made and cannot be found", name);
	return c;
}
