#include "change/setup_plan.h"

#include "change/words.h"
#include "maps/inner.h"
#include "maps/regexp.h"

enum { VALUE_MAX = 1 << 20 };

/* Where our words stand in a list; a value that is no list is ours as a whole. */
enum place { BEHIND, IN_FRONT, WHOLE };

static const enum place places[PV_PARAMETERS] = {
	[PV_ALIAS_MAPS] = BEHIND,
	[PV_ALIAS_DOMAINS] = BEHIND,
	[PV_TRANSPORT_MAPS] = IN_FRONT,
	[PV_RECIPIENT_LIMIT] = WHOLE,
	[PV_CONCURRENCY_LIMIT] = WHOLE,
	[PV_SENDER_TRANSPORTS] = BEHIND,
	[PV_RECIPIENT_RESTRICTIONS] = IN_FRONT,
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
	if (i == PV_SENDER_TRANSPORTS) {
		pv_buf_addf(&one, "%s:%s/%s", type, dir, pv_map_name(PV_MAP_SENDERS));
		return detach(&one, &words[0], e);
	}
	const char *check = i == PV_RECIPIENT_RESTRICTIONS ? "check_recipient_access " : "";
	const char *table = pv_map_name(i == PV_RECIPIENT_RESTRICTIONS ? PV_MAP_REFUSED
					: i == PV_ALIAS_MAPS	       ? PV_MAP_ADDRESSES
								       : PV_MAP_DOMAINS);
	pv_buf_addf(&one, "%s%s:%s/%s", check, type, dir, table);
	pv_buf_addf(&two, "%spipemap:{pcre:%s/%s,%s:%s/%s}", check, dir,
		    i == PV_RECIPIENT_RESTRICTIONS ? PV_INNER_NAME : PV_REGEXP_NAME, type, dir, table);
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
static bool is_untouched(const struct pv_setup_instance *it, bool undo, enum pv_parameter i,
			 struct pv_buf *rest)
{
	const struct pv_setup_record *r = &it->record;
	const char *now = it->now.value[i];
	struct pv_buf before = PV_BUF_INIT(VALUE_MAX);

	if (places[i] == WHOLE) {
		pv_buf_adds(rest, now);
		/* A limit of a service that goes would be a warning of postconf's for ever. */
		return strcmp(now, r->written[i]) == 0 || (undo && r->original[i] == NULL);
	}
	without_ours(now, r->words[i], rest);
	without_ours(r->written[i], r->words[i], &before);
	bool same = pv_words_equal(rest->s, before.s) || (rest->len == 0 && r->original[i] == NULL);
	pv_buf_free(&before);
	return same;
}

/* What would stand there if setup had never run; *base_r NULL: nothing. */
static enum pv_class base_of(const struct pv_setup_instance *it, bool undo, enum pv_parameter i,
			     char **base_r, struct pv_error *e)
{
	struct pv_buf rest = PV_BUF_INIT(VALUE_MAX);
	const char *value = it->now.value[i];

	*base_r = NULL;
	if (value != NULL && it->record.written[i] != NULL)
		value = is_untouched(it, undo, i, &rest) ? it->record.original[i] : rest.s;
	enum pv_class c = pv_buf_check(&rest, pv_parameter_name(i), e);
	if (c == PV_OK && value != NULL && (*base_r = strdup(value)) == NULL)
		c = no_memory(e);
	pv_buf_free(&rest);
	return c;
}

/* Where main.cf says nothing, the default is in force, and must be written out before something is added to
 * it. */
static void put_base(const struct pv_setup_instance *it, enum pv_parameter i, char *const base[PV_PARAMETERS],
		     struct pv_buf *out)
{
	const char *maps = base[PV_ALIAS_MAPS] != NULL ? base[PV_ALIAS_MAPS]
			   : it->now.has_virtual_maps  ? "$virtual_maps"
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

static enum pv_class wanted_list(const struct pv_setup_instance *it, enum pv_parameter i,
				 char *const base[PV_PARAMETERS], char *const words[2], char **value_r,
				 struct pv_error *e)
{
	struct pv_buf old = PV_BUF_INIT(VALUE_MAX), out = PV_BUF_INIT(VALUE_MAX);

	put_base(it, i, base, &old);
	enum pv_class c = pv_buf_check(&old, pv_parameter_name(i), e);
	for (size_t w = 0; places[i] == IN_FRONT && w < 2; w++)
		if (words[w] != NULL && !pv_words_have(old.s, words[w]))
			put_word(&out, words[w]);
	put_word(&out, old.s);
	for (size_t w = 0; places[i] == BEHIND && w < 2; w++)
		if (words[w] != NULL && !pv_words_have(old.s, words[w]))
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

static enum pv_class plan_parameter(const struct pv_store *s, struct pv_setup_instance *it,
				    enum pv_parameter i, char *const base[PV_PARAMETERS], struct pv_error *e)
{
	char **words = it->next.words[i];
	enum pv_class c = PV_OK;

	if (places[i] != WHOLE) {
		c = our_words(s, i, words, e);
		if (c == PV_OK)
			c = wanted_list(it, i, base, words, &it->values[i], e);
	} else if ((it->values[i] = strdup(whole_value(i, base[i]))) == NULL) {
		c = no_memory(e);
	}
	if (c != PV_OK)
		return c;
	if (base[i] != NULL && pv_words_equal(base[i], it->values[i])) {
		/* The administrator put them in by hand: nothing of that is ours to take out. */
		for (size_t w = 0; w < 2; w++) {
			free(words[w]);
			words[w] = NULL;
		}
	} else if ((c = record_parameter(&it->next, i, base[i], it->values[i], e)) != PV_OK) {
		return c;
	}
	if (it->now.value[i] == NULL || !pv_words_equal(it->now.value[i], it->values[i]))
		it->edits.value[i] = it->values[i];
	return PV_OK;
}

static enum pv_class plan_undo_parameter(struct pv_setup_instance *it, enum pv_parameter i,
					 char *const base[PV_PARAMETERS], struct pv_error *e)
{
	if (it->record.written[i] == NULL || it->now.value[i] == NULL)
		return PV_OK;
	if (base[i] == NULL) {
		it->edits.unset[i] = true;
		return PV_OK;
	}
	if (strcmp(base[i], it->now.value[i]) == 0)
		return PV_OK;
	if ((it->values[i] = strdup(base[i])) == NULL)
		return no_memory(e);
	it->edits.value[i] = it->values[i];
	return PV_OK;
}

/* Which service mail leaves by is for the main instance to say, and nothing that others need. */
static bool is_wanted(const struct pv_setup *p, const struct pv_setup_instance *it, enum pv_parameter i)
{
	if (p->undo)
		return false;
	if (i == PV_SENDER_TRANSPORTS)
		return p->has_senders && it == p->instances;
	if (i == PV_RECIPIENT_RESTRICTIONS)
		return p->refuse_texts || it->record.written[i] != NULL;
	return true;
}

static enum pv_class plan_parameters(const struct pv_store *s, const struct pv_setup *p,
				     struct pv_setup_instance *it, struct pv_error *e)
{
	char *base[PV_PARAMETERS] = { NULL };
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < PV_PARAMETERS; i++)
		c = base_of(it, !is_wanted(p, it, i), i, &base[i], e);
	for (size_t i = 0; c == PV_OK && i < PV_PARAMETERS; i++)
		c = is_wanted(p, it, i) ? plan_parameter(s, it, i, base, e)
					: plan_undo_parameter(it, i, base, e);
	for (size_t i = 0; i < PV_PARAMETERS; i++)
		free(base[i]);
	return c;
}

static enum pv_class plan_service(const struct pv_store *s, struct pv_setup *p, struct pv_setup_instance *it,
				  struct pv_error *e)
{
	const char *now = it->now.service, *ours = it->record.service;

	if (p->undo) {
		it->edits.drop_service = now != NULL && ours != NULL;
		return PV_OK;
	}
	enum pv_class c = our_service(s, &it->service, e);
	if (c != PV_OK)
		return c;
	bool same = now != NULL && strcmp(now, it->service) == 0;
	if (now != NULL && ours == NULL && !same)
		return pv_fail(e, PV_PERMANENT, NULL,
			       "%s/master.cf has a service " PV_VLOCAL
			       " that setup did not make: rename it, or remove it by "
			       "postconf -c %s -MX " PV_VLOCAL "/unix",
			       it->dir, it->dir);
	if (now != NULL && ours != NULL && !same && strcmp(now, ours) != 0)
		pv_buf_adds(&p->notes,
			    "the service " PV_VLOCAL " was changed by hand; it gets its own line again\n");
	if (!same)
		it->edits.service = it->service;
	if ((!same || ours != NULL) && (it->next.service = strdup(it->service)) == NULL)
		return no_memory(e);
	return PV_OK;
}

enum pv_class pv_setup_plan_words(const struct pv_store *s, struct pv_setup *p, struct pv_setup_instance *it,
				  struct pv_error *e)
{
	enum pv_class c = plan_parameters(s, p, it, e);

	return c == PV_OK ? plan_service(s, p, it, e) : c;
}
