/*
 * route_fuzz.c: whatever stands in the files of a domain, and whoever mail is for: the walk ends in a number
 * of steps that the files bound, the same files give the same list, with a trail and without, each action is
 * in it once and in its order, and none leads where the rules forbid. What is wrong is temporary, with a
 * sentence.
 *
 * Input: a local part, options of the domain in `domains`, then passwd, domain.conf, aliases, a file `x`
 * (of extra_aliases), include/l, include/m, users/u and users/v, with a byte 0x01 between. i and u have
 * responders, u has a vacation. TOP is where the folders are. The account is uid 601.
 * fuzz-libs: -llmdb -lidn2 -lunistring -lcrypt -ljansson -lpcre2-8 -lresolv
 * fuzz-max-len: 3000
 */
#include "base/file.h"
#include "maps/domain_keys.h"
#include "maps/reader_send.h"
#include "maps/report.h"
#include "route/route.h"
#include "store/store.h"
#include "t/fuzz/folder.h"
#include "t/fuzz/require.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 8, PARTS = 2 + FILES, LIMIT = 1 << 16, ACCOUNT = 601 };
enum { LOCAL, OPTIONS, FIRST_FILE };

static const char *const names[FILES] = { "kvt.dk/passwd",  "kvt.dk/domain.conf", "kvt.dk/aliases",
					  "kvt.dk/x",	    "kvt.dk/include/l",	  "kvt.dk/include/m",
					  "kvt.dk/users/u", "kvt.dk/users/v" };
static char top[] = "/dev/shm/pv-fuzz-route-XXXXXX", home[80], spool[80];
static int folder = -1;
static struct pv_store store;

struct part {
	const char *s;
	size_t len;
};

/* --- the files --- */

static void put(const char *name, const char *s, size_t len)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(fd >= 0 && pv_write_all_at(fd, s, len, 0) == 0);
	(void)close(fd);
}

static void make_folder(const char *name, bool accounts)
{
	require(mkdirat(folder, name, 0755) == 0);
	require(!accounts || geteuid() != 0 ||
		fchownat(folder, name, ACCOUNT, ACCOUNT, AT_SYMLINK_NOFOLLOW) == 0);
}

static void prepare(void)
{
	static const char *const accounts[] = { "kvt.dk", "kvt.dk/include", "kvt.dk/users",
						"home",	  "spool/kvt.dk",   "spool/kvt.dk/.files" };
	char text[200];

	folder = folder_make(top);
	require(chmod(top, 0755) == 0);
	(void)snprintf(home, sizeof home, "%s/home", top);
	(void)snprintf(spool, sizeof spool, "%s/spool/kvt.dk", top);
	make_folder("spool", false);
	for (size_t i = 0; i < sizeof accounts / sizeof *accounts; i++)
		make_folder(accounts[i], true);
	put("spool/kvt.dk/.files/i.auto", "", 0);
	put("spool/kvt.dk/.files/u.auto", "", 0);
	put("spool/kvt.dk/.files/u.vacation.db", "", 0);
	put("host-addresses", "postmaster root\n", 16);
	int n = snprintf(text, sizeof text, "spool_directory = %s/spool\n", top);
	put("virtual.conf", text, (size_t)n);
	require(pv_store_open(top, &store, NULL) == PV_OK);
}

/* With the folder's path in the place of TOP. */
static void put_text(const char *name, const struct part *part)
{
	struct pv_buf text = PV_BUF_INIT(1 << 20);

	for (size_t i = 0; i < part->len; i++)
		if (part->len - i >= 3 && memcmp(part->s + i, "TOP", 3) == 0) {
			pv_buf_adds(&text, top);
			i += 2;
		} else {
			pv_buf_addc(&text, part->s[i]);
		}
	put(name, text.s, text.len);
	pv_buf_free(&text);
}

static void put_all(const struct part parts[PARTS])
{
	struct pv_buf domains = PV_BUF_INIT(LIMIT);
	const char *newline = memchr(parts[OPTIONS].s, '\n', parts[OPTIONS].len);

	pv_buf_adds(&domains, "kvt.dk ");
	pv_buf_add(&domains, parts[OPTIONS].s,
		   newline != NULL ? (size_t)(newline - parts[OPTIONS].s) : parts[OPTIONS].len);
	pv_buf_adds(&domains, "\nkvt.org alias_of=kvt.dk\n");
	put("domains", domains.s, domains.len);
	for (size_t i = 0; i < FILES; i++)
		if (parts[FIRST_FILE + i].len > 0)
			put_text(names[i], &parts[FIRST_FILE + i]);
		else
			(void)unlinkat(folder, names[i], 0);
	pv_buf_free(&domains);
}

/* --- what comes of it --- */

static const char *home_of(void *ctx)
{
	(void)ctx;
	return home;
}

static enum pv_class resolve(const struct part *local, struct pv_trail *trail, struct pv_route *r,
			     struct pv_error *e)
{
	struct pv_route_query q = { .store = &store,
				    .account = geteuid() == 0 ? ACCOUNT : geteuid(),
				    .account_home = home_of,
				    .to = { .local = local->s, .local_len = local->len },
				    .sender = "s@example.org",
				    .trail = trail };

	require(pv_domain_parse("kvt.dk", 6, &q.to.domain, NULL) == PV_OK);
	return pv_route_resolve(&q, r, e);
}

static void write_route(const struct pv_route *r, struct pv_buf *out)
{
	pv_buf_addf(out, "%d %s %s %s %d\n", r->refused, r->status, r->text, r->name.len > 0 ? r->name.s : "",
		    r->by_fallback);
	for (size_t i = 0; i < r->count; i++) {
		const struct pv_action *a = &r->actions[i];
		pv_buf_addf(out, "%d %s %s %s %s:%u", (int)a->kind, a->of != NULL ? a->of->user.s : "",
			    a->text != NULL ? a->text : "", a->owner != NULL ? a->owner : "", a->file,
			    a->line);
		for (size_t k = 0; a->argv != NULL && a->argv[k] != NULL; k++)
			pv_buf_addf(out, " `%s`", a->argv[k]);
		pv_buf_addc(out, '\n');
	}
}

/* Is there a line in passwd that begins with that name? */
static bool is_user(const struct part *passwd, const struct pv_user *u)
{
	const char *p = passwd->s, *end = passwd->s + passwd->len;

	while (p != NULL && (size_t)(end - p) > u->len) {
		if (strncasecmp(p, u->s, u->len) == 0 && p[u->len] == ':')
			return true;
		p = memchr(p, '\n', (size_t)(end - p));
		p = p != NULL ? p + 1 : NULL;
	}
	return false;
}

static bool is_clean(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static void check_path(const char *s)
{
	const char *in[] = { spool, "", home, "/Mail" };
	bool inside = false;

	for (size_t i = 0; i < 4; i += 2) {
		size_t len = strlen(in[i]), more = strlen(in[i + 1]);
		inside = inside || (strncmp(s, in[i], len) == 0 && strncmp(s + len, in[i + 1], more) == 0 &&
				    s[len + more] == '/');
	}
	require(inside && strstr(s, "/.") == NULL && strstr(s, "//") == NULL && strstr(s, ".lock/") == NULL);
	require(strlen(s) < 5 || strcmp(s + strlen(s) - 5, ".lock") != 0);
}

/* No address that only this host may use, and none of the domain's own, which are followed. */
static void check_forward(const struct pv_route *r, const char *s)
{
	const char *at = strrchr(s, '@');
	struct pv_domain d, ours;

	require(s[0] != '\0' && s[0] != '-' && s[0] != '@' && is_clean(s));
	if (at == NULL || pv_domain_parse(at + 1, strlen(at + 1), &d, NULL) != PV_OK) {
		require(r->conf.forward_outside || at == NULL);
		return;
	}
	require(d.len < 8 || strcmp(d.s + d.len - 8, ".invalid") != 0);
	require(pv_domain_parse("kvt.dk", 6, &ours, NULL) == PV_OK);
	bool own = pv_domain_equal(&d, &ours) || strcmp(d.s, "kvt.org") == 0;
	require(!own || strncasecmp(s, "postmaster@", 11) == 0);
	require(r->conf.forward_outside || own || pv_domain_is_below(&d, &ours) ||
		strstr(d.s, ".kvt.org") != NULL);
}

static void check_action(const struct pv_route *r, const struct pv_action *a, const struct part parts[PARTS])
{
	bool commands = memmem(parts[OPTIONS].s, parts[OPTIONS].len, " commands=no", 12) == NULL &&
			(parts[OPTIONS].len < 11 || memcmp(parts[OPTIONS].s, "commands=no", 11) != 0);

	require(a->file != NULL && a->file[0] == '/' && strncmp(a->file, top, strlen(top)) == 0);
	switch (a->kind) {
	case PV_ACTION_MAILBOX:
		require(commands ||
			(*a->of->conf.mail.filter == '\0' && *a->of->conf.mail.deliver_with == '\0' &&
			 *a->of->conf.mail.after_storing == '\0'));
		/* fall through */
	case PV_ACTION_VACATION:
		require(is_user(&parts[FIRST_FILE], &a->of->user) && a->of->home != NULL &&
			a->of->name != NULL);
		require(pv_user_conf_receives(&a->of->conf, NULL));
		break;
	case PV_ACTION_FILE:
		check_path(a->text);
		break;
	case PV_ACTION_COMMAND:
		require(commands && a->argv != NULL && a->argv[0] != NULL && a->argv[0][0] == '/');
		break;
	case PV_ACTION_DISCARD:
		require(r->by_fallback);
		break;
	case PV_ACTION_FORWARD:
		check_forward(r, a->text);
		break;
	case PV_ACTION_RESPOND:
		require(strcmp(a->text, "i") == 0 || strcmp(a->text, "u") == 0);
		break;
	}
}

static bool is_same(const struct pv_action *a, const struct pv_action *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == PV_ACTION_MAILBOX || a->kind == PV_ACTION_VACATION)
		return pv_user_equal(&a->of->user, &b->of->user);
	return a->kind == PV_ACTION_DISCARD || strcmp(a->text, b->text) == 0;
}

static void check_route(const struct pv_route *r, const struct part parts[PARTS])
{
	require(r->count <= PV_ROUTE_ACTIONS_MAX && r->refused == (r->count == 0));
	require(!r->refused || (r->status[0] == '5' && r->text[0] != '\0' && is_clean(r->text)));
	require(r->conf.receive || r->refused);
	for (size_t i = 0; i < r->count; i++) {
		check_action(r, &r->actions[i], parts);
		require(i == 0 || r->actions[i - 1].kind <= r->actions[i].kind);
		for (size_t k = i; k-- > 0 && r->actions[k].kind == r->actions[i].kind;)
			require(!is_same(&r->actions[k], &r->actions[i]));
	}
}

/* --- the tables --- */

struct tables {
	struct pv_maps_work work;
	struct pv_maps_options options;
	struct pv_maps_report report;
	struct pv_files files;
	struct pv_plan_domain d;
	bool whole; /* nothing is wrong with the files */
};

/* All that a child sends about the domain. */
static void read_domain(struct tables *t)
{
	const struct pv_domain *const domains[] = { &t->d.domain };
	const struct pv_send_order order = {
		.store = &store, .uid = t->d.uid, .domains = domains, .count = 1
	};

	int fd = memfd_create("sent", MFD_CLOEXEC);
	require(fd >= 0 && pv_send_domains(&order, fd, NULL) == PV_OK);
	off_t size = lseek(fd, 0, SEEK_END);
	t->files.bytes = (struct pv_buf)PV_BUF_INIT(1 << 24);
	require(pread(fd, pv_buf_reserve(&t->files.bytes, (size_t)size), (size_t)size, 0) == size);
	pv_buf_grew(&t->files.bytes, (size_t)size);
	require(pv_files_parse(&t->files, 1) && t->files.done == 1);
	(void)close(fd);
}

static void make_tables(struct tables *t)
{
	struct pv_domain_files files;
	struct pv_error e;

	*t = (struct tables){ .work = { .store = &store, .options = &t->options, .report = &t->report },
			      .d = { .uid = geteuid() == 0 ? ACCOUNT : geteuid(), .account = "acct" } };
	require(pv_domain_parse("kvt.dk", 6, &t->d.domain, NULL) == PV_OK);
	pv_report_start(&t->report);
	t->whole = pv_registry_load(&store, &t->work.registry, NULL) == PV_OK &&
		   pv_hosts_load(&store, &t->work.hosts, NULL) == PV_OK;
	read_domain(t);
	pv_files_next(&t->files, &files);
	t->whole = t->whole && files.ok && pv_domain_keys_make(&t->work, &t->d, &files, &e) == PV_OK &&
		   t->report.complaint_count == 0 && !t->d.grows_only;
}

static void free_tables(struct tables *t)
{
	pv_keys_free(&t->d.keys);
	pv_keys_free(&t->d.refused);
	pv_keys_free(&t->d.expired);
	pv_keys_free(&t->d.followers);
	pv_strings_free(&t->d.patterns);
	pv_hosts_free(&t->work.hosts);
	pv_registry_free(&t->work.registry);
	pv_arena_free(&t->work.arena);
	pv_maps_report_free(&t->report);
	pv_files_free(&t->files);
}

/* As Postfix asks: the address, and without its tag. */
static const char *value_of(const struct pv_keys *keys, const struct part *local)
{
	const char *tag = memchr(local->s, '+', local->len);
	char key[200];

	(void)snprintf(key, sizeof key, "%.*s@kvt.dk", (int)local->len, local->s);
	const struct pv_key *found = pv_keys_find(keys, key);
	if (found != NULL)
		return found->value;
	(void)snprintf(key, sizeof key, "%.*s@kvt.dk", tag != NULL ? (int)(tag - local->s) : 0, local->s);
	found = key[0] != '@' ? pv_keys_find(keys, key) : NULL;
	return found != NULL ? found->value : NULL;
}

/* One that needs no quotes, in the letters in which it is looked up; none of the host's. */
static bool is_plain(const struct part *local)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789._+'-";

	if (local->len == 0 || local->len > 64 || local->s[0] == '-' || local->s[0] == '.' ||
	    (local->len >= 10 && memcmp(local->s, "postmaster", 10) == 0))
		return false;
	for (size_t i = 0; i < local->len; i++)
		if (local->s[i] == '\0' || strchr(bytes, local->s[i]) == NULL)
			return false;
	return true;
}

/* Did the walk come by a list? The tables are made without a look at it: all that is behind it may be closed.
 */
static bool is_beyond_tables(const struct pv_trail *trail)
{
	static const char step[] = "the list ";

	return memmem(trail->steps.s, trail->steps.len, step, sizeof step - 1) != NULL;
}

/* Postfix takes what a delivery does not refuse, and nothing else. */
static void compare(const struct part *local, const struct pv_route *r, const struct pv_trail *trail)
{
	struct tables t;

	make_tables(&t);
	if (t.whole) {
		const char *reply = value_of(&t.d.refused, local);
		bool refuses = reply != NULL && strcmp(reply, "DUNNO") != 0;
		bool taken = !refuses && (value_of(&t.d.keys, local) != NULL ||
					  pv_keys_find(&t.d.keys, "@kvt.dk") != NULL);
		require(r->refused || taken);
		require(!r->refused || !taken ||
			(strcmp(r->status, "5.2.1") == 0 && is_beyond_tables(trail)));
	}
	free_tables(&t);
}

static size_t count_lines(const struct pv_buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += b->s[i] == '\n';
	return n;
}

static void ask(const struct part parts[PARTS], size_t size)
{
	struct pv_trail trail = { .steps = PV_BUF_INIT(1 << 24) };
	struct pv_buf told = PV_BUF_INIT(1 << 24), again = PV_BUF_INIT(1 << 24);
	struct pv_error e = { .text = "" }, e_again = { .text = "" };
	struct pv_route r;

	enum pv_class c = resolve(&parts[LOCAL], &trail, &r, &e);
	/* Each name is followed once, each target is read once. */
	require(count_lines(&trail.steps) <= 20 + size);
	if (c == PV_OK) {
		check_route(&r, parts);
		if (is_plain(&parts[LOCAL]))
			compare(&parts[LOCAL], &r, &trail);
		write_route(&r, &told);
		pv_route_free(&r);
	} else {
		require(c == PV_TEMPORARY && e.class == c && e.text[0] != '\0' && is_clean(e.text));
		require(strcmp(e.status, "4.3.5") == 0);
	}
	require(resolve(&parts[LOCAL], NULL, &r, &e_again) == c);
	if (c == PV_OK) {
		write_route(&r, &again);
		pv_route_free(&r);
	}
	require(strcmp(e.text, e_again.text) == 0 && told.len == again.len &&
		memcmp(told.s, again.s, told.len) == 0);
	pv_buf_free(&trail.steps);
	pv_buf_free(&told);
	pv_buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	struct part parts[PARTS];
	size_t left = size;

	if (folder < 0)
		prepare();
	if (size > LIMIT)
		return 0;
	for (size_t i = 0; i < PARTS; i++) {
		const char *end = i + 1 < PARTS && left > 0 ? memchr(s, '\1', left) : NULL;
		size_t n = end != NULL ? (size_t)(end - s) : left;
		parts[i] = (struct part){ s, n };
		s += n + (end != NULL);
		left -= n + (end != NULL);
	}
	put_all(parts);
	ask(parts, size);
	return 0;
}
