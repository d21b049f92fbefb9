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

void pv_slice_error(const struct pv_slice *said, struct pv_error *e)
{
	int len = said->len < PV_ERROR_TEXT ? (int)said->len : PV_ERROR_TEXT - 1;

	(void)pv_fail(e, PV_TEMPORARY, "4.3.5", "%.*s", len, said->s);
}

void pv_files_error(const struct pv_domain_files *d, struct pv_error *e)
{
	pv_slice_error(&d->why, e);
}

/* Where a file of this type belongs; NULL: it is none. */
static struct pv_slice *place_of(struct pv_domain_files *d, char type)
{
	switch (type) {
	case PV_FRAME_STANDARD:
		return &d->standard;
	case PV_FRAME_PASSWD:
		return &d->passwd;
	case PV_FRAME_CONF:
		return &d->conf;
	case PV_FRAME_PLACES:
		return &d->places;
	case PV_FRAME_ALIASES:
		return &d->aliases[0];
	case PV_FRAME_EXTRA_1:
		return &d->aliases[1];
	case PV_FRAME_EXTRA_2:
		return &d->aliases[2];
	case PV_FRAME_RESPONDERS:
		return &d->responders;
	case PV_FRAME_NO_MAIL:
		return &d->texts[PV_READER_NO_MAIL];
	case PV_FRAME_EXPIRED:
		return &d->texts[PV_READER_EXPIRED];
	default:
		return NULL;
	}
}

/* Of several frames in a row. */
static bool take_row(struct pv_slice *row, const struct frame *f, size_t begin)
{
	if (row->s == NULL)
		row->s = f->data.s - (f->next - begin - f->data.len);
	else if (row->s + row->len + sizeof(struct pv_frame_head) != f->data.s)
		return false;
	row->len += f->next - begin;
	return true;
}

/* A file comes once at most; users' files come together. Returns false for a child that keeps no rules. */
static bool take(struct pv_domain_files *d, const struct frame *f, size_t begin)
{
	struct pv_slice *place = place_of(d, f->type);

	if (place != NULL) {
		if (place->s != NULL)
			return false;
		*place = f->data;
		return true;
	}
	switch (f->type) {
	case PV_FRAME_USER:
		return take_row(&d->users, f, begin);
	case PV_FRAME_FINDING:
		return take_row(&d->findings, f, begin);
	case PV_FRAME_FORWARD:
		return take_row(&d->forwards, f, begin);
	case PV_FRAME_DOUBT:
		if (d->doubt_count == PV_READER_DOUBTS)
			return false;
		d->doubts[d->doubt_count++] = f->data;
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
	struct pv_domain_files d = { .ok = false };
	struct frame frame;
	size_t at = 0;

	f->done = f->at = 0;
	while (frame_at(f->bytes.s, f->bytes.len, at, &frame)) {
		/* One domain after the other, in our order. */
		if (frame.domain != f->done || f->done >= count || !take(&d, &frame, at))
			return false;
		at = frame.next;
		if (frame.type != PV_FRAME_END)
			continue;
		f->done++;
		d = (struct pv_domain_files){ .ok = false };
	}
	return at == f->bytes.len;
}

void pv_files_next(struct pv_files *f, struct pv_domain_files *d)
{
	struct frame frame;

	*d = (struct pv_domain_files){ .ok = false };
	while (frame_at(f->bytes.s, f->bytes.len, f->at, &frame)) {
		(void)take(d, &frame, f->at);
		f->at = frame.next;
		if (frame.type == PV_FRAME_END)
			break;
	}
}

void pv_files_free(struct pv_files *f)
{
	pv_buf_free_zero(&f->bytes);
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

bool pv_files_next_finding(const struct pv_domain_files *d, size_t *at, struct pv_slice *said)
{
	struct frame f;

	if (d->findings.s == NULL || !frame_at(d->findings.s, d->findings.len, *at, &f))
		return false;
	*at = f.next;
	*said = f.data;
	return true;
}

bool pv_files_next_forward(const struct pv_domain_files *d, size_t *at, struct pv_slice *address,
			   struct pv_slice *place)
{
	struct frame f;

	while (d->forwards.s != NULL && frame_at(d->forwards.s, d->forwards.len, *at, &f)) {
		const char *end = memchr(f.data.s, '\0', f.data.len);
		*at = f.next;
		if (end == NULL)
			continue;
		*address = (struct pv_slice){ f.data.s, (size_t)(end - f.data.s) };
		*place = (struct pv_slice){ end + 1, f.data.len - address->len - 1 };
		return true;
	}
	return false;
}
