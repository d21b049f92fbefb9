#include "store/hosts.h"

#include "base/file.h"
#include "base/table.h"
#include "store/registry.h"

#include <unistd.h>

enum { FILE_MAX = 256 * 1024 };

/* What a file that is not there says. */
#define DEFAULT_TEXT "abuse postmaster\npostmaster postmaster\n"

static int compare(const void *a, const void *b)
{
	const struct pv_host_address *x = a, *y = b;

	return strcmp(x->name.s, y->name.s);
}

static unsigned own_bit(const char *name)
{
	static const struct {
		const char *name;
		unsigned bit;
	} bits[] = { { "postmaster", PV_OWN_POSTMASTER },
		     { "abuse", PV_OWN_ABUSE },
		     { "webmaster", PV_OWN_WEBMASTER } };

	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
		if (strcmp(bits[i].name, name) == 0)
			return bits[i].bit;
	return 0;
}

/* A local name or an address that needs no quoting in a map. */
static bool is_target(const char *s, size_t len)
{
	static const char local[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+=-";
	struct pv_domain d;

	size_t n = strspn(s, local);
	if (n == 0 || s[0] == '-' || s[0] == '.' || s[n - 1] == '.' || memmem(s, n, "..", 2) != NULL)
		return false;
	return n == len || (s[n] == '@' && pv_domain_parse(s + n + 1, len - n - 1, &d, NULL) == PV_OK);
}

/* Check each target of `text` and write them with one comma and one blank between. */
static enum pv_class parse_targets(const struct pv_lines *it, const struct pv_line *l, char *text,
				   struct pv_host_address *a, struct pv_error *e)
{
	struct pv_buf out = PV_BUF_INIT(PV_HOST_TARGETS_MAX);
	enum pv_class c = PV_OK;
	char *word;

	for (char *p = text; *p != '\0'; p++)
		if (*p == ',')
			*p = ' ';
	while (c == PV_OK && (word = pv_word(&text)) != NULL) {
		if (!is_target(word, strlen(word)))
			c = pv_line_fail(it, l, e,
					 "`%.60s` is neither a local name nor an address: write "
					 "`root` or `someone@example.org`",
					 word);
		pv_buf_adds(&out, out.len > 0 ? ", " : "");
		pv_buf_adds(&out, word);
	}
	if (c == PV_OK && out.len == 0 && !out.failed)
		c = pv_line_fail(it, l, e, "%s leads nowhere: write the name of a local user behind it",
				 a->name.s);
	if (c == PV_OK && out.failed)
		c = pv_line_fail(it, l, e, "the targets of %s are longer than %d bytes", a->name.s,
				 PV_HOST_TARGETS_MAX);
	if (c == PV_OK)
		memcpy(a->targets, out.s, out.len + 1);
	pv_buf_free(&out);
	return c;
}

static enum pv_class add(struct pv_hosts *h, const struct pv_host_address *a, struct pv_error *e)
{
	if (h->count % 16 == 0) {
		size_t room = h->count + 16;
		struct pv_host_address *list = reallocarray(h->list, room, sizeof *list);
		if (list == NULL)
			return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for host-addresses");
		h->list = list;
	}
	h->list[h->count++] = *a;
	return PV_OK;
}

static enum pv_class parse_line(const struct pv_lines *it, const struct pv_line *l, struct pv_hosts *h,
				struct pv_error *e)
{
	struct pv_host_address a = { .own = 0 };
	char *rest = l->text;
	const char *name = pv_word(&rest);

	if (pv_user_parse(name, strlen(name), &a.name, NULL) != PV_OK)
		return pv_line_fail(
			it, l, e, "`%.60s` is not a user's name: write one like postmaster, without a domain",
			name);
	for (size_t i = 0; i < h->count; i++)
		if (pv_user_equal(&h->list[i].name, &a.name))
			return pv_line_fail(it, l, e, "%s stands here a second time: join the two lines",
					    a.name.s);
	a.own = own_bit(a.name.s);
	enum pv_class c = parse_targets(it, l, rest, &a, e);
	return c == PV_OK ? add(h, &a, e) : c;
}

enum pv_class pv_hosts_parse(struct pv_buf *text, const char *file, struct pv_hosts *h, struct pv_error *e)
{
	struct pv_lines it;
	struct pv_line l;
	enum pv_class c;

	*h = (struct pv_hosts){ .list = NULL };
	pv_lines_start(&it, file, text, true);
	while ((c = pv_lines_next(&it, &l, e)) == PV_OK && l.text != NULL)
		if ((c = parse_line(&it, &l, h, e)) != PV_OK)
			break;
	if (c != PV_OK) {
		pv_hosts_free(h);
		return c;
	}
	if (h->count > 0)
		qsort(h->list, h->count, sizeof *h->list, compare);
	return PV_OK;
}

enum pv_class pv_hosts_load(const struct pv_store *s, struct pv_hosts *h, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = s->dir };
	struct pv_buf text = PV_BUF_INIT(FILE_MAX);
	char file[4096];
	bool found;

	*h = (struct pv_hosts){ .list = NULL };
	enum pv_class c = pv_file_load(s->dirfd, "host-addresses", &trust, &text, &found, e);
	if (c == PV_OK && !found)
		pv_buf_adds(&text, DEFAULT_TEXT);
	if (c == PV_OK)
		c = pv_buf_check(&text, "host-addresses", e);
	(void)snprintf(file, sizeof file, "%s/host-addresses", s->dir);
	if (c == PV_OK)
		c = pv_hosts_parse(&text, file, h, e);
	pv_buf_free(&text);
	return c;
}

static int compare_name(const void *key, const void *element)
{
	const struct pv_user *name = key;
	const struct pv_host_address *a = element;

	return strcmp(name->s, a->name.s);
}

const struct pv_host_address *pv_hosts_get(const struct pv_hosts *h, const struct pv_user *name)
{
	return h->count == 0 ? NULL : bsearch(name, h->list, h->count, sizeof *h->list, compare_name);
}

void pv_hosts_free(struct pv_hosts *h)
{
	free(h->list);
	*h = (struct pv_hosts){ .list = NULL };
}

static bool is_of(const char *word, size_t len, const void *name)
{
	struct pv_user found;

	return pv_user_parse(word, len, &found, NULL) == PV_OK && pv_user_equal(&found, name);
}

/* The line of name, its targets checked and put in order. */
static enum pv_class format_line(const struct pv_user *name, const char *targets, struct pv_buf *line,
				 struct pv_error *e)
{
	struct pv_lines it = { .file = "host-addresses" };
	struct pv_line l = { .no = 1 };
	struct pv_host_address a = { .name = *name };
	struct pv_error why;

	char *copy = strdup(targets);
	if (copy == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for host-addresses");
	enum pv_class c = parse_targets(&it, &l, copy, &a, &why);
	free(copy);
	if (c != PV_OK) {
		const char *text = strstr(why.text, ": ");
		return pv_fail(e, PV_PERMANENT, "5.3.5", "%s", text != NULL ? text + 2 : why.text);
	}
	pv_buf_addf(line, "%s %s", name->s, a.targets);
	return pv_buf_check(line, "a line of host-addresses", e);
}

enum pv_class pv_hosts_change(const struct pv_buf *text, const struct pv_user *name, const char *targets,
			      struct pv_buf *out, struct pv_error *e)
{
	struct pv_buf line = PV_BUF_INIT(PV_USER_MAX + PV_HOST_TARGETS_MAX + 2);
	enum pv_class c = PV_OK;

	if (targets != NULL)
		c = format_line(name, targets, &line, e);
	if (c == PV_OK) {
		const char *old = text != NULL ? text->s : DEFAULT_TEXT;
		pv_lines_change(old, text != NULL ? text->len : strlen(old), is_of, name,
				targets != NULL ? line.s : NULL, out);
		c = pv_buf_check(out, "host-addresses", e);
	}
	pv_buf_free(&line);
	return c;
}
