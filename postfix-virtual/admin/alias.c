#include "admin.h"

#include "address/idn.h"
#include "base/table.h"
#include "change/alias_read.h"
#include "change/alias_words.h"
#include "place.h"

static enum pv_class alias_object(const struct admin *a, struct pv_alias_word *n, struct pv_domain *d,
				  struct pv_error *e)
{
	return pv_alias_word_parse(a->objects[0], n, d, e);
}

static enum pv_class take_file(struct admin *a, unsigned *file_r, struct pv_error *e)
{
	const char *file = a->options[OPT_FILE];

	*file_r = 0;
	if (file == NULL)
		return PV_OK;
	if (strcmp(file, "1") != 0 && strcmp(file, "2") != 0)
		return usage_error(a, e, "--file `%.40s`: write 1 or 2, the first or second of extra_aliases",
				   file);
	*file_r = (unsigned)(*file - '0');
	return PV_OK;
}

static enum pv_class change(struct admin *a, bool must_be_new, struct pv_error *e)
{
	struct pv_alias_set o = { .must_be_new = must_be_new,
				  .targets = a->objects + 1,
				  .target_count = (size_t)a->object_count - 1,
				  .comment = a->options[OPT_COMMENT],
				  .expires = a->options[OPT_EXPIRES] };
	struct pv_alias_word n;
	struct pv_domain d;

	if (o.target_count == 0 && o.comment == NULL && o.expires == NULL)
		return usage_error(a, e, "a target is missing, or one of --comment and --expires");
	enum pv_class c = take_file(a, &o.file, e);
	if (c == PV_OK)
		c = alias_object(a, &n, &d, e);
	if (c == PV_OK)
		c = pv_alias_set(&a->change, &d, &n, &o, e);
	if (c == PV_OK)
		say_done(a,
			 a->change.already ? "alias %s@%s is so already"
			 : must_be_new	   ? "alias %s@%s added"
					   : "alias %s@%s set",
			 n.s, d.s);
	return c;
}

enum pv_class alias_add(struct admin *a, struct pv_error *e)
{
	return change(a, true, e);
}

enum pv_class alias_set(struct admin *a, struct pv_error *e)
{
	return change(a, false, e);
}

enum pv_class alias_delete(struct admin *a, struct pv_error *e)
{
	struct pv_alias_word n;
	struct pv_domain d;
	unsigned file;

	enum pv_class c = take_file(a, &file, e);
	if (c == PV_OK)
		c = alias_object(a, &n, &d, e);
	if (c == PV_OK)
		c = pv_alias_delete(&a->change, &d, &n, file, e);
	if (c == PV_OK)
		say_done(a, "alias %s@%s deleted", n.s, d.s);
	return c;
}

/* The targets as a list; what cannot be taken apart as one text. */
static json_t *targets_of(const struct pv_alias_entry *entry)
{
	struct pv_buf memory = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *at = entry->targets, *end = at + entry->targets_len;
	json_t *list = json_array();
	struct pv_target t;
	enum pv_class c;

	while (pv_target_next(&at, end, &memory, &t, &c, NULL)) {
		if (c != PV_OK)
			continue;
		const char *before = t.kind == PV_TARGET_USER	   ? "\\"
				     : t.kind == PV_TARGET_INCLUDE ? ":include:"
				     : t.kind == PV_TARGET_COMMAND ? "|"
								   : "";
		struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
		pv_buf_addf(&text, "%s%.*s", before, (int)t.len, t.text);
		(void)json_array_append_new(list, json_text(text.s));
		pv_buf_free(&text);
	}
	pv_buf_free(&memory);
	return list;
}

static void put_slice(json_t *o, const char *name, const char *s, size_t len)
{
	char *copy = strndup(s, len);

	put_text(o, name, copy != NULL ? copy : "");
	free(copy);
}

static void put_entry(struct admin *a, const struct pv_domain *d, const char *path,
		      const struct pv_alias_entry *entry)
{
	struct pv_buf name = PV_BUF_INIT(PV_ALIAS_NAME_MAX + PV_DOMAIN_MAX + 2);
	const struct pv_day *x = &entry->expires;
	char day[32] = "-";
	json_t *o = json_object();

	if (x->year != 0)
		(void)snprintf(day, sizeof day, "%04u-%02u-%02u", x->year, x->month, x->day);
	pv_buf_addf(&name, "%.*s@%s", (int)entry->name_len, entry->name, d->s);
	put_text(o, "alias", name.s);
	(void)json_object_set_new(o, "targets", targets_of(entry));
	put_text(o, "expires", x->year != 0 ? day : "");
	put_slice(o, "comment", entry->comment, entry->comment_len);
	put_text(o, "file", path);
	put_number(o, "line", entry->line);
	(void)json_array_append_new(a->result, o);
	put_silent(&a->text, name.s, name.len);
	pv_buf_addc(&a->text, '\t');
	put_silent(&a->text, entry->targets, entry->targets_len);
	pv_buf_addf(&a->text, "\t%s\t", day);
	put_silent(&a->text, entry->comment, entry->comment_len);
	pv_buf_addf(&a->text, "\t%s, line %u\n", path, entry->line);
	pv_buf_free(&name);
}

/* What is wrong with an entry is said, and does not hide the others. */
static void list_file(struct admin *a, const struct pv_domain *d, struct pv_alias_file *f, const char *path)
{
	struct pv_alias_entry entry;
	struct pv_error why;
	size_t at = 0;

	for (;;) {
		enum pv_class c = pv_alias_next(f, &at, &entry, &why);
		if (c == PV_OK && entry.name == NULL)
			return;
		if (c == PV_OK) {
			put_entry(a, d, path, &entry);
			continue;
		}
		pv_buf_addf(&a->change.notes, "%s\n", why.text);
		a->not_well = true;
	}
}

enum pv_class alias_list(struct admin *a, struct pv_error *e)
{
	struct pv_aliases aliases;
	struct place p;
	struct pv_domain d;

	enum pv_class c = pv_idn_domain(a->objects[0], &d, e);
	if (c != PV_OK)
		return c;
	c = open_place(a, &d, &p, e);
	if (c == PV_OK) {
		c = pv_aliases_read(&a->store, &p.folder, &p.account, &aliases, e);
		a->result = json_array();
		for (size_t i = 0; c == PV_OK && i < PV_ALIAS_FILES; i++)
			list_file(a, &d, &aliases.files[i], aliases.paths[i]);
		pv_aliases_free(&aliases);
	}
	close_place(&p);
	return c;
}
