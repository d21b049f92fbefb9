/*
 * mailbox_fuzz.c: whatever an mbox holds, a session sees the same in the Maildir that it is made, and in the
 * mbox that this is made; a repair leaves nothing to mend, and changes nothing that a session sees but where
 * two messages were joined; and what a delivery quotes is given back byte for byte. fuzz-max-len: 8192
 */
#include "mailbox/from_line.h"
#include "mailbox/maildir_name.h"
#include "mailbox/maildrop.h"
#include "mailbox/maildrop_convert.h"
#include "mailbox/maildrop_verify.h"
#include "mailbox/mboxrd.h"
#include "mailbox/plain.h"
#include "t/fuzz/folder.h"
#include "t/fuzz/require.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static char path[] = "/dev/shm/pv-fuzz-mailbox-XXXXXX";
static int folder = -1;

static void prepare(void)
{
	folder = folder_make(path);
}

static struct pv_location box(void)
{
	static char full[80];

	(void)snprintf(full, sizeof full, "%s/box", path);
	return (struct pv_location){ .dirfd = folder, .path = full, .name = strrchr(full, '/') + 1 };
}

static void put_box(const void *data, size_t len)
{
	int fd = openat(folder, "box", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	(void)close(fd);
}

static void trash(const char *name)
{
	char full[NAME_MAX + 80];

	(void)snprintf(full, sizeof full, "%s/%s", path, name);
	require(folder_remove(full) == 0);
}

static enum pv_class take(void *ctx, const char *data, size_t len, struct pv_error *e)
{
	(void)e;
	pv_buf_add(ctx, data, len);
	return PV_OK;
}

/* All that a session sees. */
static void take_view(struct pv_buf *out)
{
	const struct pv_maildrop_options o = { .uid = geteuid(), .lock_deadline_ms = 100 };
	const struct pv_location l = box();
	struct pv_maildrop_message told;
	char id[PV_UIDL_SIZE];
	struct pv_maildrop *m;

	pv_buf_reset(out);
	require(pv_maildrop_open(&l, &o, &m, NULL) == PV_OK);
	for (size_t i = 0; i < pv_maildrop_count(m); i++) {
		pv_maildrop_message(m, i, &told);
		require(pv_maildrop_uidl(m, i, id, NULL) == PV_OK);
		pv_buf_addf(out, "<%s %d>\n", id, told.read);
		require(pv_maildrop_send(m, i, PV_ALL_LINES, take, out, NULL) == PV_OK);
	}
	pv_maildrop_close(m);
	(void)unlinkat(folder, ".box.index", 0);
}

static void convert(bool to_maildir, const struct pv_buf *view)
{
	const struct pv_convert_options o = { .uid = geteuid(),
					      .lock_deadline_ms = 100,
					      .to_maildir = to_maildir };
	struct pv_buf now = PV_BUF_INIT(1 << 20);
	const struct pv_location l = box();
	struct pv_converted r;

	require(pv_mailbox_convert(&l, &o, &r, NULL) == PV_OK && r.old[0] != '\0');
	trash(r.old);
	take_view(&now);
	require(now.len == view->len && memcmp(now.s, view->s, now.len) == 0);
	pv_buf_free(&now);
}

static void look(void *ctx, const struct pv_finding *f)
{
	bool *joined = ctx;

	*joined = *joined || f->kind == PV_FINDING_DOUBTFUL;
}

static void repair(bool remove_nuls, const struct pv_buf *view)
{
	const struct pv_verify_options o = { .uid = geteuid(),
					     .lock_deadline_ms = 100,
					     .remove_nuls = remove_nuls };
	struct pv_buf now = PV_BUF_INIT(1 << 20);
	const struct pv_location l = box();
	struct pv_verified r;
	bool joined = false;

	require(pv_mailbox_repair(&l, &o, look, &joined, &r, NULL) == PV_OK);
	require((r.mended > 0) == (r.old[0] != '\0'));
	if (r.old[0] != '\0')
		trash(r.old);
	take_view(&now);
	require(joined || remove_nuls || (now.len == view->len && memcmp(now.s, view->s, now.len) == 0));
	pv_buf_free(&now);
	require(pv_mailbox_repair(&l, &o, look, &joined, &r, NULL) == PV_OK);
	require(r.mended == 0 && r.old[0] == '\0');
}

static void quote_and_undo(const uint8_t *data, size_t size)
{
	struct pv_mboxrd q = PV_MBOXRD_INIT;
	struct pv_content c;
	struct pv_plain p;
	char back[8193];

	pv_content_start(&c, -1);
	require(pv_content_add(&c, "From a@b\n", 9, NULL) == PV_OK);
	for (size_t at = 0; at < size;) {
		size_t n = 1 + data[at] % 64;
		n = n < size - at ? n : size - at;
		require(pv_mboxrd_add(&q, &c, (const char *)data + at, n, NULL) == PV_OK);
		at += n;
	}
	require(pv_mboxrd_finish(&q, &c, NULL) == PV_OK && pv_content_finish(&c, NULL) == PV_OK);
	require(pv_plain_start(&p, &c) == 0 && p.size >= size && p.size <= size + 1);
	int fd = memfd_create("plain", MFD_CLOEXEC);
	require(fd >= 0 && pv_plain_write(&p, fd) == 0);
	require(pread(fd, back, sizeof back, 0) == (ssize_t)p.size && memcmp(back, data, size) == 0);
	(void)close(fd);
	pv_content_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pv_buf view = PV_BUF_INIT(1 << 20);
	char name[NAME_MAX + 1];
	uint64_t told;

	if (folder < 0)
		prepare();
	if (size == 0 || size > 8192)
		return 0;
	quote_and_undo(data, size);
	(void)pv_from_line_parse((const char *)data, size, NULL);
	(void)snprintf(name, sizeof name, "%.*s", size < 200 ? (int)size : 200, (const char *)data);
	(void)pv_maildir_name_size(name, &told);
	put_box(data, size);
	take_view(&view);
	convert(true, &view);
	convert(false, &view);
	repair(false, &view);
	put_box(data, size);
	repair(true, &view);
	pv_buf_free(&view);
	return 0;
}
