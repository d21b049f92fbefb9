#include "route/walk.h"

/* --- addresses as they are written --- */

static bool is_special(char c)
{
	switch (c) {
	case '(':
	case ')':
	case '<':
	case '>':
	case '[':
	case ']':
	case ':':
	case ';':
	case '@':
	case '\\':
	case ',':
	case '.':
	case '"':
		return true;
	default:
		return false;
	}
}

/* May it stand without quotes? (RFC 5321, section 4.1.2; RFC 6531, section 3.3.) */
static bool is_dot_string(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '.' && i > 0 && i + 1 < len && s[i - 1] != '.')
			continue;
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || is_special(s[i]))
			return false;
	}
	return len > 0;
}

const char *pv_walk_format(struct pv_walk *w, const char *local, size_t len, const char *domain)
{
	struct pv_buf out = PV_BUF_INIT(PV_ALIAS_FILE_MAX);

	if (is_dot_string(local, len)) {
		pv_buf_add(&out, local, len);
	} else {
		pv_buf_addc(&out, '"');
		for (size_t i = 0; i < len; i++) {
			if (local[i] == '"' || local[i] == '\\')
				pv_buf_addc(&out, '\\');
			pv_buf_addc(&out, local[i]);
		}
		pv_buf_addc(&out, '"');
	}
	if (domain != NULL) {
		pv_buf_addc(&out, '@');
		pv_buf_adds(&out, domain);
	}
	const char *text = out.failed ? NULL : pv_arena_add(&w->r->arena, out.s, out.len);
	pv_buf_free(&out);
	return text;
}

/* --- actions --- */

/* Send it to `text`, an address of len bytes that lasts as long as the route. */
static enum pv_class add_copy(struct pv_walk *w, struct pv_step *at, const char *text, size_t len,
			      struct pv_error *e)
{
	struct pv_action a = { .kind = PV_ACTION_FORWARD,
			       .text = text,
			       .of = at->kind == PV_STEP_USER ? at->user : NULL };

	enum pv_class c = text != NULL ? pv_walk_owner(w, at, &a.owner, e) : pv_walk_no_memory(e);
	if (c != PV_OK)
		return c;
	if (w->q->trail != NULL)
		pv_trail_add(w->q->trail, at->file, at->line, "a copy goes to %s", text);
	return pv_walk_add_copy(w, at, &a, len, e);
}

enum pv_class pv_walk_forward(struct pv_walk *w, struct pv_step *at, const char *local, size_t len,
			      const char *domain, struct pv_error *e)
{
	enum pv_class c = domain != NULL ? pv_walk_may_forward(w, at, domain, e) : PV_OK;

	if (c != PV_OK)
		return c;
	const char *text = pv_walk_format(w, local, len, domain);
	return add_copy(w, at, text, text != NULL ? strlen(text) : 0, e);
}

/* The same for an address that is written as it will be sent to, which most are. */
static enum pv_class forward_plain(struct pv_walk *w, struct pv_step *at, const struct pv_target *t,
				   struct pv_error *e)
{
	enum pv_class c = pv_walk_may_forward(w, at, t->text + t->local_len + 1, e);

	if (c != PV_OK)
		return c;
	return add_copy(w, at, t->lasts ? t->text : pv_arena_add(&w->r->arena, t->text, t->len), t->len, e);
}

/* The arguments with the arena's life. */
static const char *const *keep_argv(struct pv_walk *w, const struct pv_command_line *line)
{
	const char **argv = pv_arena_zalloc(&w->r->arena, (line->count + 1) * sizeof *argv);

	for (unsigned i = 0; argv != NULL && i < line->count; i++)
		if ((argv[i] = pv_arena_add(&w->r->arena, line->argv[i], strlen(line->argv[i]))) == NULL)
			return NULL;
	return argv;
}

enum pv_class pv_walk_command(struct pv_walk *w, struct pv_step *at, const char *text, size_t len,
			      struct pv_error *e)
{
	struct pv_command_tokens tokens = { .domain = w->r->folder.domain.s,
					    .sender = w->q->sender != NULL ? w->q->sender : "" };
	struct pv_action a = { .kind = PV_ACTION_COMMAND };
	struct pv_command_line line;
	bool may = false;

	enum pv_class c = pv_walk_local_text(w, &tokens.user, e);
	if (c == PV_OK && tokens.user == NULL)
		pv_walk_skip(w, "5.1.1", PV_TEXT_NO_USER);
	else if (c == PV_OK)
		c = pv_walk_may_command(w, &may, e);
	if (c != PV_OK || tokens.user == NULL)
		return c;
	if (!may)
		return pv_step_fail(
			at, e,
			"|%.100s: %s/domains has commands=no for %s: take it out, or let root allow commands",
			text, w->q->store->dir, w->r->folder.domain.s);
	if (pv_command_line_parse(text, len, &tokens, &line, e) != PV_OK)
		return pv_step_place(at, e);
	a.argv = keep_argv(w, &line);
	pv_command_line_free(&line);
	a.text = pv_arena_add(&w->r->arena, text, len);
	if (a.argv == NULL || a.text == NULL)
		return pv_walk_no_memory(e);
	pv_trail_add(w->q->trail, at->file, at->line, "it is given to the command %s", a.text);
	return pv_walk_add(w, at, &a, NULL, e);
}

/* --- targets --- */

/* A responder that is nobody's is a target as good as another. */
static enum pv_class find_responder(struct pv_walk *w, struct pv_step *at, const char *name, size_t len,
				    bool *found_r, struct pv_error *e)
{
	size_t front = pv_walk_tag_at(w, name, len);

	enum pv_class c = pv_walk_respond(w, at, name, len, true, found_r, e);
	return c == PV_OK && !*found_r && front < len ? pv_walk_respond(w, at, name, front, true, found_r, e)
						      : c;
}

enum pv_class pv_walk_local(struct pv_walk *w, struct pv_step *at, const char *name, size_t len,
			    bool users_only, struct pv_error *e)
{
	bool found = false, hosts = false;

	enum pv_class c = pv_walk_tagged(w, at, name, len, users_only, &found, e);
	if (c == PV_OK && !found && !users_only)
		c = find_responder(w, at, name, len, &found, e);
	if (c == PV_OK && !found)
		c = pv_walk_is_hosts(w, name, len, &hosts, e);
	if (c != PV_OK || found)
		return c;
	if (hosts)
		return pv_walk_forward(w, at, name, len, w->r->folder.domain.s, e);
	return pv_step_fail(
		at, e, "`%.*s` leads nowhere: %s has no %suser of that name: make one, or take it out",
		len > 100 ? 100 : (int)len, name, w->r->folder.domain.s, users_only ? "" : "alias and no ");
}

enum pv_class pv_walk_address(struct pv_walk *w, struct pv_step *at, const char *address, struct pv_error *e)
{
	const char *sign = strrchr(address, '@');
	const size_t len = (size_t)(sign - address);
	struct pv_domain d;
	bool own = false;

	if (pv_domain_parse(sign + 1, strlen(sign + 1), &d, NULL) == PV_OK) {
		enum pv_class c = pv_walk_is_own(w, &d, &own, e);
		if (c != PV_OK)
			return c;
	}
	return own ? pv_walk_local(w, at, address, len, false, e)
		   : pv_walk_forward(w, at, address, len, sign + 1, e);
}

/* Lists are written by more hands than aliases are, programs among them: addresses may stand there, and other
 * lists. So does Postfix have it (allow_mail_to_commands, allow_mail_to_files). */
static enum pv_class refuse_in_list(const struct pv_step *at, const struct pv_target *t, struct pv_error *e)
{
	return pv_step_fail(at, e, "`%.100s`: a list holds no %s: write an alias that does", t->text,
			    t->kind == PV_TARGET_COMMAND ? "command" : "file");
}

enum pv_class pv_walk_target(struct pv_walk *w, struct pv_step *at, const struct pv_target *t,
			     struct pv_error *e)
{
	switch (t->kind) {
	case PV_TARGET_NAME:
		return pv_walk_local(w, at, t->text, t->len, false, e);
	case PV_TARGET_USER:
		return pv_walk_local(w, at, t->text, t->len, true, e);
	case PV_TARGET_ADDRESS:
		if (t->is_plain &&
		    pv_walk_is_foreign(w, t->text + t->local_len + 1, t->len - t->local_len - 1))
			return forward_plain(w, at, t, e);
		return pv_walk_address(w, at, t->text, e);
	case PV_TARGET_INCLUDE:
		return pv_walk_list(w, at, t->text, e);
	case PV_TARGET_COMMAND:
		if (at->kind == PV_STEP_LIST)
			return refuse_in_list(at, t, e);
		return pv_walk_command(w, at, t->text, t->len, e);
	case PV_TARGET_FILE:
		if (at->kind == PV_STEP_LIST)
			return refuse_in_list(at, t, e);
		return pv_walk_file(w, at, t->text, e);
	}
	return pv_fail(e, PV_BUG, "4.3.5", "a target of kind %d", (int)t->kind);
}
