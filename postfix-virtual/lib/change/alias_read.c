#include "change/alias_read.h"

#include "base/child.h"
#include "base/file.h"
#include "change/inside.h"
#include "store/folder_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

static const struct pv_child_limits limits = { .seconds = 30, .cpu_seconds = 10 };

enum { CONF_MAX = 64 * 1024 };

struct request {
	const struct pv_store *store;
	const struct pv_domain *domain;
	const struct pv_account *account;
};

/* Its length, then the text; domain.conf comes first. */
static enum pv_class send_text(int out_fd, const struct pv_buf *text, struct pv_error *e)
{
	const uint32_t len = (uint32_t)text->len;

	if (pv_write_all(out_fd, &len, sizeof len) != 0 || pv_write_all(out_fd, text->s, text->len) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write to a pipe");
	return PV_OK;
}

/* A name in the domain's folder, or a path. */
static enum pv_class send_file(const struct pv_inside *in, const char *name, size_t max, int out_fd,
			       struct pv_buf *text, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	bool found;

	text->max = max;
	if (*name != '\0')
		c = pv_folder_load_any(&in->folder, name, text, &found, e);
	return c == PV_OK ? send_text(out_fd, text, e) : c;
}

static enum pv_class send_inside(const struct pv_inside *in, int out_fd, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(CONF_MAX);
	struct pv_domain_conf conf;

	enum pv_class c = send_file(in, "domain.conf", CONF_MAX, out_fd, &text, e);
	if (c == PV_OK)
		c = pv_domain_conf_load(&in->folder, &conf, e);
	else
		pv_domain_conf_defaults(&conf);
	for (size_t i = 0; c == PV_OK && i < PV_ALIAS_FILES; i++) {
		pv_buf_reset(&text);
		c = send_file(in, i == 0 ? "aliases" : conf.extra_aliases[i - 1], PV_ALIAS_FILE_MAX, out_fd,
			      &text, e);
	}
	pv_domain_conf_free(&conf);
	pv_buf_free(&text);
	return c;
}

static enum pv_class send_all(void *ctx, int out_fd, struct pv_error *e)
{
	const struct request *r = ctx;
	struct pv_inside in;

	enum pv_class c = pv_inside_open(r->store->dir, r->domain, r->account, &in, e);
	if (c == PV_OK)
		c = send_inside(&in, out_fd, e);
	pv_inside_close(&in);
	return c;
}

/* Cut the next text from in. */
static enum pv_class take_text(const struct pv_buf *in, size_t *at, struct pv_buf *text, struct pv_error *e)
{
	uint32_t len;

	if (in->len - *at >= sizeof len) {
		memcpy(&len, in->s + *at, sizeof len);
		*at += sizeof len;
		if (in->len - *at >= len) {
			pv_buf_add(text, in->s + *at, len);
			*at += len;
			return pv_buf_check(text, "the files of a domain", e);
		}
	}
	return pv_fail(e, PV_TEMPORARY, "4.3.0", "a child's report is cut short");
}

/* Which file is the i-th? */
static void name_file(const struct pv_folder *f, size_t i, struct pv_aliases *a)
{
	const char *name = i == 0 ? "aliases" : a->conf.extra_aliases[i - 1];

	if (*name == '/')
		(void)snprintf(a->paths[i], sizeof a->paths[i], "%s", name);
	else if (*name != '\0')
		(void)snprintf(a->paths[i], sizeof a->paths[i], "%s/%.*s", f->path, NAME_MAX, name);
	if (strchr(name, '/') == NULL)
		(void)snprintf(a->names[i], sizeof a->names[i], "%s", name);
}

static enum pv_class take_all(const struct pv_folder *f, const struct pv_buf *in, struct pv_aliases *a,
			      struct pv_error *e)
{
	char file[sizeof f->path + sizeof "/domain.conf"];
	struct pv_buf conf = PV_BUF_INIT(CONF_MAX);
	size_t at = 0;

	(void)snprintf(file, sizeof file, "%s/domain.conf", f->path);
	enum pv_class c = take_text(in, &at, &conf, e);
	if (c == PV_OK)
		c = pv_domain_conf_parse(&conf, file, &a->conf, e);
	pv_buf_free(&conf);
	for (size_t i = 0; c == PV_OK && i < PV_ALIAS_FILES; i++) {
		struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
		name_file(f, i, a);
		c = take_text(in, &at, &text, e);
		pv_alias_file_start(&a->files[i], a->paths[i], &text);
	}
	return c;
}

enum pv_class pv_aliases_read(const struct pv_store *s, const struct pv_folder *f,
			      const struct pv_account *account, struct pv_aliases *a, struct pv_error *e)
{
	struct request r = { .store = s, .domain = &f->domain, .account = account };
	struct pv_buf in = PV_BUF_INIT(PV_ALIAS_FILES * PV_ALIAS_FILE_MAX + CONF_MAX + 1024);

	*a = (struct pv_aliases){ .names = { "" } };
	pv_domain_conf_defaults(&a->conf);
	for (size_t i = 0; i < PV_ALIAS_FILES; i++) {
		struct pv_buf nothing = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
		pv_alias_file_start(&a->files[i], "", &nothing);
	}
	enum pv_class c = pv_child_run(account->uid, account->gid, &limits, send_all, &r, &in, e);
	if (c == PV_OK)
		c = take_all(f, &in, a, e);
	pv_buf_free(&in);
	return c;
}

void pv_aliases_free(struct pv_aliases *a)
{
	for (size_t i = 0; i < PV_ALIAS_FILES; i++)
		pv_alias_file_free(&a->files[i]);
	pv_domain_conf_free(&a->conf);
}
