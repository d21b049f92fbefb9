#include "admin.h"

#include "address/idn.h"
#include "base/table.h"
#include "change/state.h"
#include "check/check.h"
#include "maps/postfix.h"
#include "store/conf.h"

#include <arpa/inet.h>
#include <limits.h>
#include <unistd.h>

#define SENDMAIL "/usr/sbin/sendmail"

enum { MAIL_SECONDS = 60 };

/* The exit status is that of monitoring plugins. */
static const int statuses[] = { [PV_NOTE] = 0, [PV_WARNING] = 1, [PV_CRITICAL] = 2, [PV_UNKNOWN] = 3 };

/* What is asked of the checkup, and what it is called. */
struct order {
	struct pv_checkup_options options;
	struct pv_domain domain;
	const char *scope;
};

static enum pv_class take_port(struct admin *a, enum option_id id, const char *name, unsigned fallback,
			       unsigned *port_r, struct pv_error *e)
{
	const char *value = a->options[id];
	unsigned long port = fallback;

	if (value != NULL && !pv_parse_number(value, strlen(value), 65535, &port))
		return usage_error(a, e, "%s %.40s is no port", name, value);
	*port_r = (unsigned)port;
	return PV_OK;
}

static enum pv_class take_resolver(struct admin *a, struct sockaddr_in *server, struct pv_error *e)
{
	const char *value = a->options[OPT_RESOLVER];
	const char *colon = value != NULL ? strchr(value, ':') : NULL;
	char address[32];
	unsigned long port = 53;

	if (value == NULL)
		return PV_OK;
	int len = colon != NULL ? (int)(colon - value) : (int)strlen(value);
	(void)snprintf(address, sizeof address, "%.*s", len, value);
	server->sin_family = AF_INET;
	if (inet_pton(AF_INET, address, &server->sin_addr) != 1 ||
	    (colon != NULL && !pv_parse_number(colon + 1, strlen(colon + 1), 65535, &port)) || port == 0)
		return usage_error(a, e, "--resolver %.60s is no IPv4 address with a port behind a colon",
				   value);
	server->sin_port = htons((uint16_t)port);
	return PV_OK;
}

/* Options about the network without anything that is asked of it are a mistake. */
static enum pv_class take_network(struct admin *a, struct order *o, struct pv_error *e)
{
	static const enum option_id ids[] = { OPT_RESOLVER, OPT_ADDRESSES, OPT_SELECTOR,
					      OPT_ZONES,    OPT_SMTP_PORT, OPT_POP3_PORT };

	for (size_t i = 0; !o->options.network && i < sizeof ids / sizeof *ids; i++)
		if (a->options[ids[i]] != NULL)
			return usage_error(a, e,
					   "the network is asked about a domain, or with --all: name one");
	if (a->options[OPT_ZONES] != NULL && a->options[OPT_ALL] == NULL)
		return usage_error(a, e, "--zones needs --all");
	o->options.addresses = a->options[OPT_ADDRESSES];
	o->options.selector = a->options[OPT_SELECTOR];
	o->options.zones = a->options[OPT_ZONES];
	enum pv_class c = take_resolver(a, &o->options.resolver, e);
	if (c == PV_OK)
		c = take_port(a, OPT_SMTP_PORT, "--smtp-port", 25, &o->options.smtp_port, e);
	return c == PV_OK ? take_port(a, OPT_POP3_PORT, "--pop3-port", 110, &o->options.pop3_port, e) : c;
}

static enum pv_class take_order(struct admin *a, struct order *o, struct pv_error *e)
{
	bool all = a->options[OPT_ALL] != NULL, one = a->object_count > 0;

	*o = (struct order){ .scope = all ? "all" : "host" };
	if (all && one)
		return usage_error(a, e, "either a domain or --all");
	if (a->options[OPT_MAIL] != NULL && a->options[OPT_CHANGES] == NULL)
		return usage_error(a, e, "--mail sends what --changes prints: give both");
	if (a->options[OPT_PLUGIN] != NULL && (a->json || a->options[OPT_CHANGES] != NULL))
		return usage_error(a, e, "--plugin prints one line of its own: not with --json or --changes");
	if (one) {
		enum pv_class c = pv_idn_domain(a->objects[0], &o->domain, e);
		if (c != PV_OK)
			return c;
		o->options.domain = &o->domain;
		o->scope = o->domain.s;
	}
	o->options.network = all || one;
	return take_network(a, o, e);
}

static json_t *json_of(const struct pv_finding *f, const char *change)
{
	json_t *object = json_object();

	if (change != NULL)
		put_text(object, "change", change);
	put_text(object, "id", f->id);
	put_text(object, "severity", f->severity == PV_NOTE ? "note" : pv_severity_name(f->severity));
	put_text(object, "object", f->object);
	put_text(object, "text", f->text);
	return object;
}

static void put_line(struct pv_buf *out, const struct pv_finding *f, const char *before, bool colour)
{
	static const char *const colours[] = { [PV_NOTE] = "",
					       [PV_WARNING] = "\033[33m",
					       [PV_CRITICAL] = "\033[31m",
					       [PV_UNKNOWN] = "\033[35m" };

	pv_buf_addf(out, "%s%s%s%s: %s: %s\n", before, colour ? colours[f->severity] : "",
		    pv_severity_name(f->severity), colour ? "\033[0m" : "", f->object, f->text);
}

static void put_findings(struct admin *a, const struct pv_findings *f, const char *change, const char *before)
{
	bool colour = !a->json && isatty(STDOUT_FILENO) != 0 && a->options[OPT_MAIL] == NULL;

	for (size_t i = 0; i < f->count; i++) {
		(void)json_array_append_new(a->result, json_of(&f->list[i], change));
		if (f->list[i].severity != PV_NOTE)
			put_line(&a->text, &f->list[i], before, colour);
	}
}

/* `1 domain`, `2 domains` */
static void put_count(struct pv_buf *out, size_t n, const char *what)
{
	pv_buf_addf(out, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

/* All is well: one line. */
static void put_well(struct admin *a, const struct pv_findings *f)
{
	pv_buf_adds(&a->text, "ok: ");
	put_count(&a->text, f->domains, "domain");
	if (f->count > 0) {
		pv_buf_adds(&a->text, ", ");
		put_count(&a->text, f->count, "note");
		pv_buf_adds(&a->text, " (--json prints them)");
	}
	pv_buf_addc(&a->text, '\n');
}

/* `WARNING - 2 warnings: kvt.dk: ... | domains=12 critical=0 warning=2 unknown=0` */
static void put_plugin(struct admin *a, const struct pv_findings *f)
{
	static const char *const words[] = { [PV_NOTE] = "OK",
					     [PV_WARNING] = "WARNING",
					     [PV_CRITICAL] = "CRITICAL",
					     [PV_UNKNOWN] = "UNKNOWN" };
	enum pv_severity worst = pv_findings_worst(f);
	size_t bad = f->count - pv_findings_count(f, PV_NOTE);

	pv_buf_addf(&a->text, "%s - ", words[worst]);
	put_count(&a->text, f->domains, "domain");
	if (bad > 0) {
		pv_buf_adds(&a->text, ", ");
		put_count(&a->text, bad, "finding");
	}
	for (size_t i = 0; i < f->count; i++)
		if (bad > 0 && f->list[i].severity == worst) {
			pv_buf_addf(&a->text, ", first: %s: ", f->list[i].object);
			/* What stands behind a bar is figures. */
			for (const char *p = f->list[i].text; *p != '\0'; p++)
				pv_buf_addc(&a->text, *p);
			break;
		}
	for (char *p = a->text.s; *p != '\0'; p++)
		*p = *p == '|' ? '!' : *p;
	pv_buf_addf(&a->text, " | domains=%zu critical=%zu warning=%zu unknown=%zu\n", f->domains,
		    pv_findings_count(f, PV_CRITICAL), pv_findings_count(f, PV_WARNING),
		    pv_findings_count(f, PV_UNKNOWN));
}

/* Send what would have been printed, if it is anything. */
static enum pv_class send_changes(struct admin *a, const char *scope, struct pv_error *e)
{
	const char *to = a->options[OPT_MAIL];
	struct pv_buf mail = PV_BUF_INIT(a->text.max), err = PV_BUF_INIT(65536);
	char dir[PATH_MAX];
	int status = 0;

	if (!pv_conf_instance(&a->store.conf, 0, dir, sizeof dir))
		return pv_fail(e, PV_TEMPORARY, NULL, "no Postfix is named in virtual.conf");
	/* Only Postfix's main configuration needs no leave to send. */
	bool is_main = strcmp(dir, "/etc/postfix") == 0;
	const char *main_argv[] = { SENDMAIL, "-i", "-f", "<>", "--", to, NULL };
	const char *other_argv[] = { SENDMAIL, "-C", dir, "-i", "-f", "<>", "--", to, NULL };
	pv_buf_addf(&mail, "To: %s\nSubject: postfix-virtual doctor: %s\nAuto-Submitted: auto-generated\n\n",
		    to, scope);
	pv_buf_add(&mail, a->text.s, a->text.len);
	enum pv_class c = pv_buf_check(&mail, "the message", e);
	if (c == PV_OK)
		c = pv_postfix_run(is_main ? main_argv : other_argv, &mail, MAIL_SECONDS, NULL, &err, &status,
				   e);
	if (c == PV_OK && status != 0)
		c = pv_fail(e, PV_TEMPORARY, NULL, "sendmail ended with status %d: %.300s", status, err.s);
	pv_buf_free(&mail);
	pv_buf_free(&err);
	if (c == PV_OK) {
		pv_buf_reset(&a->text);
		(void)json_array_clear(a->result);
	}
	return c;
}

/* An address goes into a header and to sendmail: nothing but what an address of letters has. */
static enum pv_class check_mail(struct admin *a, struct pv_error *e)
{
	const char *to = a->options[OPT_MAIL];
	struct pv_address address;
	struct pv_user user;

	if (to == NULL || pv_address_parse(to, strlen(to), &address, NULL) == PV_OK ||
	    pv_user_parse(to, strlen(to), &user, NULL) == PV_OK)
		return PV_OK;
	return usage_error(a, e, "--mail %.80s is neither an address nor a local user", to);
}

static enum pv_class put_changes(struct admin *a, const struct order *o, const struct pv_findings *f,
				 struct pv_error *e)
{
	struct pv_findings new, gone;

	enum pv_class c = pv_checkup_changes(&a->store, o->scope, f, &new, &gone, e);
	if (c == PV_OK) {
		put_findings(a, &new, "new", "new: ");
		put_findings(a, &gone, "gone", "gone: ");
		if (a->options[OPT_MAIL] != NULL && a->text.len > 0)
			c = send_changes(a, o->scope, e);
	}
	pv_findings_free(&new);
	pv_findings_free(&gone);
	return c;
}

static enum pv_class show(struct admin *a, const struct order *o, const struct pv_findings *f,
			  struct pv_error *e)
{
	enum pv_severity worst = pv_findings_worst(f);

	a->status = statuses[worst];
	if (a->options[OPT_CHANGES] != NULL)
		return put_changes(a, o, f, e);
	if (a->options[OPT_PLUGIN] != NULL)
		put_plugin(a, f);
	put_findings(a, f, NULL, "");
	if (a->options[OPT_PLUGIN] != NULL)
		pv_buf_truncate(&a->text, strcspn(a->text.s, "\n") + 1);
	else if (worst == PV_NOTE)
		put_well(a, f);
	return PV_OK;
}

/* What can be repaired is, and everything is asked once more. */
static enum pv_class fix(struct admin *a, const struct order *o, struct pv_findings *f, struct pv_error *e)
{
	struct pv_buf said = PV_BUF_INIT((size_t)16 << 20);

	if (geteuid() != 0)
		return pv_fail(e, PV_PERMANENT, NULL, "only root can repair: try sudo");
	enum pv_class c = pv_checkup_repair(&a->store, &o->options, a->dry, f, &said, e);
	if (c == PV_OK && said.len > 0 && !a->dry) {
		pv_findings_free(f);
		c = pv_checkup(&a->store, &o->options, f, e);
	}
	if (a->json || a->options[OPT_PLUGIN] != NULL)
		(void)fputs(said.s, stderr);
	else
		pv_buf_add(&a->text, said.s, said.len);
	pv_buf_free(&said);
	return c;
}

/* Settings that cannot be read are a finding too: all deliveries wait for them. */
static enum pv_class open_store(struct admin *a, struct pv_findings *f, struct pv_error *e)
{
	const char *dir = a->dir != NULL ? a->dir : PV_DEFAULT_DIRECTORY;
	struct pv_error why = { .class = PV_OK };

	enum pv_class c = pv_store_open(a->dir, &a->store, &why);
	if (c != PV_OK) {
		a->store = (struct pv_store){ .dirfd = -1 };
		pv_findings_add(f, "store", PV_CRITICAL, dir, why.text);
		*e = why;
	}
	return c;
}

enum pv_class doctor_run(struct admin *a, struct pv_error *e)
{
	struct pv_findings f = { .list = NULL };
	struct order o;

	a->status = statuses[PV_UNKNOWN];
	enum pv_class c = take_order(a, &o, e);
	if (c == PV_OK)
		c = check_mail(a, e);
	if (c != PV_OK)
		return c;
	a->result = json_array();
	if (open_store(a, &f, e) == PV_OK) {
		c = pv_checkup(&a->store, &o.options, &f, e);
		if (c == PV_OK && a->options[OPT_FIX] != NULL)
			c = fix(a, &o, &f, e);
		if (c == PV_OK)
			c = show(a, &o, &f, e);
	} else {
		a->options[OPT_CHANGES] = NULL;
		c = show(a, &o, &f, e);
	}
	pv_findings_free(&f);
	return c;
}
