/*
 * Deliveries and sessions that remove mail, at the same time and on one mailbox: each message is fetched or
 * still there, whole, and none is there twice.
 */
#include "maildrop_world.h"

#include "mailbox/mailbox.h"

#include <sys/mman.h>
#include <sys/wait.h>

enum { DELIVERERS = 4, EACH = 150, SESSIONS = 3, ALL = DELIVERERS * EACH };

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	(void)fd;
	return 0; /* slow, and nobody pulls the plug here */
}

/* Shared by all processes. */
static struct {
	unsigned removed[ALL]; /* in how many sessions that were told so */
	unsigned maybe[ALL];   /* ... that were told that some of theirs could not be */
	unsigned deliverers;   /* that are at work */
	unsigned updates, refused;
} * shared;

static size_t make_text(unsigned id, char *out, size_t size)
{
	int n = snprintf(out, size, "From a@b Fri Nov 20 09:00:00 2026\nId: %u\n\n", id);

	for (unsigned i = 0; i < id % 90; i++)
		n += snprintf(out + n, size - (size_t)n, "line %u of %u\n", i, id);
	return (size_t)(n + snprintf(out + n, size - (size_t)n, "end %u\n\n", id));
}

static bool deliver(const struct pv_location *l, unsigned id)
{
	const struct pv_mailbox_options o = { .uid = geteuid(), .lock_deadline_ms = 20000 };
	unsigned char key[PV_ID_BYTES] = { 1 };
	char text[8192];
	enum pv_append_result r;
	struct pv_content content;
	struct pv_mailbox box;

	memcpy(key + 4, &id, sizeof id);
	pv_content_start(&content, -1);
	bool good = pv_content_add(&content, text, make_text(id, text, sizeof text), NULL) == PV_OK &&
		    pv_content_finish(&content, NULL) == PV_OK && pv_mailbox_open(l, &o, &box, NULL) == PV_OK;
	if (good) {
		good = pv_mailbox_append(&box, &content, key, &r, NULL) == PV_OK && r == PV_APPENDED;
		good = pv_mailbox_close(&box, NULL) == PV_OK && good;
	}
	pv_content_free(&content);
	return good;
}

/* Which message is it? It must be whole. -1: it is none of ours. */
static long id_of(const struct text *t)
{
	char want[8192];
	unsigned id;
	size_t at = 0, len = 0;

	if (sscanf(t->s, "Id: %u\r\n", &id) != 1 || id >= ALL)
		return -1;
	size_t n = make_text(id, want, sizeof want) - 1;
	for (at = model_line(want, 0, n); at < n; at++, len++) {
		if (want[at] == '\n' && (len >= t->len || t->s[len++] != '\r'))
			return -1;
		if (len >= t->len || t->s[len] != want[at])
			return -1;
	}
	return len == t->len ? (long)id : -1;
}

/* Fetch some, remove them. Returns false where something is wrong. */
static bool session(const struct pv_location *l, uint64_t *random)
{
	const struct pv_maildrop_options o = { .uid = geteuid(), .lock_deadline_ms = 20000 };
	struct text t = { .s = NULL };
	struct pv_maildrop *m;
	bool good = true;
	char id[PV_UIDL_SIZE];
	long ids[ALL];
	size_t n = 0;

	if (pv_maildrop_open(l, &o, &m, NULL) != PV_OK)
		return false;
	if (pv_maildrop_count(m) > 0 && next_random(random) % 2 == 0)
		(void)pv_maildrop_uidl(m, 0, id, NULL);
	for (size_t i = 0; good && i < pv_maildrop_count(m); i++) {
		t.len = 0;
		if (next_random(random) % 3 == 0)
			continue;
		/* Another session may have rewritten it. */
		if (pv_maildrop_check(m, i, NULL) != PV_OK ||
		    pv_maildrop_send(m, i, PV_ALL_LINES, into_text, &t, NULL) != PV_OK)
			break;
		ids[n] = id_of(&t);
		good = ids[n++] >= 0;
		pv_maildrop_set_deleted(m, i, true);
	}
	(void)usleep(next_random(random) % 4000); /* a client that thinks */
	bool removed = good && pv_maildrop_update(m, NULL) == PV_OK;
	(void)__atomic_add_fetch(removed ? &shared->updates : &shared->refused, 1, __ATOMIC_SEQ_CST);
	for (size_t i = 0; good && i < n; i++)
		(void)__atomic_add_fetch(removed ? &shared->removed[ids[i]] : &shared->maybe[ids[i]], 1,
					 __ATOMIC_SEQ_CST);
	pv_maildrop_close(m);
	text_free(&t);
	return good;
}

static int run_deliverer(const struct pv_location *l, unsigned which)
{
	bool good = true;

	for (unsigned i = 0; good && i < EACH; i++) {
		good = deliver(l, which * EACH + i);
		(void)usleep(1000); /* the sessions are to come in */
	}
	(void)__atomic_sub_fetch(&shared->deliverers, 1, __ATOMIC_SEQ_CST);
	return good ? 0 : 1;
}

static int run_sessions(const struct pv_location *l, unsigned which)
{
	uint64_t random = which;

	while (__atomic_load_n(&shared->deliverers, __ATOMIC_SEQ_CST) > 0)
		if (!session(l, &random))
			return 1;
	return 0;
}

/* Each is in the mailbox once, or one session removed it. */
static void check_box(const struct scratch *s)
{
	const struct pv_location l = box_location(s, "box");
	unsigned there[ALL] = { 0 };
	struct text t = { .s = NULL };
	unsigned fetched = 0, left = 0;

	struct pv_maildrop *m = box_open(&l);
	for (size_t i = 0; i < pv_maildrop_count(m); i++) {
		box_fetch(m, i, PV_ALL_LINES, &t);
		long id = id_of(&t);
		assert_true(id >= 0);
		there[id]++;
	}
	pv_maildrop_close(m);
	text_free(&t);
	for (unsigned i = 0; i < ALL; i++) {
		unsigned removed = shared->removed[i];
		if (there[i] + removed > 1 || (there[i] + removed == 0 && shared->maybe[i] == 0))
			fail_msg("message %u is there %u times, was removed %u times, perhaps %u", i,
				 there[i], removed, shared->maybe[i]);
		left += there[i];
		fetched += removed;
	}
	print_message("# %u messages removed in %u sessions, %u sessions refused, %u messages left\n",
		      fetched, shared->updates, shared->refused, left);
	assert_true(fetched > 0);
}

static void deliveries_and_sessions(void **state)
{
	const struct pv_location l = box_location(*state, "box");
	int status, failed = 0;

	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	shared->deliverers = DELIVERERS;
	for (unsigned i = 0; i < DELIVERERS + SESSIONS; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(i < DELIVERERS ? run_deliverer(&l, i) : run_sessions(&l, i));
	}
	while (wait(&status) > 0)
		failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	assert_int_equal(failed, 0);
	check_box(*state);
	assert_false(faccessat(((struct scratch *)*state)->fd, ".box.new", F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	(void)munmap(shared, sizeof *shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(deliveries_and_sessions, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests_name("maildrop_parallel", tests, NULL, NULL);
}
