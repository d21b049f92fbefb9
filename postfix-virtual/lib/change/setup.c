#include "change/setup.h"

#include "base/file.h"
#include "change/state.h"
#include "maps/reload.h"
#include "maps/update.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

/* map_directory: Postfix reads it, nobody else. */
static enum pv_class make_map_folder(const struct pv_store *s, struct pv_error *e)
{
	const struct group *postfix = getgrnam("postfix");
	int fd;

	enum pv_class c = pv_state_open(s->conf.map_directory, NULL, 0750, &fd, e);
	if (c != PV_OK)
		return c;
	if (fchownat(fd, "", 0, postfix != NULL ? postfix->gr_gid : 0, AT_EMPTY_PATH) != 0 ||
	    fchmodat(fd, ".", 0750, 0) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "set owner and mode of %s",
				  s->conf.map_directory);
	(void)close(fd);
	return c;
}

static enum pv_class make_folders(const struct pv_store *s, struct pv_error *e)
{
	const struct {
		const char *path;
		mode_t mode;
	} folders[] = { { s->conf.spool_directory, 0755 },
			{ s->conf.state_directory, 0700 },
			{ s->conf.run_directory, 0700 } };
	enum pv_class c = PV_OK;
	int fd;

	for (size_t i = 0; c == PV_OK && i < sizeof folders / sizeof *folders; i++)
		if ((c = pv_state_open(folders[i].path, NULL, folders[i].mode, &fd, e)) == PV_OK)
			(void)close(fd);
	return c == PV_OK ? make_map_folder(s, e) : c;
}

/* The tables must be there before main.cf names them. */
static enum pv_class make_tables(const struct pv_store *s, struct pv_setup *p, struct pv_error *e)
{
	const struct pv_maps_options o = { .check = false };
	struct pv_maps_report report;

	enum pv_class c = pv_maps_update(s, NULL, 0, &o, &report, e);
	for (size_t i = 0; i < report.complaint_count; i++)
		pv_buf_addf(&p->notes, "%s\n", report.complaints[i].error.text);
	pv_maps_report_free(&report);
	return c;
}

static enum pv_class write_conf(const struct pv_store *s, const struct pv_buf *text, struct pv_error *e)
{
	if (text->len == 0)
		return pv_file_remove(s->dirfd, "virtual.conf", e);
	return pv_file_replace(s->dirfd, "virtual.conf", text->s, text->len, 0644, (uid_t)-1, (gid_t)-1, e);
}

static enum pv_class reload(const struct pv_store *s, struct pv_setup *p, struct pv_error *e)
{
	unsigned running;

	enum pv_class c = pv_reload_now(s, &running, e);
	for (size_t i = 0; c == PV_OK && i < p->count; i++) {
		bool runs = false;
		if (!p->instances[i].listed && !p->instances[i].gone)
			c = pv_reload_instance(p->instances[i].dir, &runs, e);
		running += runs;
	}
	if (c == PV_OK && running == 0)
		pv_buf_adds(&p->notes, "Postfix does not run; start it when you like\n");
	else if (c == PV_OK && running < p->count)
		pv_buf_addf(&p->notes, "%u of %zu instances of Postfix run and were reloaded\n", running,
			    p->count);
	return c;
}

/* Change one instance, and let Postfix judge it. */
static enum pv_class change_one(const struct pv_setup_instance *it, struct pv_error *e)
{
	enum pv_class c = pv_postfix_config_edit(it->dir, &it->edits, e);

	return c == PV_OK ? pv_postfix_check(it->dir, e) : c;
}

static enum pv_class write_records(const struct pv_store *s, const struct pv_setup *p, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < p->count; i++)
		c = pv_setup_record_write(s, &p->instances[i].next, e);
	return c;
}

/* As it was before, the records last: while one is there, an undo is possible. */
static enum pv_class put_back(const struct pv_store *s, const struct pv_setup *p,
			      const struct pv_postfix_files *kept, size_t changed, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	while (c == PV_OK && changed-- > 0)
		c = pv_postfix_files_put_back(p->instances[changed].dir, &kept[changed], e);
	if (c == PV_OK && p->conf_changes)
		c = write_conf(s, &p->conf_before, e);
	for (size_t i = 0; c == PV_OK && i < p->count; i++) {
		const struct pv_setup_record *was = &p->instances[i].record;
		c = was->found ? pv_setup_record_write(s, was, e) : pv_setup_record_remove(s, was->name, e);
	}
	return c;
}

/* All instances or none. */
static enum pv_class change_all(const struct pv_store *s, const struct pv_setup *p,
				struct pv_postfix_files *kept, struct pv_error *e)
{
	struct pv_error also;
	size_t i = 0;

	enum pv_class c = write_records(s, p, e);
	if (c == PV_OK && p->conf_changes)
		c = write_conf(s, &p->conf, e);
	for (; c == PV_OK && i < p->count; i++)
		c = change_one(&p->instances[i], e);
	if (c == PV_OK)
		return c;
	const struct pv_error why = *e;
	if (put_back(s, p, kept, i, &also) != PV_OK)
		return pv_fail(e, PV_TEMPORARY, NULL, "%.300s; and it could not be taken back: %.300s",
			       why.text, also.text);
	return c;
}

static enum pv_class put_in(const struct pv_store *s, struct pv_setup *p, struct pv_error *e)
{
	struct pv_postfix_files *kept = calloc(p->count, sizeof *kept);

	enum pv_class c =
		kept != NULL ? make_folders(s, e) : pv_fail(e, PV_TEMPORARY, NULL, "no memory for setup");
	if (c == PV_OK)
		c = make_tables(s, p, e);
	size_t have = 0;
	for (; c == PV_OK && have < p->count; have++)
		c = pv_postfix_files_keep(p->instances[have].dir, &kept[have], e);
	if (c == PV_OK)
		c = change_all(s, p, kept, e);
	for (size_t i = 0; i < have; i++)
		pv_postfix_files_free(&kept[i]);
	free(kept);
	return c == PV_OK ? reload(s, p, e) : c;
}

/* In reverse. An instance that cannot be changed keeps its record, so that it can be tried again. */
static enum pv_class take_out(const struct pv_store *s, struct pv_setup *p, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = p->count; c == PV_OK && i-- > 0;)
		if (!p->instances[i].gone)
			c = pv_postfix_config_edit(p->instances[i].dir, &p->instances[i].edits, e);
	if (c == PV_OK && p->conf_changes)
		c = write_conf(s, &p->conf, e);
	if (c == PV_OK)
		c = reload(s, p, e);
	for (size_t i = p->count; c == PV_OK && i-- > 0;)
		c = pv_setup_record_remove(s, p->instances[i].record.name, e);
	return c;
}

enum pv_class pv_setup_apply(const struct pv_store *s, struct pv_setup *p, struct pv_error *e)
{
	int lock;

	enum pv_class c = pv_state_lock_host(s, &lock, e);
	if (c != PV_OK)
		return c;
	c = p->undo ? take_out(s, p, e) : put_in(s, p, e);
	(void)close(lock);
	return c;
}

static void free_instance(struct pv_setup_instance *it)
{
	for (size_t i = 0; i < PV_PARAMETERS; i++)
		free(it->values[i]);
	free(it->service);
	pv_postfix_config_free(&it->now);
	pv_setup_record_free(&it->record);
	pv_setup_record_free(&it->next);
}

void pv_setup_free(struct pv_setup *p)
{
	for (size_t i = 0; i < p->count; i++)
		free_instance(&p->instances[i]);
	free(p->instances);
	pv_buf_free(&p->conf_before);
	pv_buf_free(&p->conf);
	pv_buf_free(&p->diff);
	pv_buf_free(&p->notes);
	*p = (struct pv_setup){ .conf = PV_BUF_INIT(0),
				.conf_before = PV_BUF_INIT(0),
				.diff = PV_BUF_INIT(0),
				.notes = PV_BUF_INIT(0) };
}
