/*
 * environment_test.c: what a program is told, in qmail's terms.
 */
#include "scratch.h"

#include "../../virtual-deliver/environment.h"

static const char *value(const struct environment *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; env->list[i] != NULL; i++)
		if (strncmp(env->list[i], name, len) == 0 && env->list[i][len] == '=')
			return env->list[i] + len + 1;
	return NULL;
}

static void make(struct environment *env, const struct environment_words *w)
{
	struct pv_error e;

	assert_int_equal(environment_make(env, w, &e), PV_OK);
}

/* qmail-command(8): HOST2 is what precedes the last dot of HOST, HOST3 the one before, HOST4 the one before.
 */
static void hosts_lose_what_is_behind_their_last_dot(void **state)
{
	static const struct {
		const char *recipient, *hosts[4];
	} rows[] = {
		{ "a@b.c.d.e.f", { "b.c.d.e.f", "b.c.d.e", "b.c.d", "b.c" } },
		{ "a@kvt.dk", { "kvt.dk", "kvt", "kvt", "kvt" } },
		{ "\"x@y\"@a.b.c", { "a.b.c", "a.b", "a", "a" } },
		{ "a@host", { "host", "host", "host", "host" } },
		{ "a@", { "", "", "", "" } },
		{ "a", { "", "", "", "" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		static const char *const names[] = { "HOST", "HOST2", "HOST3", "HOST4" };
		const struct environment_words w = { .recipient = rows[i].recipient };
		struct environment env;
		make(&env, &w);
		for (size_t k = 0; k < 4; k++)
			assert_string_equal(value(&env, names[k]), rows[i].hosts[k]);
		environment_free(&env);
	}
}

static void every_byte_arrives_but_control_characters(void **state)
{
	char local[256], want[256];
	struct environment env;

	(void)state;
	for (int i = 0; i < 256; i++) {
		local[i] = (char)i;
		want[i] = i < 32 || i == 127 ? '?' : (char)i;
	}
	const struct environment_words w = {
		.local = local, .local_len = sizeof local, .sender = "a=b\nPATH=/evil", .sender_len = 14
	};
	make(&env, &w);
	assert_memory_equal(value(&env, "LOCAL"), want, sizeof want);
	assert_int_equal(strlen(value(&env, "LOCAL")), sizeof want);
	assert_string_equal(value(&env, "SENDER"), "a=b?PATH=/evil");
	assert_string_equal(value(&env, "PATH"), "/usr/bin:/bin");
	environment_free(&env);
}

static void each_name_is_there_once_whatever_is_unknown(void **state)
{
	const struct environment_words nothing = { .recipient = NULL };
	struct environment env;

	(void)state;
	(void)unsetenv("MAIL_CONFIG");
	make(&env, &nothing);
	size_t count = 0;
	for (; env.list[count] != NULL; count++)
		assert_string_equal(strchr(env.list[count], '=') + 1, count == 0 ? "/usr/bin:/bin" : "");
	assert_int_equal(count, 14);
	assert_null(value(&env, "MAIL_CONFIG"));
	environment_free(&env);
	(void)setenv("MAIL_CONFIG", "relative", 1);
	make(&env, &nothing);
	assert_null(value(&env, "MAIL_CONFIG"));
	environment_free(&env);
	(void)setenv("MAIL_CONFIG", "/etc/postfix-b", 1);
	make(&env, &nothing);
	assert_string_equal(value(&env, "MAIL_CONFIG"), "/etc/postfix-b");
	environment_free(&env);
}

static void what_is_too_large_is_an_error(void **state)
{
	char *huge = calloc(1, 300000);
	struct environment env;
	struct pv_error e;

	(void)state;
	assert_non_null(huge);
	memset(huge, 'x', 299999);
	const struct environment_words w = { .user = huge };
	assert_int_equal(environment_make(&env, &w, &e), PV_TEMPORARY);
	environment_free(&env);
	free(huge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_lose_what_is_behind_their_last_dot),
		cmocka_unit_test(every_byte_arrives_but_control_characters),
		cmocka_unit_test(each_name_is_there_once_whatever_is_unknown),
		cmocka_unit_test(what_is_too_large_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
