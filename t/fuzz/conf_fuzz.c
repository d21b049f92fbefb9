/*
 * conf_fuzz.c: whatever stands in virtual.conf, domain.conf or users/USER, what is taken from it is what
 * the settings may be, and reads back as the same.
 */
#include "base/table.h"
#include "store/conf.h"
#include "store/mail_conf.h"
#include "t/fuzz/require.h"

#include <stdint.h>

static void require_sentence(enum pv_class c, const struct pv_error *e)
{
	require(c == PV_TEMPORARY && e->class == c && strstr(e->text, "fuzz, line ") == e->text);
}

static bool is_clean(const char *path)
{
	return strpbrk(path, " \t\"'\\$,;|&<>(){}\n") == NULL && strstr(path, "/../") == NULL;
}

static void check_values(const struct pv_conf *c)
{
	require(c->spool_directory[0] == '/' && is_clean(c->spool_directory));
	require(c->map_directory[0] == '/' && is_clean(c->map_directory));
	require(c->delivery_program[0] == '/' && is_clean(c->delivery_program));
	require(c->sendmail_program[0] == '/' && is_clean(c->sendmail_program));
	require(c->run_directory[0] == '/' && c->state_directory[0] == '/');
	require(c->mail_spool_home[0] != '/' && is_clean(c->mail_spool_home));
	require(strcmp(c->map_type, "lmdb") == 0);
}

static void read_back(const struct pv_conf *c)
{
	struct pv_conf again;
	struct pv_error e;

	pv_conf_defaults(&again);
	for (const struct pv_conf_item *i = pv_conf_items(); i->name != NULL; i++)
		pv_buf_addf(&again.text, "%s = %s\n", i->name, pv_conf_value(c, i->name));
	require(pv_conf_parse(&again, "again", &e) == PV_OK);
	for (const struct pv_conf_item *i = pv_conf_items(); i->name != NULL; i++)
		require(strcmp(pv_conf_value(c, i->name), pv_conf_value(&again, i->name)) == 0);
	pv_buf_free(&again.text);
}

static void read_virtual_conf(const uint8_t *data, size_t size)
{
	struct pv_conf c;
	struct pv_error e;

	pv_conf_defaults(&c);
	pv_buf_add(&c.text, data, size);
	enum pv_class class = pv_conf_parse(&c, "fuzz", &e);
	if (class == PV_OK) {
		check_values(&c);
		read_back(&c);
	} else {
		require_sentence(class, &e);
	}
	pv_buf_free(&c.text);
}

/* What is taken is what pv_mail_setting_check() takes, too. */
static void check_fallback(const struct pv_domain_conf *c)
{
	struct pv_error e;

	require(pv_mail_setting_check("fallback", c->fallback, false, &e) == PV_OK);
}

/* A change of one setting is read back, and the others say what they said. */
static void change_one(const uint8_t *data, size_t size, const struct pv_user_conf *before)
{
	struct pv_buf out = PV_BUF_INIT(1 << 20);
	struct pv_user_conf c;

	pv_mail_conf_change((const char *)data, size, "keep_copy", before->keep_copy ? "no" : "yes", &out);
	require(pv_user_conf_parse(&out, "fuzz", NULL, &c, NULL) == PV_OK);
	require(c.keep_copy != before->keep_copy && c.receive == before->receive &&
		strcmp(c.forward, before->forward) == 0 && c.mail.quota == before->mail.quota &&
		pv_day_compare(&c.expires, &before->expires) == 0);
	pv_user_conf_free(&c);
}

static void read_small_files(const uint8_t *data, size_t size)
{
	struct pv_buf b = PV_BUF_INIT(1 << 20);
	struct pv_domain_conf domain;
	struct pv_user_conf user;
	struct pv_error e;

	pv_buf_add(&b, data, size);
	enum pv_class c = pv_domain_conf_parse(&b, "fuzz", &domain, &e);
	if (c != PV_OK)
		require_sentence(c, &e);
	else
		check_fallback(&domain);
	pv_buf_add(&b, data, size);
	if ((c = pv_user_conf_parse(&b, "fuzz", NULL, &user, &e)) != PV_OK)
		require_sentence(c, &e);
	else
		change_one(data, size, &user);
	pv_user_conf_free(&user);
	pv_domain_conf_free(&domain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size <= 60000) {
		read_virtual_conf(data, size);
		read_small_files(data, size);
	}
	return 0;
}
