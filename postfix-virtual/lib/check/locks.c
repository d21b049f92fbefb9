/* Other programs that write our users' mailboxes: do they lock as we do, by NAME.lock and fcntl(2)? */
#include "check/checkup.h"

#include "base/program.h"
#include "change/words.h"

#include <unistd.h>

#define DOVECONF "/usr/bin/doveconf"

enum { SECONDS = 20 };

static enum pv_class ask(const char *setting, struct pv_buf *out, bool *known_r, struct pv_error *e)
{
	const char *const argv[] = { DOVECONF, "-h", setting, NULL };
	struct pv_buf err = PV_BUF_INIT(65536);
	int status = 0;

	enum pv_class c = pv_program_run(argv, NULL, SECONDS, out, &err, &status, e);
	/* A newer Dovecot may have another name for it; a broken configuration is Dovecot's own trouble. */
	*known_r = c == PV_OK && status == 0;
	while (out->len > 0 && out->s[out->len - 1] == '\n')
		pv_buf_truncate(out, out->len - 1);
	pv_buf_free(&err);
	return c;
}

enum pv_class pv_check_locks(struct pv_checkup *u, struct pv_error *e)
{
	struct pv_buf write = PV_BUF_INIT(65536), read = PV_BUF_INIT(65536);
	bool write_known = false, read_known = false;

	if (access(DOVECONF, X_OK) != 0)
		return PV_OK;
	enum pv_class c = ask("mbox_write_locks", &write, &write_known, e);
	if (c == PV_OK)
		c = ask("mbox_read_locks", &read, &read_known, e);
	if (c == PV_OK && write_known && !pv_words_have(write.s, "dotlock"))
		pv_found(u, PV_WARNING, "dovecot",
			 "mbox_write_locks is `%s`, so it may write a mailbox while a program that locks by "
			 "NAME.lock alone does: say `mbox_write_locks = dotlock fcntl` in Dovecot's "
			 "configuration",
			 write.s);
	if (c == PV_OK && read_known && !pv_words_have(read.s, "dotlock") && !pv_words_have(read.s, "fcntl"))
		pv_found(u, PV_WARNING, "dovecot",
			 "mbox_read_locks is `%s`, so it may read half a message: say `mbox_read_locks = "
			 "fcntl` in "
			 "Dovecot's configuration",
			 read.s);
	pv_buf_free(&write);
	pv_buf_free(&read);
	return c;
}
