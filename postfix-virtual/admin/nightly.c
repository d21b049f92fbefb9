#include "admin.h"

#include "change/nightly.h"

#include <unistd.h>

static void put_numbers(struct admin *a, const struct pv_nightly *n)
{
	a->result = json_object();
	put_number(a->result, "removed_from_trash", n->removed);
	put_number(a->result, "history_lines_dropped", n->lines);
	put_number(a->result, "domains", n->domains);
	put_number(a->result, "keys", n->keys);
	put_number(a->result, "table_lines_changed", n->changed);
	put_number(a->result, "complaints", n->complaints);
}

enum pv_class nightly_run(struct admin *a, struct pv_error *e)
{
	struct pv_nightly n;

	enum pv_class c = pv_nightly(&a->change, &n, e);
	if (c != PV_OK)
		return c;
	put_numbers(a, &n);
	say_done(a,
		 "%s: %zu domains, %zu addresses; %zu table lines %s, %zu things %s from the trash, %zu "
		 "lines from "
		 "the history",
		 n.complaints == 0 ? "all is well" : "not all is well", n.domains, n.keys, n.changed,
		 a->dry ? "would change" : "changed", n.removed, a->dry ? "would go" : "gone", n.lines);
	/* cron sends what is printed: where nothing is to be told, nothing is. */
	if (isatty(STDOUT_FILENO) == 0 && !a->dry)
		pv_buf_reset(&a->text);
	a->quiet = true;
	a->not_well = n.complaints > 0;
	return PV_OK;
}
