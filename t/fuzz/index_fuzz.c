/*
 * index_fuzz.c: whatever stands in an index, with checksums that are right, a session with it ends. The input
 * is what comes behind the fields that say which mailbox it is of, for an mbox or, with an odd first byte,
 * for a Maildir.
 * fuzz-max-len: 8192
 */
#include "mailbox/maildrop_index.c"
#include "mailbox/maildrop_maildir.h"
#include "t/fuzz/folder.h"
#include "t/fuzz/require.h"

static int folder = -1;
static char path[64];

static void put(const char *name, const void *data, size_t len)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	(void)close(fd);
}

static void prepare(void)
{
	static const char one[] = "From a@b Fri\nSubject: x\n\nbody\n\n";
	char box[10 * sizeof one];
	size_t len = 0;

	(void)snprintf(path, sizeof path, "/dev/shm/pv-index-fuzz-XXXXXX");
	folder = folder_make(path);
	for (int i = 0; i < 10; i++, len += sizeof one - 1)
		memcpy(box + len, one, sizeof one - 1);
	put("box", box, len);
	require(mkdirat(folder, "dir", 0700) == 0 && mkdirat(folder, "dir/cur", 0700) == 0 &&
		mkdirat(folder, "dir/new", 0700) == 0);
	put("dir/cur/1.b", one, sizeof one - 1);
	put("dir/new/2.c", one, sizeof one - 1);
}

/* An index of the mailbox as it is, with these numbers, records, digests and texts. */
static void put_mbox_index(const uint8_t *data, size_t size)
{
	static union {
		struct head h;
		char bytes[8192 + sizeof(struct head)];
	} file;
	struct stat st;

	require(fstatat(folder, "box", &st, 0) == 0);
	struct head h = { .magic = MAGIC,
			  .inode = (uint64_t)st.st_ino,
			  .size = (uint64_t)st.st_size,
			  .changed = ns(&st.st_ctim),
			  .modified = ns(&st.st_mtim),
			  .written = ns(&st.st_ctim) + 2 * (int64_t)SECOND };
	uint64_t room = size / sizeof(struct pv_record);
	h.count = size > 0 ? data[0] % 16 : 0;
	h.count = h.count > room ? room : h.count;
	uint64_t rest = size - h.count * sizeof(struct pv_record);
	h.digests = h.count * sizeof(struct pv_digest) <= rest ? h.count : 0;
	h.x_uidls = rest - h.digests * sizeof(struct pv_digest);
	memcpy(file.bytes + sizeof h, data, size);
	struct pv_record records[16];
	memcpy(records, data, (size_t)h.count * sizeof *records);
	/* Mostly ones that are in order. */
	for (size_t i = 0; i < h.count && i < size && data[i] % 4 != 0; i++)
		records[i].offset = i * 31;
	memcpy(file.bytes + sizeof h, records, (size_t)h.count * sizeof *records);
	const char *digests = file.bytes + sizeof h + h.count * sizeof *records;
	size_t bytes = (size_t)h.digests * sizeof(struct pv_digest);
	uint64_t sums[2] = { pv_hash64(digests, bytes), pv_hash64(digests + bytes, (size_t)h.x_uidls) };
	h.rest_sum = pv_hash64(sums, sizeof sums);
	h.sum = sum_of(&h, records);
	file.h = h;
	put(".box.index", file.bytes, sizeof h + size);
}

/* magic, count, bytes of text, sum; entries, texts (maildrop_maildir_index.c). */
static void put_maildir_index(const uint8_t *data, size_t size)
{
	enum { ENTRY = sizeof(struct pv_record) + sizeof(struct pv_digest) + 16, HEAD = 32 };
	static union {
		uint64_t head[4];
		char bytes[8192 + HEAD];
	} file;

	uint64_t count = size > 0 ? data[0] % 8 / 2 : 0;
	count = count * ENTRY > size ? size / ENTRY : count;
	uint64_t texts = size - count * ENTRY;
	memcpy(file.bytes + HEAD, data, size);
	if (size > 0)
		file.bytes[HEAD + size - 1] = '\0';
	/* Of a file that is there. */
	struct stat st;
	require(fstatat(folder, "dir/cur/1.b", &st, 0) == 0);
	const uint64_t inode = (uint64_t)st.st_ino;
	for (size_t i = 0; i < count; i++)
		memcpy(file.bytes + HEAD + (i + 1) * ENTRY - 16, &inode, sizeof inode);
	uint64_t sums[3] = { count, pv_hash64(file.bytes + HEAD, (size_t)count * ENTRY),
			     pv_hash64(file.bytes + HEAD + count * ENTRY, (size_t)texts) };
	file.head[0] = 0x31786469646d7670u;
	file.head[1] = count;
	file.head[2] = texts;
	file.head[3] = pv_hash64(sums, sizeof sums);
	put(".dir.index", file.bytes, HEAD + size);
}

static enum pv_class drop(void *ctx, const char *data, size_t len, struct pv_error *e)
{
	(void)ctx, (void)data, (void)len, (void)e;
	return PV_OK;
}

static void session(const char *name)
{
	const struct pv_maildrop_options o = { .uid = geteuid(), .lock_deadline_ms = 100 };
	char full[80], id[PV_UIDL_SIZE];
	struct pv_maildrop *m;
	struct pv_error e;

	(void)snprintf(full, sizeof full, "%s/%s", path, name);
	const struct pv_location l = { .dirfd = folder, .path = full, .name = strrchr(full, '/') + 1 };
	require(pv_maildrop_open(&l, &o, &m, &e) == PV_OK);
	for (size_t i = 0; i < pv_maildrop_count(m); i++) {
		struct pv_maildrop_message message;
		pv_maildrop_message(m, i, &message);
		if (pv_maildrop_uidl(m, i, id, &e) == PV_OK)
			require(strlen(id) <= 70);
		(void)pv_maildrop_check(m, i, &e);
		(void)pv_maildrop_send(m, i, 2, drop, NULL, &e);
	}
	/* Nothing is removed: the mailbox is there for the next one. */
	pv_maildrop_close(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (folder < 0)
		prepare();
	if (size > 8192)
		return 0;
	bool maildir = size > 0 && data[0] % 2 == 1;
	if (maildir)
		put_maildir_index(data, size);
	else
		put_mbox_index(data, size);
	session(maildir ? "dir" : "box");
	return 0;
}
