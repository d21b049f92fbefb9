#include "append.h"

#include "report.h"
#include "route/place.h"

enum pv_class append_message(struct delivery *d, const struct pv_location *where, struct message *m,
			     bool maildir, const struct pv_quota *quota, struct pv_stored *stored,
			     struct pv_error *e)
{
	struct pv_store_options options = { .uid = d->uid,
					    .lock_deadline_ms = LOCK_DEADLINE_MS,
					    .fcntl_only = d->store.conf.fcntl_only,
					    .maildir = maildir,
					    .last_look = delivery_last_look,
					    .ctx = d };
	const struct pv_content *content;
	unsigned char id[PV_ID_BYTES];
	struct pv_content copy;

	if (quota != NULL)
		options.quota = *quota;
	if (d->has_id)
		identity_make(where->path, &d->hop, &d->header, id);
	enum pv_class c = message_content_for(m, where, &copy, &content, e);
	if (c == PV_OK) {
		c = pv_mailbox_store(where, &options, content, d->has_id ? id : NULL, stored, e);
		report_note(where->path, stored->note);
	}
	pv_content_free(&copy);
	if (c == PV_OK && stored->result == PV_DUPLICATE)
		d->tally.before++;
	else if (c == PV_OK)
		d->tally.stored++;
	return c;
}

enum pv_class append_to_file(struct delivery *d, const struct pv_action *a, struct pv_error *e)
{
	size_t len = strlen(a->text);
	struct pv_location where;
	struct pv_stored stored;

	enum pv_class c = pv_place_file(&d->store, &d->route.folder.domain, d->uid, delivery_home(d), a->text,
					&where, e);
	if (c != PV_OK)
		return c;
	c = append_message(d, &where, &d->message, len > 1 && a->text[len - 1] == '/', NULL, &stored, e);
	pv_location_free(&where);
	return c;
}
