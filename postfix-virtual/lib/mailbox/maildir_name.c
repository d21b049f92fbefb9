#include "mailbox/maildir_name.h"

#include "base/host.h"
#include "base/table.h"

#include <stdint.h>
#include <stdio.h>

enum { ID_BYTES = 8, ID_TEXT = 2 * ID_BYTES + 2, HOST_MAX = 128 };

/* `_` and the first bytes of the id in hex. */
static void id_text(const unsigned char *id, char out[ID_TEXT])
{
	out[0] = '_';
	for (size_t i = 0; i < ID_BYTES; i++)
		(void)snprintf(out + 1 + 2 * i, 3, "%02x", id[i]);
}

static bool is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
	       c == '-' || c == '_';
}

static void host_text(char *out, size_t size)
{
	size_t len = 0;

	for (const char *p = pv_host_name(); *p != '\0' && len + 5 <= size; p++)
		if (is_plain((unsigned char)*p))
			out[len++] = *p;
		else
			len += (size_t)snprintf(out + len, size - len, "\\%03o", (unsigned char)*p);
	out[len] = '\0';
}

void pv_maildir_name(char out[NAME_MAX + 1], const struct timespec *when, const unsigned char *id,
		     uint64_t size)
{
	char known_by[ID_TEXT] = "", host[HOST_MAX];

	if (id != NULL)
		id_text(id, known_by);
	host_text(host, sizeof host);
	(void)snprintf(out, NAME_MAX + 1, "%lld.M%06ldP%ld%s.%s,S=%llu", (long long)when->tv_sec,
		       when->tv_nsec / 1000, pv_process_id(), known_by, host, (unsigned long long)size);
}

size_t pv_maildir_name_base(const char *name)
{
	return strcspn(name, ":");
}

bool pv_maildir_name_has(const char *name, const unsigned char id[PV_ID_BYTES])
{
	char known_by[ID_TEXT];

	id_text(id, known_by);
	return memmem(name, pv_maildir_name_base(name), known_by, sizeof known_by - 1) != NULL;
}

bool pv_maildir_name_size(const char *name, uint64_t *size_r)
{
	const char *at = memmem(name, pv_maildir_name_base(name), ",S=", 3);
	unsigned long size;

	if (at == NULL || !pv_parse_number(at + 3, strspn(at + 3, "0123456789"), ULONG_MAX / 2, &size))
		return false;
	*size_r = size;
	return true;
}
