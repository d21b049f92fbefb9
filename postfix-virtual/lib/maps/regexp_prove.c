#include "maps/regexp_prove.h"

#include "base/file.h"
#include "maps/postfix.h"
#include "maps/proof.h"
#include "maps/regexp.h"
#include "maps/report.h"
#include "store/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#define CANDIDATE "." PV_REGEXP_NAME ".proof"

struct proof {
	struct pv_maps_work *w;
	bool *failed;
	size_t done, total; /* domains */
};

static bool is_changed(const struct pv_maps_work *w, const struct pv_expressions *l,
		       const struct pv_regexp_text *t, size_t i)
{
	const struct pv_expression *old = pv_expressions_get(&w->old_expressions, l->v[i].domain);
	size_t len = t->starts[i + 1] - t->starts[i];

	if (w->options->prove != NULL)
		return pv_plan_get(&w->plan, l->v[i].domain) != NULL;
	return old == NULL || old->block_len != len ||
	       memcmp(old->block, t->blocks.s + t->starts[i], len) != 0;
}

static enum pv_class said(void *ctx, size_t i, const struct pv_proof *p, const struct pv_error *why,
			  struct pv_error *e)
{
	struct proof *proof = ctx;
	const struct pv_maps_prove *to = proof->w->options->prove;
	struct pv_error complaint;
	struct pv_domain d;

	pv_progress(proof->w->options, PV_PROGRESS_PROVE, ++proof->done, proof->total);
	if (to != NULL)
		to->say(to->ctx, p, why);
	if (why == NULL)
		return PV_OK;
	bool known = pv_domain_parse(p->domain, strlen(p->domain), &d, NULL) == PV_OK;
	bool again = proof->failed[i];
	proof->failed[i] = true;
	(void)pv_fail(&complaint, PV_BUG, NULL,
		      "%s: its expressions failed their proof, so those of before are used where they hold, "
		      "or none (a "
		      "bug: please report it): %s",
		      p->domain, why->text);
	return again ? PV_OK : pv_report_complain(proof->w->report, known ? &d : NULL, &complaint, e);
}

static bool is_as_before(const struct pv_maps_work *w)
{
	return w->regexp.len == w->old_regexp.len && memcmp(w->regexp.s, w->old_regexp.s, w->regexp.len) == 0;
}

/* The text, in a file of which Postfix knows nothing. */
static enum pv_class write_candidate(const struct pv_maps_work *w, int dirfd, struct pv_error *e)
{
	const char *dir = w->store->conf.map_directory;

	(void)unlinkat(dirfd, CANDIDATE, 0);
	int fd = openat(dirfd, CANDIDATE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "make %s/" CANDIDATE, dir);
	int bad = pv_write_all(fd, w->regexp.s, w->regexp.len), err = errno;
	(void)close(fd);
	return bad == 0 ? PV_OK : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "write %s/" CANDIDATE, dir);
}

static enum pv_class prove_by_candidate(const struct pv_maps_work *w, struct pv_proof_job *job, char *path,
					size_t size, struct pv_error *e)
{
	int dirfd = open(w->store->conf.map_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dirfd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open folder %s",
				     w->store->conf.map_directory);
	(void)snprintf(path, size, "%s/" CANDIDATE, w->store->conf.map_directory);
	job->file = path;
	enum pv_class c = write_candidate(w, dirfd, e);
	if (c == PV_OK)
		c = pv_prove(job, e);
	(void)unlinkat(dirfd, CANDIDATE, 0);
	(void)close(dirfd);
	return c;
}

/* Where nothing may be written, Postfix is asked about the text in force, if that is the one to be proved. */
static enum pv_class prove(const struct pv_maps_work *w, const struct pv_proof_job *ordered,
			   struct pv_error *e)
{
	bool writes = !w->options->check && !w->options->dry_run;
	struct pv_proof_job job = *ordered;
	char path[PATH_MAX], dir[PATH_MAX];

	if (!pv_conf_instance(&w->store->conf, 0, dir, sizeof dir) || !pv_postfix_has(PV_POSTMAP))
		return pv_prove(&job, e);
	job.postfix_dir = dir;
	if (writes)
		return prove_by_candidate(w, &job, path, sizeof path, e);
	(void)snprintf(path, sizeof path, "%s/" PV_REGEXP_NAME, w->store->conf.map_directory);
	if (w->options->prove != NULL && is_as_before(w))
		job.file = path;
	return pv_prove(&job, e);
}

enum pv_class pv_regexp_prove(struct pv_maps_work *w, const struct pv_expressions *l,
			      const struct pv_regexp_text *t, bool *failed, struct pv_error *e)
{
	bool *changed = calloc(l->count + 1, sizeof *changed);
	struct proof proof = { w, failed, 0, 0 };
	struct pv_proof_job job = { .l = l,
				    .blocks = &t->blocks,
				    .starts = t->starts,
				    .lines = t->lines.s,
				    .changed = changed,
				    .delimiters = w->store->conf.recipient_delimiter,
				    .said = said,
				    .ctx = &proof };

	if (changed == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold a proof");
	for (size_t i = 0; i < l->count; i++) {
		changed[i] = is_changed(w, l, t, i);
		proof.total += changed[i];
	}
	enum pv_class c = prove(w, &job, e);
	free(changed);
	return c;
}
