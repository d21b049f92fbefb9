/* Would a responder or a vacation answer? */
#include "explain.h"

#include "route/answerer.h"
#include "store/answer_text.h"

#include <time.h>

/* Nothing is known of a message that was not sent: so it is one to that address, from somebody. */
static enum pv_class judge(const struct explain_look *l, const struct pv_answerer *w, const char **why_r,
			   struct pv_error *e)
{
	const struct pv_route *r = l->route;
	const char *sender = l->q->sender != NULL ? l->q->sender : "somebody@example.org";
	struct pv_buf memory = PV_BUF_INIT(PV_REPLY_HEADER_MAX), header = PV_BUF_INIT(EXPLAIN_LOCAL_MAX * 2);
	struct pv_reply_facts facts;

	pv_buf_addf(&header, "To: %s\n", l->q->address);
	enum pv_class c = pv_reply_facts_read(header.s, header.len, sender, &memory, &facts, e);
	if (c == PV_OK)
		c = pv_answerer_judge(l->store, &r->folder, &r->conf, w, l->q->address, &facts, why_r, e);
	pv_buf_free(&memory);
	pv_buf_free(&header);
	return c;
}

/* What he answers with, if it can be read. */
static enum pv_class check_text(const struct pv_answerer *w, const char **why_r, struct pv_error *e)
{
	struct pv_buf raw = PV_BUF_INIT(PV_ANSWER_TEXT_MAX + 1);
	struct pv_answer_text text = { .memory = PV_BUF_INIT(0) };
	bool found;

	enum pv_class c = pv_file_load(w->files.dirfd, w->files.text, &w->files.trust, &raw, &found, e);
	if (c == PV_OK && !found && !w->vacation)
		*why_r = "its file is gone";
	if (c == PV_OK && found)
		c = pv_answer_text_read(raw.s, raw.len, w->files.text, &text, e);
	pv_answer_text_free(&text);
	pv_buf_free(&raw);
	return c;
}

/* Was the sender answered lately? Only of one that was named can that be said. */
static enum pv_class ask_index(const struct explain_look *l, const struct pv_answerer *w, const char **why_r,
			       struct pv_error *e)
{
	const struct pv_answered index = pv_answerer_index(w);
	const struct pv_answered_rule rule = pv_answerer_rule(w);
	bool may;

	if (l->q->sender == NULL)
		return PV_OK;
	enum pv_class c = pv_answered_ask(&index, l->q->sender, &rule, time(NULL), &may, e);
	if (c == PV_OK && !may)
		*why_r = pv_answerer_lately(w);
	return c;
}

/* Whatever is wrong with an answer is no error of the delivery, but a reason. */
enum pv_class explain_answer(const struct explain_look *l, const struct pv_action *a,
			     const struct explain_verdict *v, json_t *object, struct pv_error *e)
{
	struct pv_error fault = { .text = "" };
	const char *why = v->class != PV_OK ? "the mail is not delivered" : NULL;
	struct pv_answerer w;

	(void)e;
	enum pv_class c = pv_answerer_open(l->store, &l->route->folder, a, &w, &fault);
	if (c == PV_OK && why == NULL && w.off)
		why = w.vacation ? "the vacation is not on" : "its file is gone";
	if (c == PV_OK && why == NULL)
		c = judge(l, &w, &why, &fault);
	if (c == PV_OK && why == NULL)
		c = check_text(&w, &why, &fault);
	if (c == PV_OK && why == NULL)
		c = ask_index(l, &w, &why, &fault);
	if (c != PV_OK)
		why = fault.text;
	put_text(object, "kind", w.vacation ? "vacation" : "responder");
	put_text(object, "as", w.address);
	put_bool(object, "answers", why == NULL);
	if (why != NULL)
		put_text(object, "why", why);
	pv_answerer_close(&w);
	return PV_OK;
}
