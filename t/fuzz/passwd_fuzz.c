/*
 * passwd_fuzz.c: whatever stands in passwd, a user is found where a line says so, and said not to be there
 * only where every line is good.
 *
 * Input: a byte of switches, the name to look for, a newline, the file.
 * fuzz-max-len: 16384
 */
#include "store/passwd.h"
#include "t/fuzz/require.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ACCOUNT = 60001, LARGE = 40 * 1024 };

static int memory = -1; /* holds the file */

/* In place of the C library's: every file that is opened is the one in memory. */
int openat(int fd, const char *name, int flags, ...)
{
	(void)fd, (void)flags;
	require(strcmp(name, "passwd") == 0);
	return dup(memory);
}

static void fill_memory(const struct pv_buf *b)
{
	if (memory < 0) {
		memory = memfd_create("fuzz", MFD_CLOEXEC);
		require(memory >= 0 && fchmod(memory, 0600) == 0);
	}
	require(ftruncate(memory, 0) == 0 && pwrite(memory, b->s, b->len, 0) == (ssize_t)b->len);
}

/* Comments, enough for the file to be searched and not read at once. */
static void add_comments(struct pv_buf *b)
{
	static const char line[] = "# nobody here, but much to read until somebody comes\n";

	for (size_t n = 0; n < LARGE; n += sizeof line - 1)
		pv_buf_adds(b, line);
}

struct answer {
	unsigned good, bad; /* u's own lines */
	unsigned others_bad;
};

static void judge_line(const char *line, size_t len, bool whole, const struct pv_user *u, struct answer *a)
{
	struct pv_passwd_entry p;
	size_t blank = 0;

	while (blank < len && strchr(" \t\r", line[blank]) != NULL && line[blank] != '\0')
		blank++;
	if (blank == len || line[blank] == '#') {
		a->others_bad += !whole;
		return;
	}
	const char *colon = memchr(line, ':', len);
	size_t key = colon != NULL ? (size_t)(colon - line) : len;
	bool good = whole && pv_passwd_parse(line, len, ACCOUNT, &p, NULL) == PV_OK;
	bool own = key == u->len && strncasecmp(line, u->s, key) == 0;
	a->good += own && good;
	a->bad += own && !good;
	a->others_bad += !own && !good;
}

static struct answer judge(const struct pv_buf *b, const struct pv_user *u)
{
	struct answer a = { .good = 0 };

	for (size_t at = 0; at < b->len;) {
		const char *newline = memchr(b->s + at, '\n', b->len - at);
		size_t len = newline != NULL ? (size_t)(newline - b->s) - at : b->len - at;
		judge_line(b->s + at, len, newline != NULL, u, &a);
		at += len + 1;
	}
	return a;
}

static void ask(const struct pv_buf *b, const struct pv_user *u)
{
	struct pv_folder f = { .fd = -1, .path = "fuzz", .uid = ACCOUNT };
	struct pv_passwd_entry p;
	struct pv_error e;
	bool found, shared;

	f.trust = (struct pv_trust){ .uid = getuid(), .where = f.path };
	struct answer a = judge(b, u);
	enum pv_class c = pv_passwd_find(&f, u, &p, &found, &e);
	if (c != PV_OK) {
		require(c == PV_TEMPORARY && e.class == c && strstr(e.text, "fuzz/passwd") == e.text);
		require(b->len == 0 || a.bad > 0 || a.good > 1 || (a.good == 0 && a.others_bad > 0));
		return;
	}
	require(b->len > 0 && found == (a.good > 0));
	if (!found) {
		require(a.bad == 0 && a.others_bad == 0);
		return;
	}
	/* Of a small file every line is seen. */
	require(b->len > 32 * 1024 || (a.good == 1 && a.bad == 0));
	require(pv_user_equal(&p.user, u) && p.uid == ACCOUNT && strchr(p.home, ':') == NULL);
	require(pv_passwd_home_is_shared(&f, &p, &shared, &e) == PV_OK);
}

static enum pv_class count(void *ctx, const struct pv_passwd_entry *p, unsigned line, struct pv_error *e)
{
	unsigned *n = ctx;

	(void)line, (void)e;
	require(strlen(p->user.s) == p->user.len);
	++*n;
	return PV_OK;
}

/* Without its hashes a file is judged as before, and none is left in a good line. */
static void judge_without_hashes(struct pv_buf *b)
{
	struct pv_error before = { .class = PV_OK }, after = { .class = PV_OK };
	unsigned n = 0, m = 0;

	enum pv_class c = pv_passwd_scan(b->s, b->len, "fuzz", ACCOUNT, false, count, &n, &before);
	pv_passwd_drop_hashes(b);
	require(pv_passwd_scan(b->s, b->len, "fuzz", ACCOUNT, false, count, &m, &after) == c && n == m);
	require(strcmp(before.text, after.text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pv_buf b = PV_BUF_INIT(1 << 20);
	struct pv_user u;

	const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
	if (newline == NULL || newline == data ||
	    pv_user_parse((const char *)data + 1, (size_t)(newline - data) - 1, &u, NULL) != PV_OK)
		return 0;
	if ((data[0] & 1) != 0)
		add_comments(&b);
	pv_buf_add(&b, newline + 1, (size_t)(data + size - newline - 1));
	if ((data[0] & 2) != 0)
		add_comments(&b);
	require(!b.failed);
	fill_memory(&b);
	ask(&b, &u);
	judge_without_hashes(&b);
	pv_buf_free(&b);
	return 0;
}
