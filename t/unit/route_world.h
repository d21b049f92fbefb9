/*
 * route_world.h: what the tests of the resolver share: small worlds, each a few files of the domain kvt.dk,
 * and for each the addresses that are asked about and what mail for them comes to.
 *
 * What a route says is written as one text: a user's name for his mailbox, `/path` for a file, `|a|b` for a
 * command with its arguments, `delete`, `>address` for a forward (`>address by owner` where the envelope
 * sender is another), `auto:NAME` and `vacation:USER`, with `, ` between. In files and texts `TOP` is the
 * test's folder.
 *
 * The wrappers need `WRAP_<name> = $(READ_CALLS)` in links.mk.
 */
#ifndef PV_TEST_ROUTE_WORLD_H
#define PV_TEST_ROUTE_WORLD_H

#include "store_faults.h"

#include "route/route.h"

enum { WORLD_FILES = 12, WORLD_ROWS = 20 };

struct world_file {
	const char *path, *text; /* text NULL: a folder */
};

struct world_row {
	const char *local;
	const char *ends;    /* what it comes to */
	const char *refused; /* or how `STATUS TEXT` of a refusal begins */
	const char *defers;  /* or a part of the sentence */
	const char *domain;  /* NULL: kvt.dk */
	const char *sender;  /* NULL: s@example.org */
	const char
		*name; /* what it means, without its tag; "": neither a user nor an alias; NULL: anything */
};

struct world {
	const char *says; /* a sentence */
	struct world_file files[WORLD_FILES];
	struct world_row rows[WORLD_ROWS];
};

static char world_top[512];

/* text with the test's folder in the place of TOP. */
static inline const char *world_text(const char *text, char *memory, size_t size)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		bool top = strncmp(text, "TOP", 3) == 0;
		int k = snprintf(memory + n, size - n, "%.*s", top ? (int)sizeof world_top : 1,
				 top ? world_top : text);
		assert_true(k > 0 && (size_t)k < size - n);
		n += (size_t)k;
		text += top ? 2 : 0;
	}
	memory[n] = '\0';
	return memory;
}

/* Make the folders on the way to path, the account's but for those that are root's. */
static inline void world_folders(const struct scratch *s, const char *path)
{
	char part[300];

	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		(void)snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
		put_folder(s, part, strcmp(part, "spool") == 0 || strcmp(part, "messages") == 0 ? 0 : ACCOUNT,
			   0755);
	}
}

static inline void world_put(const struct scratch *s, const struct world_file *f)
{
	static char memory[256 * 1024];

	world_folders(s, f->path);
	if (f->text == NULL)
		put_folder(s, f->path, ACCOUNT, 0700);
	else
		put(s, f->path, world_text(f->text, memory, sizeof memory),
		    strchr(f->path, '/') == NULL ? 0 : ACCOUNT, strchr(f->path, '/') == NULL ? 0644 : 0600);
}

#define WORLD_PASSWD                                                                                         \
	"abc:x:60001:60001:A B C:.:\nbob:x:60001:60001:Bob:.:\njoe:x:60001:60001:Joe Who:.:\n"               \
	"off:x:60001:60001:Off:.:\nold:x:60001:60001:Old One:.:\n"

/* What all of them have. off is switched off, old has expired. */
static inline void world_begin(const struct scratch *s)
{
	static const struct world_file files[] = {
		{ "virtual.conf", "spool_directory = TOP/spool\n" },
		{ "domains", "kvt.dk sub_domains=yes\nkvt.org alias_of=kvt.dk\nplain.dk commands=no\n" },
		{ "kvt.dk/passwd", WORLD_PASSWD },
		{ "kvt.dk/users/off", "receive = no\n" },
		{ "kvt.dk/users/old", "expires = 2020-02-29\n" },
		{ "plain.dk/passwd", "abc:x:60001:60001:n:.:\n" },
		{ "sub.plain.dk/passwd", "abc:x:60001:60001:n:.:\n" },
		{ "spool/kvt.dk", NULL },
		{ "home/Mail", NULL },
	};

	(void)snprintf(world_top, sizeof world_top, "%s", s->path);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		world_put(s, &files[i]);
}

static inline const char *world_home(void *ctx)
{
	static char home[600];

	(void)ctx;
	(void)snprintf(home, sizeof home, "%s/home", world_top);
	return home;
}

static inline void world_add(struct pv_buf *out, const struct pv_action *a)
{
	pv_buf_adds(out, out->len > 0 ? ", " : "");
	switch (a->kind) {
	case PV_ACTION_MAILBOX:
		pv_buf_adds(out, a->of->user.s);
		break;
	case PV_ACTION_FILE:
		pv_buf_adds(out, a->text);
		break;
	case PV_ACTION_COMMAND:
		for (unsigned i = 0; a->argv[i] != NULL; i++)
			pv_buf_addf(out, "|%s", a->argv[i]);
		break;
	case PV_ACTION_DISCARD:
		pv_buf_adds(out, "delete");
		break;
	case PV_ACTION_FORWARD:
		pv_buf_addf(out, ">%s%s%s", a->text, a->owner != NULL ? " by " : "",
			    a->owner != NULL ? a->owner : "");
		break;
	case PV_ACTION_RESPOND:
		pv_buf_addf(out, "auto:%s", a->text);
		break;
	case PV_ACTION_VACATION:
		pv_buf_addf(out, "vacation:%s", a->of->user.s);
		break;
	}
}

/* The route as a text, in *out. */
static inline const char *world_write(const struct pv_route *r, struct pv_buf *out)
{
	pv_buf_reset(out);
	if (r->refused)
		pv_buf_addf(out, "%s %s", r->status, r->text);
	for (size_t i = 0; i < r->count; i++)
		world_add(out, &r->actions[i]);
	return out->s;
}

static inline enum pv_class world_resolve(const struct pv_store *store, const struct world_row *row,
					  struct pv_trail *trail, struct pv_route *r, struct pv_error *e)
{
	const struct pv_route_query q = { .store = store,
					  .account = ACCOUNT,
					  .account_home = world_home,
					  .to = { row->local, strlen(row->local),
						  domain(row->domain != NULL ? row->domain : "kvt.dk") },
					  .sender = row->sender != NULL ? row->sender : "s@example.org",
					  .trail = trail };

	return pv_route_resolve(&q, r, e);
}

/* Whatever comes to be done stands behind a place that said so. */
static inline void world_check_places(const struct pv_route *r)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct pv_action *a = &r->actions[i];
		if (a->file == NULL || a->file[0] != '/')
			fail_msg("action %zu has no place", i);
		if (a->kind == PV_ACTION_MAILBOX || a->kind == PV_ACTION_VACATION)
			assert_true(a->of != NULL && a->of->home != NULL && a->of->name != NULL);
		if (i > 0)
			assert_true(r->actions[i - 1].kind <= a->kind);
	}
}

static inline void world_check_row(const struct pv_store *store, const char *says,
				   const struct world_row *row)
{
	char memory[8192], part[8192];
	struct pv_buf got = PV_BUF_INIT(1 << 20), steps = PV_BUF_INIT(1 << 20);
	struct pv_trail trail = { .steps = steps };
	unsigned before = open_descriptors();
	struct pv_error e = { .text = "" };
	struct pv_route r;

	enum pv_class c = world_resolve(store, row, &trail, &r, &e);
	if (c != PV_OK) {
		const char *want = row->defers == NULL ? NULL : world_text(row->defers, part, sizeof part);
		if (want == NULL || c != PV_TEMPORARY || e.status[0] != '4' || strstr(e.text, want) == NULL)
			fail_msg("%s: %s: %s %s", says, row->local, e.status, e.text);
	} else {
		const char *want = row->ends != NULL ? row->ends : row->refused;
		const char *is = world_write(&r, &got);
		bool right = want != NULL && r.refused == (row->ends == NULL);
		if (right && r.refused)
			right = strncmp(is, want, strlen(want)) == 0 && r.text[0] != '\0';
		else if (right)
			right = strcmp(is, world_text(want, memory, sizeof memory)) == 0;
		if (!right)
			fail_msg("%s: %s: got `%s`, want `%s`", says, row->local, is,
				 want != NULL ? want : row->defers);
		if (row->name != NULL)
			assert_string_equal(r.name.len > 0 ? r.name.s : "", row->name);
		world_check_places(&r);
		assert_true(trail.steps.len > 0);
		pv_route_free(&r);
	}
	assert_int_equal(open_descriptors(), before);
	pv_buf_free(&got);
	pv_buf_free(&trail.steps);
}

struct world_question {
	const struct pv_store *store;
	const struct world_row *row;
};

/* What an answer needs may be out of sight (EACCES): then there is none, and the mail is delivered. The bytes
 * in front of the answers. */
static inline size_t world_without_answers(const char *text)
{
	const char *answer = strstr(text, ", auto:");

	if (answer == NULL)
		answer = strstr(text, ", vacation:");
	return answer != NULL ? (size_t)(answer - text) : strlen(text);
}

static inline enum pv_class world_once(void *ctx, bool *right_r, struct pv_error *e)
{
	const struct world_question *q = ctx;
	struct pv_buf got = PV_BUF_INIT(1 << 20);
	char memory[8192], got_memory[8192] = "";
	struct pv_route r;

	got = (struct pv_buf)PV_BUF_ON(got_memory, sizeof got_memory - 1);
	enum pv_class c = world_resolve(q->store, q->row, NULL, &r, e);
	if (c != PV_OK)
		return c;
	const char *want = q->row->ends != NULL ? world_text(q->row->ends, memory, sizeof memory) : NULL;
	const char *is = world_write(&r, &got);
	if (want == NULL)
		*right_r = r.refused && strncmp(is, q->row->refused, strcspn(q->row->refused, " ")) == 0;
	else
		*right_r = !r.refused && strncmp(is, want, world_without_answers(want)) == 0;
	pv_route_free(&r);
	return c;
}

/* Every world, every row; then every row with each call that fails. */
static inline void world_check_all(const struct scratch *s, const struct world *worlds, size_t count,
				   bool with_faults)
{
	struct pv_store store;
	unsigned passed;

	for (size_t i = 0; i < count; i++) {
		world_begin(s);
		for (size_t k = 0; k < WORLD_FILES && worlds[i].files[k].path != NULL; k++)
			world_put(s, &worlds[i].files[k]);
		assert_int_equal(pv_store_open(s->path, &store, NULL), PV_OK);
		for (size_t k = 0; k < WORLD_ROWS && worlds[i].rows[k].local != NULL; k++) {
			struct world_question q = { &store, &worlds[i].rows[k] };
			if (!with_faults)
				world_check_row(&store, worlds[i].says, q.row);
			else if (q.row->defers == NULL && worlds[i].says[0] != '*')
				(void)each_fault(world_once, &q, &passed);
		}
		pv_store_close(&store);
		for (size_t k = WORLD_FILES; k-- > 0;)
			if (worlds[i].files[k].path != NULL && worlds[i].files[k].text != NULL)
				(void)unlinkat(s->fd, worlds[i].files[k].path, 0);
		for (size_t k = WORLD_FILES; k-- > 0;)
			if (worlds[i].files[k].path != NULL && worlds[i].files[k].text == NULL)
				(void)unlinkat(s->fd, worlds[i].files[k].path, AT_REMOVEDIR);
		(void)unlinkat(s->fd, "spool/kvt.dk/.files", AT_REMOVEDIR);
	}
}

#endif
