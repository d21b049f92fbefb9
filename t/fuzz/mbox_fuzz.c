/*
 * mbox_fuzz.c: whatever an mbox holds, its messages are the same however it is read, what is sent of each has
 * the size that was told, in whole lines, and the digest of what is sent is that of the message.
 * fuzz-max-len: 65536
 */
#include "mailbox/maildrop_digest.h"
#include "t/fuzz/require.h"

#include <sys/mman.h>
#include <unistd.h>

static int file_of(const void *data, size_t len)
{
	int fd = memfd_create("mbox", MFD_CLOEXEC);

	require(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	return fd;
}

static enum pv_class take(void *ctx, const char *data, size_t len, struct pv_error *e)
{
	(void)e;
	pv_buf_add(ctx, data, len);
	return PV_OK;
}

/* Take the dots out again. Every line ends in CRLF, and none is a dot alone. */
static void unstuff(const struct pv_buf *wire, struct pv_buf *out, uint64_t *lines_r)
{
	const char *p = wire->s, *stop = p + wire->len;

	for (*lines_r = 0; p < stop; ++*lines_r) {
		const char *newline = memchr(p, '\n', (size_t)(stop - p));
		require(newline != NULL && newline > p && newline[-1] == '\r');
		require(*p != '.' || newline - p > 2);
		p += *p == '.';
		pv_buf_add(out, p, (size_t)(newline + 1 - p));
		p = newline + 1;
	}
}

/* The message as it was sent, in a file of its own, is the same message. */
static void read_back(const struct pv_buf *sent, uint64_t lines, const struct pv_digest *want, char *memory)
{
	struct pv_record r = { .offset = 0 };
	struct pv_digest d;

	int fd = file_of(sent->s, sent->len);
	require(pv_scan_message(fd, sent->len, &r, NULL) == PV_OK);
	require(r.octets == sent->len && r.lines == lines);
	require(pv_digest_message(fd, &r, sent->len, &d, NULL, memory, NULL, NULL) == PV_OK);
	require(memcmp(d.hash, want->hash, sizeof d.hash) == 0);
	(void)close(fd);
}

static void try_message(struct pv_maildrop *m, size_t i)
{
	struct pv_buf wire = PV_BUF_INIT(1 << 20), sent = PV_BUF_INIT(1 << 20), top = PV_BUF_INIT(1 << 20);
	const struct pv_record *r = &m->list.v[i];
	struct pv_window window = { .len = 0 };
	struct pv_source source;
	struct pv_digest d;
	uint64_t lines;

	require(pv_maildrop_send(m, i, PV_ALL_LINES, take, &wire, NULL) == PV_OK);
	unstuff(&wire, &sent, &lines);
	require(sent.len == r->octets && lines == r->lines);
	require(pv_source_open(m, i, &source, NULL) == PV_OK);
	require(pv_digest_message(m->fd, r, source.end, &d, &m->x_uidls, m->block, &window, NULL) == PV_OK);
	read_back(&sent, lines, &d, m->block);
	require(pv_maildrop_send(m, i, 1, take, &top, NULL) == PV_OK);
	require(top.len <= wire.len && memcmp(top.s, wire.s, top.len) == 0);
	pv_buf_free(&wire);
	pv_buf_free(&sent);
	pv_buf_free(&top);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pv_location where = { .path = (char[]){ "/box" }, .name = "box" };
	struct pv_maildrop m = { .where = &where, .index_fd = -1, .x_uidls = PV_BUF_INIT(1 << 20) };
	struct pv_records other = { .v = NULL };

	if (size == 0)
		return 0;
	m.fd = file_of(data, size);
	m.st.st_size = (off_t)size;
	require(pv_scan_mbox(m.fd, 0, size, PV_SCAN_BLOCK, &m.list, NULL) == PV_OK);
	require(pv_scan_mbox(m.fd, 0, size, 1 + data[size - 1], &other, NULL) == PV_OK);
	require(m.list.n == other.n);
	for (size_t i = 0; i < other.n; i++) {
		require(memcmp(&m.list.v[i], &other.v[i], sizeof *other.v) == 0);
		if (i < 20)
			try_message(&m, i);
	}
	pv_records_free(&m.list);
	pv_records_free(&other);
	pv_buf_free(&m.x_uidls);
	free(m.block);
	(void)close(m.fd);
	return 0;
}
