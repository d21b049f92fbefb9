/* buffer_test.c: the invariants of buffer.h hold after any sequence of calls, with and without memory. */
#include "scratch.h"

#include "base/buffer.h"

static bool no_memory;

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_realloc(void *p, size_t size)
{
	if (no_memory) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_realloc(p, size);
}

static void assert_sane(const struct pv_buf *b)
{
	assert_non_null(b->s);
	assert_true(b->len <= b->max);
	assert_true(b->cap == 0 || b->len < b->cap);
	assert_int_equal(b->s[b->len], '\0');
	if (b->cap == 0) {
		assert_ptr_equal(b->s, pv_buf_empty);
		assert_int_equal(b->len, 0);
	}
	assert_int_equal(pv_buf_empty[0], '\0');
}

/* The model: what the buffer must hold, in memory that is never too small. */
struct model {
	char s[4096];
	size_t len;
	bool failed;
};

static void model_add(struct model *m, size_t max, const char *data, size_t len)
{
	if (m->failed || no_memory || m->len + len > max) {
		m->failed = true;
		return;
	}
	memcpy(m->s + m->len, data, len);
	m->len += len;
}

static void random_step(struct pv_buf *b, struct model *m, uint64_t *seed)
{
	static const char data[300] = "some bytes\0and more";
	size_t n = next_random(seed) % sizeof data;
	char *to;

	switch (next_random(seed) % 9) {
	case 0:
		pv_buf_reset(b);
		m->len = 0, m->failed = false;
		break;
	case 1:
		pv_buf_truncate(b, n * 4);
		m->len = n * 4 < m->len ? n * 4 : m->len;
		break;
	case 2:
		if (next_random(seed) % 8 != 0)
			break;
		pv_buf_free(b);
		m->len = 0, m->failed = false;
		break;
	case 3:
		pv_buf_addf(b, "%.*s", (int)(n % 10), data);
		model_add(m, b->max, data, n % 10);
		break;
	case 4:
		to = pv_buf_reserve(b, n);
		m->failed = to == NULL ? true : m->failed;
		if (to == NULL)
			break;
		memcpy(to, data, n);
		pv_buf_grew(b, n);
		model_add(m, b->max, data, n);
		break;
	case 5:
		pv_buf_addc(b, 'x');
		model_add(m, b->max, "x", 1);
		break;
	case 6:
		pv_buf_adds(b, data);
		model_add(m, b->max, data, strlen(data));
		break;
	default:
		pv_buf_add(b, data, n);
		model_add(m, b->max, data, n);
		break;
	}
}

static void random_operations_leave_it_sane(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int run = 0; run < 400; run++) {
		struct pv_buf b = PV_BUF_INIT(next_random(&seed) % 3000);
		struct model m = { .len = 0 };
		for (int step = 0; step < 100; step++) {
			random_step(&b, &m, &seed);
			assert_sane(&b);
			assert_int_equal(b.len, m.len);
			assert_memory_equal(b.s, m.s, m.len);
			assert_int_equal(b.failed, m.failed);
		}
		pv_buf_free(&b);
		assert_sane(&b);
	}
}

/* A buffer that begins in memory of its user: the same in every way, and that memory is never freed. */
static void borrowed_memory_is_left_when_it_is_too_small(void **state)
{
	uint64_t seed = 5;

	(void)state;
	for (int run = 0; run < 400; run++) {
		char memory[64] = "";
		struct pv_buf b = PV_BUF_ON(memory, 40 + next_random(&seed) % 3000);
		struct model m = { .len = 0 };
		for (int step = 0; step < 40; step++) {
			random_step(&b, &m, &seed);
			assert_sane(&b);
			assert_int_equal(b.len, m.len);
			assert_memory_equal(b.s, m.s, m.len);
			assert_int_equal(b.failed, m.failed);
		}
		if (run % 2)
			pv_buf_free(&b);
		else
			pv_buf_free_zero(&b);
		assert_sane(&b);
		assert_int_equal(b.cap, 0);
	}
}

static void past_the_limit_nothing_changes_but_the_mark(void **state)
{
	struct pv_buf b = PV_BUF_INIT(5);
	struct pv_error e;

	(void)state;
	pv_buf_adds(&b, "abc");
	pv_buf_adds(&b, "def");
	assert_true(b.failed);
	pv_buf_adds(&b, "d");
	assert_string_equal(b.s, "abc");
	assert_int_equal(pv_buf_check(&b, "the \x01 list", &e), PV_TEMPORARY);
	assert_string_equal(e.text, "the ? list: more than 5 bytes, or out of memory");
	pv_buf_reset(&b);
	pv_buf_adds(&b, "fghij");
	assert_int_equal(pv_buf_check(&b, "x", &e), PV_OK);
	assert_string_equal(b.s, "fghij");
	pv_buf_free(&b);
}

static void without_memory_the_content_stays(void **state)
{
	struct pv_buf b = PV_BUF_INIT(100000);
	char block[1000] = "x";

	(void)state;
	pv_buf_adds(&b, "abc");
	no_memory = true;
	pv_buf_add(&b, block, sizeof block);
	assert_true(b.failed);
	pv_buf_addf(&b, "%d", 7);
	no_memory = false;
	assert_string_equal(b.s, "abc");
	assert_sane(&b);
	pv_buf_free(&b);
}

/* AddressSanitizer ends the program on such sizes unless it is told otherwise. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void sizes_near_the_largest_number_fail(void **state)
{
	static const size_t limits[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 + 1 };

	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		struct pv_buf b = PV_BUF_INIT(limits[i]);
		assert_null(pv_buf_reserve(&b, SIZE_MAX));
		pv_buf_reset(&b);
		pv_buf_adds(&b, "abc");
		for (size_t less = 0; less < 6; less++) {
			assert_null(pv_buf_reserve(&b, limits[i] - less));
			b.failed = false;
		}
		assert_string_equal(b.s, "abc");
		pv_buf_free(&b);
	}
}

static void every_byte_is_kept(void **state)
{
	struct pv_buf b = PV_BUF_INIT(1000);

	(void)state;
	for (int c = 0; c < 256; c++)
		pv_buf_addc(&b, (char)c);
	assert_int_equal(b.len, 256);
	for (int c = 0; c < 256; c++)
		assert_int_equal((unsigned char)b.s[c], c);
	pv_buf_free(&b);
}

static void an_empty_append_needs_nothing(void **state)
{
	struct pv_buf b = PV_BUF_INIT(0);

	(void)state;
	pv_buf_add(&b, NULL, 0);
	pv_buf_adds(&b, "");
	pv_buf_addf(&b, "%s", "");
	assert_false(b.failed);
	assert_sane(&b);
	pv_buf_addc(&b, 'x');
	assert_true(b.failed);
	pv_buf_free(&b);
}

/* free() of a small block leaves all but its first bytes as they were; good enough to see zeros in. */
static void a_secret_is_overwritten(void **state)
{
	struct pv_buf b = PV_BUF_INIT(1000);
	static char before[256];

	(void)state;
	for (int i = 0; i < 20; i++)
		pv_buf_adds(&b, "secret....");
	const char *memory = b.s;
	memcpy(before, b.s, 200);
	assert_non_null(strstr(before, "secret"));
	pv_buf_free_zero(&b);
	assert_sane(&b);
#if !defined(__SANITIZE_ADDRESS__)
	/* Through volatile: the compiler may not reason about freed memory. */
	const volatile char *freed = (const volatile char *)(uintptr_t)memory;
	for (int i = 32; i < 200; i++)
		assert_int_equal(freed[i], 0);
#else
	(void)memory;
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_leave_it_sane),
		cmocka_unit_test(borrowed_memory_is_left_when_it_is_too_small),
		cmocka_unit_test(past_the_limit_nothing_changes_but_the_mark),
		cmocka_unit_test(without_memory_the_content_stays),
		cmocka_unit_test(sizes_near_the_largest_number_fail),
		cmocka_unit_test(every_byte_is_kept),
		cmocka_unit_test(an_empty_append_needs_nothing),
		cmocka_unit_test(a_secret_is_overwritten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
