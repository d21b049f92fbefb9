/*
 * filter_fuzz.c: whatever a filter writes, in whatever pieces, and however it ends: what is stored is what it
 * wrote, as one message behind those that were there; or it is an error with a sentence. Nothing is dropped
 * but by its word, and it reads the message that came.
 *
 * The filter is the input: how it ends, in which pieces it writes, what it writes.
 *
 * fuzz-sources: virtual-deliver/filter.c virtual-deliver/command.c virtual-deliver/compose.c
 * fuzz-sources: virtual-deliver/delivery.c virtual-deliver/environment.c virtual-deliver/header.c
 * fuzz-sources: virtual-deliver/hop.c virtual-deliver/identity.c virtual-deliver/loop.c
 * fuzz-sources: virtual-deliver/message.c virtual-deliver/report.c virtual-deliver/sender.c
 * fuzz-sources: virtual-deliver/verdict.c
 * fuzz-libs: -Wl,--wrap=pv_program_do
 * fuzz-max-len: 8192
 */
#include "virtual-deliver/filter.h"

#include "base/clock.h"
#include "base/program.h"
#include "mailbox/maildrop.h"
#include "mailbox/store_message.h"
#include "store/conf.h"
#include "t/fuzz/folder.h"
#include "t/fuzz/message.h"
#include "virtual-deliver/compose.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

enum { ENDS_KILLED = 0x80, FEW_ALLOWED = 0x40, STATUS = 0x3f, FEW = 100, SAID_SHARE = 8 };

static char path[] = "/dev/shm/pv-fuzz-filter-XXXXXX";
static int folder = -1;

static const char came[] = "Subject: a\n\nFrom here\n>From there\nend";
static const char old[] = "From a@b Fri Nov 20 10:00:00 2026\nSubject: old\n\n>From it\n\n";
#define READS "Return-Path: <s@example.org>\nX-Original-To: u@kvt.dk\nDelivered-To: u@kvt.dk\n"
#define TOP "Return-Path: <s@example.org>\n"

/* --- the filter --- */

static struct {
	const char *s;
	size_t len;
	uint8_t how, pieces;
	struct pv_buf wrote; /* to its standard output, as far as that was taken */
} filter;

static void check_input(int fd)
{
	char got[sizeof READS + sizeof came + 10];

	ssize_t n = read(fd, got, sizeof got);
	require(n == (ssize_t)(sizeof READS - 1 + sizeof came));
	require(memcmp(got, READS, sizeof READS - 1) == 0);
	require(memcmp(got + sizeof READS - 1, came, sizeof came - 1) == 0 && got[n - 1] == '\n');
}

static enum pv_class write_all(const struct pv_program *p, struct pv_error *e)
{
	uint32_t random = filter.pieces;
	enum pv_class c = PV_OK;

	for (size_t at = 0, n; c == PV_OK && at < filter.len; at += n) {
		random = random * 1664525 + 1013904223;
		n = filter.pieces == 0 ? filter.len : 1 + (random >> 24) % filter.pieces;
		n = n < filter.len - at ? n : filter.len - at;
		int fd = filter.pieces > 200 && (random >> 8) % SAID_SHARE == 0 ? 2 : 1;
		/* In memory of its own: a read over its end is found. */
		char *piece = malloc(n);
		require(piece != NULL);
		memcpy(piece, filter.s + at, n);
		c = p->output(p->ctx, fd, piece, n, e);
		if (fd == 1 && c == PV_OK)
			pv_buf_add(&filter.wrote, piece, n);
		free(piece);
	}
	return c;
}

enum pv_class __wrap_pv_program_do(const struct pv_program *p, int *status_r, struct pv_error *e);
enum pv_class __wrap_pv_program_do(const struct pv_program *p, int *status_r, struct pv_error *e)
{
	static const int statuses[] = { 0, 0, 0, 99, 100, 75, 1, 255 };

	require(strcmp(p->argv[0], "/bin/filter") == 0 && p->seconds > 0);
	check_input(p->input_fd);
	enum pv_class c = write_all(p, e);
	if (c != PV_OK)
		return c;
	if ((filter.how & ENDS_KILLED) != 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s was killed by signal 9", p->argv[0]);
	*status_r = statuses[(filter.how & STATUS) % 8];
	return PV_OK;
}

/* --- the delivery --- */

static struct delivery d;
static struct pv_route_user user = { .home = ".", .name = "" };
static struct pv_action action = { .kind = PV_ACTION_MAILBOX, .of = &user };

static void prepare(void)
{
	folder = folder_make(path);
	require(setenv("HOME", path, 1) == 0);
	d.uid = geteuid();
	pv_conf_defaults(&d.store.conf);
	d.hop.sender = (struct slice){ "s@example.org", 13 };
	(void)snprintf(d.recipient.address, sizeof d.recipient.address, "u@kvt.dk");
	d.input = (struct pv_buf)PV_BUF_INIT(1 << 20);
	pv_buf_adds(&d.input, came);
	d.input_ended = true;
	pv_user_conf_defaults(NULL, &user.conf);
	user.conf.mail.filter = "/bin/filter %d";
	require(pv_user_parse("u", 1, &user.user, NULL) == PV_OK);
	require(compose_message(&d, -1, NULL) == PV_OK);
}

/* --- the mailbox --- */

static void put_old(void)
{
	int fd = openat(folder, "box", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(fd >= 0 && write(fd, old, sizeof old - 1) == (ssize_t)sizeof old - 1);
	(void)close(fd);
}

static size_t count_messages(const struct pv_location *where)
{
	const struct pv_maildrop_options o = { .uid = geteuid(), .lock_deadline_ms = 100 };
	struct pv_maildrop *m;

	require(pv_maildrop_open(where, &o, &m, NULL) == PV_OK);
	size_t n = pv_maildrop_count(m);
	pv_maildrop_close(m);
	(void)unlinkat(folder, ".box.index", 0);
	return n;
}

static void check_box(const struct pv_content *stored)
{
	struct pv_buf box = PV_BUF_INIT(1 << 20);

	int fd = openat(folder, "box", O_RDONLY | O_CLOEXEC);
	char *to = pv_buf_reserve(&box, (1 << 16));
	ssize_t n = read(fd, to, 1 << 16);
	(void)close(fd);
	require(n == (ssize_t)(sizeof old - 1 + stored->size) && memcmp(to, old, sizeof old - 1) == 0);
	require(memcmp(to + sizeof old - 1, stored->memory.s, stored->size) == 0);
	pv_buf_free(&box);
}

static void store(const struct pv_content *content)
{
	const struct pv_store_options o = { .uid = geteuid(), .lock_deadline_ms = 100 };
	char full[80];
	struct pv_stored r = { .note = "" };

	(void)snprintf(full, sizeof full, "%s/box", path);
	const struct pv_location where = { .dirfd = folder, .path = full, .name = strrchr(full, '/') + 1 };
	put_old();
	require(pv_mailbox_store(&where, &o, content, NULL, &r, NULL) == PV_OK && r.result == PV_APPENDED);
	check_box(content);
	require(count_messages(&where) == 2);
}

/* --- what came of it --- */

/* The message as programs and a Maildir have it: what the filter wrote, and what a message needs. */
static void check_plain(struct message *m)
{
	struct pv_buf want = PV_BUF_INIT(1 << 20), got = PV_BUF_INIT(1 << 20);
	int fd;

	pv_buf_adds(&want, TOP);
	message_expect(filter.wrote.s, filter.wrote.s + filter.wrote.len, &want);
	require(message_open(m, MESSAGE_FROM_RETURN_PATH, &fd, NULL) == PV_OK);
	char *to = pv_buf_reserve(&got, want.len + 10);
	ssize_t n = read(fd, to, want.len + 10);
	(void)close(fd);
	/* Without the empty line behind it. */
	require(n == (ssize_t)want.len - 1 && memcmp(to, want.s, (size_t)n) == 0);
	pv_buf_free(&want);
	pv_buf_free(&got);
}

static void check_content(const struct pv_content *c)
{
	struct pv_buf plain = PV_BUF_INIT(1 << 20);
	const char *s = c->memory.s, *top = memchr(s, '\n', c->size);

	require(c->fd < 0 && c->size == c->memory.len && strncmp(s, "From s@example.org ", 19) == 0);
	require(c->size > 2 && memcmp(s + c->size - 2, "\n\n", 2) == 0);
	/* There is one From_ line. */
	message_unquote(top + 1, s + c->size, &plain);
	pv_buf_free(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message filtered;
	struct pv_error e = { .text = "" };
	bool dropped;

	if (folder < 0)
		prepare();
	if (size < 2)
		return 0;
	filter.s = (const char *)data + 2;
	filter.len = size - 2;
	filter.how = data[0];
	filter.pieces = data[1];
	filter.wrote = (struct pv_buf)PV_BUF_INIT(1 << 20);
	const bool few = (filter.how & FEW_ALLOWED) != 0;
	d.begun_us = pv_now_us();
	d.header.size = few ? (uint64_t)FEW - FILTER_ADDS_MAX : sizeof came - 1;
	enum pv_class c = filter_run(&d, &action, folder, &filtered, &dropped, &e);
	if (c != PV_OK) {
		require((c == PV_TEMPORARY || c == PV_PERMANENT) && e.class == c && e.text[0] != '\0');
		require(e.status[0] == (c == PV_PERMANENT ? '5' : '4') && !dropped);
	} else if (dropped) {
		require((filter.how & STATUS) % 8 == 3 || filter.wrote.len == 0);
	} else {
		require(filter.wrote.len > 0 && (!few || filter.wrote.len <= FEW));
		check_content(&filtered.content);
		check_plain(&filtered);
		store(&filtered.content);
	}
	message_free(&filtered);
	pv_buf_free(&filter.wrote);
	return 0;
}
