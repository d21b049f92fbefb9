/*
 * registry_fuzz.c: whatever stands in `domains`, each line that is taken reads back as the same, and looking
 * one domain up agrees with reading the whole file.
 */
#include "store/registry.h"
#include "t/fuzz/require.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int memory = -1; /* holds the file */

/* In place of the C library's: every file that is opened is the one in memory. */
int openat(int fd, const char *name, int flags, ...)
{
	(void)fd, (void)flags;
	require(strcmp(name, "domains") == 0);
	require(lseek(memory, 0, SEEK_SET) == 0);
	return dup(memory);
}

static void fill_memory(const uint8_t *data, size_t size)
{
	if (memory < 0) {
		memory = memfd_create("fuzz", MFD_CLOEXEC);
		require(memory >= 0 && fchmod(memory, 0600) == 0);
	}
	require(ftruncate(memory, 0) == 0 && pwrite(memory, data, size, 0) == (ssize_t)size);
}

static bool is_same(const struct pv_registry_entry *a, const struct pv_registry_entry *b)
{
	return pv_domain_equal(&a->domain, &b->domain) && a->is_alias == b->is_alias &&
	       (!a->is_alias || pv_domain_equal(&a->alias_of, &b->alias_of)) &&
	       strcmp(a->account, b->account) == 0 && a->sub_domains == b->sub_domains &&
	       a->commands == b->commands && a->own == b->own && a->max_users == b->max_users &&
	       a->max_quota == b->max_quota && strcmp(a->sender_transport, b->sender_transport) == 0 &&
	       a->standard == b->standard;
}

/* Looking up agrees, also below the domain. */
static void check_lookups(const struct pv_store *s, const struct pv_registry *all, const struct pv_domain *d)
{
	const struct pv_registry_entry *entry = pv_registry_get(all, d);
	struct pv_registry_entry r;
	struct pv_error e;
	bool found;

	require(pv_registry_find(s, d, &r, &found, &e) == PV_OK);
	require(found == (entry != NULL) && (!found || is_same(&r, entry)));
	require(pv_registry_alias(s, d, &r, &found, &e) == PV_OK);
	struct pv_domain at = *d;
	while (((entry = pv_registry_get(all, &at)) == NULL || !entry->is_alias) &&
	       pv_domain_parent(&at, &at))
		;
	require(found == (entry != NULL && entry->is_alias) && (!found || is_same(&r, entry)));
}

static void read_back(const struct pv_store *s, const struct pv_registry_entry *entry)
{
	struct pv_buf line = PV_BUF_INIT(4096);
	struct pv_registry_entry r;
	struct pv_error e;
	bool found;

	pv_registry_format(entry, &line);
	require(!line.failed && strchr(line.s, '\n') == NULL);
	fill_memory((const uint8_t *)line.s, line.len);
	require(pv_registry_find(s, &entry->domain, &r, &found, &e) == PV_OK);
	require(found == (line.len > 0) && is_same(&r, entry));
	pv_buf_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dir[] = "fuzz";
	const struct pv_store s = { .dir = dir, .dirfd = -1, .trust = { .uid = getuid(), .where = dir } };
	struct pv_registry all;
	struct pv_domain d;
	struct pv_error e;

	fill_memory(data, size);
	if (pv_registry_load(&s, &all, &e) != PV_OK) {
		require(e.class == PV_TEMPORARY && strstr(e.text, "fuzz/domains") == e.text);
		return 0;
	}
	for (size_t i = 0; i < all.count && i < 4; i++) {
		check_lookups(&s, &all, &all.entries[i].domain);
		char below[300];
		int n = snprintf(below, sizeof below, "a.b.%s", all.entries[i].domain.s);
		if (pv_domain_parse(below, (size_t)n, &d, NULL) == PV_OK)
			check_lookups(&s, &all, &d);
	}
	for (size_t i = 0; i < all.count && i < 4; i++)
		read_back(&s, &all.entries[i]);
	pv_registry_free(&all);
	return 0;
}
