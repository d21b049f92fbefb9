#include "maps/reader.h"

#include "maps/reader_send.h"

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

void pv_files_error(const struct pv_domain_files *d, struct pv_error *e)
{
	int len = d->why.len < PV_ERROR_TEXT ? (int)d->why.len : PV_ERROR_TEXT - 1;

	(void)pv_fail(e, PV_TEMPORARY, "4.3.5", "%.*s", len, d->why.s);
}

/* A file comes once at most; users' files come together. Returns false for a child that keeps no rules. */
static bool take(struct pv_domain_files *d, const struct frame *f, size_t begin)
{
	switch (f->type) {
	case PV_FRAME_STANDARD:
		if (d->standard.s != NULL)
			return false;
		d->standard = f->data;
		return true;
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
	case PV_FRAME_PLACES:
		if (d->places.s != NULL)
			return false;
		d->places = f->data;
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
		d->why = f->data;
		return true;
	case PV_FRAME_END:
		d->ok = d->why.s == NULL && (d->passwd.s != NULL || d->standard.s != NULL);
		/* A child of ours says why. */
		return d->ok || d->why.s != NULL;
	default:
		return false;
	}
}

bool pv_files_parse(struct pv_files *f, size_t count)
{
	struct frame frame;
	size_t at = 0;

	f->done = 0;
	while (frame_at(f->bytes.s, f->bytes.len, at, &frame)) {
		/* One domain after the other, in our order. */
		if (frame.domain != f->done || f->done >= count || !take(&f->list[f->done], &frame, at))
			return false;
		at = frame.next;
		f->done += frame.type == PV_FRAME_END;
	}
	return at == f->bytes.len;
}

void pv_files_free(struct pv_files *f)
{
	pv_buf_free_zero(&f->bytes);
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
