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

static enum pv_class write_conf(const struct pv_store *s, const struct pv_setup *p, struct pv_error *e)
{
	if (!p->conf_changes)
		return PV_OK;
	if (p->conf.len == 0)
		return pv_file_remove(s->dirfd, "virtual.conf", e);
	return pv_file_replace(s->dirfd, "virtual.conf", p->conf.s, p->conf.len, 0644, (uid_t)-1, (gid_t)-1,
			       e);
}

static enum pv_class reload(const struct pv_store *s, struct pv_setup *p, struct pv_error *e)
{
	unsigned running;

	enum pv_class c = pv_reload_now(s, &running, e);
	if (c == PV_OK && running == 0)
		pv_buf_adds(&p->notes, "Postfix does not run; start it when you like\n");
	return c;
}

/* Words that Postfix does not like come out again. */
static enum pv_class take_back(const struct pv_store *s, const struct pv_error *why, struct pv_error *e)
{
	struct pv_error ignored = *why;
	struct pv_setup undo;

	if (pv_setup_plan(s, true, &undo, &ignored) == PV_OK &&
	    pv_postfix_config_edit(s->conf.postfix_config_directory, &undo.edits, &ignored) == PV_OK)
		(void)pv_setup_record_remove(s, &ignored);
	pv_setup_free(&undo);
	*e = *why;
	return e->class;
}

static enum pv_class put_in(const struct pv_store *s, struct pv_setup *p, struct pv_error *e)
{
	const char *dir = s->conf.postfix_config_directory;
	struct pv_error why;

	enum pv_class c = make_folders(s, e);
	if (c == PV_OK)
		c = make_tables(s, p, e);
	if (c == PV_OK)
		c = pv_setup_record_write(s, &p->next, e);
	if (c == PV_OK)
		c = write_conf(s, p, e);
	if (c == PV_OK)
		c = pv_postfix_config_edit(dir, &p->edits, e);
	if (c == PV_OK && pv_postfix_check(dir, &why) != PV_OK)
		return take_back(s, &why, e);
	return c == PV_OK ? reload(s, p, e) : c;
}

static enum pv_class take_out(const struct pv_store *s, struct pv_setup *p, struct pv_error *e)
{
	enum pv_class c = pv_postfix_config_edit(s->conf.postfix_config_directory, &p->edits, e);

	if (c == PV_OK)
		c = write_conf(s, p, e);
	if (c == PV_OK)
		c = reload(s, p, e);
	return c == PV_OK ? pv_setup_record_remove(s, e) : c;
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

void pv_setup_free(struct pv_setup *p)
{
	for (size_t i = 0; i < PV_PARAMETERS; i++)
		free(p->values[i]);
	free(p->service);
	pv_postfix_config_free(&p->now);
	pv_setup_record_free(&p->record);
	pv_setup_record_free(&p->next);
	pv_buf_free(&p->conf);
	pv_buf_free(&p->diff);
	pv_buf_free(&p->notes);
}
