/* What only the account may look at, in a child that is the account. */
#include "explain.h"

#include "address/extension.h"
#include "base/file.h"
#include "change/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define TRAIL_MAX ((size_t)8 << 20)

static const char *account_home(void *ctx)
{
	const struct question *q = ctx;

	return q->account.home;
}

/* --- the .forward file --- */

/* Open it as local(8) does: a regular file of the account's or root's that not everybody may write. -1: it is
 * not there, or not usable, and mailbox_command is run. */
static int open_forward(const struct question *q, const char *path)
{
	struct stat st;
	int fd = openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & S_IWOTH) != 0 ||
			(st.st_uid != 0 && st.st_uid != q->account.uid))) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

void explain_step(json_t *report, const char *file, unsigned line, const char *says)
{
	json_t *step = json_object();

	put_text(step, "file", file);
	put_number(step, "line", line);
	put_text(step, "says", says);
	(void)json_array_append_new(json_object_get(report, "steps"), step);
}

/* Returns whether it leads to virtual-deliver. */
static bool look_at_forward(const struct question *q, json_t *report)
{
	char name[sizeof q->extension + 16], path[PATH_MAX + sizeof name], says[1024] = "", step[1200];

	(void)snprintf(name, sizeof name, ".forward%c%s", PV_DELIMITER, q->extension);
	pv_extension_fold(name, strlen(name));
	(void)snprintf(path, sizeof path, "%s/%s", q->account.home, name);
	int fd = open_forward(q, path);
	ssize_t n = fd >= 0 ? pv_read_all_at(fd, says, sizeof says - 1, 0) : 0;
	if (fd >= 0)
		(void)close(fd);
	says[n > 0 ? n : 0] = '\0';
	says[strcspn(says, "\r\n")] = '\0';
	put_text(report, "forward_file", path);
	put_bool(report, "forward_exists", fd >= 0);
	bool ours = says[0] == '\0' || strstr(says, "virtual-deliver") != NULL;
	if (fd < 0)
		(void)snprintf(step, sizeof step, "there is no such file: mailbox_command is run");
	else
		(void)snprintf(step, sizeof step, "%s", says[0] != '\0' ? says : "it is empty");
	explain_step(report, path, fd >= 0, step);
	if (!ours)
		put_text(report, "to", says);
	return ours;
}

/* --- the route --- */

/* `FILE:LINE TAB SENTENCE`, a line each. */
static void put_steps(const struct pv_trail *t, json_t *report)
{
	char *at = t->steps.s;

	while (*at != '\0') {
		char *end = at + strcspn(at, "\n"), *tab = memchr(at, '\t', (size_t)(end - at));
		char *colon = tab != NULL ? memrchr(at, ':', (size_t)(tab - at)) : NULL;
		bool more = *end != '\0';
		*end = '\0';
		if (colon != NULL) {
			*colon = *tab = '\0';
			explain_step(report, at, (unsigned)strtoul(colon + 1, NULL, 10), tab + 1);
		}
		at = end + more;
	}
}

static void put_verdict(json_t *report, enum pv_class c, const char *status, const char *reason)
{
	put_number(report, "class", c);
	put_text(report, "status", status);
	put_text(report, "reason", reason);
}

/* Can the user log in? Whoever gets the mail of an address as a fallback logs in as himself. */
static void put_login(const struct pv_store *s, const struct pv_route *r, const struct pv_action *a,
		      const struct pv_passwd_entry *p, json_t *report)
{
	const char *why = password_fault(s, p->hash);
	char name[PV_USER_MAX + PV_DOMAIN_MAX + 2];

	if (pv_user_conf_expired(&a->of->conf, NULL))
		why = "the user expired";
	if (!a->of->conf.retrieve)
		why = "the user has retrieve = no";
	if (!r->conf.retrieve)
		why = "the domain has retrieve = no";
	(void)snprintf(name, sizeof name, "%s@%s", a->of->user.s, r->folder.domain.s);
	put_text(report, "login", why == NULL ? name : "refused");
	if (why != NULL)
		put_text(report, "login_refused", why);
	put_text(report, "password", password_words(p->hash));
}

/* The first mailbox, for who wants to know no more. */
static enum pv_class put_first(const struct explain_look *l, json_t *report, struct pv_error *e)
{
	const struct pv_action *a = &l->route->actions[0];
	const json_t *described = json_array_get(json_object_get(report, "actions"), 0);
	const char *mailbox = json_string_value(json_object_get(described, "mailbox"));
	struct pv_passwd_entry p;
	bool found;

	put_text(report, "user", a->of->user.s);
	if (mailbox != NULL)
		put_text(report, "mailbox", mailbox);
	put_bool(report, "mailbox_exists", json_is_true(json_object_get(described, "exists")));
	enum pv_class c = pv_passwd_find(&l->route->folder, &a->of->user, &p, &found, e);
	if (c == PV_OK && found)
		put_login(l->store, l->route, a, &p, report);
	return c;
}

/* What comes of it, in a word. */
static const char *result_of(const struct pv_route *r)
{
	switch (r->actions[0].kind) {
	case PV_ACTION_MAILBOX:
	case PV_ACTION_FILE:
		return r->by_fallback ? "delivered, by the domain's fallback" : "delivered";
	case PV_ACTION_COMMAND:
	case PV_ACTION_FORWARD:
		return r->by_fallback ? "handed on, by the domain's fallback" : "handed on";
	case PV_ACTION_DISCARD:
		return "thrown away, by the domain's fallback";
	case PV_ACTION_RESPOND:
	case PV_ACTION_VACATION:
		break;
	}
	return "answered";
}

static enum pv_class describe(const struct explain_look *l, json_t *report, struct pv_error *e)
{
	struct explain_verdict v = { .class = PV_OK };
	const struct pv_route *r = l->route;
	json_t *actions = json_array();

	(void)json_object_set_new(report, "actions", actions);
	put_text(report, "result", result_of(r));
	enum pv_class c = explain_actions(l, actions, &v, e);
	if (c == PV_OK && r->actions[0].kind == PV_ACTION_MAILBOX)
		c = put_first(l, report, e);
	put_verdict(report, v.class, v.status, v.text);
	return c;
}

/* What cannot be read defers, and is no failure of ours to explain it. */
static void resolve(struct question *q, const struct pv_store *s, json_t *report)
{
	struct pv_trail trail = { .steps = PV_BUF_INIT(TRAIL_MAX) };
	struct pv_error e = { .text = "" };
	struct pv_route r;

	const struct pv_route_query query = { .store = s,
					      .account = q->account.uid,
					      .account_home = account_home,
					      .ctx = q,
					      .to = q->to,
					      .sender = q->sender,
					      .trail = &trail };
	enum pv_class c = pv_route_resolve(&query, &r, &e);
	put_steps(&trail, report);
	pv_buf_free(&trail.steps);
	if (c == PV_OK && r.refused) {
		put_bool(report, "refused", true);
		put_verdict(report, PV_PERMANENT, r.status, r.text);
	} else if (c == PV_OK) {
		const struct explain_look l = { .q = q, .store = s, .route = &r };
		c = describe(&l, report, &e);
	}
	if (c != PV_OK)
		put_verdict(report, PV_TEMPORARY, e.status, e.text);
	else
		pv_route_free(&r);
}

enum pv_class explain_inside(void *ctx, int out_fd, struct pv_error *e)
{
	json_t *report = json_object();
	struct question *q = ctx;
	struct pv_inside in;

	enum pv_class c = pv_inside_open(q->dir, &q->ours, &q->account, &in, e);
	(void)json_object_set_new(report, "steps", json_array());
	if (c == PV_OK && q->matched[0] != '\0')
		explain_pattern(q, &in.folder, report);
	if (c == PV_OK && q->extension[0] != '\0' && !look_at_forward(q, report)) {
		put_text(report, "result", "handed on");
		put_verdict(report, PV_OK, "", "");
	} else if (c == PV_OK) {
		resolve(q, &in.store, report);
	}
	pv_inside_close(&in);
	char *text = c == PV_OK ? json_dumps(report, JSON_COMPACT) : NULL;
	if (c == PV_OK && text == NULL)
		c = pv_fail(e, PV_TEMPORARY, NULL, "explain an address: out of memory");
	if (c == PV_OK && pv_write_all(out_fd, text, strlen(text)) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "write to a pipe");
	free(text);
	json_decref(report);
	return c;
}
