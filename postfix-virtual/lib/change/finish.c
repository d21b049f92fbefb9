#include "base/file.h"
#include "change/hooks.h"
#include "change/work.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

static void finish(struct pv_change *c, const struct pv_domain *d)
{
	struct pv_work w;
	struct pv_error e;

	/* Who holds the lock is at work on it now. */
	if (pv_work_lock(&w, c, d, 0, &e) == PV_OK && pv_work_finish_marked(&w, &e) != PV_OK)
		pv_buf_addf(&c->notes, "%s\n", e.text);
	pv_work_end(&w);
}

/* A domain's name, or what stands in its place. */
static bool parse_name(const char *name, size_t len, struct pv_domain *d)
{
	if (len == pv_domain_host.len && strncmp(name, pv_domain_host.s, len) == 0) {
		*d = pv_domain_host;
		return true;
	}
	return pv_domain_parse(name, len, d, NULL) == PV_OK;
}

static DIR *open_pending(const struct pv_change *c)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = c->store->conf.state_directory };
	int state, fd = -1;

	if (pv_dir_open(AT_FDCWD, c->store->conf.state_directory, &trust, &state, NULL, NULL) != PV_OK ||
	    state < 0)
		return NULL;
	fd = openat(state, "pending", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	(void)close(state);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL && fd >= 0)
		(void)close(fd);
	return dir;
}

/* A mark that was being written when its writer was killed: `.kvt.dk.new`. Nothing was begun yet. */
static void drop_torn_mark(struct pv_change *c, const char *name)
{
	size_t len = strlen(name);
	struct pv_domain d;
	struct pv_work w;

	if (len < sizeof "..new" || name[0] != '.' || strcmp(name + len - 4, ".new") != 0 ||
	    !parse_name(name + 1, len - 5, &d))
		return;
	if (pv_work_lock(&w, c, &d, 0, NULL) == PV_OK)
		(void)pv_file_remove(w.pending_fd, name, NULL);
	pv_work_end(&w);
}

void pv_change_finish_all(struct pv_change *c)
{
	struct pv_domain d;
	struct dirent *entry;

	if (geteuid() != 0 || c->dry)
		return;
	DIR *dir = open_pending(c);
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (parse_name(entry->d_name, strlen(entry->d_name), &d))
			finish(c, &d);
		else
			drop_torn_mark(c, entry->d_name);
	(void)closedir(dir);
	pv_hooks_run(c);
	pv_step_purge(c);
}
