/*
 * Any mailbox, any marks, and whatever other programs make of it between the opening of a session and its
 * update: what is removed is what was marked, and every other byte stays, in its order.
 *
 * PV_HISTORIES sets how many (2,000), PV_SEED the first seed. A failure names its seed.
 */
#include "maildrop_calls.h"

enum { MESSAGES = 9 };

static uint64_t random_state;
static struct model then, now;
static struct text box; /* what other programs left */

static struct {
	unsigned long updates, failures, removed, kept, lost_track;
} total;

static uint32_t pick(uint32_t n)
{
	return next_random(&random_state) % n;
}

static void add(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

static const char *any_of(const char *const *v, size_t n)
{
	return v[pick((uint32_t)n)];
}
#define ANY(...)                                                                                             \
	any_of((const char *const[]){ __VA_ARGS__ },                                                         \
	       sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

/* One of few, so that equal ones happen; or with an odd end. */
static void add_message(struct text *t)
{
	char line[100];
	const char *newline = ANY("\n", "\n", "\n", "\r\n");

	(void)snprintf(line, sizeof line, "From s%u@x Fri Nov 20 09:00:00 2026%s", pick(3), newline);
	add(t, line);
	if (pick(3) == 0)
		add(t, ANY("X-A: 1\n", "Status: RO\n", "Return-Path: <a>\n", "X-UIDL: own\n"));
	(void)snprintf(line, sizeof line, "Subject: %u%s%s", pick(12), newline, newline);
	add(t, line);
	for (unsigned n = pick(4); n > 0; n--)
		add(t, ANY("body\n", ">From x\n", "\n", "\r\n", "."));
	if (pick(12) != 0)
		add(t, pick(20) == 0 ? "\n" : "\n\n");
}

/* What a message says, without what others may add. */
static void content_of(const struct model_message *m, struct text *out)
{
	bool header = true;

	out->len = 0;
	add(out, "");
	for (size_t at = 0, next; at < m->wire.len; at = next) {
		const char *s = m->wire.s + at;
		next = model_line(m->wire.s, at, m->wire.len);
		header = header && *s != '\r';
		bool added = strncmp(s, "X-", 2) == 0 || strncmp(s, "Status:", 7) == 0 ||
			     strncmp(s, "Return-Path:", 12) == 0;
		if (!header || !added)
			text_add(out, s, next - at);
	}
}

static bool same_content(const struct model_message *a, const struct model_message *b)
{
	struct text x = { .s = NULL }, y = { .s = NULL };

	content_of(a, &x);
	content_of(b, &y);
	bool same = x.len == y.len && memcmp(x.s, y.s, x.len) == 0;
	text_free(&x);
	text_free(&y);
	return same;
}

/* --- others --- */

static void cut(struct text *t, size_t from, size_t to)
{
	memmove(t->s + from, t->s + to, t->len - to);
	t->len -= to - from;
	t->s[t->len] = '\0';
}

static void insert(struct text *t, size_t at, const char *what)
{
	struct text rest = { .s = NULL };

	text_add(&rest, t->s + at, t->len - at);
	t->len = at;
	add(t, what);
	text_add(t, rest.s, rest.len);
	text_free(&rest);
}

static void others_do_something(void)
{
	static struct model m;

	model_parse(box.s, box.len, &m);
	const struct model_message *one = m.n > 0 ? &m.v[pick((uint32_t)m.n)] : NULL;
	switch (pick(9)) {
	case 0:
	case 1:
	case 2: /* a delivery */
		if (box.len > 0 && box.s[box.len - 1] != '\n')
			add(&box, "\n");
		if (box.len > 1 && box.s[box.len - 2] != '\n')
			add(&box, "\n");
		add_message(&box);
		break;
	case 3: /* one that knows nothing of empty lines */
		add_message(&box);
		break;
	case 4: /* another session removes one */
		if (one != NULL)
			cut(&box, one->from, one->to);
		break;
	case 5: /* it was read */
		if (one != NULL)
			insert(&box, model_line(box.s, one->from, one->to), "Status: O\n");
		break;
	case 6: /* other bytes in place */
		if (one != NULL && one->to - one->from > 50)
			box.s[one->to - 1 - pick(10)] = 'Z';
		break;
	case 7: /* a copy of one */
		if (one != NULL) {
			struct text copy = { .s = NULL };
			text_add(&copy, box.s + one->from, one->to - one->from);
			text_add(&box, copy.s, copy.len);
			text_free(&copy);
		}
		break;
	default: /* a moment later nothing was before */
		if (pick(10) == 0)
			box.len = pick((uint32_t)box.len + 1);
	}
	model_free(&m);
}

static void put_box(const struct scratch *s, bool renamed)
{
	scratch_write(s, renamed ? "other" : "box", box.s, box.len);
	if (renamed)
		assert_int_equal(__real_renameat(s->fd, "other", s->fd, "box"), 0);
}

/* --- what must hold --- */

static size_t count(const struct model *m, const struct model_message *like, const bool *marked, bool which)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += (marked == NULL || marked[i] == which) && same_content(&m->v[i], like);
	return n;
}

/* Which of the messages from the ith on are gone, if `after` goes on with the others at `at`? false: it does
 * not. */
static bool find_gone(const struct text *after, size_t at, size_t i, bool *gone)
{
	if (i == now.n)
		return at == after->len;
	size_t len = now.v[i].to - now.v[i].from;
	gone[i] = false;
	if (after->len - at >= len && memcmp(after->s + at, box.s + now.v[i].from, len) == 0 &&
	    find_gone(after, at + len, i + 1, gone))
		return true;
	gone[i] = true;
	return find_gone(after, at, i + 1, gone);
}

/* The mailbox is what others left without some messages, all of which were marked. */
static void check(const struct scratch *s, enum pv_class c, const bool *marked, const char *why)
{
	bool gone[MODEL_MAX] = { false };
	struct text after = { .s = NULL };
	size_t i;

	read_file(s, "box", &after);
	model_parse(box.s, box.len, &now);
	/* All at once may take the empty lines before them along. */
	size_t at = now.n > 0 && after.len > 0 ? now.v[0].from : after.len;
	if (at > after.len || memcmp(after.s, box.s, at) != 0 || !find_gone(&after, at, 0, gone))
		fail_msg("PV_SEED=%lu: bytes that were not there: `%s`, before `%s`", total.updates, after.s,
			 box.s);
	for (i = 0; i < now.n; i++) {
		size_t were = count(&now, &now.v[i], NULL, false), went = count(&now, &now.v[i], gone, true);
		size_t wanted = count(&then, &now.v[i], marked, true);
		size_t kept = count(&then, &now.v[i], marked, false);
		if (went > wanted || were - went < (kept < were ? kept : were))
			fail_msg("PV_SEED=%lu: lost is `%.*s` (%s)", total.updates,
				 (int)(now.v[i].to - now.v[i].from), box.s + now.v[i].from, why);
		total.removed += gone[i];
		total.kept += !gone[i];
	}
	/* Done means: all of it. */
	for (i = 0; c == PV_OK && i < then.n; i++)
		if (marked[i] && count(&now, &then.v[i], gone, true) < count(&then, &then.v[i], marked, true))
			fail_msg("PV_SEED=%lu: said to be removed, and is not: message %zu of the session",
				 total.updates, i);
	text_free(&after);
	model_free(&now);
}

static void one_history(const struct scratch *s)
{
	struct pv_location l = box_location(s, "box");
	bool marked[MODEL_MAX] = { false };
	struct pv_error e = { .text = "" };
	char id[PV_UIDL_SIZE];

	box.len = 0;
	add(&box, pick(8) == 0 ? ANY("\n", "junk\n\n", "\r\n\n", ">From\n") : "");
	for (unsigned n = pick(MESSAGES); n > 0; n--)
		add_message(&box);
	put_box(s, true);
	model_parse(box.s, box.len, &then);
	struct pv_maildrop *m = box_open(&l);
	assert_int_equal(pv_maildrop_count(m), then.n);
	if (then.n > 0 && pick(3) != 0)
		must(pv_maildrop_uidl(m, pick((uint32_t)then.n), id, &e), &e);
	unsigned how_many = pick(4);
	for (size_t i = 0; i < then.n; i++) {
		marked[i] = how_many == 0 || (how_many < 3 && pick(3) == 0);
		pv_maildrop_set_deleted(m, i, marked[i]);
	}
	unsigned changes = pick(2) == 0 ? pick(4) : 0;
	for (unsigned k = 0; k < changes; k++)
		others_do_something();
	if (changes > 0)
		put_box(s, pick(2) == 0);
	enum pv_class c = pv_maildrop_update(m, &e);
	pv_maildrop_close(m);
	check(s, c, marked, e.text);
	total.failures += c != PV_OK;
	total.lost_track += changes == 0 && c != PV_OK;
	model_free(&then);
	assert_false(faccessat(s->fd, ".box.new", F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

static unsigned long number_of(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

static void histories(void **state)
{
	unsigned long n = number_of("PV_HISTORIES", 2000), seed = number_of("PV_SEED", 1);

	for (unsigned long i = 0; i < n; i++) {
		total.updates = seed + i;
		random_state = total.updates * 7919;
		one_history(*state);
	}
	text_free(&box);
	print_message("# %lu histories, %lu removed, %lu kept, %lu updates refused\n", n, total.removed,
		      total.kept, total.failures);
	/* Nobody but us was there, and all went well. */
	assert_int_equal(total.lost_track, 0);
	assert_true(n < 1000 ||
		    (total.removed > n / 2 && total.failures > n / 100 && total.failures < n / 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(histories, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests_name("maildrop_random", tests, NULL, NULL);
}
