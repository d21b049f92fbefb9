#include "store/passwd_write.h"

#include "store/password.h"

/* Users come with the numbers of their lines; what stands between them is copied. */
struct hashing {
	const char *at, *end; /* what was not copied yet */
	unsigned line;	      /* the number of the line that begins at `at` */
	const char *file;
	bool unclear;
	struct pv_buf *out;
};

/* Copy the lines in front of line `no`. */
static void copy_up_to(struct hashing *h, unsigned no)
{
	const char *from = h->at;

	for (; h->line < no && h->at < h->end; h->line++) {
		const char *newline = memchr(h->at, '\n', (size_t)(h->end - h->at));
		h->at = newline != NULL ? newline + 1 : h->end;
	}
	pv_buf_add(h->out, from, (size_t)(h->at - from));
}

static enum pv_class hash_user(void *ctx, const struct pv_passwd_entry *p, unsigned line, struct pv_error *e)
{
	enum pv_password_kind kind = pv_password_kind(p->hash);
	char hash[PV_PASSWORD_HASH_SIZE];
	struct hashing *h = ctx;

	if (kind != PV_PASSWORD_PLAIN && !(h->unclear && kind == PV_PASSWORD_UNCLEAR))
		return PV_OK;
	copy_up_to(h, line);
	enum pv_class c = pv_password_hash(p->hash, hash, e);
	if (c != PV_OK) {
		(void)pv_error_prefix(e, "%s, line %u", h->file, line);
		return c;
	}
	/* The second field begins behind the first colon. */
	const char *field = (const char *)memchr(h->at, ':', (size_t)(h->end - h->at)) + 1;
	pv_buf_add(h->out, h->at, (size_t)(field - h->at));
	pv_buf_adds(h->out, hash);
	const char *rest = field + strlen(p->hash);
	size_t left = (size_t)((const char *)memchr(rest, '\n', (size_t)(h->end - rest)) - rest);
	if ((size_t)(field - h->at) + strlen(hash) + left >= PV_PASSWD_LINE_MAX)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%s, line %u: with a hash it is longer than %d bytes", h->file, line,
			       PV_PASSWD_LINE_MAX - 1);
	h->at = rest;
	return PV_OK;
}

enum pv_class pv_passwd_hash_all(const char *text, size_t len, const char *file, uid_t account, bool unclear,
				 struct pv_buf *out, struct pv_error *e)
{
	struct hashing h = {
		.at = text, .end = text + len, .line = 1, .file = file, .unclear = unclear, .out = out
	};

	/* A copy that grew would stay in memory with passwords in it. */
	if (pv_buf_reserve(out, len) == NULL)
		return pv_buf_check(out, file, e);
	enum pv_class c = pv_passwd_scan(text, len, file, account, false, hash_user, &h, e);
	if (c == PV_OK)
		copy_up_to(&h, (unsigned)-1);
	return c == PV_OK ? pv_buf_check(out, file, e) : c;
}
