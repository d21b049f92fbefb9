/* The programs and files that a delivery would use: what is wrong with them before it begins. */
#include "explain.h"

#include "mailbox/lock.h"
#include "mailbox/maildir.h"
#include "route/place.h"
#include "store/command_line.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void note(const struct pv_error *why, json_t *object, struct explain_verdict *v)
{
	put_text(object, "status", why->status);
	put_text(object, "reason", why->text);
	explain_worsen(v, PV_TEMPORARY, why->status, why->text);
}

void explain_program(const char *path, json_t *object, struct explain_verdict *v)
{
	int fault = access(path, X_OK) == 0 ? 0 : errno;
	struct pv_error why;
	struct stat st;

	if (fault == 0 && stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		fault = EACCES;
	if (fault == 0)
		return;
	(void)pv_fail_errno(&why, PV_TEMPORARY, "4.3.5", fault, "start %s", path);
	note(&why, object, v);
}

void explain_setting(const struct explain_look *l, const struct pv_action *a, const char *setting,
		     const char *line, json_t *object, struct explain_verdict *v)
{
	const struct pv_command_tokens tokens = { .domain = l->route->folder.domain.s,
						  .sender = l->q->sender != NULL ? l->q->sender : "",
						  .user = a->of->user.s };
	struct pv_command_line split;
	struct pv_error why;

	if (line[0] == '\0' || explain_has_failed(object))
		return;
	if (pv_command_line_parse(line, strlen(line), &tokens, &split, &why) == PV_OK) {
		explain_program(split.argv[0], object, v);
		pv_command_line_free(&split);
		return;
	}
	(void)pv_error_prefix(&why, "%s = %s", setting, line);
	(void)snprintf(why.status, sizeof why.status, "4.3.5");
	note(&why, object, v);
}

void explain_place(const struct explain_look *l, const struct pv_location *where, json_t *object,
		   struct explain_verdict *v)
{
	const uid_t uid = l->q->account.uid;
	struct pv_error why;
	struct stat st;

	if (explain_has_failed(object) || where->dirfd < 0 ||
	    fstatat(where->dirfd, where->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	const bool maildir = S_ISDIR(st.st_mode);
	const char *fault = maildir ? pv_maildir_fault(where->dirfd, where->name, uid)
				    : pv_mailbox_fault(&st, uid, where->shared);
	if (fault == NULL)
		return;
	(void)pv_fail(&why, PV_TEMPORARY, "4.3.5", "%s %s %s", maildir ? "Maildir" : "mailbox", where->path,
		      fault);
	note(&why, object, v);
}

void explain_file(const struct explain_look *l, const char *path, json_t *object, struct explain_verdict *v)
{
	const struct pv_account *account = &l->q->account;
	struct pv_location where;
	struct pv_error why;

	if (pv_place_file(l->store, &l->route->folder.domain, account->uid, account->home, path, &where,
			  &why) != PV_OK) {
		note(&why, object, v);
		return;
	}
	explain_place(l, &where, object, v);
	pv_location_free(&where);
}
