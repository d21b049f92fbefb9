/*
 * answerer.h: one who answers mail by himself, a responder or a user on vacation, and whether he would answer
 * a message. A delivery asks, and then answers; `explain` asks.
 */
#ifndef PV_ANSWERER_H
#define PV_ANSWERER_H

#include "route/reply.h"
#include "route/route.h"
#include "store/answer_files.h"

struct pv_answerer {
	const struct pv_action *action;
	bool vacation;
	struct pv_user who;
	char address[PV_USER_MAX + 1 + PV_DOMAIN_MAX + 1]; /* who@domain */
	struct pv_answer_files files;
	bool off; /* a vacation that is not on, or a responder that is gone */
};

/* Open the files of the one that a (PV_ACTION_RESPOND or PV_ACTION_VACATION, which must live as long) is
 * about. PV_OK: close *w, which must stay where it is. PV_TEMPORARY: as pv_answer_files_open(). */
enum pv_class pv_answerer_open(const struct pv_store *s, const struct pv_folder *f, const struct pv_action *a,
			       struct pv_answerer *w, struct pv_error *e);
void pv_answerer_close(struct pv_answerer *w);

/*
 * May a message with these facts be answered at all? recipient: the address that it came to, conf: of the
 * domain. PV_OK with NULL in *why_r: yes; else why not, as a short phrase. Whether the sender was answered
 * lately is not asked. PV_TEMPORARY: `domains` cannot be read.
 */
enum pv_class pv_answerer_judge(const struct pv_store *s, const struct pv_folder *f,
				const struct pv_domain_conf *conf, const struct pv_answerer *w,
				const char *recipient, const struct pv_reply_facts *facts, const char **why_r,
				struct pv_error *e);

/* Why a sender is not answered who was answered lately. */
const char *pv_answerer_lately(const struct pv_answerer *w);
/* The index of who was answered, and how often each may be, for answered.h. */
struct pv_answered pv_answerer_index(const struct pv_answerer *w);
struct pv_answered_rule pv_answerer_rule(const struct pv_answerer *w);

#endif
