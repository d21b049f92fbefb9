/*
 * Random histories of a Maildir: deliveries that are killed or fail at any call, readers, backups that are
 * put back, side files that are lost. A message that was acknowledged is there until a reader removes it or
 * an older Maildir takes its place; none is there twice; what is in new/ and cur/ is whole; and nothing stays
 * in tmp/. PV_SEED, PV_HISTORIES: from which one, and how many; PV_VERBOSE: tell what happens.
 */
#include "kill.h"

#include "mailbox/mboxrd.h"
#include "mailbox/store_message.h"

enum { MESSAGES_MAX = 10, SAVED_MAX = 3, STEPS_MAX = 20, FILES_MAX = 40, KERNEL_TIME = 1750000000 };

struct message {
	bool has_id, started, acknowledged;
	bool removed;	 /* by a reader, since it was seen last */
	bool may_repeat; /* side files that knew of it are gone, or older; or nobody was told that it was
			  * stored before a reader removed it */
	bool unseen; /* an older Maildir without it was put back, and a reader changed that before a delivery
		      * could see how old it was */
	unsigned stored; /* how often it may be there without an id */
	size_t size;
};

/* A Maildir that was saved. */
struct saved {
	char names[FILES_MAX][NAME_MAX + 8]; /* new/... and cur/... */
	int number[FILES_MAX];		     /* of the message; -1: another program's */
	unsigned n;
	bool removed[MESSAGES_MAX];
	unsigned n_messages;
	time_t times[2];
};

struct side {
	char bytes[8192];
	ssize_t len; /* -1: there is none */
};

static const char *const sides[] = { ".box.maildir", ".box.done" };
static const char *const folders[] = { "new", "cur" };

static struct {
	struct scratch *scratch;
	struct pv_location where;
	uint64_t random;
	struct message messages[MESSAGES_MAX];
	unsigned n_messages, n_saved, foreign, n_foreign_files;
	struct saved saved[SAVED_MAX];
	struct side old_sides[2];
	bool have_old_sides, tampered;
	bool restored; /* and no delivery has been here since */
	time_t now;
} w;

static struct {
	unsigned long history, kills, failures, duplicates, restores;
} total;

static bool verbose;

#define tell(...) (void)(verbose && (print_message("# " __VA_ARGS__), print_message("\n"), true))

static uint32_t pick(uint32_t n)
{
	return next_random(&w.random) % n;
}

int __real_closedir(DIR *d);
int __wrap_closedir(DIR *d);
int __wrap_closedir(DIR *d)
{
	int fd = dirfd(d);

	for (unsigned i = 0; i < held.n_fds; i++)
		if (held.fds[i] == fd)
			held.fds[i] = held.fds[--held.n_fds];
	return __real_closedir(d);
}

int __real_mkdirat(int fd, const char *name, mode_t mode);
int __wrap_mkdirat(int fd, const char *name, mode_t mode);
int __wrap_mkdirat(int fd, const char *name, mode_t mode)
{
	return is_hit() ? end_call() : __real_mkdirat(fd, name, mode);
}

/* --- what is there --- */

static size_t make_text(unsigned n, char out[4096])
{
	int len = snprintf(out, 4096, "X-Id: %u of %lu\n\n<", n, total.history);

	memset(out + len, 'a' + (int)(n % 26), w.messages[n].size);
	return (size_t)(len + snprintf(out + (size_t)len + w.messages[n].size, 4, ">\n")) +
	       w.messages[n].size;
}

static const char foreign_text[] = "Subject: another program's\n\nits text\n";

/* Which message is the file? -1: another program's. It must be whole. */
static int number_of(const char *path)
{
	char found[4200], want[4096];
	unsigned n = MESSAGES_MAX;

	int fd = __real_openat(w.scratch->fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, found, sizeof found);
	(void)__real_close(fd);
	if (len == sizeof foreign_text - 1 && memcmp(found, foreign_text, (size_t)len) == 0)
		return -1;
	if (len > 0)
		(void)sscanf(found, "X-Id: %u of ", &n);
	if (n >= w.n_messages || make_text(n, want) != (size_t)len || memcmp(found, want, (size_t)len) != 0)
		fail_msg("history %lu: %s holds %zd bytes that are no whole message", total.history, path,
			 len);
	return (int)n;
}

static void each_file(void (*use)(const char *path, void *ctx), void *ctx)
{
	char path[900];

	for (int k = 0; k < 2; k++) {
		(void)snprintf(path, sizeof path, "%s/box/%s", w.scratch->path, folders[k]);
		DIR *d = opendir(path);
		for (const struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;) {
			if (entry->d_name[0] == '.')
				continue;
			(void)snprintf(path, sizeof path, "box/%s/%s", folders[k], entry->d_name);
			use(path, ctx);
		}
		if (d != NULL)
			(void)__real_closedir(d);
	}
}

static void count_one(const char *path, void *ctx)
{
	unsigned *copies = ctx;
	int n = number_of(path);

	copies[n < 0 ? MESSAGES_MAX : n]++;
}

#define MUST(what, text, n)                                                                                  \
	do                                                                                                   \
		if (!(what))                                                                                 \
			fail_msg("history %lu: message %u: %s", total.history, (unsigned)(n), text);         \
	while (0)

static void check_all(void)
{
	unsigned copies[MESSAGES_MAX + 1] = { 0 };

	each_file(count_one, copies);
	for (unsigned i = 0; i < w.n_messages; i++) {
		const struct message *m = &w.messages[i];
		MUST(copies[i] > 0 || !m->acknowledged || m->removed, "it was acknowledged, and is not there",
		     i);
		MUST(copies[i] <= 1 || m->may_repeat || (!m->has_id && copies[i] <= m->stored),
		     "it is there twice", i);
	}
	MUST(copies[MESSAGES_MAX] == w.n_foreign_files, "another program's mail is not as it was", 0);
}

static unsigned copies_of(unsigned n)
{
	unsigned copies[MESSAGES_MAX + 1] = { 0 };

	each_file(count_one, copies);
	return copies[n];
}

/* The kernel stamps folders by a clock that the model does not have. */
static void stamp(void)
{
	char path[20];
	struct stat st;

	for (int k = 0; k < 2; k++) {
		const struct timespec t[2] = { { .tv_sec = w.now }, { .tv_sec = w.now } };
		(void)snprintf(path, sizeof path, "box/%s", folders[k]);
		if (fstatat(w.scratch->fd, path, &st, 0) == 0 && st.st_mtim.tv_sec > KERNEL_TIME)
			assert_int_equal(utimensat(w.scratch->fd, path, t, 0), 0);
	}
}

/* --- deliveries --- */

struct run {
	struct message *message;
	unsigned number;
	struct pv_content content;
	struct pv_stored stored;
	struct pv_error error;
	enum pv_class class;
};

static void deliver(void *ctx)
{
	const struct pv_store_options o = { .uid = geteuid(),
					    .lock_deadline_ms = 50,
					    .maildir = true,
					    .quota = { .bytes = pick(2) * 1000000 } };
	struct run *r = ctx;
	unsigned char id[PV_ID_BYTES] = { 9 };

	memcpy(id + 1, &r->number, sizeof r->number);
	memcpy(id + 8, &total.history, sizeof total.history);
	/* The first bytes are what is kept. */
	id[0] = (unsigned char)r->number;
	r->class = pv_mailbox_store(&w.where, &o, &r->content, r->message->has_id ? id : NULL, &r->stored,
				    &r->error);
}

static void make_content(struct run *r)
{
	static const char from[] = "From s@x.org Fri Nov 20 10:00:00 2026\n";
	struct pv_mboxrd q = PV_MBOXRD_INIT;
	char text[4096];

	pv_content_start(&r->content, w.scratch->fd);
	size_t len = make_text(r->number, text);
	assert_int_equal(pv_content_add(&r->content, from, sizeof from - 1, NULL), PV_OK);
	assert_int_equal(pv_mboxrd_add(&q, &r->content, text, len, NULL), PV_OK);
	assert_int_equal(pv_mboxrd_finish(&q, &r->content, NULL), PV_OK);
	assert_int_equal(pv_content_finish(&r->content, NULL), PV_OK);
}

static void judge_run(const struct run *r, bool whole, unsigned before)
{
	struct message *m = r->message;
	unsigned now = copies_of(r->number);
	bool stored = whole && r->class == PV_OK && r->stored.result == PV_APPENDED;

	m->stored += now > before;
	MUST(now <= before + 1, "one delivery stored it twice", r->number);
	if (whole && r->class != PV_OK)
		MUST(now == before, "it was stored, and the sender is told that it was not", r->number);
	if (stored)
		MUST(now == before + 1, "it says that it was stored", r->number);
	if (whole && r->class == PV_OK && r->stored.result == PV_DUPLICATE) {
		total.duplicates++;
		MUST(now > 0 || m->removed || m->unseen || w.tampered, "it says that it was stored before",
		     r->number);
		m->removed = m->removed || now == 0;
	}
	w.restored = w.restored && !stored;
	/* A reader that removes what nobody knows to be stored may see it again: see maildir.h. */
	if (now > 0)
		m->removed = false;
	m->acknowledged = m->acknowledged || (whole && r->class == PV_OK);
}

static void run_delivery(unsigned n, enum trip kind)
{
	static const int errors[] = { EIO, ENOSPC, EDQUOT, EMFILE };
	struct run r = { .message = &w.messages[n], .number = n, .error = { .text = "" } };

	make_content(&r);
	unsigned before = copies_of(n);
	w.messages[n].started = true;
	trip.kind = kind;
	trip.nth = 1 + pick(22);
	trip.err = errors[pick(4)];
	trip.partly = true;
	trip.random = &w.random;
	bool whole = run_killed(deliver, &r);
	stamp();
	total.kills += !whole;
	total.failures += whole && r.class != PV_OK;
	tell("deliver %u: %s, %s%s", n, whole ? r.error.text : "killed",
	     whole && r.class == PV_OK ? "ok" : "not ok",
	     whole && r.class == PV_OK && r.stored.result == PV_DUPLICATE ? ", known" : "");
	pv_content_free(&r.content);
	judge_run(&r, whole, before);
}

static enum trip some_trip(void)
{
	uint32_t x = pick(8);

	return x < 4 ? TRIP_KILL : x < 6 ? TRIP_FAIL : TRIP_NONE;
}

static void step_deliver(void)
{
	if (w.n_messages == MESSAGES_MAX)
		return;
	unsigned n = w.n_messages++;
	w.messages[n] = (struct message){ .has_id = pick(6) != 0, .size = pick(3) == 0 ? 3000 : pick(300) };
	run_delivery(n, some_trip());
}

static void step_retry(void)
{
	unsigned n = w.n_messages > 0 ? pick(w.n_messages) : 0;

	if (n < w.n_messages && (!w.messages[n].acknowledged || w.messages[n].has_id))
		run_delivery(n, some_trip());
}

/* --- readers, and another program --- */

/* A Maildir that was put back has the time of now. */
static void touch(void)
{
	for (unsigned i = 0; i < w.n_messages && w.restored; i++)
		w.messages[i].unseen |= w.messages[i].started && copies_of(i) == 0;
	stamp();
}

static void read_one(const char *path, void *ctx)
{
	char to[900];

	(void)ctx;
	if (strncmp(path, "box/new/", 8) != 0 || pick(2) == 0)
		return;
	(void)snprintf(to, sizeof to, "box/cur/%s:2,S", path + 8);
	assert_int_equal(__real_renameat(w.scratch->fd, path, w.scratch->fd, to), 0);
}

static void step_read(void)
{
	each_file(read_one, NULL);
	touch();
}

static void remove_one(const char *path, void *ctx)
{
	unsigned one_in = *(unsigned *)ctx;
	int n = number_of(path);

	if (n < 0 || pick(one_in) != 0)
		return;
	assert_int_equal(__real_unlinkat(w.scratch->fd, path, 0), 0);
	w.messages[n].removed = true;
	w.messages[n].may_repeat |= !w.messages[n].acknowledged;
}

static void step_remove(void)
{
	unsigned one_in = 2;

	each_file(remove_one, &one_in);
	touch();
}

static void put_file(const char *path, const void *data, size_t len)
{
	scratch_write(w.scratch, path, data, len);
}

static void step_foreign(void)
{
	char path[60];
	struct stat st;

	if (fstatat(w.scratch->fd, "box/new", &st, 0) != 0)
		return;
	(void)snprintf(path, sizeof path, "box/new/%lld.F%u.other", (long long)w.now, w.foreign++);
	put_file(path, foreign_text, sizeof foreign_text - 1);
	w.n_foreign_files++;
	touch();
}

/* --- backups --- */

static void save_one(const char *path, void *ctx)
{
	struct saved *s = ctx;

	assert_true(s->n < FILES_MAX);
	(void)snprintf(s->names[s->n], sizeof s->names[s->n], "%s", path + 4);
	s->number[s->n++] = number_of(path);
}

static void step_save(void)
{
	struct saved *s = &w.saved[w.n_saved % SAVED_MAX];
	struct stat st;
	char path[20];

	if (fstatat(w.scratch->fd, "box/cur", &st, 0) != 0)
		return;
	s->n = 0;
	each_file(save_one, s);
	s->n_messages = w.n_messages;
	for (unsigned i = 0; i < w.n_messages; i++)
		s->removed[i] = w.messages[i].removed;
	for (int k = 0; k < 2; k++) {
		(void)snprintf(path, sizeof path, "box/%s", folders[k]);
		assert_int_equal(fstatat(w.scratch->fd, path, &st, 0), 0);
		s->times[k] = st.st_mtim.tv_sec;
	}
	w.n_saved++;
}

static void drop_one(const char *path, void *ctx)
{
	(void)ctx;
	assert_int_equal(__real_unlinkat(w.scratch->fd, path, 0), 0);
}

static void step_restore(void)
{
	const struct saved *s =
		&w.saved[w.n_saved > 0 ? pick(w.n_saved < SAVED_MAX ? w.n_saved : SAVED_MAX) : 0];
	bool there[MESSAGES_MAX] = { false };
	char path[NAME_MAX + 20], text[4096];

	if (w.n_saved == 0)
		return;
	each_file(drop_one, NULL);
	w.n_foreign_files = 0;
	for (unsigned i = 0; i < s->n; i++) {
		(void)snprintf(path, sizeof path, "box/%s", s->names[i]);
		if (s->number[i] >= 0) {
			put_file(path, text, make_text((unsigned)s->number[i], text));
			there[s->number[i]] = true;
		} else {
			put_file(path, foreign_text, sizeof foreign_text - 1);
			w.n_foreign_files++;
		}
	}
	for (int k = 0; k < 2; k++) {
		const struct timespec t[2] = { { .tv_sec = s->times[k] }, { .tv_sec = s->times[k] } };
		(void)snprintf(path, sizeof path, "box/%s", folders[k]);
		assert_int_equal(utimensat(w.scratch->fd, path, t, 0), 0);
	}
	for (unsigned i = 0; i < w.n_messages; i++) {
		struct message *m = &w.messages[i];
		m->removed = i < s->n_messages && s->removed[i];
		m->unseen = m->unseen && !there[i];
		/* Its sender is done with it; and what a reader had removed may be asked for again. */
		m->acknowledged = m->acknowledged && there[i];
		m->may_repeat |= m->started;
	}
	w.restored = true;
	total.restores++;
}

static void get_side(int k, struct side *out)
{
	int fd = __real_openat(w.scratch->fd, sides[k], O_RDONLY | O_CLOEXEC);

	out->len = fd < 0 ? -1 : read(fd, out->bytes, sizeof out->bytes);
	if (fd >= 0)
		(void)__real_close(fd);
}

static void tamper(void)
{
	w.tampered = true;
	for (unsigned i = 0; i < w.n_messages; i++)
		w.messages[i].may_repeat |= w.messages[i].started;
}

static void step_side(void)
{
	int k = (int)pick(2);

	if (!w.have_old_sides || pick(3) == 0) {
		for (int i = 0; i < 2; i++)
			get_side(i, &w.old_sides[i]);
		w.have_old_sides = true;
		return;
	}
	/* An older one, or none. An older list of ids with a Maildir of now knows too little, and that is
	 * all. */
	(void)__real_unlinkat(w.scratch->fd, sides[k], 0);
	if (w.old_sides[k].len >= 0 && w.old_sides[k].len < (ssize_t)sizeof w.old_sides[k].bytes &&
	    pick(2) == 0)
		put_file(sides[k], w.old_sides[k].bytes, (size_t)w.old_sides[k].len);
	tamper();
}

/* --- histories --- */

static const struct {
	const char *name;
	void (*take)(void);
	unsigned weight;
} steps[] = {
	{ "deliver", step_deliver, 8 }, { "retry", step_retry, 10 },	{ "read", step_read, 4 },
	{ "remove", step_remove, 2 },	{ "foreign", step_foreign, 2 }, { "save", step_save, 5 },
	{ "restore", step_restore, 5 }, { "side", step_side, 2 },
};

static void tick(void)
{
	w.now += 1 + pick(100);
	model_time = (struct timespec){ .tv_sec = w.now, .tv_nsec = pick(1000000000) };
	w.now++;
}

static void take_step(void)
{
	unsigned sum = 0;

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		sum += steps[i].weight;
	unsigned n = pick(sum);
	size_t i = 0;
	for (; n >= steps[i].weight; i++)
		n -= steps[i].weight;
	tick();
	tell("%s", steps[i].name);
	steps[i].take();
	check_all();
}

static void remove_box(void)
{
	static const char *const empty[] = { "box/tmp",		"box/new",
					     "box/cur",		"box",
					     ".box.making/tmp", ".box.making/new",
					     ".box.making/cur", ".box.making" };
	char path[900];

	each_file(drop_one, NULL);
	(void)snprintf(path, sizeof path, "%s/box/tmp", w.scratch->path);
	DIR *d = opendir(path);
	for (const struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;)
		if (entry->d_name[0] != '.')
			(void)__real_unlinkat(dirfd(d), entry->d_name, 0);
	if (d != NULL)
		(void)__real_closedir(d);
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
		(void)__real_unlinkat(w.scratch->fd, empty[i], AT_REMOVEDIR);
	for (int k = 0; k < 2; k++)
		(void)__real_unlinkat(w.scratch->fd, sides[k], 0);
}

static void start_history(unsigned long seed)
{
	total.history = seed;
	w.random = seed * 2862933555777941757U + 3037000493U;
	w.n_messages = w.n_saved = w.foreign = w.n_foreign_files = 0;
	w.have_old_sides = w.tampered = w.restored = false;
	w.now = 1700000000;
	remove_box();
}

/* In the end each message is tried until it is stored. */
static void finish_history(void)
{
	char path[600];

	for (unsigned i = 0; i < w.n_messages; i++)
		for (unsigned n = 0; !w.messages[i].acknowledged; n++) {
			MUST(n < 50, "it is never stored", i);
			tick();
			run_delivery(i, n == 0 ? some_trip() : TRIP_NONE);
		}
	check_all();
	tick();
	if (w.n_messages == 0)
		return;
	/* The last one may have been killed, or failed, at a removal. */
	w.messages[0].has_id = false;
	w.messages[0].may_repeat = true;
	run_delivery(0, TRIP_NONE);
	check_all();
	(void)snprintf(path, sizeof path, "%s/box/tmp", w.scratch->path);
	MUST(w.tampered || scratch_count(path) == 0, "something stays in tmp/", 0);
	MUST(faccessat(w.scratch->fd, ".box.making", F_OK, 0) != 0, "a folder is left", 0);
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *s = getenv(name);

	return s != NULL ? strtoul(s, NULL, 10) : otherwise;
}

static void histories(void **state)
{
	unsigned long first = number("PV_SEED", 1), n = number("PV_HISTORIES", 3000);
	char path[600];

	w.scratch = *state;
	verbose = getenv("PV_VERBOSE") != NULL;
	(void)snprintf(path, sizeof path, "%s/box", w.scratch->path);
	w.where =
		(struct pv_location){ .dirfd = w.scratch->fd, .path = path, .name = strrchr(path, '/') + 1 };
	for (unsigned long k = first; k < first + n; k++) {
		start_history(k);
		for (unsigned i = 3 + pick(STEPS_MAX); i > 0; i--)
			take_step();
		finish_history();
	}
	remove_box();
	print_message("# %lu histories, %lu kills, %lu failures, %lu known again, %lu backups put back\n", n,
		      total.kills, total.failures, total.duplicates, total.restores);
	assert_true(n < 1000 || (total.kills > n && total.failures > n / 4 && total.duplicates > n / 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(histories, scratch_make,
									    scratch_remove) };

	return cmocka_run_group_tests_name("maildir_history", tests, NULL, NULL);
}
