#include "change/setup_plan.h"

#include "change/words.h"
#include "maps/postfix.h"
#include "store/conf.h"
#include "store/registry.h"

#include <unistd.h>

enum { CONF_MAX = 1 << 20 };

/* A Postfix that lacks a kind of table would refuse all mail once our words are in. */
static enum pv_class need_tables(const struct pv_store *s, const char *dir, struct pv_error *e)
{
	const char *argv[] = { PV_POSTCONF, "-c", dir, "-m", NULL };
	const char *needed[] = { s->conf.map_type, "pcre", "pipemap", "inline" };
	struct pv_buf out = PV_BUF_INIT(65536);
	struct pv_error why = { .class = PV_OK };

	enum pv_class c = pv_postfix_run(argv, NULL, 30, &out, NULL, &(int){ 0 }, &why);
	if (c != PV_OK)
		*e = why;
	for (size_t i = 0; c == PV_OK && i < sizeof needed / sizeof *needed; i++)
		if (!pv_words_have(out.s, needed[i]))
			c = pv_fail(
				e, PV_PERMANENT, NULL,
				"this Postfix has no %s tables: apt-get install postfix-lmdb postfix-pcre",
				needed[i]);
	pv_buf_free(&out);
	return c;
}

static enum pv_class check_paths(const struct pv_store *s, struct pv_error *e)
{
	const char *paths[] = { s->conf.map_directory, s->conf.delivery_program, s->dir };

	for (size_t i = 0; i < 3; i++)
		if (strpbrk(paths[i], " \t,{}$") != NULL)
			return pv_fail(e, PV_PERMANENT, NULL,
				       "%s cannot stand in main.cf: use a path without blanks, commas, "
				       "braces and `$`",
				       paths[i]);
	return PV_OK;
}

/* The record of the instance in dir; each is used once. One without a name is the first instance's. */
static void take_record(struct pv_setup_record *list, size_t count, const char *dir, bool first,
			struct pv_setup_record *r)
{
	for (size_t i = 0; i < count; i++) {
		if (!list[i].found || (list[i].dir == NULL ? !first : strcmp(list[i].dir, dir) != 0))
			continue;
		*r = list[i];
		list[i] = (struct pv_setup_record){ .found = false };
		return;
	}
}

static bool has_name(const struct pv_setup *p, const struct pv_setup_record *list, size_t count,
		     const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->instances[i].record.name, name) == 0)
			return true;
	for (size_t i = 0; i < count; i++)
		if (list[i].found && strcmp(list[i].name, name) == 0)
			return true;
	return false;
}

/* A name for the record of an instance that has none yet. */
static void name_record(struct pv_setup *p, struct pv_setup_instance *it, const struct pv_setup_record *list,
			size_t count)
{
	unsigned n = 1;

	if (it->record.found)
		return;
	char name[PV_RECORD_NAME] = "postfix";
	while (has_name(p, list, count, name))
		(void)snprintf(name, sizeof name, "postfix.%u", ++n);
	memcpy(it->record.name, name, sizeof name);
}

/* Those of the list, and for an undo also those that stood in it once. */
static enum pv_class find_instances(const struct pv_store *s, struct pv_setup *p,
				    struct pv_setup_record *records, size_t count, struct pv_error *e)
{
	size_t listed = pv_conf_instances(&s->conf);

	p->instances = calloc(listed + count, sizeof *p->instances);
	if (p->instances == NULL)
		return pv_fail(e, PV_TEMPORARY, NULL, "no memory for setup");
	for (p->count = 0; p->count < listed; p->count++) {
		struct pv_setup_instance *it = &p->instances[p->count];
		it->listed = pv_conf_instance(&s->conf, p->count, it->dir, sizeof it->dir);
		take_record(records, count, it->dir, p->count == 0, &it->record);
	}
	for (size_t i = 0; i < listed; i++)
		name_record(p, &p->instances[i], records, count);
	for (size_t i = 0; i < count; i++) {
		if (!records[i].found || records[i].dir == NULL)
			continue;
		if (!p->undo) {
			pv_buf_addf(&p->notes,
				    "%s has words of setup's still, and postfix_config_directory does not "
				    "name it any more: `postfix-virtual setup --undo` takes them out there "
				    "too, then run setup again\n",
				    records[i].dir);
			continue;
		}
		struct pv_setup_instance *it = &p->instances[p->count++];
		(void)snprintf(it->dir, sizeof it->dir, "%s", records[i].dir);
		it->record = records[i];
		records[i] = (struct pv_setup_record){ .found = false };
	}
	return PV_OK;
}

static enum pv_class load_instances(const struct pv_store *s, struct pv_setup *p, struct pv_error *e)
{
	struct pv_setup_record *records;
	size_t count;

	enum pv_class c = pv_setup_records_read(s, &records, &count, e);
	if (c == PV_OK)
		c = find_instances(s, p, records, count, e);
	for (size_t i = 0; i < count; i++)
		pv_setup_record_free(&records[i]);
	free(records);
	return c;
}

/* An instance that was removed from the host: only the record of it is left. */
static bool is_gone(const struct pv_setup_instance *it)
{
	char path[PATH_MAX + 16];

	(void)snprintf(path, sizeof path, "%s/main.cf", it->dir);
	return !it->listed && access(path, F_OK) != 0;
}

static enum pv_class plan_instance(const struct pv_store *s, struct pv_setup *p, struct pv_setup_instance *it,
				   struct pv_error *e)
{
	it->gone = is_gone(it);
	if (it->gone) {
		pv_buf_addf(&p->notes, "%s has no main.cf any more\n", it->dir);
		return PV_OK;
	}
	memcpy(it->next.name, it->record.name, sizeof it->next.name);
	if ((it->next.dir = strdup(it->dir)) == NULL)
		return pv_fail(e, PV_TEMPORARY, NULL, "no memory for setup");
	enum pv_class c = pv_postfix_config_read(it->dir, &it->now, e);
	if (c == PV_OK && !p->undo)
		c = need_tables(s, it->dir, e);
	if (c == PV_OK)
		c = pv_setup_plan_words(s, p, it, e);
	return c;
}

/* Before there is a folder for it there is no domain. */
static enum pv_class look_for_senders(const struct pv_store *s, struct pv_setup *p, struct pv_error *e)
{
	struct pv_registry r;

	if (s->dirfd < 0)
		return PV_OK;
	enum pv_class c = pv_registry_load(s, &r, e);
	for (size_t i = 0; c == PV_OK && i < r.count; i++)
		p->has_senders = p->has_senders || r.entries[i].sender_transport[0] != '\0';
	if (c == PV_OK)
		pv_registry_free(&r);
	return c;
}

static bool is_nothing(const struct pv_setup *p)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct pv_setup_instance *it = &p->instances[i];
		if (pv_postfix_edits_any(&it->edits) || it->record.found == p->undo)
			return false;
	}
	return !p->conf_changes;
}

enum pv_class pv_setup_plan(const struct pv_store *s, const struct pv_setup_order *order, struct pv_setup *p,
			    struct pv_error *e)
{
	*p = (struct pv_setup){ .undo = order->undo,
				.refuse_texts = order->refuse_texts,
				.conf_before = PV_BUF_INIT(CONF_MAX),
				.conf = PV_BUF_INIT(CONF_MAX),
				.diff = PV_BUF_INIT(64 << 20),
				.notes = PV_BUF_INIT(65536) };
	enum pv_class c = check_paths(s, e);
	if (c == PV_OK && !p->undo)
		c = look_for_senders(s, p, e);
	if (c == PV_OK)
		c = load_instances(s, p, e);
	for (size_t i = 0; c == PV_OK && i < p->count; i++)
		c = plan_instance(s, p, &p->instances[i], e);
	if (c == PV_OK)
		c = pv_setup_plan_conf(s, p, e);
	for (size_t i = 0; c == PV_OK && i < p->count; i++)
		if (pv_postfix_edits_any(&p->instances[i].edits))
			c = pv_postfix_config_diff(p->instances[i].dir, s->conf.run_directory,
						   &p->instances[i].edits, &p->diff, e);
	p->nothing = c == PV_OK && is_nothing(p);
	return c;
}
