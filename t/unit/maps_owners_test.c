/*
 * maps_owners_test.c: an account is found by its uid as getpwuid(3) finds it, however many are asked for.
 */
#include "scratch.h"

#include "maps/owners.h"

#include <pwd.h>

enum { LISTED = 700 };

/* The host: uids 1000 to 1699 are listed, 1500 twice; 5000 is answered for and not listed; 6000 fails. */
static int listed = -1; /* -1: not begun */
static unsigned asked, enumerated;
static bool no_memory;

static struct passwd entry_of(uid_t uid, const char *front)
{
	static char name[40];

	(void)snprintf(name, sizeof name, "%s%u", front, (unsigned)uid);
	return (struct passwd){ .pw_name = name, .pw_uid = uid, .pw_gid = uid + 1 };
}

void __wrap_setpwent(void);
void __wrap_setpwent(void)
{
	listed = 0;
	enumerated++;
}

void __wrap_endpwent(void);
void __wrap_endpwent(void)
{
	listed = -1;
}

struct passwd *__wrap_getpwent(void);
struct passwd *__wrap_getpwent(void)
{
	static struct passwd p;

	assert_true(listed >= 0);
	if (listed > LISTED)
		return NULL;
	p = listed == LISTED ? entry_of(1500, "late") : entry_of(1000 + (uid_t)(listed * 11 % LISTED), "u");
	listed++;
	return &p;
}

struct passwd *__wrap_getpwuid(uid_t uid);
struct passwd *__wrap_getpwuid(uid_t uid)
{
	static struct passwd p;

	asked++;
	errno = uid == 6000 ? EIO : 0;
	p = entry_of(uid, uid == 1500 ? "late" : "u");
	return (uid >= 1000 && uid < 1000 + LISTED) || uid == 5000 ? &p : NULL;
}

void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	errno = ENOMEM;
	return no_memory && n > 256 ? NULL : __real_reallocarray(p, n, size);
}

static void check(const struct pv_owners *o, uid_t uid, const char *name)
{
	struct pv_owner owner;
	struct pv_error e;
	bool found;

	enum pv_class c = pv_owners_get(o, uid, &owner, &found, &e);
	if (uid == 6000) {
		assert_int_equal(c, PV_TEMPORARY);
		assert_non_null(strstr(e.text, "look up uid 6000"));
		return;
	}
	assert_int_equal(c, PV_OK);
	assert_int_equal(found, name != NULL);
	if (name != NULL) {
		assert_string_equal(owner.name, name);
		assert_int_equal(owner.uid, uid);
		assert_int_equal(owner.gid, uid + 1);
	}
}

static void check_all(size_t accounts)
{
	struct pv_owners o;
	char name[40];

	asked = enumerated = 0;
	pv_owners_load(&o, accounts);
	for (uid_t uid = 1000; uid < 1000 + LISTED; uid++) {
		(void)snprintf(name, sizeof name, "%s%u", uid == 1500 ? "late" : "u", (unsigned)uid);
		check(&o, uid, name);
	}
	check(&o, 5000, "u5000");
	check(&o, 999, NULL);
	check(&o, 1700, NULL);
	check(&o, 6000, NULL);
	pv_owners_free(&o);
}

static void a_few_are_asked_for_one_by_one(void **state)
{
	(void)state;
	check_all(PV_OWNERS_MANY - 1);
	assert_int_equal(enumerated, 0);
	assert_int_equal(asked, LISTED + 4);
}

static void many_are_read_at_once(void **state)
{
	(void)state;
	check_all(PV_OWNERS_MANY);
	assert_int_equal(enumerated, 1);
	assert_int_equal(asked, 5); /* the four, and the uid with two names */
}

static void without_memory_for_all_it_works_all_the_same(void **state)
{
	(void)state;
	no_memory = true;
	check_all(PV_OWNERS_MANY);
	no_memory = false;
	assert_int_equal(asked, LISTED + 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_few_are_asked_for_one_by_one),
		cmocka_unit_test(many_are_read_at_once),
		cmocka_unit_test(without_memory_for_all_it_works_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
