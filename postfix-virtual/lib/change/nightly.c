#include "change/nightly.h"

#include "base/file.h"
#include "base/table.h"
#include "change/purge.h"
#include "change/state.h"
#include "change/work.h"
#include "maps/update.h"
#include "store/history.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static void note(struct pv_change *c, struct pv_nightly *n, const struct pv_error *e)
{
	pv_buf_addf(&c->notes, "%s\n", e->text);
	n->complaints++;
}

/* A domain's history, or the host's. Who holds the lock is writing to it: next night, then. */
static void trim_one(struct pv_change *c, struct pv_nightly *n, int history, const struct pv_domain *d,
		     time_t since)
{
	struct pv_work w;
	struct pv_error e;
	size_t dropped;

	if (pv_work_lock(&w, c, d, 0, NULL) == PV_OK) {
		if (pv_history_trim(history, d, since, c->dry, &dropped, &e) != PV_OK)
			note(c, n, &e);
		n->lines += dropped;
	}
	pv_work_end(&w);
}

static bool is_new(const char *name)
{
	size_t len = strlen(name);

	return name[0] == '.' && len > 5 && strcmp(name + len - 4, ".new") == 0;
}

static void trim_histories(struct pv_change *c, struct pv_nightly *n)
{
	const struct pv_conf *conf = &c->store->conf;
	unsigned long days = 0;
	char path[PATH_MAX];
	struct pv_domain d;
	struct dirent *entry;
	struct pv_error e;
	int fd;

	(void)pv_parse_number(conf->history_days, strlen(conf->history_days), 100000, &days);
	(void)snprintf(path, sizeof path, "%s/history", conf->state_directory);
	if (c->dry && access(path, F_OK) != 0)
		return;
	if (pv_state_open(conf->state_directory, "history", 0711, &fd, &e) != PV_OK) {
		note(c, n, &e);
		return;
	}
	int list = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = list >= 0 ? fdopendir(list) : NULL;
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (pv_domain_parse(entry->d_name, strlen(entry->d_name), &d, NULL) == PV_OK)
			trim_one(c, n, fd, &d, time(NULL) - (time_t)days * 86400);
		else if (is_new(entry->d_name) && !c->dry)
			(void)unlinkat(fd, entry->d_name, 0);
	trim_one(c, n, fd, &pv_domain_host, time(NULL) - (time_t)days * 86400);
	if (dir != NULL)
		(void)closedir(dir);
	(void)close(fd);
}

static enum pv_class update_tables(struct pv_change *c, struct pv_nightly *n, struct pv_error *e)
{
	const struct pv_maps_options o = { .dry_run = c->dry };
	struct pv_maps_report r;

	enum pv_class class = pv_maps_update(c->store, NULL, 0, &o, &r, e);
	for (size_t i = 0; i < r.complaint_count; i++)
		note(c, n, &r.complaints[i].error);
	n->domains = r.domains;
	n->keys = r.keys;
	n->changed = r.added + r.removed + r.changed;
	if (c->dry)
		pv_buf_add(&c->diff, r.diff.s, r.diff.len);
	pv_maps_report_free(&r);
	return class;
}

enum pv_class pv_nightly(struct pv_change *c, struct pv_nightly *n, struct pv_error *e)
{
	int lock = -1;

	*n = (struct pv_nightly){ .removed = 0 };
	if (!c->dry && pv_state_lock_nightly(c->store, &lock, NULL) != PV_OK)
		return pv_fail(e, PV_TEMPORARY, NULL,
			       "another nightly run is at work, and does all of this: nothing was done");
	n->removed = pv_purge_accounts(c, &n->complaints);
	trim_histories(c, n);
	enum pv_class class = update_tables(c, n, e);
	if (lock >= 0)
		(void)close(lock);
	return class;
}
