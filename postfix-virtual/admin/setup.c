#include "admin.h"

#include "base/file.h"
#include "change/setup.h"
#include "store/conf.h"
#include "store/folder.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* The configuration folder as it would be, before it is made: all defaults. */
static enum pv_class imagine_store(struct pv_store *s, const char *dir, struct pv_error *e)
{
	*s = (struct pv_store){ .dirfd = -1, .dir_is_default = strcmp(dir, PV_DEFAULT_DIRECTORY) == 0 };
	pv_conf_defaults(&s->conf);
	s->dir = strdup(dir);
	return s->dir != NULL ? PV_OK : pv_fail(e, PV_TEMPORARY, NULL, "no memory for %s", dir);
}

static bool is_missing(const char *dir)
{
	struct stat st;

	return dir[0] == '/' && lstat(dir, &st) != 0 && errno == ENOENT;
}

static enum pv_class open_store(struct admin *a, const char *dir, bool make, struct pv_error *e)
{
	if (is_missing(dir)) {
		if (!make)
			return imagine_store(&a->store, dir, e);
		if (mkdir(dir, 0755) != 0 || chmod(dir, 0755) != 0)
			return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "make the folder %s", dir);
	}
	return pv_store_open(a->dir, &a->store, e);
}

/* What will be made outside of Postfix's files. */
static void put_folders(struct admin *a, const struct pv_setup *p, struct pv_buf *out)
{
	const struct pv_conf *conf = &a->store.conf;
	const char *folders[] = { a->store.dir, conf->map_directory, conf->spool_directory,
				  conf->state_directory };
	struct stat st;

	for (size_t i = 0; !p->undo && i < sizeof folders / sizeof *folders; i++)
		if (stat(folders[i], &st) != 0)
			pv_buf_addf(out, "# folder %s is made\n", folders[i]);
}

/* Show what will be done, before the question. */
static enum pv_class show(struct admin *a, const struct pv_setup *p, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT((size_t)128 << 20);
	enum pv_class c = PV_OK;

	put_folders(a, p, &text);
	pv_buf_add(&text, p->diff.s, p->diff.len);
	if (a->json) {
		if (a->result == NULL)
			a->result = json_object();
		put_text(a->result, "diff", text.s);
	} else if ((c = pv_buf_check(&text, "the diff", e)) == PV_OK &&
		   pv_write_all(STDOUT_FILENO, text.s, text.len) != 0) {
		c = pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "write the output");
	}
	pv_buf_free(&text);
	return c;
}

static enum pv_class ask_and_apply(struct admin *a, const char *dir, const struct pv_setup_order *order,
				   struct pv_setup *p, struct pv_error *e)
{
	enum pv_class c = confirm(a,
				  p->undo ? "Take this out of Postfix's configuration?"
					  : "Make these changes to Postfix's configuration?",
				  e);
	if (c == PV_OK && a->store.dirfd < 0) {
		/* Now that it may be made, the plan is made again with what is really there. */
		pv_store_close(&a->store);
		pv_setup_free(p);
		c = open_store(a, dir, true, e);
		if (c == PV_OK)
			c = pv_setup_plan(&a->store, order, p, e);
	}
	return c == PV_OK ? pv_setup_apply(&a->store, p, e) : c;
}

/* Where that cannot be found out, there may be none. */
static bool has_domains(const struct admin *a)
{
	struct pv_domain *list = NULL;
	size_t count = 0;

	bool has = pv_folder_list(&a->store, &list, &count, NULL) == PV_OK && count > 0;
	free(list);
	return has;
}

static void say_set_up(struct admin *a, bool undo)
{
	if (undo)
		say_done(a, "setup is undone; settings, tables and mail stay in %s and %s", a->store.dir,
			 a->store.conf.spool_directory);
	else if (has_domains(a))
		say_done(a, "set up");
	else
		say_done(a, "set up; next: postfix-virtual domain add NAME --create-account");
}

static enum pv_class run(struct admin *a, const char *dir, struct pv_setup *p, struct pv_error *e)
{
	const struct pv_setup_order order = { .undo = a->options[OPT_UNDO] != NULL,
					      .refuse_texts = a->options[OPT_REFUSE_TEXTS] != NULL };
	const bool undo = order.undo;

	if (undo && order.refuse_texts)
		return pv_fail(e, PV_PERMANENT, NULL,
			       "--undo takes out everything: leave --refuse-texts away");
	enum pv_class c = pv_setup_plan(&a->store, &order, p, e);
	if (c != PV_OK)
		return c;
	a->change.already = p->nothing;
	if (p->nothing || a->dry)
		pv_buf_add(&a->change.notes, p->notes.s, p->notes.len);
	if (p->nothing) {
		say_done(a, "nothing to do: %s", undo ? "setup has put nothing in" : "everything is set up");
		return PV_OK;
	}
	c = show(a, p, e);
	if (c != PV_OK || a->dry)
		return c;
	c = ask_and_apply(a, dir, &order, p, e);
	pv_buf_add(&a->change.notes, p->notes.s, p->notes.len);
	if (c == PV_OK)
		say_set_up(a, undo);
	return c;
}

enum pv_class setup_run(struct admin *a, struct pv_error *e)
{
	const char *dir = a->dir != NULL ? a->dir : PV_DEFAULT_DIRECTORY;
	struct pv_setup p = { .nothing = false };

	enum pv_class c = open_store(a, dir, false, e);
	if (c != PV_OK)
		return c;
	pv_change_start(&a->change, &a->store, "root", "local");
	a->change.dry = a->dry;
	c = run(a, dir, &p, e);
	pv_setup_free(&p);
	return c;
}
