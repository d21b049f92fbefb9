#include "maps/reader.h"

#include "base/child.h"
#include "base/file.h"
#include "maps/reader_send.h"

#include <errno.h>
#include <unistd.h>

struct frame {
	char type;
	size_t domain;
	struct pv_slice data;
	size_t next; /* where the next one begins */
};

/* Read the frame at `at`. Returns false where there is no whole one. */
static bool frame_at(const char *s, size_t len, size_t at, struct frame *f)
{
	struct pv_frame_head head;

	if (len - at < sizeof head)
		return false;
	memcpy(&head, s + at, sizeof head);
	at += sizeof head;
	if (head.len > len - at)
		return false;
	*f = (struct frame){ head.type, head.domain, { s + at, head.len }, at + head.len };
	return true;
}

/* The child's own words: made presentable, and a domain's trouble is never permanent. */
static void take_error(struct pv_domain_files *d, const struct pv_slice *data)
{
	int len = data->len < PV_ERROR_TEXT ? (int)data->len : PV_ERROR_TEXT - 1;

	(void)pv_fail(&d->error, PV_TEMPORARY, "4.3.5", "%.*s", len, data->s);
}

/* A file comes once at most; users' files come together. Returns false for a child that keeps no rules. */
static bool take(struct pv_domain_files *d, const struct frame *f, size_t begin)
{
	switch (f->type) {
	case PV_FRAME_PASSWD:
		if (d->passwd.s != NULL)
			return false;
		d->passwd = f->data;
		return true;
	case PV_FRAME_CONF:
		if (d->conf.s != NULL)
			return false;
		d->conf = f->data;
		return true;
	case PV_FRAME_ALIASES:
		if (d->aliases.s != NULL)
			return false;
		d->aliases = f->data;
		return true;
	case PV_FRAME_USER:
		if (d->users.s == NULL)
			d->users.s = f->data.s - (f->next - begin - f->data.len);
		else if (d->users.s + d->users.len + sizeof(struct pv_frame_head) != f->data.s)
			return false;
		d->users.len += f->next - begin;
		return true;
	case PV_FRAME_ERROR:
		take_error(d, &f->data);
		return true;
	case PV_FRAME_END:
		d->ok = d->error.class == PV_OK && d->passwd.s != NULL;
		return true;
	default:
		return false;
	}
}

void pv_files_parse(struct pv_files *f, size_t count, const struct pv_error *why)
{
	size_t at = 0, current = 0;
	struct frame frame;

	while (frame_at(f->bytes.s, f->bytes.len, at, &frame)) {
		/* One domain after the other, in our order. */
		if (frame.domain != current || current >= count || !take(&f->list[current], &frame, at))
			break;
		at = frame.next;
		current += frame.type == PV_FRAME_END;
	}
	for (size_t i = 0; i < count; i++)
		if (!f->list[i].ok && f->list[i].error.class == PV_OK)
			f->list[i].error = *why;
	for (size_t i = current; i < count; i++)
		f->list[i].ok = false;
}

static enum pv_class send_all(void *ctx, int out_fd, struct pv_error *e)
{
	return pv_send_domains(ctx, out_fd, e);
}

enum pv_class pv_files_read(const struct pv_store *s, const struct pv_reader_account *account,
			    const struct pv_domain *const *domains, size_t count, struct pv_files *f,
			    struct pv_error *e)
{
	const struct pv_child_limits limits = { PV_READER_SECONDS, PV_READER_CPU_SECONDS };
	struct pv_send_order order = { s, account->uid, domains, count };
	struct pv_error why;

	*f = (struct pv_files){ .bytes = PV_BUF_INIT(PV_READER_ACCOUNT_MAX) };
	f->list = calloc(count == 0 ? 1 : count, sizeof *f->list);
	if (f->list == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu domains", count);
	(void)pv_fail(&why, PV_TEMPORARY, "4.3.0", "the child that read the domain's files sent nonsense");
	(void)pv_child_run(account->uid, account->gid, &limits, send_all, &order, &f->bytes, &why);
	pv_files_parse(f, count, &why);
	return PV_OK;
}

void pv_files_free(struct pv_files *f)
{
	pv_buf_free(&f->bytes);
	free(f->list);
	f->list = NULL;
}

bool pv_files_next_user(const struct pv_domain_files *d, size_t *at, struct pv_user *u, struct pv_slice *text)
{
	struct frame f;

	while (d->users.s != NULL && frame_at(d->users.s, d->users.len, *at, &f)) {
		const char *end = memchr(f.data.s, '\0', f.data.len);
		*at = f.next;
		if (end == NULL || pv_user_parse(f.data.s, (size_t)(end - f.data.s), u, NULL) != PV_OK)
			continue;
		*text = (struct pv_slice){ end + 1, f.data.len - (size_t)(end + 1 - f.data.s) };
		return true;
	}
	return false;
}
