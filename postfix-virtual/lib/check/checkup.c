#include "check/checkup.h"

#include "store/folder.h"

#include <stdarg.h>
#include <unistd.h>

enum { ROOT = 1, ALL_ONLY = 2, NETWORK = 4 };

/* Every question. Where one is asked about domains, it goes through all subjects itself, so that Postfix and
 * the accounts are each asked once, however many domains there are. */
static const struct {
	const char *id;
	pv_question *ask, *repair; /* repair NULL: nothing can be done without the administrator */
	unsigned need;
	const char *title; /* what only root can look at */
} questions[] = {
	{ "postfix", pv_check_running, NULL, ROOT, "whether Postfix runs" },
	{ "setup", pv_check_setup, NULL, ROOT, "our words in Postfix's configuration" },
	{ "claimed", pv_check_claimed, NULL, 0, NULL },
	{ "settings", pv_check_settings, NULL, 0, NULL },
	{ "received", pv_check_received, NULL, ROOT, "header_checks" },
	{ "in-front", pv_check_in_front, NULL, ROOT, "the tables beside ours" },
	{ "refused", pv_check_caught, NULL, ROOT, "who takes no mail in domains with a fallback" },
	{ "locks", pv_check_locks, NULL, 0, NULL },
	{ "files", pv_check_files, pv_repair_files, ROOT, "owners and modes" },
	{ "folders", pv_check_folders, NULL, 0, NULL },
	{ "pending", pv_check_pending, pv_repair_pending, ROOT, "changes that were begun" },
	{ "maps", pv_check_maps, pv_repair_maps, ROOT, "whether the tables are up to date" },
	{ "tables", pv_check_tables, pv_repair_maps, ROOT, "the built tables" },
	{ "reload", pv_check_reload, pv_repair_reload, ROOT, "whether a reload is due" },
	{ "needed", pv_check_needed, NULL, ROOT, "postmaster and abuse" },
	{ "disk", pv_check_disk, NULL, 0, NULL },
	{ "forward", pv_check_accounts, pv_repair_accounts, 0, NULL },
	{ "queue", pv_check_queue, NULL, ROOT, "the mail queue" },
	{ "zones", pv_check_zones, NULL, NETWORK, NULL },
	{ "network", pv_check_network, NULL, NETWORK, NULL },
};

enum { QUESTIONS = sizeof questions / sizeof *questions };

void pv_found(struct pv_checkup *u, enum pv_severity severity, const char *object, const char *fmt, ...)
{
	char text[PV_ERROR_TEXT * 2];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	pv_findings_add(u->findings, u->id, severity, object, text);
}

void pv_repaired(struct pv_checkup *u, const char *fmt, ...)
{
	char text[PV_ERROR_TEXT * 2];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	pv_printable(text, strlen(text));
	pv_buf_addf(u->said, "%s%s\n", u->dry ? "would be done: " : "done: ", text);
}

static int compare(const void *a, const void *b)
{
	const struct pv_subject *x = a, *y = b;

	return strcmp(x->domain.s, y->domain.s);
}

const struct pv_subject *pv_subject_find(const struct pv_checkup *u, const struct pv_domain *d)
{
	size_t from = 0, to = u->count;

	while (from < to) {
		size_t at = from + (to - from) / 2;
		int r = strcmp(d->s, u->subjects[at].domain.s);
		if (r == 0)
			return &u->subjects[at];
		if (r < 0)
			to = at;
		else
			from = at + 1;
	}
	return NULL;
}

void pv_subjects_list(const struct pv_checkup *u, const char *before, struct pv_buf *out)
{
	for (size_t i = 0; i < u->count; i++)
		pv_buf_addf(out, "%s%s\n", before, u->subjects[i].domain.s);
}

/* Whose is it? What is wrong with folder or account is a finding of pv_check_folders(). */
static void look_up(struct pv_checkup *u, struct pv_subject *s)
{
	struct pv_folder f;
	bool found = false;

	s->said = pv_registry_get(&u->registry, &s->domain);
	s->is_alias = s->said != NULL && s->said->is_alias;
	(void)snprintf(s->folder, sizeof s->folder, "%s/%s", u->store->dir, s->domain.s);
	if (s->is_alias)
		return;
	enum pv_class c = pv_folder_open(u->store, &s->domain, &f, NULL);
	s->has_folder = c != PV_OK || f.fd >= 0;
	if (c != PV_OK || f.fd < 0)
		return;
	s->has_account = pv_account_by_uid(f.uid, &s->account, &found, NULL) == PV_OK && found;
	pv_folder_close(&f);
}

static enum pv_class hold(struct pv_checkup *u, size_t count, struct pv_error *e)
{
	u->subjects = calloc(count + 1, sizeof *u->subjects);
	return u->subjects != NULL ? PV_OK
				   : pv_fail(e, PV_TEMPORARY, NULL, "no memory for %zu domains", count);
}

static void add_subject(struct pv_checkup *u, const struct pv_domain *d)
{
	u->subjects[u->count].domain = *d;
	look_up(u, &u->subjects[u->count++]);
}

/* All domains with a folder, and the alias domains. */
static enum pv_class list_subjects(struct pv_checkup *u, struct pv_error *e)
{
	struct pv_domain *folders = NULL;
	size_t count = 0;

	if (u->options->domain != NULL) {
		enum pv_class c = hold(u, 1, e);
		if (c == PV_OK)
			add_subject(u, u->options->domain);
		return c;
	}
	enum pv_class c = pv_folder_list(u->store, &folders, &count, e);
	if (c == PV_OK)
		c = hold(u, count + u->registry.count, e);
	for (size_t i = 0; c == PV_OK && i < count; i++)
		add_subject(u, &folders[i]);
	size_t own = u->count;
	for (size_t i = 0; c == PV_OK && i < u->registry.count; i++) {
		const struct pv_registry_entry *r = &u->registry.entries[i];
		const struct pv_subject key = { .domain = r->domain };
		bool has = own > 0 && bsearch(&key, u->subjects, own, sizeof key, compare) != NULL;
		if (r->is_alias && !has)
			add_subject(u, &r->domain);
	}
	if (u->count > 1)
		qsort(u->subjects, u->count, sizeof *u->subjects, compare);
	free(folders);
	return c;
}

static enum pv_class start(struct pv_checkup *u, struct pv_error *e)
{
	struct pv_error why = { .class = PV_OK };

	/* All deliveries wait for it; the rest can be asked as if it said nothing. */
	if (pv_registry_load(u->store, &u->registry, &why) != PV_OK) {
		u->registry = (struct pv_registry){ .entries = NULL };
		u->id = "store";
		pv_found(u, PV_CRITICAL, u->store->dir, "%s", why.text);
	}
	return list_subjects(u, e);
}

static void end(struct pv_checkup *u)
{
	free(u->subjects);
	pv_registry_free(&u->registry);
}

static void ask(struct pv_checkup *u, size_t i)
{
	struct pv_error e = { .class = PV_OK };

	u->id = questions[i].id;
	if ((questions[i].need & NETWORK) != 0 && !u->options->network)
		return;
	if ((questions[i].need & ROOT) != 0 && geteuid() != 0)
		pv_found(u, PV_UNKNOWN, u->store->dir, "only root can look at %s: try sudo",
			 questions[i].title);
	else if (questions[i].ask(u, &e) != PV_OK)
		pv_found(u, PV_UNKNOWN, questions[i].id, "%s", e.text);
}

enum pv_class pv_checkup(const struct pv_store *s, const struct pv_checkup_options *o, struct pv_findings *f,
			 struct pv_error *e)
{
	struct pv_checkup u = { .store = s, .options = o, .findings = f };

	*f = (struct pv_findings){ .list = NULL };
	enum pv_class c = start(&u, e);
	/* Of a name that is no domain here there is no more to be said. */
	bool nowhere =
		c == PV_OK && o->domain != NULL && !u.subjects[0].is_alias && !u.subjects[0].has_folder;
	for (size_t i = 0; c == PV_OK && i < QUESTIONS; i++)
		if (!nowhere || questions[i].ask == pv_check_folders)
			ask(&u, i);
	f->domains = u.count;
	end(&u);
	pv_findings_sort(f);
	if (c == PV_OK && f->failed)
		c = pv_fail(e, PV_TEMPORARY, NULL, "no memory for all findings");
	return c;
}

static bool has_finding(const struct pv_findings *f, const char *id)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->list[i].severity != PV_NOTE && strcmp(f->list[i].id, id) == 0)
			return true;
	return false;
}

enum pv_class pv_checkup_repair(const struct pv_store *s, const struct pv_checkup_options *o, bool dry,
				const struct pv_findings *f, struct pv_buf *said, struct pv_error *e)
{
	struct pv_findings none = { .list = NULL };
	struct pv_checkup u = { .store = s, .options = o, .findings = &none, .said = said, .dry = dry };
	pv_question *last = NULL;

	enum pv_class c = start(&u, e);
	for (size_t i = 0; c == PV_OK && i < QUESTIONS; i++) {
		struct pv_error why = { .class = PV_OK };
		u.id = questions[i].id;
		pv_question *repair = questions[i].repair;
		/* Tables that were mended may make a reload due that was not. */
		bool is_wanted =
			has_finding(f, u.id) || (repair == pv_repair_reload && last == pv_repair_maps);
		if (repair == NULL || repair == last || !is_wanted)
			continue;
		last = repair;
		/* One that fails is seen when the questions are asked once more. */
		if (last(&u, &why) != PV_OK)
			pv_buf_addf(said, "failed: %s\n", why.text);
	}
	end(&u);
	pv_findings_free(&none);
	return c == PV_OK ? pv_buf_check(said, "what was repaired", e) : c;
}
