#include "change/answer_read.h"

#include "base/child.h"
#include "base/file.h"
#include "change/inside.h"
#include "route/place.h"
#include "store/answer_text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { RESPONDERS_MAX = 10000 };

/* How the child says it. */
enum { IS_ON = 1, IS_IN_HOME = 2, HAS_TEXT = 4 };

struct wire {
	unsigned char flags;
	unsigned long answered;
	char name[sizeof((struct pv_user *)NULL)->s];
	char subject[sizeof((struct pv_answer_info *)NULL)->subject];
	char problem[sizeof((struct pv_answer_info *)NULL)->problem];
};

static const struct pv_child_limits limits = { .seconds = 60, .cpu_seconds = 30 };

struct question {
	const struct pv_store *store;
	const struct pv_domain *domain;
	const struct pv_account *account;
	const struct pv_user *name; /* NULL: all responders */
	const char *home;	    /* of a user; NULL: a responder is meant */
	bool vacation;
	bool want_text;
};

/* --- in the child --- */

static enum pv_class send(int out_fd, const void *data, size_t len, struct pv_error *e)
{
	return pv_write_all(out_fd, data, len) == 0
		       ? PV_OK
		       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write to a pipe");
}

static enum pv_class send_info(int out_fd, const struct pv_answer_info *info, struct pv_error *e)
{
	struct wire w;

	memset(&w, 0, sizeof w);
	w.flags = (unsigned char)((info->on ? IS_ON : 0) | (info->in_home ? IS_IN_HOME : 0) |
				  (info->has_text ? HAS_TEXT : 0));
	w.answered = info->answered;
	memcpy(w.name, info->name.s, sizeof w.name);
	memcpy(w.subject, info->subject, sizeof w.subject);
	memcpy(w.problem, info->problem, sizeof w.problem);
	return send(out_fd, &w, sizeof w, e);
}

static void note_problem(struct pv_answer_info *info, const struct pv_error *e)
{
	if (info->problem[0] == '\0')
		(void)snprintf(info->problem, sizeof info->problem, "%s", e->text);
}

/* What is wrong with the text is for who asks to know, and no error. */
static void look_at_text(const struct pv_answer_files *f, struct pv_answer_info *info, struct pv_buf *text)
{
	char file[sizeof f->where + sizeof f->text + 1];
	struct pv_answer_text t = { .memory = PV_BUF_INIT(0) };
	struct pv_error e;

	(void)snprintf(file, sizeof file, "%s/%s", f->where, f->text);
	enum pv_class c = pv_file_load(f->dirfd, f->text, &f->trust, text, &info->has_text, &e);
	if (c == PV_OK && info->has_text)
		c = pv_answer_text_read(text->s, text->len, file, &t, &e);
	if (c != PV_OK)
		note_problem(info, &e);
	if (c == PV_OK && t.subject != NULL)
		(void)snprintf(info->subject, sizeof info->subject, "%s", t.subject);
	pv_answer_text_free(&t);
}

/* Returns whether there is one. */
static bool look_at_index(const struct pv_answer_files *f, struct pv_answer_info *info)
{
	const struct pv_answered a = { .dirfd = f->dirfd, .name = f->index, .trust = &f->trust };
	struct pv_error e;
	bool found;
	size_t count;

	enum pv_class c = pv_answered_count(&a, &count, &found, &e);
	if (c != PV_OK)
		note_problem(info, &e);
	info->answered = count;
	return c != PV_OK || found;
}

/* The files of one, in dir; found: text and index where they are. */
static enum pv_class look_in(const char *dir, const char *name, const struct question *q,
			     struct pv_answer_info *info, struct pv_buf *text, struct pv_error *e)
{
	struct pv_answer_files f;

	enum pv_class c = pv_answer_files_open(dir, name, q->account->uid, &f, e);
	if (c != PV_OK || f.dirfd < 0)
		return c;
	look_at_text(&f, info, text);
	bool has_index = look_at_index(&f, info);
	info->on = q->vacation ? has_index : info->has_text;
	pv_answer_files_close(&f);
	return PV_OK;
}

static void name_folder(const struct pv_inside *in, char *dir, size_t size)
{
	(void)snprintf(dir, size, "%s/%s/" PV_ANSWER_FOLDER, in->store.conf.spool_directory,
		       in->folder.domain.s);
}

static enum pv_class look(const struct question *q, const struct pv_inside *in, const struct pv_user *name,
			  struct pv_answer_info *info, struct pv_buf *text, struct pv_error *e)
{
	char dir[PATH_MAX], file[PV_USER_MAX + sizeof PV_ANSWER_VACATION];
	bool own = false;

	*info = (struct pv_answer_info){ .name = *name };
	name_folder(in, dir, sizeof dir);
	(void)snprintf(file, sizeof file, "%s%s", name->s,
		       q->vacation ? PV_ANSWER_VACATION : PV_ANSWER_RESPONDER);
	enum pv_class c = look_in(dir, file, q, info, text, e);
	if (c != PV_OK || !q->vacation || info->on)
		return c;
	/* Off there: it may be on in his home. */
	if ((c = pv_place_own_home(&in->folder, name, q->home, q->account->home, &own, e)) != PV_OK || !own)
		return c;
	struct pv_answer_info at_home = { .name = *name, .in_home = true };
	struct pv_buf home_text = PV_BUF_INIT(PV_ANSWER_TEXT_MAX + 1);
	c = look_in(q->home, PV_ANSWER_VACATION, q, &at_home, &home_text, e);
	if (c == PV_OK && at_home.on) {
		*info = at_home;
		pv_buf_reset(text);
		pv_buf_add(text, home_text.s, home_text.len);
	}
	pv_buf_free(&home_text);
	return c;
}

static enum pv_class send_one(const struct question *q, const struct pv_inside *in,
			      const struct pv_user *name, int out_fd, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_ANSWER_TEXT_MAX + 1);
	struct pv_answer_info info;

	enum pv_class c = look(q, in, name, &info, &text, e);
	if (c == PV_OK)
		c = send_info(out_fd, &info, e);
	if (c == PV_OK && q->want_text)
		c = send(out_fd, text.s, text.len, e);
	pv_buf_free(&text);
	return c;
}

/* Is it the file of a responder? */
static bool is_responder(const char *file, struct pv_user *name)
{
	size_t len = strlen(file), end = sizeof PV_ANSWER_RESPONDER - 1;

	return len > end && strcmp(file + len - end, PV_ANSWER_RESPONDER) == 0 &&
	       pv_user_parse(file, len - end, name, NULL) == PV_OK && strncmp(file, name->s, len - end) == 0;
}

static enum pv_class send_all(const struct question *q, const struct pv_inside *in, int out_fd,
			      struct pv_error *e)
{
	char dir[PATH_MAX];
	enum pv_class c = PV_OK;
	struct dirent *entry;
	struct pv_user name;

	name_folder(in, dir, sizeof dir);
	DIR *d = opendir(dir);
	if (d == NULL)
		return errno == ENOENT
			       ? PV_OK
			       : pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open the folder %s", dir);
	while (c == PV_OK && (entry = readdir(d)) != NULL)
		if (is_responder(entry->d_name, &name))
			c = send_one(q, in, &name, out_fd, e);
	(void)closedir(d);
	return c;
}

static enum pv_class answer(void *ctx, int out_fd, struct pv_error *e)
{
	const struct question *q = ctx;
	struct pv_inside in;

	enum pv_class c = pv_inside_open(q->store->dir, q->domain, q->account, &in, e);
	if (c == PV_OK)
		c = q->name != NULL ? send_one(q, &in, q->name, out_fd, e) : send_all(q, &in, out_fd, e);
	pv_inside_close(&in);
	return c;
}

/* --- in root --- */

/* The account's own words: good to be shown, once they are text. Returns false where they are none of a name.
 */
static bool take(const char *from, struct pv_answer_info *info)
{
	struct wire w;

	memcpy(&w, from, sizeof w);
	w.name[sizeof w.name - 1] = w.subject[sizeof w.subject - 1] = w.problem[sizeof w.problem - 1] = '\0';
	pv_printable(w.problem, strlen(w.problem));
	*info = (struct pv_answer_info){ .on = (w.flags & IS_ON) != 0,
					 .in_home = (w.flags & IS_IN_HOME) != 0,
					 .has_text = (w.flags & HAS_TEXT) != 0,
					 .answered = w.answered };
	memcpy(info->subject, w.subject, sizeof info->subject);
	memcpy(info->problem, w.problem, sizeof info->problem);
	return pv_user_parse(w.name, strlen(w.name), &info->name, NULL) == PV_OK;
}

static enum pv_class ask(struct question *q, struct pv_answer_info *info, struct pv_buf *text,
			 struct pv_error *e)
{
	struct pv_buf out = PV_BUF_INIT(sizeof(struct wire) + PV_ANSWER_TEXT_MAX + 1);

	q->want_text = text != NULL;
	enum pv_class c = pv_child_run(q->account->uid, q->account->gid, &limits, answer, q, &out, e);
	if (c == PV_OK && (out.len < sizeof(struct wire) || !take(out.s, info)))
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "a child's answer is cut short");
	if (c == PV_OK && text != NULL)
		pv_buf_add(text, out.s + sizeof(struct wire), out.len - sizeof(struct wire));
	pv_buf_free(&out);
	return c == PV_OK && text != NULL ? pv_buf_check(text, "a text", e) : c;
}

enum pv_class pv_responder_look(const struct pv_store *s, const struct pv_folder *f,
				const struct pv_account *account, const struct pv_user *name,
				struct pv_answer_info *info, struct pv_buf *text, struct pv_error *e)
{
	struct question q = { .store = s, .domain = &f->domain, .account = account, .name = name };

	return ask(&q, info, text, e);
}

enum pv_class pv_vacation_look(const struct pv_store *s, const struct pv_folder *f,
			       const struct pv_account *account, const struct pv_user *u, const char *home,
			       struct pv_answer_info *info, struct pv_buf *text, struct pv_error *e)
{
	struct question q = { .store = s,
			      .domain = &f->domain,
			      .account = account,
			      .name = u,
			      .home = home,
			      .vacation = true };

	return ask(&q, info, text, e);
}

static int compare(const void *a, const void *b)
{
	const struct pv_answer_info *x = a, *y = b;

	return strcmp(x->name.s, y->name.s);
}

enum pv_class pv_responders_list(const struct pv_store *s, const struct pv_folder *f,
				 const struct pv_account *account, struct pv_answer_info **list_r,
				 size_t *count_r, struct pv_error *e)
{
	struct question q = { .store = s, .domain = &f->domain, .account = account };
	struct pv_buf out = PV_BUF_INIT(RESPONDERS_MAX * sizeof(struct wire));

	*list_r = NULL;
	*count_r = 0;
	enum pv_class c = pv_child_run(account->uid, account->gid, &limits, answer, &q, &out, e);
	size_t count = out.len / sizeof(struct wire);
	if (c == PV_OK && (*list_r = calloc(count + 1, sizeof **list_r)) == NULL)
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for %zu responders", count);
	for (size_t i = 0; c == PV_OK && i < count; i++)
		*count_r += take(out.s + i * sizeof(struct wire), *list_r + *count_r);
	if (*count_r > 1)
		qsort(*list_r, *count_r, sizeof **list_r, compare);
	pv_buf_free(&out);
	return c;
}
