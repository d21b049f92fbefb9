#include "change/setup.h"

#include "base/file.h"
#include "change/words.h"
#include "maps/diff.h"
#include "maps/postfix.h"

#include <unistd.h>

enum { VALUE_MAX = 1 << 20, CONF_MAX = 1 << 20 };

/* Where our words stand in a list; a value that is no list is ours as a whole. */
enum place { BEHIND, IN_FRONT, WHOLE };

static const enum place places[PV_PARAMETERS] = {
	[PV_ALIAS_MAPS] = BEHIND,     [PV_ALIAS_DOMAINS] = BEHIND,    [PV_TRANSPORT_MAPS] = IN_FRONT,
	[PV_RECIPIENT_LIMIT] = WHOLE, [PV_CONCURRENCY_LIMIT] = WHOLE,
};

static enum pv_class no_memory(struct pv_error *e)
{
	return pv_fail(e, PV_TEMPORARY, NULL, "no memory for setup");
}

static enum pv_class detach(struct pv_buf *b, char **to, struct pv_error *e)
{
	enum pv_class c = pv_buf_check(b, "a line of main.cf", e);

	if (c == PV_OK && (*to = strdup(b->s)) == NULL)
		c = no_memory(e);
	pv_buf_free(b);
	return c;
}

/* Our words for parameter i; the second may be missing. */
static enum pv_class our_words(const struct pv_store *s, enum pv_parameter i, char *words[2],
			       struct pv_error *e)
{
	struct pv_buf one = PV_BUF_INIT(VALUE_MAX), two = PV_BUF_INIT(VALUE_MAX);
	const char *type = s->conf.map_type, *dir = s->conf.map_directory;

	if (i == PV_TRANSPORT_MAPS) {
		pv_buf_adds(&one, "inline:{virtual.invalid=" PV_VLOCAL ":}");
		return detach(&one, &words[0], e);
	}
	const char *table = i == PV_ALIAS_MAPS ? "virtual" : "virtual_domains";
	pv_buf_addf(&one, "%s:%s/%s", type, dir, table);
	pv_buf_addf(&two, "pipemap:{pcre:%s/virtual_regexp,%s:%s/%s}", dir, type, dir, table);
	enum pv_class c = detach(&one, &words[0], e);
	return c == PV_OK ? detach(&two, &words[1], e) : c;
}

/* Our service: the host's own local(8), aliases, mailbox settings and fallbacks stay out of it. */
static enum pv_class our_service(const struct pv_store *s, char **line_r, struct pv_error *e)
{
	struct pv_buf b = PV_BUF_INIT(VALUE_MAX);

	pv_buf_adds(&b, PV_VLOCAL " unix - n n - - local -o alias_maps= -o recipient_delimiter=+"
				  " -o forward_path=$home/.forward$recipient_delimiter$extension");
	if (s->dir_is_default)
		pv_buf_addf(&b, " -o mailbox_command=%s", s->conf.delivery_program);
	else
		pv_buf_addf(&b, " -o {mailbox_command=%s -c %s}", s->conf.delivery_program, s->dir);
	pv_buf_adds(
		&b,
		" -o mailbox_command_maps= -o mailbox_transport= -o mailbox_transport_maps="
		" -o fallback_transport= -o fallback_transport_maps= -o luser_relay= -o local_command_shell="
		" -o prepend_delivered_header=command,file,forward"
		" -o allow_mail_to_commands=alias,forward -o allow_mail_to_files=alias,forward"
		" -o mailbox_size_limit=0 -o require_home_directory=yes");
	return detach(&b, line_r, e);
}

static void put_word(struct pv_buf *out, const char *word)
{
	if (word == NULL || *word == '\0')
		return;
	pv_buf_adds(out, out->len > 0 ? ", " : "");
	pv_buf_adds(out, word);
}

/* Append the value without the words that the record says are ours. */
static void without_ours(const char *value, char *const words[2], struct pv_buf *out)
{
	struct pv_buf rest = PV_BUF_INIT(VALUE_MAX);

	pv_words_without(value, words[0] != NULL ? words[0] : "", &rest);
	pv_words_without(rest.s, words[1] != NULL ? words[1] : "", out);
	out->failed = out->failed || rest.failed;
	pv_buf_free(&rest);
}

/* Is the value of parameter i, apart from our words, what it was when setup wrote it? Then undo makes it
 * what it was before, to the byte. Otherwise *rest gets what others have made of it. */
static bool is_untouched(const struct pv_setup *p, enum pv_parameter i, struct pv_buf *rest)
{
	const struct pv_setup_record *r = &p->record;
	const char *now = p->now.value[i];
	struct pv_buf before = PV_BUF_INIT(VALUE_MAX);

	if (places[i] == WHOLE) {
		pv_buf_adds(rest, now);
		/* A limit of a service that goes would be a warning of postconf's for ever. */
		return strcmp(now, r->written[i]) == 0 || (p->undo && r->original[i] == NULL);
	}
	without_ours(now, r->words[i], rest);
	without_ours(r->written[i], r->words[i], &before);
	bool same = pv_words_equal(rest->s, before.s) || (rest->len == 0 && r->original[i] == NULL);
	pv_buf_free(&before);
	return same;
}

/* What would stand there if setup had never run; *base_r NULL: nothing. */
static enum pv_class base_of(const struct pv_setup *p, enum pv_parameter i, char **base_r, struct pv_error *e)
{
	struct pv_buf rest = PV_BUF_INIT(VALUE_MAX);
	const char *value = p->now.value[i];

	*base_r = NULL;
	if (value != NULL && p->record.written[i] != NULL)
		value = is_untouched(p, i, &rest) ? p->record.original[i] : rest.s;
	enum pv_class c = pv_buf_check(&rest, pv_parameter_name(i), e);
	if (c == PV_OK && value != NULL && (*base_r = strdup(value)) == NULL)
		c = no_memory(e);
	pv_buf_free(&rest);
	return c;
}

/* Where main.cf says nothing, the default is in force, and must be written out before something is added to
 * it. */
static void put_base(const struct pv_setup *p, enum pv_parameter i, char *const base[PV_PARAMETERS],
		     struct pv_buf *out)
{
	const char *maps = base[PV_ALIAS_MAPS] != NULL ? base[PV_ALIAS_MAPS]
			   : p->now.has_virtual_maps   ? "$virtual_maps"
						       : "";

	if (i == PV_ALIAS_MAPS)
		pv_buf_adds(out, maps);
	else if (i == PV_ALIAS_DOMAINS)
		pv_words_expand(base[i] != NULL ? base[i] : "$virtual_alias_maps", "virtual_alias_maps", maps,
				out);
	else if (base[i] != NULL)
		pv_buf_adds(out, base[i]);
}

static const char *whole_value(enum pv_parameter i, const char *base)
{
	/* How many at once is for the administrator to say; one recipient each is a must. */
	if (i == PV_CONCURRENCY_LIMIT)
		return base != NULL ? base : "20";
	return "1";
}

static enum pv_class wanted_list(const struct pv_setup *p, enum pv_parameter i,
				 char *const base[PV_PARAMETERS], char *const words[2], char **value_r,
				 struct pv_error *e)
{
	struct pv_buf old = PV_BUF_INIT(VALUE_MAX), out = PV_BUF_INIT(VALUE_MAX);

	put_base(p, i, base, &old);
	enum pv_class c = pv_buf_check(&old, pv_parameter_name(i), e);
	if (places[i] == IN_FRONT && !pv_words_have(old.s, words[0]))
		put_word(&out, words[0]);
	put_word(&out, old.s);
	for (size_t w = 0; places[i] == BEHIND && w < 2; w++)
		if (!pv_words_have(old.s, words[w]))
			put_word(&out, words[w]);
	pv_buf_free(&old);
	if (c == PV_OK)
		return detach(&out, value_r, e);
	pv_buf_free(&out);
	return c;
}

/* Keep in mind what stood there and what is ours now. */
static enum pv_class record_parameter(struct pv_setup_record *r, enum pv_parameter i, const char *base,
				      const char *value, struct pv_error *e)
{
	if (base != NULL && (r->original[i] = strdup(base)) == NULL)
		return no_memory(e);
	r->written[i] = strdup(value);
	return r->written[i] != NULL ? PV_OK : no_memory(e);
}

static enum pv_class plan_parameter(const struct pv_store *s, struct pv_setup *p, enum pv_parameter i,
				    char *const base[PV_PARAMETERS], struct pv_error *e)
{
	char **words = p->next.words[i];
	enum pv_class c = PV_OK;

	if (places[i] != WHOLE) {
		c = our_words(s, i, words, e);
		if (c == PV_OK)
			c = wanted_list(p, i, base, words, &p->values[i], e);
	} else if ((p->values[i] = strdup(whole_value(i, base[i]))) == NULL) {
		c = no_memory(e);
	}
	if (c != PV_OK)
		return c;
	if (base[i] != NULL && pv_words_equal(base[i], p->values[i])) {
		/* The administrator put them in by hand: nothing of that is ours to take out. */
		for (size_t w = 0; w < 2; w++) {
			free(words[w]);
			words[w] = NULL;
		}
	} else if ((c = record_parameter(&p->next, i, base[i], p->values[i], e)) != PV_OK) {
		return c;
	}
	if (p->now.value[i] == NULL || !pv_words_equal(p->now.value[i], p->values[i]))
		p->edits.value[i] = p->values[i];
	return PV_OK;
}

static enum pv_class plan_undo_parameter(struct pv_setup *p, enum pv_parameter i,
					 char *const base[PV_PARAMETERS], struct pv_error *e)
{
	if (p->record.written[i] == NULL || p->now.value[i] == NULL)
		return PV_OK;
	if (base[i] == NULL) {
		p->edits.unset[i] = true;
		return PV_OK;
	}
	if (strcmp(base[i], p->now.value[i]) == 0)
		return PV_OK;
	if ((p->values[i] = strdup(base[i])) == NULL)
		return no_memory(e);
	p->edits.value[i] = p->values[i];
	return PV_OK;
}

static enum pv_class plan_parameters(const struct pv_store *s, struct pv_setup *p, struct pv_error *e)
{
	char *base[PV_PARAMETERS] = { NULL };
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < PV_PARAMETERS; i++)
		c = base_of(p, i, &base[i], e);
	for (size_t i = 0; c == PV_OK && i < PV_PARAMETERS; i++)
		c = p->undo ? plan_undo_parameter(p, i, base, e) : plan_parameter(s, p, i, base, e);
	for (size_t i = 0; i < PV_PARAMETERS; i++)
		free(base[i]);
	return c;
}

static enum pv_class plan_service(const struct pv_store *s, struct pv_setup *p, struct pv_error *e)
{
	const char *now = p->now.service, *ours = p->record.service;

	if (p->undo) {
		p->edits.drop_service = now != NULL && ours != NULL;
		return PV_OK;
	}
	enum pv_class c = our_service(s, &p->service, e);
	if (c != PV_OK)
		return c;
	bool same = now != NULL && strcmp(now, p->service) == 0;
	if (now != NULL && ours == NULL && !same)
		return pv_fail(e, PV_PERMANENT, NULL,
			       "%s/master.cf has a service " PV_VLOCAL
			       " that setup did not make: rename it, or remove it by "
			       "postconf -c %s -MX " PV_VLOCAL "/unix",
			       s->conf.postfix_config_directory, s->conf.postfix_config_directory);
	if (now != NULL && ours != NULL && !same && strcmp(now, ours) != 0)
		pv_buf_adds(&p->notes,
			    "the service " PV_VLOCAL " was changed by hand; it gets its own line again\n");
	if (!same)
		p->edits.service = p->service;
	if ((!same || ours != NULL) && (p->next.service = strdup(p->service)) == NULL)
		return no_memory(e);
	return PV_OK;
}

/* The kernel's name is what a delivery takes for Postfix's own, with or without a domain behind it. */
static bool is_node_name(const char *name)
{
	char node[256];
	size_t n;

	if (gethostname(node, sizeof node) != 0)
		return false;
	node[sizeof node - 1] = '\0';
	n = strlen(node);
	return strncasecmp(name, node, n) == 0 && (name[n] == '\0' || name[n] == '.');
}

/* Append text without our line of myhostname. */
static void without_line(const char *text, const char *line, struct pv_buf *out)
{
	size_t n = strlen(line);

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		size_t whole = len + (text[len] == '\n');
		if (len != n || memcmp(text, line, n) != 0)
			pv_buf_add(out, text, whole);
		text += whole;
	}
}

/* Does the administrator say it himself, be it that it shall be found out? */
static bool says_myhostname(const char *text)
{
	static const char name[] = "myhostname";

	for (; *text != '\0'; text += strspn(text, "\n")) {
		size_t len = strcspn(text, "\n");
		if (strncmp(text, name, sizeof name - 1) == 0 &&
		    text[sizeof name - 1 + strspn(text + sizeof name - 1, " \t")] == '=')
			return true;
		text += len;
	}
	return false;
}

static enum pv_class plan_hostname(const struct pv_store *s, struct pv_setup *p, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = s->dir };
	struct pv_buf old = PV_BUF_INIT(CONF_MAX);
	const char *ours = p->record.myhostname;
	char line[512], path[4096];
	bool found = false;

	enum pv_class c = PV_OK;
	if (s->dirfd >= 0)
		c = pv_file_load(s->dirfd, "virtual.conf", &trust, &old, &found, e);
	if (c != PV_OK)
		return c;
	(void)snprintf(line, sizeof line, "myhostname = %s", ours != NULL ? ours : "");
	without_line(old.s, ours != NULL ? line : "\1", &p->conf);
	bool own_line = says_myhostname(p->conf.s);
	if (!p->undo && !own_line && *p->now.myhostname != '\0' && !is_node_name(p->now.myhostname)) {
		if (p->conf.len > 0 && p->conf.s[p->conf.len - 1] != '\n')
			pv_buf_addc(&p->conf, '\n');
		pv_buf_addf(&p->conf, "myhostname = %s\n", p->now.myhostname);
		if ((p->next.myhostname = strdup(p->now.myhostname)) == NULL)
			c = no_memory(e);
	}
	if (c == PV_OK)
		c = pv_buf_check(&p->conf, "virtual.conf", e);
	p->conf_changes = strcmp(old.s, p->conf.s) != 0;
	(void)snprintf(path, sizeof path, "%s/virtual.conf", s->dir);
	if (c == PV_OK && p->conf_changes)
		pv_diff(&p->diff, path, found ? old.s : NULL, p->conf.s);
	pv_buf_free(&old);
	return c;
}

/* A Postfix that lacks a kind of table would refuse all mail once our words are in. */
static enum pv_class need_tables(const struct pv_store *s, struct pv_error *e)
{
	const char *argv[] = { PV_POSTCONF, "-c", s->conf.postfix_config_directory, "-m", NULL };
	const char *needed[] = { s->conf.map_type, "pcre", "pipemap", "inline" };
	struct pv_buf out = PV_BUF_INIT(65536);
	struct pv_error why = { .class = PV_OK };

	enum pv_class c = pv_postfix_run(argv, NULL, 30, &out, NULL, &(int){ 0 }, &why);
	if (c != PV_OK)
		*e = why;
	for (size_t i = 0; c == PV_OK && i < sizeof needed / sizeof *needed; i++)
		if (!pv_words_have(out.s, needed[i]))
			c = pv_fail(
				e, PV_PERMANENT, NULL,
				"this Postfix has no %s tables: apt-get install postfix-lmdb postfix-pcre",
				needed[i]);
	pv_buf_free(&out);
	return c;
}

static enum pv_class check_paths(const struct pv_store *s, struct pv_error *e)
{
	const char *paths[] = { s->conf.map_directory, s->conf.delivery_program, s->dir };

	for (size_t i = 0; i < 3; i++)
		if (strpbrk(paths[i], " \t,{}$") != NULL)
			return pv_fail(e, PV_PERMANENT, NULL,
				       "%s cannot stand in main.cf: use a path without blanks, commas, "
				       "braces and `$`",
				       paths[i]);
	return PV_OK;
}

enum pv_class pv_setup_plan(const struct pv_store *s, bool undo, struct pv_setup *p, struct pv_error *e)
{
	const char *dir = s->conf.postfix_config_directory;

	*p = (struct pv_setup){ .undo = undo,
				.conf = PV_BUF_INIT(CONF_MAX),
				.diff = PV_BUF_INIT(64 << 20),
				.notes = PV_BUF_INIT(65536) };
	enum pv_class c = check_paths(s, e);
	if (c == PV_OK)
		c = pv_postfix_config_read(dir, &p->now, e);
	if (c == PV_OK && !undo)
		c = need_tables(s, e);
	if (c == PV_OK)
		c = pv_setup_record_read(s, &p->record, e);
	if (c == PV_OK)
		c = plan_parameters(s, p, e);
	if (c == PV_OK)
		c = plan_service(s, p, e);
	if (c == PV_OK)
		c = plan_hostname(s, p, e);
	if (c == PV_OK && pv_postfix_edits_any(&p->edits))
		c = pv_postfix_config_diff(dir, s->conf.run_directory, &p->edits, &p->diff, e);
	p->nothing = !pv_postfix_edits_any(&p->edits) && !p->conf_changes &&
		     (undo ? !p->record.found : p->record.found);
	return c;
}
