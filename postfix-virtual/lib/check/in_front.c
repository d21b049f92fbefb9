#include "check/checkup.h"

#include "change/words.h"
#include "maps/map.h"
#include "maps/postfix.h"
#include "store/conf.h"

#include <unistd.h>

enum { SECONDS = 60 };
#define LIST_MAX ((size_t)128 << 20)

/* A name that nobody has. */
#define NOBODY "pv-doctor-4kq9x2m7"

/* How a table's answer to a form of key is put. */
struct form {
	const char *before; /* in front of the domain */
	enum pv_severity in_front, behind;
	const char *effect;
};

static const struct form address_forms[] = {
	{ NOBODY "@", PV_CRITICAL, PV_WARNING,
	  "answers for every user of the domain, also for those who are not there" },
	{ "@", PV_WARNING, PV_WARNING, "takes mail for all who are no users of the domain" },
};
static const struct form domain_forms[] = {
	{ "", PV_WARNING, PV_WARNING,
	  "has the domain too, which stays known to Postfix when it is deleted here" },
};

static const struct list {
	const char *setting;
	const struct form *forms;
	size_t count;
	enum pv_map ours;
} lists[] = {
	/* What these know, smtpd(8) takes too, and cleanup(8) asks them before it comes to ours. */
	{ "recipient_canonical_maps", address_forms, 2, PV_MAP_ADDRESSES },
	{ "canonical_maps", address_forms, 2, PV_MAP_ADDRESSES },
	{ "virtual_alias_maps", address_forms, 2, PV_MAP_ADDRESSES },
	{ "virtual_alias_domains", domain_forms, 1, PV_MAP_DOMAINS },
};

/* What is asked now. */
struct question {
	const char *dir;
	const struct list *list;
	const char *table;
	bool in_front; /* of ours */
};

/* `KEY<TAB>value`: what the table has of what it was asked for. */
static void take_answer(struct pv_checkup *u, const struct question *q, const struct form *f, char *row)
{
	char place[PV_PLACE_SIZE];
	struct pv_domain d;

	row[strcspn(row, "\t")] = '\0';
	const char *name = row + strlen(f->before);
	if (strncmp(row, f->before, strlen(f->before)) != 0 ||
	    pv_domain_parse(name, strlen(name), &d, NULL) != PV_OK)
		return;
	const struct pv_subject *s = pv_subject_find(u, &d);
	if (s == NULL)
		return;
	pv_table_place(q->dir, q->list->setting, q->table, row, place);
	pv_found(u, q->in_front ? f->in_front : f->behind, d.s,
		 "a table of %s that is not ours %s: %s: take that line out", q->list->setting, f->effect,
		 place);
}

static enum pv_class ask_table(struct pv_checkup *u, const struct question *q, const struct form *f,
			       struct pv_error *e)
{
	const char *const argv[] = { PV_POSTMAP, "-c", q->dir, "-q", "-", q->table, NULL };
	struct pv_buf keys = PV_BUF_INIT(LIST_MAX), answers = PV_BUF_INIT(LIST_MAX);
	char *rest, *row;

	pv_subjects_list(u, f->before, &keys);
	enum pv_class c = pv_buf_check(&keys, "the list of domains", e);
	if (c == PV_OK)
		c = pv_postfix_ask(argv, &keys, SECONDS, &answers, e);
	rest = answers.s;
	while (c == PV_OK && (row = strsep(&rest, "\n")) != NULL)
		take_answer(u, q, f, row);
	pv_buf_free(&keys);
	pv_buf_free(&answers);
	return c;
}

/* A table whose server is away is one thing that is not known, and no reason to pass the others by. */
static void ask_forms(struct pv_checkup *u, const struct question *q)
{
	struct pv_error why = { .class = PV_OK };

	for (size_t i = 0; i < q->list->count; i++)
		if (ask_table(u, q, &q->list->forms[i], &why) != PV_OK) {
			pv_found(u, PV_UNKNOWN, q->table, "it stands in %s and cannot be asked: %s",
				 q->list->setting, why.text);
			return;
		}
}

static bool is_ours(const struct pv_checkup *u, const char *table)
{
	char folder[PATH_MAX + 2];

	(void)snprintf(folder, sizeof folder, "%s/", u->store->conf.map_directory);
	return strstr(table, folder) != NULL;
}

static enum pv_class ask_list(struct pv_checkup *u, const char *dir, const struct list *list,
			      struct pv_error *e)
{
	struct question q = { .dir = dir, .list = list, .in_front = true };
	struct pv_buf value = PV_BUF_INIT(LIST_MAX);
	const char *word;
	size_t len;

	enum pv_class c = pv_setting_value(dir, list->setting, &value, e);
	for (const char *p = value.s; c == PV_OK && pv_words_next(&p, &word, &len);) {
		char *table = strndup(word, len);
		if (table == NULL) {
			c = pv_fail(e, PV_TEMPORARY, NULL, "no memory for a table's name");
		} else if (is_ours(u, table)) {
			q.in_front = false;
		} else if (strchr(table, ':') != NULL) {
			q.table = table;
			ask_forms(u, &q);
		}
		free(table);
	}
	pv_buf_free(&value);
	return c;
}

enum pv_class pv_check_in_front(struct pv_checkup *u, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	char dir[PATH_MAX];

	for (size_t i = 0;
	     c == PV_OK && u->count > 0 && pv_conf_instance(&u->store->conf, i, dir, sizeof dir); i++)
		for (size_t l = 0; c == PV_OK && l < sizeof lists / sizeof *lists; l++)
			c = ask_list(u, dir, &lists[l], e);
	return c;
}
