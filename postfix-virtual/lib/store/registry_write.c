#include "store/registry_write.h"

#include "base/table.h"

enum { LINE_MAX_BYTES = 8192 };

static bool is_of(const char *word, size_t len, const void *domain)
{
	struct pv_domain found;

	return pv_domain_parse(word, len, &found, NULL) == PV_OK && pv_domain_equal(&found, domain);
}

enum pv_class pv_registry_change(const char *text, size_t len, const struct pv_domain *d,
				 const struct pv_registry_entry *entry, struct pv_buf *out,
				 struct pv_error *e)
{
	struct pv_buf line = PV_BUF_INIT(LINE_MAX_BYTES);

	if (entry != NULL)
		pv_registry_format(entry, &line);
	enum pv_class c = pv_buf_check(&line, "a line of domains", e);
	if (c == PV_OK) {
		pv_lines_change(text, len, is_of, d, line.len > 0 ? line.s : NULL, out);
		c = pv_buf_check(out, "domains", e);
	}
	pv_buf_free(&line);
	return c;
}
