/*
 * history_test.c: random histories of one mailbox. Deliveries that are killed or fail at a random call,
 * retries, other programs that append, delete and rewrite, the mailbox or any side file put back from an
 * earlier moment. After each step: no byte that is not ours was cut or overwritten, what was acknowledged is
 * there, once.
 *
 * PV_HISTORIES sets how many (100,000), PV_SEED the first seed. A failure names its seed; PV_HISTORIES=1 with
 * that PV_SEED has it again.
 */
#include "history_world.h"

/* --- a delivery --- */

struct run {
	struct message *message;
	struct pv_content content;
	enum pv_class class;
	enum pv_append_result result;
	struct pv_error error;
};

static void deliver(void *ctx)
{
	const struct pv_mailbox_options o = { .uid = geteuid(), .lock_deadline_ms = 200 };
	unsigned char id[PV_ID_BYTES] = { 0 };
	struct run *r = ctx;
	struct pv_mailbox box;

	(void)snprintf((char *)id, sizeof id, "%.20s", r->message->body + 6);
	r->class = pv_mailbox_open(&w.where, &o, &box, &r->error);
	if (r->class != PV_OK)
		return;
	r->class =
		pv_mailbox_append(&box, &r->content, r->message->has_id ? id : NULL, &r->result, &r->error);
	enum pv_class closed = pv_mailbox_close(&box, NULL);
	if (r->class == PV_OK)
		r->class = closed;
}

/* Would truncating to the size that an open journal tells of have cut what is not ours? */
static void ask_naive(void)
{
	struct pv_content content;
	struct pv_journal j;
	bool open = false;

	int fd = __real_openat(w.scratch->fd, ".box.journal", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	assert_int_equal(pv_journal_load(fd, &w.where, &j, &content, &open, NULL), PV_OK);
	if (open)
		pv_content_free(&content);
	(void)__real_close(fd);
	for (size_t i = open ? (size_t)j.start : w.box.len; i < w.box.len; i++)
		naive_would_destroy |= !w.box.ours[i];
}

#define MUST(what, ...) (void)((what) || (broken(#what, __VA_ARGS__), 0))

static void broken(const char *what, const char *sentence, unsigned which)
{
	fail_msg("PV_SEED=%lu, step %lu: %s (message %u): not %s", total.histories, total.steps, sentence,
		 which, what);
}

/* The mailbox after a delivery: all that is not ours stands where it stood. */
static void look_at_box(void)
{
	size_t keep = 0;

	copy_image(&before, &w.box);
	for (size_t i = 0; i < before.len; i++)
		if (!before.ours[i])
			keep = i + 1;
	ssize_t n = get_file("box", w.box.bytes, sizeof w.box.bytes);
	w.box.exists = n >= 0;
	w.box.len = n > 0 ? (size_t)n : 0;
	MUST(w.box.len >= keep && memcmp(w.box.bytes, before.bytes, keep) == 0,
	     "bytes of others were changed", 0);
	size_t same = 0;
	while (same < before.len && same < w.box.len && w.box.bytes[same] == before.bytes[same])
		same++;
	for (size_t i = same; i < w.box.len; i++)
		w.box.ours[i] = true;
	for (unsigned i = 0; i < w.n_messages; i++)
		MUST(wholes(&w.box, &w.messages[i]) >= wholes(&before, &w.messages[i]),
		     "a whole message was cut", i);
	if (w.box.len != before.len || same < before.len || !before.exists)
		w.box.mtime = w.now;
	stamp();
}

static void check_acknowledged(const struct run *r)
{
	const struct message *m = r->message;
	unsigned which = (unsigned)(m - w.messages), n = copies(&w.box, m);

	if (r->result == PV_DUPLICATE) {
		total.duplicates++;
		MUST(n >= 1 || (m->removed && !m->clean), "acknowledged as stored before, and not there",
		     which);
		MUST(w.box.len == before.len || memchr(before.ours, true, before.len) != NULL,
		     "a duplicate changed the box", which);
	} else {
		MUST(n >= 1, "acknowledged and not there", which);
		size_t at = start_of(&w.box, m);
		MUST(at == 0 || w.box.bytes[at - 1] == '\n', "glued to what stood before", which);
	}
	/* From now on nobody but others may take it away. The newlines before it stay ours. */
	if (n > 0) {
		size_t at = start_of(&w.box, m);
		char *body = memmem(w.box.bytes, w.box.len, m->body, strlen(m->body));
		memset(w.box.ours + at, false, (size_t)(body - w.box.bytes) + strlen(m->body) - at);
	}
}

static void check_all(void)
{
	for (unsigned i = 0; i < w.n_messages; i++) {
		const struct message *m = &w.messages[i];
		unsigned n = copies(&w.box, m);
		MUST(n <= 1 || m->may_repeat || !m->has_id, "stored twice", i);
		MUST(n >= 1 || !m->acknowledged || m->removed, "acknowledged and lost", i);
	}
}

static void check_failed(const struct run *r)
{
	total.failures++;
	w.may_leave = true;
	/* What was known may be lost with a journal that could not be written. */
	for (unsigned i = 0; i < w.n_messages; i++)
		w.messages[i].clean = false;
	MUST(r->class == PV_TEMPORARY, "a failure is temporary", 0);
	bool had_torn = memchr(before.ours, true, before.len) != NULL;
	MUST(trip.hit_sync || had_torn || w.box.len == before.len ||
		     memchr(w.box.ours, true, w.box.len) != NULL,
	     "a failed delivery left bytes", 0);
}

static void run_delivery(struct message *m)
{
	struct run r = { .message = m };

	ask_naive();
	make_content(m, &r.content);
	trip.kind = pick(3) == 0 ? TRIP_NONE : pick(4) == 0 ? TRIP_FAIL : TRIP_KILL;
	trip.nth = 1 + pick(16);
	trip.partly = pick(2) == 0;
	trip.err = pick(2) == 0 ? ENOSPC : EIO;
	trip.random = &w.random;
	m->started = true;
	bool whole = run_killed(deliver, &r);
	tell("message %td%s: %s at call %u (%s), class %d result %d", m - w.messages,
	     m->spooled ? ", spooled" : "",
	     !whole	? "killed"
	     : trip.hit ? "failed"
			: "ran",
	     trip.nth, m->has_id ? "id" : "no id", r.class, r.result);
	if (whole && r.class != PV_OK)
		tell("%s", r.error.text);
	look_at_box();
	if (whole && r.class == PV_OK) {
		check_acknowledged(&r);
		m->acknowledged = true;
	} else if (whole) {
		check_failed(&r);
	} else {
		total.kills++;
	}
	w.may_leave |= whole && trip.hit;
	pv_content_free(&r.content);
}

static struct message *unacknowledged(void)
{
	for (unsigned i = 0; i < w.n_messages; i++)
		if (!w.messages[i].acknowledged && (pick(2) == 0 || i + 1 == w.n_messages))
			return &w.messages[i];
	return NULL;
}

static void step_deliver(void)
{
	if (w.n_messages < MESSAGES_MAX && w.box.len < 30000)
		run_delivery(new_message());
}

static void step_retry(void)
{
	struct message *m = unacknowledged();

	if (m != NULL)
		run_delivery(m);
}

/* --- others --- */

/* Another program has changed the mailbox: which of ours are gone from it? */
static void others_wrote(const struct image *old, bool put_back)
{
	for (unsigned i = 0; i < w.n_messages; i++) {
		struct message *m = &w.messages[i];
		bool gone = copies(old, m) > copies(&w.box, m);
		m->clean = gone ? put_back : m->clean && put_back;
		m->removed |= gone;
		m->may_repeat |= copies(&w.box, m) > copies(old, m); /* a copy came back */
	}
}

static void add_bytes(const char *s, size_t len)
{
	memcpy(w.box.bytes + w.box.len, s, len);
	memset(w.box.ours + w.box.len, false, len);
	w.box.len += len;
}

/* Append a message: well made, without its last newlines, or a newline alone. */
static void step_append(void)
{
	static const char *const ends[] = { "\n\n", "\n", "", "\n\n" };
	char text[200];

	copy_image(&before, &w.box);
	int n = snprintf(text, sizeof text, "From o@y.org Fri Nov 20 09:00:00 2026\nX-Other: %u\n\nbody%s",
			 pick(1000000), ends[pick(4)]);
	if (pick(20) == 0)
		n = snprintf(text, sizeof text, "\n");
	add_bytes(text, (size_t)n);
	w.box.exists = true;
	w.box.mtime = w.now;
	put_box(false);
	others_wrote(&before, false);
}

/* Where the next message begins behind `at`. */
static size_t next_message(size_t at)
{
	for (size_t i = at + 1; i + 5 <= w.box.len; i++)
		if (w.box.bytes[i - 1] == '\n' && memcmp(w.box.bytes + i, "From ", 5) == 0)
			return i;
	return w.box.len;
}

static void cut(size_t from, size_t to)
{
	memmove(w.box.bytes + from, w.box.bytes + to, w.box.len - to);
	memmove(w.box.ours + from, w.box.ours + to, w.box.len - to);
	w.box.len -= to - from;
}

/* Delete a message, as a POP3 server does: in place or by rename. */
static void step_delete(void)
{
	size_t from = 0;

	if (w.box.len == 0)
		return;
	copy_image(&before, &w.box);
	for (unsigned i = pick(5); i > 0 && next_message(from) < w.box.len; i--)
		from = next_message(from);
	cut(from, next_message(from));
	w.box.mtime = w.now;
	put_box(pick(2) == 0);
	others_wrote(&before, false);
}

/* Add a Status line to a message, as Dovecot and mutt do; mutt keeps the old time. */
static void step_flag(void)
{
	static const char status[] = "Status: RO\n";
	size_t from = 0, len = sizeof status - 1;

	copy_image(&before, &w.box);
	for (unsigned i = pick(5); i > 0 && next_message(from) < w.box.len; i--)
		from = next_message(from);
	const char *line = w.box.len > 0 ? memchr(w.box.bytes + from, '\n', w.box.len - from) : NULL;
	if (line == NULL)
		return;
	size_t at = (size_t)(line + 1 - w.box.bytes);
	memmove(w.box.bytes + at + len, w.box.bytes + at, w.box.len - at);
	memmove(w.box.ours + at + len, w.box.ours + at, w.box.len - at);
	memcpy(w.box.bytes + at, status, len);
	memset(w.box.ours + at, false, len);
	w.box.len += len;
	if (pick(2) == 0)
		w.box.mtime = w.now;
	put_box(pick(2) == 0);
	others_wrote(&before, false);
}

static void step_save(void)
{
	struct saved *s = &w.saved[w.n_saved < SAVED_MAX ? w.n_saved++ : pick(SAVED_MAX)];

	copy_image(&s->box, &w.box);
	for (size_t i = 0; i < SIDES; i++)
		s->side[i].len = get_file(side_names[i], s->side[i].bytes, sizeof s->side[i].bytes);
}

static void put_side_back(const struct saved *s, size_t i)
{
	if (s->side[i].len < 0)
		(void)__real_unlinkat(w.scratch->fd, side_names[i], 0);
	else
		put_file(side_names[i], s->side[i].bytes, (size_t)s->side[i].len);
}

/* Put the mailbox back, with its old time as tar does, or with that of now as cp does. */
static void step_put_back(void)
{
	if (w.n_saved == 0)
		return;
	const struct saved *s = &w.saved[pick(w.n_saved)];
	bool keeps_time = pick(4) != 0;

	copy_image(&before, &w.box);
	copy_image(&w.box, &s->box);
	if (!keeps_time)
		w.box.mtime = w.now;
	put_box(pick(2) == 0);
	/* A mailbox that is removed, and made again by a delivery that is killed, has a new time. */
	others_wrote(&before, keeps_time && w.box.exists);
}

static void step_put_side_back(void)
{
	if (w.n_saved == 0)
		return;
	const struct saved *s = &w.saved[pick(w.n_saved)];

	put_side_back(s, pick(SPOOLED + 1));
	w.may_leave = true;
	for (unsigned i = 0; i < w.n_messages; i++) {
		w.messages[i].may_repeat |= w.messages[i].started;
		w.messages[i].clean = false;
	}
}

static void step_remove_side(void)
{
	(void)__real_unlinkat(w.scratch->fd, side_names[pick(SPOOLED + 1)], 0);
	w.may_leave = true;
	for (unsigned i = 0; i < w.n_messages; i++) {
		w.messages[i].may_repeat |= w.messages[i].started;
		w.messages[i].clean = false;
	}
}

/* --- histories --- */

static const struct {
	const char *name;
	void (*take)(void);
	unsigned weight;
} steps[] = { { "deliver", step_deliver, 8 },
	      { "retry", step_retry, 10 },
	      { "append", step_append, 4 },
	      { "delete", step_delete, 2 },
	      { "flag", step_flag, 2 },
	      { "save", step_save, 4 },
	      { "put back", step_put_back, 4 },
	      { "put side back", step_put_side_back, 3 },
	      { "remove side", step_remove_side, 1 } };

static void take_step(void)
{
	unsigned sum = 0, n;

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		sum += steps[i].weight;
	n = pick(sum);
	size_t i = 0;
	for (; n >= steps[i].weight; i++)
		n -= steps[i].weight;
	w.now += 1 + pick(100);
	model_time = (struct timespec){ .tv_sec = w.now, .tv_nsec = pick(1000000000) };
	w.now++;
	steps[i].take();
	tell("%s: %zu bytes", steps[i].name, w.box.len);
	check_all();
	total.steps++;
}

static void start_history(uint64_t seed)
{
	w.random = seed * 2862933555777941757U + 3037000493U;
	w.n_saved = w.n_messages = 0;
	w.box.len = 0;
	w.box.exists = false;
	w.box.mtime = 0;
	w.now = 1700000000;
	w.may_leave = false;
	naive_would_destroy = false;
	put_box(false);
	for (size_t i = 0; i < SIDES; i++)
		(void)__real_unlinkat(w.scratch->fd, side_names[i], 0);
}

/* In the end each message is tried until it is stored. */
static void finish_history(void)
{
	for (unsigned i = 0; i < w.n_messages; i++)
		for (unsigned n = 0; !w.messages[i].acknowledged; n++) {
			MUST(n < 100, "never stored", i);
			w.now += 60;
			model_time.tv_sec = w.now++;
			run_delivery(&w.messages[i]);
		}
	check_all();
	for (size_t i = 2; i < SIDES && !w.may_leave; i++)
		MUST(i == 3 || faccessat(w.scratch->fd, side_names[i], F_OK, 0) != 0, "a file was left over",
		     (unsigned)i);
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *s = getenv(name);

	return s != NULL ? strtoul(s, NULL, 10) : otherwise;
}

static void histories(void **state)
{
	unsigned long first = number("PV_SEED", 1), n = number("PV_HISTORIES", 100000);
	char path[600];

	w.scratch = *state;
	verbose = getenv("PV_VERBOSE") != NULL;
	(void)snprintf(path, sizeof path, "%s/box", w.scratch->path);
	w.where =
		(struct pv_location){ .dirfd = w.scratch->fd, .path = path, .name = strrchr(path, '/') + 1 };
	for (total.histories = first; total.histories < first + n; total.histories++) {
		start_history(total.histories);
		for (unsigned i = 3 + pick(STEPS_MAX); i > 0; i--)
			take_step();
		finish_history();
		total.naive_histories += naive_would_destroy;
	}
	print_message("# %lu histories, %lu kills, %lu failures, %lu known again; truncating to the "
		      "journal's size would "
		      "have destroyed mail in %lu\n",
		      n, total.kills, total.failures, total.duplicates, total.naive_histories);
	assert_true(n < 1000 ||
		    (total.naive_histories > n / 100 && total.kills > n && total.duplicates > n / 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(histories, scratch_make,
									    scratch_remove) };

	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
