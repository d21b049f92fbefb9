#include "append.h"

#include "report.h"

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

/* The folder that the path must lie in: the one that is written in front of it. */
static enum pv_class find_base(struct delivery *d, const char *path, char *base, size_t size,
			       struct pv_error *e)
{
	const char *home = delivery_home(d);

	int n = snprintf(base, size, "%s/%s", d->store.conf.spool_directory, d->route.folder.domain.s);
	if (n > 0 && (size_t)n < size && strncmp(path, base, (size_t)n) == 0 && path[n] == '/')
		return PV_OK;
	n = home != NULL ? snprintf(base, size, "%s/Mail", home) : 0;
	if (n > 0 && (size_t)n < size && strncmp(path, base, (size_t)n) == 0 && path[n] == '/')
		return PV_OK;
	return pv_fail(e, PV_TEMPORARY, "4.3.5",
		       "%s lies neither in the domain's folder of the spool nor in %s/Mail", path,
		       home != NULL ? home : "~");
}

enum pv_class append_to_file(struct delivery *d, const struct pv_action *a, struct pv_error *e)
{
	size_t len = strlen(a->text);
	char path[4096], base[4096];
	struct pv_location where;
	struct pv_stored stored;

	bool maildir = len > 1 && a->text[len - 1] == '/';
	if (len >= sizeof path)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "the path %.100s... is too long", a->text);
	(void)snprintf(path, sizeof path, "%.*s", (int)(len - maildir), a->text);
	enum pv_class c = find_base(d, path, base, sizeof base, e);
	if (c == PV_OK)
		c = pv_location_below(base, path, d->uid, &where, e);
	if (c != PV_OK)
		return c;
	c = append_message(d, &where, &d->message, maildir, NULL, &stored, e);
	pv_location_free(&where);
	return c;
}
