#include "route/walk.h"

enum pv_class pv_walk_local_text(struct pv_walk *w, const char **s_r, struct pv_error *e)
{
	const struct pv_recipient *to = &w->q->to;

	*s_r = NULL;
	for (size_t i = 0; i < to->local_len; i++)
		if ((unsigned char)to->local[i] < ' ' || to->local[i] == 0x7f)
			return PV_OK;
	*s_r = pv_arena_add(&w->r->arena, to->local, to->local_len);
	return *s_r == NULL ? pv_walk_no_memory(e) : PV_OK;
}

/* A key led here: who has it cannot be said, and so not that nobody has. */
static enum pv_class fail_unknown(const struct pv_walk *w, struct pv_error *e)
{
	return pv_fail(e, PV_TEMPORARY, "4.3.5",
		       "which address of %s it is for is not known, as there is no X-Original-To: set "
		       "enable_original_recipient = yes in main.cf",
		       w->r->folder.domain.s);
}

/* `@domain`: the same name there. */
static enum pv_class send_to_domain(struct pv_walk *w, struct pv_step *at, const char *domain,
				    struct pv_error *e)
{
	struct pv_domain d;
	const char *local;
	bool own = false;

	enum pv_class c = pv_walk_local_text(w, &local, e);
	if (c == PV_OK && pv_domain_parse(domain, strlen(domain), &d, NULL) == PV_OK)
		c = pv_walk_is_own(w, &d, &own, e);
	if (c != PV_OK)
		return c;
	if (own)
		return pv_step_fail(at, e, "fallback = @%s: that is this domain itself: write another",
				    domain);
	if (w->q->to.local_len == 0)
		return fail_unknown(w, e);
	if (local == NULL || local[0] == '\0') {
		pv_walk_skip(w, "5.1.1", PV_TEXT_NO_USER);
		return PV_OK;
	}
	return pv_walk_forward(w, at, local, strlen(local), domain, e);
}

/* An alias or user of the domain who must be there, and take mail. */
static enum pv_class send_to_account(struct pv_walk *w, struct pv_step *at, const char *value,
				     struct pv_error *e)
{
	enum pv_class c = strchr(value, '@') != NULL ? pv_walk_address(w, at, value, e)
						     : pv_walk_local(w, at, value, strlen(value), false, e);

	if (c == PV_OK && !pv_walk_delivers(w))
		c = pv_step_fail(at, e, "fallback = %.100s: that one takes no mail: choose another", value);
	return c;
}

static enum pv_class discard(struct pv_walk *w, struct pv_step *at, struct pv_error *e)
{
	const struct pv_action a = { .kind = PV_ACTION_DISCARD, .text = "" };

	pv_trail_add(w->q->trail, at->file, at->line, "it is thrown away: fallback = delete");
	return pv_walk_add(w, at, &a, NULL, e);
}

/* unknown_to = postmaster: the domain's own, or else the host's. */
static enum pv_class send_to_postmaster(struct pv_walk *w, struct pv_step *at, struct pv_error *e)
{
	static const char name[] = "postmaster";
	bool found;

	enum pv_class c = pv_walk_name(w, at, name, sizeof name - 1, false, &found, e);
	if (c != PV_OK || (found && pv_walk_delivers(w)))
		return c;
	return pv_walk_forward(w, at, name, sizeof name - 1, NULL, e);
}

static enum pv_class follow(struct pv_walk *w, struct pv_step *at, const char *value, struct pv_error *e)
{
	switch (value[0]) {
	case '\0':
		return send_to_postmaster(w, at, e);
	case '|':
		value += 1 + strspn(value + 1, " \t");
		return pv_walk_command(w, at, value, strlen(value), e);
	case '/':
		return pv_walk_file(w, at, value, e);
	case '@':
		return send_to_domain(w, at, value + 1, e);
	default:
		if (strcmp(value, "delete") == 0)
			return discard(w, at, e);
		return send_to_account(w, at, value, e);
	}
}

enum pv_class pv_walk_fallback(struct pv_walk *w, struct pv_step *up, struct pv_error *e)
{
	const struct pv_domain_conf *conf = &w->r->conf;
	struct pv_step step;

	if (conf->fallback[0] == '\0' && !pv_unknown_to_postmaster(w->q->store, conf)) {
		if (w->q->to.local_len == 0)
			return fail_unknown(w, e);
		pv_trail_add(w->q->trail, w->domain_conf, 0,
			     "nobody has that name, and there is no fallback");
		pv_walk_skip(w, "5.1.1", PV_TEXT_NO_USER);
		return PV_OK;
	}
	enum pv_class c = pv_step_enter(up, PV_STEP_FALLBACK, "fallback", &step, e);
	if (c != PV_OK)
		return c;
	step.file = w->domain_conf;
	step.line = conf->fallback_line;
	pv_trail_add(w->q->trail, step.file, step.line, "nobody has that name: %s%s",
		     conf->fallback[0] != '\0' ? "fallback = " : "unknown_to = postmaster", conf->fallback);
	w->r->by_fallback = true;
	return follow(w, &step, conf->fallback, e);
}
