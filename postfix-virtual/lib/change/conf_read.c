#include "change/conf_read.h"

#include "base/child.h"
#include "base/file.h"
#include "change/inside.h"

#include <errno.h>

enum { CONF_MAX = 64 * 1024 };

struct request {
	const struct pv_store *store;
	const struct pv_domain *domain;
	const struct pv_account *account;
	const char *file; /* in the domain's folder */
};

static enum pv_class send_file(void *ctx, int out_fd, struct pv_error *e)
{
	const struct request *r = ctx;
	struct pv_buf text = PV_BUF_INIT(CONF_MAX);
	struct pv_inside in;
	bool found;

	enum pv_class c = pv_inside_open(r->store->dir, r->domain, r->account, &in, e);
	if (c == PV_OK)
		c = pv_file_load(in.folder.fd, r->file, &in.folder.trust, &text, &found, e);
	pv_inside_close(&in);
	if (c == PV_OK && pv_write_all(out_fd, text.s, text.len) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write to a pipe");
	pv_buf_free(&text);
	return c;
}

static enum pv_class read_file(struct request *r, const char *file, struct pv_buf *text, struct pv_error *e)
{
	static const struct pv_child_limits limits = { .seconds = 30, .cpu_seconds = 10 };

	r->file = file;
	return pv_child_run(r->account->uid, r->account->gid, &limits, send_file, r, text, e);
}

enum pv_class pv_conf_read(const struct pv_store *s, const struct pv_folder *f,
			   const struct pv_account *account, const struct pv_user *u, struct pv_conf_texts *t,
			   struct pv_error *e)
{
	struct request r = { .store = s, .domain = &f->domain, .account = account };
	char file[PV_USER_MAX + sizeof "users/"];

	*t = (struct pv_conf_texts){ .domain = PV_BUF_INIT(CONF_MAX), .user = PV_BUF_INIT(CONF_MAX) };
	enum pv_class c = read_file(&r, "domain.conf", &t->domain, e);
	if (c != PV_OK || u == NULL)
		return c;
	(void)snprintf(file, sizeof file, "users/%s", u->s);
	return read_file(&r, file, &t->user, e);
}

void pv_conf_texts_free(struct pv_conf_texts *t)
{
	pv_buf_free(&t->domain);
	pv_buf_free(&t->user);
}
