/* Where the mailboxes of a domain's users are, found out by the child: only the account may look there. */
#include "maps/reader_send.h"

#include "route/place.h"
#include "store/passwd.h"

#include <errno.h>
#include <pwd.h>

/* A home of somebody's. */
struct home {
	char *s;     /* owned */
	size_t len;  /* of what counts */
	size_t user; /* whose: his number in passwd */
};

struct places {
	const struct pv_store *store;
	const struct pv_folder *folder;
	const char *account_home; /* NULL: not known */
	struct home *homes;	  /* of those who have one that is absolute; at the end sorted */
	size_t home_count, room;
	bool *shared; /* [user]: another one has his home too */
	size_t users;
	struct pv_buf *out;
};

static enum pv_class no_memory(struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the homes of a domain's users");
}

static enum pv_class note_home(void *ctx, const struct pv_passwd_entry *p, unsigned line, struct pv_error *e)
{
	struct places *m = ctx;
	size_t user = m->users++;

	(void)line;
	if (p->home[0] != '/')
		return PV_OK;
	if (m->home_count == m->room) {
		size_t room = m->room == 0 ? 64 : 2 * m->room;
		struct home *homes = reallocarray(m->homes, room, sizeof *homes);
		if (homes == NULL)
			return no_memory(e);
		m->homes = homes;
		m->room = room;
	}
	char *copy = strdup(p->home);
	if (copy == NULL)
		return no_memory(e);
	m->homes[m->home_count++] = (struct home){ copy, pv_passwd_home_len(copy, strlen(copy)), user };
	return PV_OK;
}

static int compare(const void *a, const void *b)
{
	const struct home *x = a, *y = b;
	int d = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);

	return d != 0 ? d : (x->len > y->len) - (x->len < y->len);
}

static enum pv_class find_shared(struct places *m, struct pv_error *e)
{
	m->shared = calloc(m->users + 1, sizeof *m->shared);
	if (m->shared == NULL)
		return no_memory(e);
	if (m->home_count > 1)
		qsort(m->homes, m->home_count, sizeof *m->homes, compare);
	for (size_t i = 1; i < m->home_count; i++)
		if (compare(&m->homes[i - 1], &m->homes[i]) == 0)
			m->shared[m->homes[i - 1].user] = m->shared[m->homes[i].user] = true;
	m->users = 0;
	return PV_OK;
}

/* What is wrong with one mailbox is no reason to know nothing of the others. */
static enum pv_class add_place(void *ctx, const struct pv_passwd_entry *p, unsigned line, struct pv_error *e)
{
	static const char letters[] = {
		[PV_LOCATION_HOME] = 'h', [PV_LOCATION_MAIL_DIRECTORY] = 'm', [PV_LOCATION_SPOOL] = 's'
	};
	struct places *m = ctx;
	bool shared = m->shared[m->users++], is_folder;
	enum pv_location_place place;

	(void)line;
	(void)e;
	const char *home = p->home[0] == '/' && !shared ? p->home : NULL;
	if (pv_place_which(m->store, m->folder, p, home, m->account_home, &place, &is_folder, NULL) != PV_OK)
		pv_buf_addc(m->out, '?');
	else
		pv_buf_addc(m->out, (char)(letters[place] - (is_folder ? 'a' - 'A' : 0)));
	return PV_OK;
}

enum pv_class pv_send_places(const struct pv_store *s, const struct pv_folder *f, const struct pv_buf *passwd,
			     struct pv_buf *out, struct pv_error *e)
{
	struct places m = { .store = s, .folder = f, .out = out };
	char file[sizeof f->path + sizeof "/passwd"];

	(void)snprintf(file, sizeof file, "%s/passwd", f->path);
	const struct passwd *account = getpwuid(f->uid);
	char *home = account == NULL ? NULL : strdup(account->pw_dir);
	m.account_home = home;
	enum pv_class c = pv_passwd_scan(passwd->s, passwd->len, file, f->uid, false, note_home, &m, e);
	if (c == PV_OK)
		c = find_shared(&m, e);
	if (c == PV_OK)
		c = pv_passwd_scan(passwd->s, passwd->len, file, f->uid, false, add_place, &m, e);
	for (size_t i = 0; i < m.home_count; i++)
		free(m.homes[i].s);
	free(m.homes);
	free(m.shared);
	free(home);
	return c == PV_OK ? pv_buf_check(out, file, e) : c;
}
