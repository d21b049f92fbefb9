#include "maps/proof.h"

#include "maps/fold.h"
#include "maps/postfix.h"

#include <limits.h>
#include <strings.h>

enum { SECONDS = 120 };
#define INPUT_MAX ((size_t)1 << 30)

/* Is the line at *at `key<TAB>want`? If so, go on behind it. */
static bool take_answer(const char **at, const struct pv_case *k)
{
	const char *end = strchr(*at, '\n');
	size_t key = strlen(k->key), want = strlen(k->want);
	struct pv_buf got = PV_BUF_INIT(INPUT_MAX);

	if (end == NULL || (size_t)(end - *at) < key + 1 || memcmp(*at, k->key, key) != 0 ||
	    (*at)[key] != '\t')
		return false;
	pv_fold(*at + key + 1, (size_t)(end - *at) - key - 1, &got);
	bool same = got.len == want && strncasecmp(got.s, k->want, want) == 0;
	pv_buf_free(&got);
	if (!same)
		return false;
	*at = end + 1;
	return true;
}

/* Does the next answer belong to this key, which must have none? (No key holds a newline; one may be the
 * beginning of another with a tab behind it.) */
static bool is_answer_for(const char *at, const struct pv_case *k)
{
	size_t key = strlen(k->key);

	return strncmp(at, k->key, key) == 0 && at[key] == '\t';
}

/* postmap prints a line for each key that it finds, in their order. */
static size_t compare(const char *answers, const struct pv_cases *cases)
{
	for (size_t i = 0; i < cases->count; i++) {
		const struct pv_case *k = &cases->v[i];
		if (*k->want != '\0' ? !take_answer(&answers, k) : is_answer_for(answers, k))
			return i;
	}
	return *answers == '\0' ? cases->count : cases->count - 1;
}

enum pv_class pv_prove_by_postmap(const struct pv_proof_job *job, const struct pv_cases *cases,
				  size_t *wrong_r, struct pv_error *e)
{
	struct pv_buf input = PV_BUF_INIT(INPUT_MAX), out = PV_BUF_INIT(INPUT_MAX);
	char table[PATH_MAX + 8];
	const char *const argv[] = { PV_POSTMAP, "-c", job->postfix_dir, "-q", "-", table, NULL };

	*wrong_r = cases->count;
	(void)snprintf(table, sizeof table, "pcre:%s", job->file);
	for (size_t i = 0; i < cases->count; i++) {
		pv_buf_adds(&input, cases->v[i].key);
		pv_buf_addc(&input, '\n');
	}
	enum pv_class c = pv_buf_check(&input, "the keys of a proof", e);
	if (c == PV_OK)
		c = pv_postfix_ask(argv, &input, SECONDS, &out, e);
	if (c == PV_OK)
		c = pv_buf_check(&out, "the answers of postmap", e);
	if (c == PV_OK)
		*wrong_r = compare(out.s, cases);
	pv_buf_free(&input);
	pv_buf_free(&out);
	return c;
}
