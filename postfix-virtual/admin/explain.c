#include "explain.h"

#include "address/extension.h"
#include "address/idn.h"
#include "base/child.h"
#include "maps/alias_key.h"
#include "maps/map.h"
#include "store/folder.h"
#include "store/registry.h"
#include "store/size.h"
#include "tables.h"

enum { LOOKUPS_MAX = 10, EXIT_NO_USER = 67, EXIT_TEMPORARY = 75, EXIT_NO_PERMISSION = 77 };

/* --- what is asked --- */

/* Which domain with a folder does d stand for: itself, what it is an alias of, or a parent? */
static enum pv_class find_domain(const struct admin *a, const struct pv_domain *d, struct question *q,
				 struct pv_error *e)
{
	struct pv_registry_entry entry;
	struct pv_domain at = *d;
	struct pv_folder f;
	bool found;

	do {
		enum pv_class c = pv_registry_find(&a->store, &at, &entry, &found, e);
		if (c != PV_OK)
			return c;
		q->ours = entry.is_alias ? entry.alias_of : at;
		q->is_below = !pv_domain_equal(&at, d);
		if ((c = pv_folder_open(&a->store, &q->ours, &f, e)) != PV_OK)
			return c;
		if (f.fd < 0)
			continue;
		c = pv_account_by_uid(f.uid, &q->account, &found, e);
		pv_folder_close(&f);
		if (c == PV_OK && !found)
			c = pv_fail(e, PV_PERMANENT, NULL, "%s belongs to uid %lu, which has no account",
				    q->ours.s, (unsigned long)f.uid);
		return c;
	} while (pv_domain_parent(&at, &at));
	return pv_fail(e, PV_PERMANENT, NULL, "%s is no domain here: postfix-virtual domain list", d->s);
}

/* The address that was asked about, without quotes: `"a b"@kvt.dk` is a b. */
static enum pv_class take_address(const char *text, char local[EXPLAIN_LOCAL_MAX], struct pv_recipient *to,
				  struct pv_error *e)
{
	const char *at = strrchr(text, '@');
	size_t n = 0;

	if (at == NULL || at == text)
		return pv_fail(e, PV_PERMANENT, NULL, "`%.80s` is not user@domain", text);
	bool quoted = at - text >= 2 && text[0] == '"' && at[-1] == '"';
	for (const char *p = text + quoted; p < at - quoted && n < EXPLAIN_LOCAL_MAX - 1; p++) {
		if (quoted && *p == '\\' && p + 1 < at - quoted)
			p++;
		local[n++] = *p;
	}
	local[n] = '\0';
	to->local = local;
	to->local_len = n;
	return pv_idn_domain(at + 1, &to->domain, e);
}

/* Could it be a sender's address, with or without quotes? */
static bool is_address(const char *s)
{
	bool quoted = false;

	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f || (!quoted && strchr("<> ", *s) != NULL))
			return false;
		if (*s == '"')
			quoted = !quoted;
		else if (quoted && *s == '\\' && s[1] != '\0')
			s++;
	}
	return !quoted;
}

static enum pv_class take_options(struct admin *a, struct question *q, struct pv_error *e)
{
	const char *size = a->options[OPT_SIZE], *sender = a->options[OPT_FROM];

	q->size = EXPLAIN_SIZE;
	if (size != NULL && (!pv_quota_parse(size, &q->size) || q->size == 0))
		return usage_error(a, e, "--size %.40s: write a size as 20000, 500k or 5M", size);
	q->sender = sender != NULL && strcmp(sender, "<>") == 0 ? "" : sender;
	if (sender != NULL && !is_address(q->sender))
		return usage_error(a, e, "--from %.80s: write an address, or <>", sender);
	return PV_OK;
}

/* --- what Postfix makes of it --- */

static void put_lookup(json_t *steps, const struct tables_answer *t)
{
	char says[2 * TABLES_TARGET_MAX + TABLES_KEY_MAX];
	json_t *step = json_object();

	(void)snprintf(says, sizeof says, "%s: %s", t->key, t->target);
	put_text(step, "file", t->table);
	put_number(step, "line", 0);
	put_text(step, "says", says);
	(void)json_array_append_new(steps, step);
}

/* What vlocal gets: the extension of the account's address, and the name that virtual-deliver makes of it.
 * Where the address that was asked about is that name with a tag, it is taken as a whole (X-Original-To has
 * it). */
static void enter(const struct pv_extension_reading *r, const char *extension, size_t len, bool passes_tag,
		  struct question *q)
{
	const char *tag = memchr(q->to.local, PV_DELIMITER, q->to.local_len);
	const size_t tag_len = tag != NULL && passes_tag ? q->to.local_len - (size_t)(tag - q->to.local) : 0;

	(void)snprintf(q->extension, sizeof q->extension, "%.*s%.*s", (int)len, extension, (int)tag_len,
		       tag_len > 0 ? tag : "");
	q->to.domain = r->domain;
	bool is_same = r->has_user && q->to.local_len > r->user.len &&
		       strncasecmp(q->to.local, r->user.s, r->user.len) == 0 &&
		       q->to.local[r->user.len] == PV_DELIMITER;
	if (r->has_user && !is_same) {
		q->to.local = extension;
		q->to.local_len = r->user.len;
	}
}

/* Does the target lead to vlocal? Then make the question the one that virtual-deliver gets. */
static bool follow(const struct admin *a, const struct tables_answer *t, struct question *q)
{
	const char *at = strrchr(t->target, '@'), *delimiter = strchr(t->target, PV_DELIMITER);
	struct pv_extension_reading r;
	size_t from = 0;

	if (at == NULL || strcmp(at + 1, PV_MAP_TARGET_DOMAIN) != 0 || delimiter == NULL || delimiter > at)
		return false;
	const size_t len = (size_t)(at - delimiter - 1);
	while (pv_extension_next(delimiter + 1, len, &from, &r)) {
		struct question next = *q;
		if (find_domain(a, &r.domain, &next, NULL) != PV_OK ||
		    strncmp(next.account.name, t->target, (size_t)(delimiter - t->target)) != 0 ||
		    next.account.name[delimiter - t->target] != '\0')
			continue;
		enter(&r, delimiter + 1, len, t->passes_tag, &next);
		*q = next;
		return true;
	}
	return false;
}

/* Is the target one more address of a domain of ours, for which Postfix asks its tables again? */
static bool leads_on(const struct admin *a, const char *target, char local[EXPLAIN_LOCAL_MAX],
		     const struct question *q, struct pv_recipient *next)
{
	struct question other = *q;

	return strpbrk(target, ", \t") == NULL && take_address(target, local, next, NULL) == PV_OK &&
	       find_domain(a, &next->domain, &other, NULL) == PV_OK;
}

/* What virtual_regexp has for a domain itself, or its other name, is a pattern alias. */
static void note_pattern(const struct admin *a, const struct tables_answer *t, const struct pv_recipient *at,
			 struct question *q)
{
	struct question other = *q;

	q->matched[0] = '\0';
	if (t->by_expression && find_domain(a, &at->domain, &other, NULL) == PV_OK && !other.is_below)
		(void)snprintf(q->matched, sizeof q->matched, "%.*s", (int)at->local_len, at->local);
}

/* Ask the tables as the cleanup daemon does: what comes out is asked for again. t: the last answer that was
 * one. */
static enum pv_class ask_tables(struct admin *a, struct question *q, json_t *steps, struct tables_answer *t,
				struct pv_error *e)
{
	static char local[EXPLAIN_LOCAL_MAX];
	struct pv_recipient at = q->to;
	struct tables_answer next;

	enum pv_class c = tables_ask(&a->store, &at, t, e);
	for (unsigned i = 0; c == PV_OK && t->target[0] != '\0' && i < LOOKUPS_MAX; i++) {
		put_lookup(steps, t);
		note_pattern(a, t, &at, q);
		char key[TABLES_TARGET_MAX];
		memcpy(key, t->target, sizeof key);
		if (!leads_on(a, key, local, q, &at) || (c = tables_ask(&a->store, &at, &next, e)) != PV_OK ||
		    next.target[0] == '\0')
			break;
		q->to = at;
		*t = next;
	}
	pv_printable(t->target, strlen(t->target));
	return c;
}

/* --- what the account's files say --- */

/* NULL: *e says why. */
static json_t *ask_inside(struct question *q, struct pv_error *e)
{
	static const struct pv_child_limits limits = { .seconds = 60, .cpu_seconds = 30 };
	struct pv_buf out = PV_BUF_INIT(EXPLAIN_REPORT_MAX);
	json_t *report = NULL;

	if (pv_child_run(q->account.uid, q->account.gid, &limits, explain_inside, q, &out, e) == PV_OK &&
	    (report = explain_clean(out.s, out.len)) == NULL)
		(void)pv_fail(e, PV_TEMPORARY, NULL, "a child's report is damaged");
	pv_buf_free(&out);
	return report;
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

/* --- the answer --- */

static void move(json_t *from, const char *name, json_t *to)
{
	json_t *value = json_object_get(from, name);

	if (value != NULL)
		(void)json_object_set(to, name, value);
}

static void put_refused(struct admin *a, const char *reason, const char *status)
{
	put_text(a->result, "result", "refused");
	put_text(a->result, "reason", reason);
	put_text(a->result, "status", status);
	a->outcome = EXIT_NO_USER;
}

/* What a client is told at RCPT, before anything else is asked; the domain's files know why. */
static void put_refusal(struct admin *a, struct question *q, const struct tables_answer *t, json_t *steps)
{
	const char *text = t->target + strcspn(t->target, " ");
	char says[TABLES_TARGET_MAX + 16], status[16];
	json_t *report = ask_inside(q, NULL);

	put_lookup(steps, t);
	if (report != NULL)
		(void)json_array_extend(steps, json_object_get(report, "steps"));
	json_decref(report);
	(void)snprintf(says, sizeof says, "refuses it: %s", t->target);
	put_text(a->result, "postfix", says);
	text += strspn(text, " ");
	(void)snprintf(status, sizeof status, "%.*s", (int)strcspn(text, " "), text);
	text += strcspn(text, " ");
	put_refused(a, text + strspn(text, " "), status);
	if (strncmp(status, "5.7.", 4) == 0)
		a->outcome = EXIT_NO_PERMISSION;
}

static bool has_sub_domains(const struct admin *a, const struct question *q)
{
	struct pv_registry_entry entry;
	bool found = false;

	return pv_registry_find(&a->store, &q->ours, &entry, &found, NULL) == PV_OK && found &&
	       entry.sub_domains;
}

/* Why has no table what virtual-deliver would take? */
static void say_why(const struct admin *a, const struct question *q, const json_t *report, char *out,
		    size_t size)
{
	const char *delimiters = a->store.conf.recipient_delimiter;
	struct pv_alias_key k = { .kind = PV_ALIAS_RICH };
	char local[EXPLAIN_LOCAL_MAX];

	(void)snprintf(local, sizeof local, "%.*s", (int)q->to.local_len, q->to.local);
	(void)pv_alias_key_read(local, delimiters, &k, NULL);
	if (json_integer_value(json_object_get(report, "class")) == PV_TEMPORARY)
		(void)snprintf(out, size, "and its mail could not be delivered: %s",
			       text_of(report, "reason"));
	else if (q->is_below && !has_sub_domains(a, q))
		(void)snprintf(out, size, "postfix-virtual domain set %s sub_domains=yes wants such mail",
			       q->ours.s);
	else if (q->is_below && strstr(text_of(report, "result"), "fallback") != NULL)
		(void)snprintf(out, size, "a fallback takes no mail for sub-domains");
	else if (k.kind == PV_ALIAS_INNER)
		(void)snprintf(out, size, "only other aliases can lead to it: %s", k.why);
	else if (memchr(q->to.local, PV_DELIMITER, q->to.local_len) != NULL)
		(void)snprintf(out, size, "is recipient_delimiter in its main.cf?");
	else
		(void)snprintf(out, size,
			       "make-postfix-maps brings its tables up to date, or says what is wrong");
}

/* No table has it. The domain's files may know why. */
static void put_unknown(struct admin *a, struct question *q, json_t *steps)
{
	char reason[PV_ERROR_TEXT + 64] = "no such address for Postfix; ";
	const size_t len = strlen(reason);
	json_t *report = ask_inside(q, NULL);

	put_text(a->result, "postfix", "refuses it: no table has it");
	if (report != NULL)
		(void)json_array_extend(steps, json_object_get(report, "steps"));
	if (json_is_true(json_object_get(report, "refused"))) {
		put_refused(a, text_of(report, "reason"), text_of(report, "status"));
	} else {
		say_why(a, q, report, reason + len, sizeof reason - len);
		put_refused(a, reason, "5.1.1");
	}
	json_decref(report);
}

/* Where it goes, in a word; and what virtual-deliver would exit with. */
static const char *result_of(struct admin *a, json_t *report)
{
	const char *status = text_of(report, "status");
	json_int_t class = json_integer_value(json_object_get(report, "class"));
	bool about_mailbox = strcmp(status, "5.1.1") == 0 || strncmp(status, "5.2.", 4) == 0;

	if (class == PV_OK)
		return text_of(report, "result");
	if (class == PV_PERMANENT) {
		a->outcome = about_mailbox ? EXIT_NO_USER : EXIT_NO_PERMISSION;
		return "refused";
	}
	a->outcome = EXIT_TEMPORARY;
	return "deferred";
}

static enum pv_class put_route(struct admin *a, struct question *q, json_t *steps, struct pv_error *e)
{
	static const char *const fields[] = { "to",    "user",		"mailbox",  "mailbox_exists",
					      "login", "login_refused", "password", "actions" };
	json_t *report = ask_inside(q, e);

	if (report == NULL)
		return e->class;
	move(report, "forward_file", a->result);
	move(report, "forward_exists", a->result);
	put_text(a->result, "result", result_of(a, report));
	if (a->outcome != 0) {
		move(report, "reason", a->result);
		move(report, "status", a->result);
	}
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		move(report, fields[i], a->result);
	(void)json_array_extend(steps, json_object_get(report, "steps"));
	json_decref(report);
	return PV_OK;
}

static enum pv_class put_target(struct admin *a, struct question *q, const struct tables_answer *t,
				json_t *steps, struct pv_error *e)
{
	put_text(a->result, "postfix", t->target);
	if (follow(a, t, q))
		return put_route(a, q, steps, e);
	put_text(a->result, "result", "handed on");
	put_text(a->result, "to", t->target);
	return PV_OK;
}

static enum pv_class answer(struct admin *a, struct question *q, json_t *steps, struct pv_error *e)
{
	struct tables_answer tables = { .ours_missing = false }, refusal;

	enum pv_class c = tables_ask_refused(&a->store, &q->to, &refusal, e);
	if (c == PV_OK && refusal.target[0] == '\0')
		c = ask_tables(a, q, steps, &tables, e);
	if (c != PV_OK)
		return c;
	a->result = json_object();
	put_text(a->result, "address", a->objects[0]);
	put_text(a->result, "domain", q->ours.s);
	put_text(a->result, "account", q->account.name);
	if (refusal.target[0] != '\0')
		put_refusal(a, q, &refusal, steps);
	else if (tables.target[0] != '\0')
		c = put_target(a, q, &tables, steps, e);
	else
		put_unknown(a, q, steps);
	if (tables.ours_missing)
		pv_buf_adds(&a->change.notes,
			    "main.cf does not name our tables yet: postfix-virtual setup puts them in\n");
	if (c != PV_OK)
		return c;
	put_number(a->result, "exit_status", (unsigned long long)a->outcome);
	(void)json_object_set(a->result, "steps", steps);
	explain_write(a->result, &a->text);
	return PV_OK;
}

enum pv_class explain_run(struct admin *a, struct pv_error *e)
{
	struct question q = { .dir = a->store.dir, .address = a->objects[0] };
	char local[EXPLAIN_LOCAL_MAX];

	enum pv_class c = take_options(a, &q, e);
	if (c == PV_OK)
		c = take_address(a->objects[0], local, &q.to, e);
	if (c == PV_OK)
		c = find_domain(a, &q.to.domain, &q, e);
	if (c != PV_OK)
		return c;
	json_t *steps = json_array();
	c = answer(a, &q, steps, e);
	json_decref(steps);
	return c;
}
