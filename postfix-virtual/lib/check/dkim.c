/* What opendkim.conf(5) says of the keys with which mail is signed. */
#include "base/file.h"
#include "base/table.h"
#include "check/network.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { KEYS_MAX = 100000 };
#define FILE_MAX ((size_t)16 << 20)

struct keys {
	struct pv_dkim_key *list;
	size_t count, room;
};

/* A file that only opendkim may need is no reason to fail: without it no selector is known. */
static bool load(const char *path, struct pv_buf *text)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	bool ok = fd >= 0 && pv_file_read(fd, path, text, NULL) == PV_OK;

	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static enum pv_class add(struct keys *k, const char *domain, const char *selector, struct pv_error *e)
{
	if (k->count == KEYS_MAX)
		return PV_OK;
	if (k->count == k->room) {
		size_t room = k->room == 0 ? 16 : 2 * k->room;
		struct pv_dkim_key *list = reallocarray(k->list, room, sizeof *list);
		if (list == NULL)
			return pv_fail(e, PV_TEMPORARY, NULL, "no memory for the keys of opendkim");
		k->list = list;
		k->room = room;
	}
	struct pv_dkim_key *new = &k->list[k->count++];
	(void)snprintf(new->domain, sizeof new->domain, "%s", domain);
	(void)snprintf(new->selector, sizeof new->selector, "%s", selector);
	return PV_OK;
}

/* `NAME DOMAIN:SELECTOR:PATH`, a line each. */
static enum pv_class take_table(struct keys *k, const char *path, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(FILE_MAX);
	enum pv_class c = PV_OK;
	char *rest, *line;

	(void)load(path, &text);
	rest = text.s;
	while (c == PV_OK && (line = strsep(&rest, "\n")) != NULL) {
		char *name = pv_word(&line), *value = name != NULL ? pv_word(&line) : NULL;
		const char *domain = value != NULL ? strsep(&value, ":") : NULL;
		const char *selector = value != NULL ? strsep(&value, ":") : NULL;
		if (selector != NULL && *name != '#')
			c = add(k, domain, selector, e);
	}
	pv_buf_free(&text);
	return c;
}

enum pv_class pv_dkim_keys(const char *path, struct pv_dkim_key **list_r, size_t *count_r, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(FILE_MAX);
	const char *domain = NULL, *selector = NULL;
	struct keys k = { .list = NULL };
	enum pv_class c = PV_OK;
	char *rest, *line;

	(void)load(path, &text);
	rest = text.s;
	while (c == PV_OK && (line = strsep(&rest, "\n")) != NULL) {
		char *name = pv_word(&line), *value = name != NULL ? pv_word(&line) : NULL;
		if (value == NULL || *name == '#')
			continue;
		if (strcasecmp(name, "Domain") == 0)
			domain = value;
		else if (strcasecmp(name, "Selector") == 0)
			selector = value;
		else if (strcasecmp(name, "KeyTable") == 0)
			c = take_table(&k, strchr(value, '/') != NULL ? strchr(value, '/') : value, e);
	}
	if (c == PV_OK && domain != NULL && selector != NULL)
		c = add(&k, domain, selector, e);
	pv_buf_free(&text);
	*list_r = k.list;
	*count_r = k.count;
	return c;
}
