#include "maps/domain_settings.h"

#include <errno.h>
#include <limits.h>

enum pv_class pv_domain_settings_conf(const struct pv_domain_files *files, const char *path,
				      struct pv_domain_conf *conf, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_READER_CONF_MAX);
	char file[PATH_MAX + 16];

	(void)snprintf(file, sizeof file, "%s/domain.conf", path);
	if (files->conf.s != NULL)
		pv_buf_add(&text, files->conf.s, files->conf.len);
	pv_domain_conf_defaults(conf);
	enum pv_class c = pv_buf_check(&text, file, e);
	if (c == PV_OK)
		c = pv_domain_conf_parse(&text, file, conf, e);
	pv_buf_free(&text);
	return c;
}

static enum pv_class parse_user(const char *path, const struct pv_user *u, const struct pv_slice *slice,
				struct pv_user_conf *conf, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_READER_CONF_MAX);
	char file[PATH_MAX + PV_USER_MAX + 16];

	(void)snprintf(file, sizeof file, "%s/users/%s", path, u->s);
	pv_user_conf_defaults(NULL, conf);
	pv_buf_add(&text, slice->s, slice->len);
	enum pv_class c = pv_buf_check(&text, file, e);
	if (c == PV_OK)
		c = pv_user_conf_parse(&text, file, NULL, conf, e);
	pv_buf_free(&text);
	return c;
}

static enum pv_class add(struct pv_some_users *some, const struct pv_user *u, int what, struct pv_error *e)
{
	size_t n = some->count;

	/* Full at each power of two. */
	if ((n & (n - 1)) == 0) {
		struct pv_some_user *v = reallocarray(some->list, n == 0 ? 1 : n * 2, sizeof *v);
		if (v == NULL)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu users", n + 1);
		some->list = v;
	}
	some->list[some->count++] = (struct pv_some_user){ *u, what };
	return PV_OK;
}

static int compare(const void *a, const void *b)
{
	const struct pv_some_user *x = a, *y = b;

	return strcmp(x->user.s, y->user.s);
}

enum pv_class pv_domain_settings_users(const struct pv_domain_files *files, const char *path,
				       pv_user_what *what, void *ctx, const struct pv_day *today,
				       struct pv_some_users *some, struct pv_error *e)
{
	struct pv_user_conf conf;
	enum pv_class c = PV_OK;
	struct pv_slice text;
	struct pv_user u;
	size_t at = 0;

	*some = (struct pv_some_users){ .count = 0 };
	while (c == PV_OK && pv_files_next_user(files, &at, &u, &text)) {
		c = parse_user(path, &u, &text, &conf, e);
		int it = c == PV_OK ? what(ctx, &u, &conf, today) : 0;
		if (it != 0)
			c = add(some, &u, it, e);
		pv_user_conf_free(&conf);
	}
	if (some->count > 1)
		qsort(some->list, some->count, sizeof *some->list, compare);
	return c;
}

int pv_some_users_get(const struct pv_some_users *some, const struct pv_user *u)
{
	const struct pv_some_user wanted = { .user = *u };

	if (some->count == 0)
		return 0;
	const struct pv_some_user *found = bsearch(&wanted, some->list, some->count, sizeof wanted, compare);
	return found != NULL ? found->what : 0;
}

void pv_some_users_free(struct pv_some_users *some)
{
	free(some->list);
	*some = (struct pv_some_users){ .count = 0 };
}
