#include "store/answer_files.h"

#include <fcntl.h>
#include <unistd.h>

enum { DAY = 86400 };

enum pv_class pv_answer_files_open(const char *dir, const char *name, uid_t account,
				   struct pv_answer_files *f, struct pv_error *e)
{
	f->dirfd = -1;
	if ((size_t)snprintf(f->where, sizeof f->where, "%s", dir) >= sizeof f->where ||
	    (size_t)snprintf(f->text, sizeof f->text, "%s", name) >= sizeof f->text ||
	    (size_t)snprintf(f->index, sizeof f->index, "%s" PV_ANSWER_INDEX, name) >= sizeof f->index)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s/%s is too long", dir, name);
	f->trust = (struct pv_trust){ .uid = account, .where = f->where };
	return pv_dir_open(AT_FDCWD, f->where, &f->trust, &f->dirfd, NULL, e);
}

void pv_answer_files_close(struct pv_answer_files *f)
{
	if (f->dirfd >= 0)
		(void)close(f->dirfd);
	f->dirfd = -1;
}

struct pv_answered_rule pv_answer_rule(bool vacation, unsigned days)
{
	if (vacation && days > 0)
		return (struct pv_answered_rule){ .most = 1, .seconds = (time_t)days * DAY };
	return (struct pv_answered_rule){ .most = PV_ANSWER_DAILY, .seconds = DAY };
}

const char *pv_vacation_pause(const struct pv_user_conf *c, const struct pv_day *today)
{
	if (pv_day_is_set(&c->vacation_start) && pv_day_compare(today, &c->vacation_start) < 0)
		return "the vacation has not begun (vacation_start)";
	if (pv_day_is_set(&c->vacation_end) && pv_day_compare(today, &c->vacation_end) > 0)
		return "the vacation is over (vacation_end)";
	return NULL;
}
