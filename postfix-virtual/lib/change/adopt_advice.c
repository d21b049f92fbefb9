/* What the administrator of a site of 2002 is told: which old lines may go now, in which order, and what is
 * different from then on. */
#include "change/adopt_inside.h"

#include "address/extension.h"
#include "change/words.h"
#include "maps/postfix.h"

#include <limits.h>

enum { SECONDS = 60 };

struct advising {
	const struct pv_adopting *a;
	struct pv_adopt *o;
};

/* Lines go in this order: while one of them stands, mail goes the old way; none of them is missed by us. */
enum { EXPRESSIONS, WHOLE_KEYS, USER_KEYS, DOMAIN_LINES, TURNS };

/* In which turn a line goes; TURNS: it stays. */
static int turn_of(const struct pv_adopting *a, const struct pv_old_line *l)
{
	char extension[PV_DOMAIN_MAX + 4];

	if (l->everyone)
		return TURNS;
	if (l->one != NULL && !a->sub_domains)
		return TURNS;
	if (l->kind == PV_OLD_USERS)
		return l->expression ? EXPRESSIONS : WHOLE_KEYS;
	if (l->kind == PV_OLD_DOMAIN)
		return DOMAIN_LINES;
	/* A line for one user that leads where ours leads, around our own service. */
	(void)snprintf(extension, sizeof extension, "--%s", a->w.domain.s);
	return strchr(l->target, PV_DELIMITER) != NULL && strstr(l->target, extension) != NULL ? USER_KEYS
											       : TURNS;
}

static void put_name(struct pv_buf *out, const struct pv_old_line *l)
{
	if (l->table == NULL || l->line == 0)
		pv_buf_addf(out, "%s/main.cf", l->file);
	else
		pv_buf_addf(out, "%s:%u", l->file, l->line);
}

static bool is_built(const struct pv_old_table *t)
{
	static const char *const as_text[] = { "regexp", "pcre", "texthash", "file", "inline" };

	for (size_t i = 0; i < sizeof as_text / sizeof *as_text; i++)
		if (strcmp(as_text[i], t->type) == 0)
			return false;
	return true;
}

static void put_line(const struct advising *s, const struct pv_old_line *l)
{
	struct pv_buf *todo = &s->o->todo;

	if (l->other != NULL) {
		pv_buf_adds(todo, "take ");
		pv_buf_addf(todo, "%s out of ", s->a->w.domain.s);
		put_name(todo, l);
		pv_buf_addf(todo, ", which answers for %s too: %s\n", l->other, l->text);
		return;
	}
	if (l->line == 0) {
		pv_buf_addf(todo, "take `%s` out of ", l->text);
		put_name(todo, l);
		pv_buf_adds(todo, "\n");
		return;
	}
	put_name(&s->o->remove, l);
	pv_buf_addf(&s->o->remove, ": %s\n", l->text);
	pv_buf_adds(todo, "remove ");
	put_name(todo, l);
	pv_buf_addf(todo, ": %s\n", l->text);
}

/* In which setting the table's word really stands: virtual_alias_maps is $virtual_maps where nobody wrote it.
 */
static const char *setting_of(const struct pv_old_table *t)
{
	const char *argv[] = { PV_POSTCONF, "-c", t->config, "-h", "virtual_maps", NULL };
	struct pv_buf value = PV_BUF_INIT(1 << 20);
	bool old = false;

	if (pv_postfix_ask(argv, NULL, SECONDS, &value, NULL) == PV_OK) {
		value.s[strcspn(value.s, "\n")] = '\0';
		old = pv_words_have(value.s, t->word);
	}
	pv_buf_free(&value);
	return old ? "virtual_maps" : t->parameter;
}

/* What has to be done with a table whose lines went; and it itself, where none is left. */
static void put_table(const struct advising *s, const struct pv_old_table *t, size_t gone)
{
	struct pv_buf *todo = &s->o->todo;

	if (is_built(t))
		pv_buf_addf(todo, "run: postmap -c %s %s:%s\n", t->config, t->type, t->path);
	else
		pv_buf_addf(todo, "run: postfix -c %s reload\n", t->config);
	if (gone == t->entries && t->was_read)
		pv_buf_addf(todo, "nothing is left in %s: take it out of %s in %s/main.cf\n", t->word,
			    setting_of(t), t->config);
}

/* Lines of one table and turn; from its end on, so that the numbers hold. Returns how many go as a whole. */
static size_t put_lines(const struct advising *s, const struct pv_old_table *t, int turn)
{
	const struct pv_old_lines *l = &s->a->lines;
	size_t count = 0;

	for (size_t i = l->count; i-- > 0;) {
		if (l->v[i].table != t || turn_of(s->a, &l->v[i]) != turn)
			continue;
		put_line(s, &l->v[i]);
		count++;
	}
	return count;
}

static void put_old_lines(const struct advising *s)
{
	const struct pv_old_lines *l = &s->a->lines;
	size_t gone[sizeof l->tables / sizeof *l->tables] = { 0 };

	for (int turn = 0; turn < TURNS; turn++) {
		for (size_t i = 0; i < l->table_count; i++) {
			size_t n = put_lines(s, l->tables[i], turn);
			gone[i] += n;
			if (n > 0)
				put_table(s, l->tables[i], gone[i]);
		}
		(void)put_lines(s, NULL, turn);
	}
}

static void put_todo(const struct advising *s)
{
	struct pv_buf *todo = &s->o->todo;
	struct pv_buf lines = PV_BUF_INIT(64 << 20);

	put_old_lines(s);
	if (!s->a->lines.has_ours) {
		/* Without our words in main.cf the old lines are all that there is. */
		pv_buf_adds(&lines, "run first: postfix-virtual setup\n");
		pv_buf_add(&lines, todo->s, todo->len);
		pv_buf_reset(todo);
		pv_buf_add(todo, lines.s, lines.len);
	}
	pv_buf_free(&lines);
}

static const struct pv_old_line *find_line(const struct pv_adopting *a, const char *user)
{
	size_t n = strlen(user);

	for (size_t i = 0; i < a->lines.count; i++) {
		const struct pv_old_line *l = &a->lines.v[i];
		if (l->kind == PV_OLD_USER && l->itself && strncasecmp(l->text, user, n) == 0 &&
		    l->text[n] == '@')
			return l;
	}
	return NULL;
}

static void know_unknown_users(const struct advising *s)
{
	for (size_t i = 0; i < s->a->lines.count; i++) {
		const struct pv_old_line *l = &s->a->lines.v[i];
		if (l->kind != PV_OLD_USERS || !l->itself || l->everyone)
			continue;
		put_name(&s->o->know, l);
		pv_buf_addf(
			&s->o->know,
			" takes mail for names that are no users, which bounces later; without it they are "
			"refused while the sender is on the line\n");
	}
}

static void know_postmaster(const struct advising *s)
{
	const struct pv_old_line *l = find_line(s->a, "postmaster");

	if (pv_adopt_has_user(s->a, "postmaster") || (s->a->says.own & PV_OWN_POSTMASTER) != 0)
		return;
	if (l != NULL)
		pv_buf_addf(&s->o->know, "postmaster@%s stays with %s, by %s:%u\n", s->a->w.domain.s,
			    l->target, l->file, l->line);
	else
		pv_buf_addf(&s->o->know, "postmaster@%s is no user: the host's postmaster gets the mail\n",
			    s->a->w.domain.s);
}

static void know_passwords(const struct advising *s)
{
	const size_t *n = s->a->users.passwords;

	if (n[PV_PASSWORD_PLAIN] > 0)
		pv_buf_addf(&s->o->know,
			    "%zu of %zu passwords are plain text: postfix-virtual user password %s "
			    "--hash-all%s\n",
			    n[PV_PASSWORD_PLAIN], s->a->users.count, s->a->w.domain.s,
			    s->a->w.c->store->conf.plain_text_passwords
				    ? ""
				    : "; until then they need plain_text_passwords = yes in virtual.conf for "
				      "a login");
	if (n[PV_PASSWORD_UNCLEAR] > 0)
		pv_buf_addf(&s->o->know,
			    "%zu passwords may be plain text or hashes: see --plain in postfix-virtual(8)\n",
			    n[PV_PASSWORD_UNCLEAR]);
}

/* Does the first line of a .forward file start the program of 2002? make install puts a link to ours at
 * its place where nothing has that name. */
static bool is_old_program(const struct pv_adopting *a, const char *command)
{
	static const char path[] = PV_BINDIR "/virtual";
	char real[PATH_MAX], ours[PATH_MAX];

	if (strstr(command, "virtual.awk") != NULL || strstr(command, "virtdomain.pl") != NULL)
		return true;
	const char *at = strstr(command, path);
	if (at == NULL || (at[sizeof path - 1] != '\0' && strchr(" \"", at[sizeof path - 1]) == NULL))
		return false;
	return realpath(path, real) == NULL || realpath(a->w.c->store->conf.delivery_program, ours) == NULL ||
	       strcmp(real, ours) != 0;
}

/* `abc, def and 7 more` */
struct names {
	struct pv_buf text;
	size_t count;
};

static void add_name(struct names *n, const char *name)
{
	if (n->count++ < PV_ADOPT_NAMED)
		pv_buf_addf(&n->text, "%s%s", n->text.len > 0 ? ", " : "", name);
}

static void put_names(struct pv_buf *out, struct names *n, const char *front, const char *end)
{
	if (n->count > PV_ADOPT_NAMED)
		pv_buf_addf(&n->text, " and %zu more", n->count - PV_ADOPT_NAMED);
	if (n->count > 0)
		pv_buf_addf(out, "%s%s%s\n", front, n->text.s, end);
	pv_buf_free(&n->text);
}

static void know_forward_files(const struct advising *s)
{
	struct names old = { .text = PV_BUF_INIT(65536) }, sub = old, without = old;
	const struct pv_home *h = &s->a->home;
	size_t faults = 0;

	for (size_t i = 0; i < h->count; i++) {
		const struct pv_home_file *f = &h->v[i];
		if (f->sub != NULL)
			add_name(&sub, f->name);
		if (!f->of_domain)
			continue;
		if (f->fault != NULL && faults++ < PV_ADOPT_NAMED)
			pv_buf_addf(&s->o->know,
				    "%s/%s %s: it is passed over, and the mail goes to the user's mailbox\n",
				    s->a->w.account.home, f->name, f->fault);
		if (is_old_program(s->a, f->command))
			add_name(&old, f->user);
		if (s->a->there && !pv_adopt_has_user(s->a, f->user))
			add_name(&without, f->user);
	}
	if (faults > PV_ADOPT_NAMED)
		pv_buf_addf(&s->o->know,
			    "%zu more .forward files of %s in %s are passed over, for such a reason\n",
			    faults - PV_ADOPT_NAMED, s->a->w.domain.s, s->a->w.account.home);
	put_names(&s->o->know, &without, "no line of passwd, only a .forward file: mail for ",
		  " will be refused; a line in passwd changes that");
	put_names(&s->o->know, &sub,
		  "not used any more, as mail for a sub-domain goes to the domain's user: ", "");
	put_names(&s->o->know, &old, "the program of 2002 is started by the .forward files of ",
		  "; let them start virtual-deliver");
}

static void know_bare_files(const struct advising *s)
{
	const struct pv_home *h = &s->a->home;
	const char *d = s->a->w.domain.s;
	size_t count = 0;

	for (size_t i = 0; i < h->count; i++) {
		const struct pv_home_file *f = &h->v[i];
		if (f->of_domain || f->sub != NULL || pv_adopt_has_user(s->a, f->user))
			continue;
		if (f->qmail && strcmp(f->user, "default") == 0)
			pv_buf_addf(&s->o->know,
				    "%s takes what is addressed to nobody: name a user for that in "
				    "domain.conf, fallback = USER\n",
				    f->name);
		else if (f->is_user && count++ < PV_ADOPT_NAMED)
			pv_buf_addf(
				&s->o->know,
				"%s names a user who is missing: postfix-virtual user add %s@%s --random\n",
				f->name, f->user, d);
	}
	if (count > PV_ADOPT_NAMED)
		pv_buf_addf(&s->o->know, "%zu more such files name users who are missing\n",
			    count - PV_ADOPT_NAMED);
}

static void know_sub_domains(const struct advising *s)
{
	const struct pv_virtualdomain *below = &s->a->virtualdomains.below;

	for (size_t i = 0; i < s->a->lines.count; i++) {
		const struct pv_old_line *l = &s->a->lines.v[i];
		if (l->one != NULL && !s->a->sub_domains && l->kind == PV_OLD_DOMAIN)
			pv_buf_addf(
				&s->o->know,
				"%s:%u: %s stays as it is; `%s alias_of=%s` in %s/domains makes it ours\n",
				l->file, l->line, l->one, l->one, s->a->w.domain.s, s->a->w.c->store->dir);
	}
	if (s->a->o->virtualdomains != NULL && below->line != 0 && !s->a->sub_domains)
		pv_buf_addf(&s->o->know,
			    "%s, line %u: `%s` is about sub-domains of %s and was not taken over\n",
			    s->a->o->virtualdomains, below->line, below->text, s->a->w.domain.s);
}

static size_t count_users(const struct pv_adopting *a)
{
	size_t count = a->users.count;

	for (size_t i = 0; !a->there && i < a->home.count; i++)
		count += a->home.v[i].of_domain && a->home.v[i].is_user;
	return count;
}

static void put_summary(const struct advising *s)
{
	const struct pv_adopting *a = s->a;
	size_t users = count_users(a);

	pv_buf_addf(&s->o->summary, "account %s (%s), %zu user%s%s\n", a->w.account.name, a->source, users,
		    users == 1 ? "" : "s",
		    a->sub_domains || a->says.sub_domains ? ", with its sub-domains" : "");
}

static void make_printable(struct pv_buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->s[i] != '\n' && b->s[i] != '\t')
			pv_printable(b->s + i, 1);
}

enum pv_class pv_adopt_advise(const struct pv_adopting *a, struct pv_adopt *o, struct pv_error *e)
{
	const struct advising s = { .a = a, .o = o };
	struct pv_buf *const all[] = { &o->summary, &o->remove, &o->todo, &o->know };
	enum pv_class c = PV_OK;

	put_summary(&s);
	put_todo(&s);
	know_unknown_users(&s);
	know_postmaster(&s);
	know_passwords(&s);
	know_forward_files(&s);
	if (a->bare)
		know_bare_files(&s);
	know_sub_domains(&s);
	c = pv_adopt_look_at_mail(a, &o->know, e);
	if (a->home.has_forward)
		pv_buf_addf(&o->know, "%s/.forward stays the account's own: mail for %s passes it by\n",
			    a->w.account.home, a->w.domain.s);
	pv_buf_add(&o->know, a->virtualdomains.notes.s, a->virtualdomains.notes.len);
	pv_buf_add(&o->know, a->lines.notes.s, a->lines.notes.len);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (c == PV_OK)
			c = pv_buf_check(all[i], "what is to be said of a domain", e);
		make_printable(all[i]);
	}
	return c;
}
