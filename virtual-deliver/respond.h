/*
 * respond.h: a message is answered by a machine: with a responder's file, or for a user on vacation.
 */
#ifndef PV_RESPOND_H
#define PV_RESPOND_H

#include "message.h"
#include "route/reply.h"
#include "route/route.h"

struct respond_request {
	const struct pv_store *store;
	const struct pv_folder *folder; /* of the domain */
	const struct pv_domain_conf *conf;
	const char *sender;    /* the envelope's, as in an SMTP command, without <>; "" for the null sender */
	const char *recipient; /* the address that the message came to */
	const char *queue_id;  /* for the log */
	const char *header;    /* of the message as it was stored, up to its empty line or further */
	size_t header_len;
	const char *objection; /* why not, whatever the header says: see respond_objection(); or NULL */
	unsigned seconds;      /* sendmail may take */
};

/* Append the header of m, as it is stored; of a very long one the beginning. Returns false where it cannot be
 * read. */
bool respond_read_header(const struct message *m, struct pv_buf *out);

/* What in the header of m, as a user's filter made it, forbids to answer (it is spam ...), as a phrase, or
 * NULL. */
const char *respond_objection(const struct message *m);

/*
 * Could respond() compose the answer, if there is to be one? For a message that nothing else takes. Nothing
 * is noted or sent. PV_TEMPORARY, 4.3.5: the file, which the sentence names, cannot be used.
 */
enum pv_class respond_try(const struct respond_request *r, const struct pv_action *a, struct pv_error *e);

/*
 * Answer, if `a` (PV_ACTION_RESPOND or PV_ACTION_VACATION) and the message are such that it may be, and log
 * one line that says so or why not; nothing where a vacation is not on. Whoever is answered was noted before,
 * so that a kill anywhere answers once too few. Returns whether an answer is in the queue. Nothing that goes
 * wrong here is an error of the delivery.
 */
bool respond(const struct respond_request *r, const struct pv_action *a);

#endif
