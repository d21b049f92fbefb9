/*
 * answered_fuzz.c: whatever stands in the index of who was answered, nobody is answered twice: who may be is
 * noted, and may not be again. An index that cannot be read is left as it is. fuzz-max-len: 8192
 */
#include "store/answered.h"
#include "t/fuzz/folder.h"
#include "t/fuzz/require.h"

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#define NOW ((time_t)1795000000)

static int folder = -1;
static char path[64];

static void prepare(void)
{
	(void)snprintf(path, sizeof path, "/dev/shm/pv-answered-fuzz-XXXXXX");
	folder = folder_make(path);
}

static void put(const uint8_t *data, size_t size)
{
	int fd = openat(folder, "x.db", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)close(fd);
}

static bool holds(const uint8_t *data, size_t size)
{
	static uint8_t found[16384];

	int fd = openat(folder, "x.db", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, found, sizeof found);
	(void)close(fd);
	return n == (ssize_t)size && memcmp(found, data, size) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pv_answered_rule weekly = { .most = 1, .seconds = 7 * 86400 };
	const struct pv_trust trust = { .uid = geteuid(), .where = path };
	struct pv_answered a = { .name = "x.db", .trust = &trust };
	bool may, again, found;
	struct pv_error e;
	size_t count;

	if (folder < 0)
		prepare();
	a.dirfd = folder;
	put(data, size);
	enum pv_class c = pv_answered_note(&a, "s@example.org", &weekly, NOW, &may, &e);
	if (c != PV_OK) {
		require(c == PV_TEMPORARY && !may && strstr(e.text, "x.db, line ") != NULL &&
			holds(data, size));
		require(pv_answered_count(&a, &count, &found, &e) != PV_OK);
		return 0;
	}
	require(pv_answered_count(&a, &count, &found, &e) == PV_OK && found && count > 0 &&
		count <= PV_ANSWERED_MAX);
	require(may || holds(data, size));
	require(pv_answered_ask(&a, "S@EXAMPLE.org", &weekly, NOW, &again, &e) == PV_OK && !again);
	return 0;
}
