/*
 * Which file is the mailbox of a user: every combination of what may exist. Run as root, which may read all.
 */
#include "store_faults.h"

#include "mailbox/location.h"

#include <sys/fsuid.h>

static int fail_lstat; /* errno value; 0: it works */

int __real_lstat(const char *path, struct stat *st);
int __wrap_lstat(const char *path, struct stat *st);
int __wrap_lstat(const char *path, struct stat *st)
{
	errno = fail_lstat;
	return fail_lstat != 0 ? -1 : __real_lstat(path, st);
}

/* Where a mailbox is found. */
enum place { HOME = 1, MAIL = 2, SPOOL = 4 };

static struct pv_location_rules rules;
static char home[600], mail[600], spool[600];

static void make_tree(const struct scratch *s)
{
	assert_int_equal(fchmod(s->fd, 0755), 0);
	put_folder(s, "home", ACCOUNT, 0700);
	put_folder(s, "mail", 0, 0777);
	put_folder(s, "spool", 0, 0755);
	put_folder(s, "spool/kvt.dk", ACCOUNT, 0700);
	(void)snprintf(home, sizeof home, "%s/home", s->path);
	(void)snprintf(mail, sizeof mail, "%s/mail", s->path);
	(void)snprintf(spool, sizeof spool, "%s/spool", s->path);
	rules = (struct pv_location_rules){ .spool_directory = spool,
					    .mail_directory = mail,
					    .mail_spool_home = "Mail/mailbox",
					    .account_home = home,
					    .uid = ACCOUNT };
}

static int make_scratch(void **state)
{
	if (scratch_make(state) != 0)
		return -1;
	make_tree(*state);
	return 0;
}

static enum pv_class find(const char *users_home, struct pv_location *l, struct pv_error *e)
{
	const struct pv_domain d = domain("kvt.dk");
	const struct pv_user u = user("abc");

	return pv_location_find(&rules, &d, &u, users_home, l, e);
}

/* Which of the three is it? The folder and the name must be those of the path. */
static enum place place_of(const struct pv_location *l)
{
	struct stat by_path, by_fd;
	char folder[1024];

	(void)snprintf(folder, sizeof folder, "%s", l->path);
	*strrchr(folder, '/') = '\0';
	assert_int_equal(stat(folder, &by_path), 0);
	assert_int_equal(fstat(l->dirfd, &by_fd), 0);
	assert_int_equal(by_path.st_ino, by_fd.st_ino);
	assert_string_equal(strrchr(l->path, '/') + 1, l->name);
	if (strncmp(l->path, home, strlen(home)) == 0)
		return HOME;
	if (strncmp(l->path, mail, strlen(mail)) == 0)
		return MAIL;
	return SPOOL;
}

/* What pv_location_which() says. */
static enum place which(const char *users_home)
{
	static const enum place places[] = {
		[PV_LOCATION_HOME] = HOME, [PV_LOCATION_MAIL_DIRECTORY] = MAIL, [PV_LOCATION_SPOOL] = SPOOL
	};
	const struct pv_domain d = domain("kvt.dk");
	const struct pv_user u = user("abc");
	enum pv_location_place place;
	bool is_folder;

	assert_int_equal(pv_location_which(&rules, &d, &u, users_home, &place, &is_folder, NULL), PV_OK);
	assert_false(is_folder);
	return places[place];
}

static void put_places(const struct scratch *s, unsigned which, uid_t owner)
{
	static const char *const names[] = { "home/Mail/mailbox", "mail/abc", "spool/kvt.dk/abc" };

	put_folder(s, "home/Mail", ACCOUNT, 0700);
	for (unsigned i = 0; i < 3; i++)
		if ((which & 1u << i) != 0)
			put(s, names[i], "", owner, 0600);
		else
			(void)unlinkat(s->fd, names[i], 0);
}

/* The first that exists and is the account's; where none is, the home's, else the spool's. */
static void every_combination(void **state)
{
	struct pv_location l;

	for (unsigned ours = 0; ours < 8; ours++)
		for (unsigned theirs = 0; theirs < 8; theirs++)
			for (int has_home = 0; has_home < 2; has_home++) {
				if ((ours & theirs) != 0)
					continue;
				put_places(*state, theirs, STRANGER);
				for (unsigned i = 1; i <= 4; i *= 2)
					if ((ours & i) != 0)
						put(*state,
						    i == HOME	? "home/Mail/mailbox"
						    : i == MAIL ? "mail/abc"
								: "spool/kvt.dk/abc",
						    "", ACCOUNT, 0600);
				enum place want = has_home && (ours & HOME) ? HOME
						  : (ours & MAIL)	    ? MAIL
						  : (ours & SPOOL)	    ? SPOOL
						  : has_home		    ? HOME
									    : SPOOL;
				assert_int_equal(find(has_home ? home : NULL, &l, NULL), PV_OK);
				if (place_of(&l) != want || l.shared != (want == MAIL))
					fail_msg("ours %u, theirs %u, home %d: %s", ours, theirs, has_home,
						 l.path);
				pv_location_free(&l);
				if (which(has_home ? home : NULL) != want)
					fail_msg("ours %u, theirs %u, home %d: another place is named", ours,
						 theirs, has_home);
			}
}

/* What passwd may say for a home. NULL as `ends`: an error. */
static void homes(void **state)
{
	const struct scratch *s = *state;
	static const struct {
		const char *sentence, *home; /* `~` at its front: the account's home */
		const char *ends;	     /* of the path */
	} rows[] = {
		{ "the account's own", "~", "/home/Mail/mailbox" },
		{ "below the account's own", "~/abc", "/home/abc/Mail/mailbox" },
		{ "with slashes at the end", "~/abc//", "/Mail/mailbox" },
		{ "a dot", ".", "/spool/kvt.dk/abc" },
		{ "empty", "", "/spool/kvt.dk/abc" },
		{ "none", NULL, "/spool/kvt.dk/abc" },
		{ "relative", "abc", "/spool/kvt.dk/abc" },
		{ "outside", "/", "/spool/kvt.dk/abc" },
		{ "outside, beginning alike", "~x", "/spool/kvt.dk/abc" },
		{ "up and out", "~/../mail", "/spool/kvt.dk/abc" },
		{ "up and out, at the end", "~/..", "/spool/kvt.dk/abc" },
		{ "down and up", "~/abc/../abc", "/spool/kvt.dk/abc" },
		{ "a name with two dots is no way up", "~/a..b", "/home/a..b/Mail/mailbox" },
		{ "missing", "~/missing", NULL },
		{ "a file", "~/file", NULL },
		{ "a stranger's", "~/theirs", NULL },
		{ "writable by the group", "~/group", NULL },
		{ "a symlink out, to a stranger's folder", "~/out", NULL },
		{ "its Mail is a symlink", "~/mail-link", NULL },
		{ "its Mail is a stranger's", "~/mail-theirs", NULL },
		{ "its Mail may be written by others", "~/mail-open", NULL },
		{ "its Mail is a file", "~/mail-file", NULL },
	};
	struct pv_location l;
	char path[1024];

	put_folder(s, "homex", ACCOUNT, 0700);
	put_folder(s, "home/abc", ACCOUNT, 0700);
	put_folder(s, "home/a..b", ACCOUNT, 0700);
	put_folder(s, "home/theirs", STRANGER, 0755);
	put_folder(s, "home/group", ACCOUNT, 0770);
	put(s, "home/file", "", ACCOUNT, 0600);
	put_folder(s, "elsewhere", STRANGER, 0755);
	put_symlink(s, "home/out", "../elsewhere", ACCOUNT);
	put_folder(s, "home/mail-link", ACCOUNT, 0700);
	put_symlink(s, "home/mail-link/Mail", "../abc", ACCOUNT);
	put_folder(s, "home/mail-theirs", ACCOUNT, 0700);
	put_folder(s, "home/mail-theirs/Mail", STRANGER, 0755);
	put_folder(s, "home/mail-open", ACCOUNT, 0700);
	put_folder(s, "home/mail-open/Mail", ACCOUNT, 0707);
	put_folder(s, "home/mail-file", ACCOUNT, 0700);
	put(s, "home/mail-file/Mail", "", ACCOUNT, 0600);
	/* So that a new folder is the account's, as it is when the account runs this. */
	(void)setfsuid(ACCOUNT);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_error e = { .text = "" };
		const char *h = rows[i].home;
		if (h != NULL && h[0] == '~')
			(void)snprintf(path, sizeof path, "%s%s", home, h + 1);
		enum pv_class c = find(h != NULL && h[0] == '~' ? path : h, &l, &e);
		if (rows[i].ends == NULL) {
			if (c != PV_TEMPORARY || e.text[0] == '\0')
				fail_msg("%s: class %d", rows[i].sentence, (int)c);
			continue;
		}
		if (c != PV_OK)
			fail_msg("%s: %s", rows[i].sentence, e.text);
		size_t len = strlen(l.path), ends = strlen(rows[i].ends);
		if (len < ends || strcmp(l.path + len - ends, rows[i].ends) != 0)
			fail_msg("%s: %s", rows[i].sentence, l.path);
		(void)place_of(&l);
		pv_location_free(&l);
	}
	(void)setfsuid(0);
	struct stat st;
	assert_int_equal(fstatat(s->fd, "home/abc/Mail", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(s->fd, "elsewhere/Mail", &st, 0), -1);
}

/* A folder in a mailbox's place is one, wherever; and asking makes nothing. */
static void folders(void **state)
{
	static const struct {
		const char *path;
		enum pv_location_place place;
	} rows[] = { { "spool/kvt.dk/abc", PV_LOCATION_SPOOL },
		     { "mail/abc", PV_LOCATION_MAIL_DIRECTORY },
		     { "home/Mail/mailbox", PV_LOCATION_HOME } };
	const struct pv_domain d = domain("kvt.dk");
	const struct pv_user u = user("abc");
	const struct scratch *s = *state;
	enum pv_location_place place;
	bool is_folder;
	struct stat st;

	assert_int_equal(pv_location_which(&rules, &d, &u, home, &place, &is_folder, NULL), PV_OK);
	assert_true(place == PV_LOCATION_HOME && !is_folder);
	assert_int_equal(fstatat(s->fd, "home/Mail", &st, 0), -1);
	put_folder(s, "home/Mail", ACCOUNT, 0700);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		put_folder(s, rows[i].path, ACCOUNT, 0700);
		assert_int_equal(pv_location_which(&rules, &d, &u, home, &place, &is_folder, NULL), PV_OK);
		if (place != rows[i].place || !is_folder)
			fail_msg("%s: place %d, folder %d", rows[i].path, (int)place, is_folder);
	}
	rules.account_home = NULL;
	assert_int_equal(pv_location_which(&rules, &d, &u, home, &place, &is_folder, NULL), PV_TEMPORARY);
}

static void settings(void **state)
{
	const struct scratch *s = *state;
	struct pv_error e = { .text = "" };
	struct pv_location l;

	rules.mail_spool_home = "";
	assert_int_equal(find(home, &l, NULL), PV_OK);
	assert_int_equal(place_of(&l), SPOOL);
	pv_location_free(&l);
	rules.mail_spool_home = "mailbox"; /* no folder of its own */
	assert_int_equal(find(home, &l, NULL), PV_OK);
	assert_int_equal(place_of(&l), HOME);
	pv_location_free(&l);
	rules.mail_spool_home = "Mail/mailbox";
	rules.account_home = "/"; /* everything lies below it: it is nobody's home */
	assert_int_equal(find(home, &l, NULL), PV_OK);
	assert_int_equal(place_of(&l), SPOOL);
	pv_location_free(&l);
	rules.account_home = NULL;
	assert_deferred(find(home, &l, &e), &e, "the home of the account is not known");
	assert_int_equal(find(NULL, &l, NULL), PV_OK);
	pv_location_free(&l);
	rules.account_home = home;
	rules.mail_directory = "";
	put(s, "mail/abc", "", ACCOUNT, 0600);
	assert_int_equal(find(NULL, &l, NULL), PV_OK);
	assert_int_equal(place_of(&l), SPOOL);
	pv_location_free(&l);
	rules.mail_directory = path_of(s, "missing");
	assert_int_equal(find(NULL, &l, NULL), PV_OK);
	pv_location_free(&l);
	rules.mail_directory = mail;
	put_folder(s, "mail", ACCOUNT, 0700); /* its own: not shared */
	assert_int_equal(find(NULL, &l, NULL), PV_OK);
	assert_int_equal(place_of(&l), MAIL);
	assert_false(l.shared);
	pv_location_free(&l);
	put_symlink(s, "mail/abc", "x", ACCOUNT); /* found here, refused when it is opened */
	assert_int_equal(find(NULL, &l, NULL), PV_OK);
	assert_int_equal(place_of(&l), MAIL);
	pv_location_free(&l);
}

/* The spool that is not as it should be: an error, never another place. */
static void bad_spools(void **state)
{
	const struct scratch *s = *state;
	struct pv_error e = { .text = "" };
	struct pv_location l;

	put_folder(s, "spool/kvt.dk", STRANGER, 0755);
	assert_deferred(find(NULL, &l, &e), &e, "spool/kvt.dk", "belongs to uid 60002");
	put_folder(s, "spool/kvt.dk", ACCOUNT, 0770);
	assert_deferred(find(NULL, &l, &e), &e, "spool/kvt.dk", "writable by group or others");
	assert_int_equal(unlinkat(s->fd, "spool/kvt.dk", AT_REMOVEDIR), 0);
	assert_deferred(find(NULL, &l, &e), &e, "open folder", "spool/kvt.dk");
	put_folder(s, "other", ACCOUNT, 0700);
	put_symlink(s, "spool/kvt.dk", "../other", ACCOUNT);
	assert_deferred(find(NULL, &l, &e), &e, "open folder", "spool/kvt.dk");
	(void)unlinkat(s->fd, "spool/kvt.dk", 0);
	put(s, "spool/kvt.dk", "", ACCOUNT, 0600);
	assert_deferred(find(NULL, &l, &e), &e, "open folder", "spool/kvt.dk");
	rules.spool_directory = path_of(s, "missing");
	assert_deferred(find(NULL, &l, &e), &e, "spool_directory");
}

static void the_accounts_own(void **state)
{
	const struct scratch *s = *state;
	const struct pv_user account = user("kvt_dk");
	struct pv_error e = { .text = "" };
	struct pv_location l;

	put_folder(s, "home/Mail", ACCOUNT, 0700);
	assert_int_equal(pv_location_own(&rules, &account, &l, NULL), PV_OK);
	assert_int_equal(place_of(&l), HOME);
	pv_location_free(&l);
	put(s, "mail/kvt_dk", "", STRANGER, 0600);
	assert_int_equal(pv_location_own(&rules, &account, &l, NULL), PV_OK);
	assert_int_equal(place_of(&l), HOME);
	pv_location_free(&l);
	put(s, "mail/kvt_dk", "", ACCOUNT, 0600);
	assert_int_equal(pv_location_own(&rules, &account, &l, NULL), PV_OK);
	assert_int_equal(place_of(&l), MAIL);
	assert_true(l.shared);
	pv_location_free(&l);
	put(s, "home/Mail/mailbox", "", ACCOUNT, 0600);
	assert_int_equal(pv_location_own(&rules, &account, &l, NULL), PV_OK);
	assert_int_equal(place_of(&l), HOME);
	pv_location_free(&l);
	rules.account_home = NULL;
	(void)unlinkat(s->fd, "mail/kvt_dk", 0);
	assert_deferred(pv_location_own(&rules, &account, &l, &e), &e, "no mailbox");
}

static enum pv_class once(void *ctx, bool *right_r, struct pv_error *e)
{
	const enum place *want = ctx;
	struct pv_location l;

	enum pv_class c = find(*want == HOME ? home : NULL, &l, e);
	if (c == PV_OK) {
		*right_r = strncmp(l.path, *want == HOME ? home : spool,
				   strlen(*want == HOME ? home : spool)) == 0;
		pv_location_free(&l);
	}
	return c;
}

/* With any call failing: an error or the right place. */
static void faults(void **state)
{
	static const enum place wants[] = { HOME, SPOOL };

	put_places(*state, HOME | SPOOL, ACCOUNT);
	for (size_t i = 0; i < 2; i++) {
		enum place want = wants[i];
		assert_true(with_every_fault(once, &want) > 10);
	}
}

/* mail_directory is the host's: what may not be looked at there is not there; but an error is one. */
static void a_mail_directory_that_cannot_be_read(void **state)
{
	static const int missing[] = { ENOENT, ENOTDIR, EACCES, ELOOP }, failing[] = { EIO, ENOMEM, ESTALE };
	struct pv_error e = { .text = "" };
	struct pv_location l;

	put_places(*state, MAIL, ACCOUNT);
	for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
		fail_lstat = missing[i];
		assert_int_equal(find(NULL, &l, NULL), PV_OK);
		assert_int_equal(place_of(&l), SPOOL);
		pv_location_free(&l);
	}
	for (size_t i = 0; i < sizeof failing / sizeof *failing; i++) {
		fail_lstat = failing[i];
		assert_deferred(find(NULL, &l, &e), &e, "look for mailbox", "mail/abc");
	}
	fail_lstat = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_combination, make_scratch, scratch_remove),
		cmocka_unit_test_setup_teardown(homes, make_scratch, scratch_remove),
		cmocka_unit_test_setup_teardown(folders, make_scratch, scratch_remove),
		cmocka_unit_test_setup_teardown(settings, make_scratch, scratch_remove),
		cmocka_unit_test_setup_teardown(bad_spools, make_scratch, scratch_remove),
		cmocka_unit_test_setup_teardown(the_accounts_own, make_scratch, scratch_remove),
		cmocka_unit_test_setup_teardown(a_mail_directory_that_cannot_be_read, make_scratch,
						scratch_remove),
		cmocka_unit_test_setup_teardown(faults, make_scratch, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
