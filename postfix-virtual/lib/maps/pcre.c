#include "maps/pcre.h"

#include <errno.h>
#include <stdbool.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct pv_pcre {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
	bool shared; /* data and context are another's */
};

enum { GROUPS_MAX = 10 }; /* the whole match, and ${1} to ${9} */

static enum pv_class refuse(int code, struct pv_error *e)
{
	PCRE2_UCHAR reason[120] = "";

	(void)pcre2_get_error_message(code, reason, sizeof reason);
	return pv_fail(e, PV_PERMANENT, "5.3.5", "PCRE2 says: %s", (const char *)reason);
}

enum pv_class pv_pcre_compile(const char *s, size_t len, struct pv_pcre **r, size_t *at_r, struct pv_error *e)
{
	PCRE2_SIZE at = 0;
	int code = 0;

	*r = calloc(1, sizeof **r);
	if (*r == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold an expression");
	(*r)->code = pcre2_compile((PCRE2_SPTR)s, len, PCRE2_CASELESS | PCRE2_DOTALL, &code, &at, NULL);
	if (at_r != NULL)
		*at_r = at;
	if ((*r)->code != NULL) {
		(*r)->data = pcre2_match_data_create(GROUPS_MAX, NULL);
		(*r)->context = pcre2_match_context_create(NULL);
	}
	if ((*r)->data != NULL && (*r)->context != NULL) {
		(void)pcre2_set_match_limit((*r)->context, PV_PCRE_STEPS);
		(void)pcre2_set_depth_limit((*r)->context, PV_PCRE_DEPTH);
		(void)pcre2_set_heap_limit((*r)->context, PV_PCRE_HEAP_KIB);
		return PV_OK;
	}
	enum pv_class c = (*r)->code == NULL
				  ? refuse(code, e)
				  : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold an expression");
	pv_pcre_free(*r);
	*r = NULL;
	return c;
}

static void free_room(struct pv_pcre *r)
{
	if (r->shared)
		return;
	pcre2_match_context_free(r->context);
	pcre2_match_data_free(r->data);
}

void pv_pcre_share(struct pv_pcre *r, const struct pv_pcre *with)
{
	if (r == with)
		return;
	free_room(r);
	r->data = with->data;
	r->context = with->context;
	r->shared = true;
}

void pv_pcre_free(struct pv_pcre *r)
{
	if (r == NULL)
		return;
	free_room(r);
	pcre2_code_free(r->code);
	free(r);
}

enum pv_match pv_pcre_match(struct pv_pcre *r, const char *s, size_t len)
{
	int n = pcre2_match(r->code, (PCRE2_SPTR)s, len, 0, 0, r->data, r->context);

	if (n == PCRE2_ERROR_NOMATCH)
		return PV_MATCH_NO;
	return n >= 0 ? PV_MATCH_YES : PV_MATCH_TOO_MUCH;
}

void pv_pcre_group(const struct pv_pcre *r, const char *s, unsigned n, const char **start_r, size_t *len_r)
{
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);
	uint32_t groups = 0;

	*start_r = s;
	*len_r = 0;
	/* Room that is shared may have places for more groups, which nobody filled. */
	(void)pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	if (n > groups || n >= pcre2_get_ovector_count(r->data) || v[2 * n] == PCRE2_UNSET)
		return;
	*start_r = s + v[2 * n];
	*len_r = v[2 * n + 1] - v[2 * n];
}
