/*
 * folder.h: a domain's folder /etc/virtual/<domain>. Its owner is the domain's account:
 * only root can make a folder there.
 */
#ifndef PV_FOLDER_H
#define PV_FOLDER_H

#include "address/address.h"
#include "base/file.h"
#include "store/store.h"

/* See struct pv_store. */
struct pv_instead {
	struct pv_domain domain;
	const char *name; /* in the domain's folder: `aliases`, `users/abc` */
	const struct pv_buf *text;
	const struct pv_instead *next; /* another file of the same domain; NULL: no more */
};

struct pv_folder {
	struct pv_domain domain;
	int fd;			 /* O_PATH; -1: there is no such folder */
	char path[4096];	 /* for sentences */
	uid_t uid;		 /* the domain's account */
	gid_t gid;		 /* the folder's group */
	struct timespec changed; /* when the folder was changed last, as far as it was looked at */
	struct pv_trust trust;	 /* uid and path of this folder, for the readers of its files; its `where` is
				    path[] above, so an open folder must stay where it is in memory */
	const struct pv_instead *instead; /* the store's, if it is about this domain; else NULL */
};

/*
 * Open the folder of d. PV_OK with f->fd == -1: there is none. PV_TEMPORARY: it is writable by group
 * or others, is owned by root (no account), is a symlink, or cannot be opened.
 * Root may do this too: nothing inside is touched.
 */
enum pv_class pv_folder_open(const struct pv_store *s, const struct pv_domain *d, struct pv_folder *f,
			     struct pv_error *e);
/* The same for pv_folder_holds() later: f->fd can be listed too, where the account may list the folder. */
enum pv_class pv_folder_open_to_list(const struct pv_store *s, const struct pv_domain *d, struct pv_folder *f,
				     struct pv_error *e);
/* The same judgement without opening it (f->fd stays -1), which is quicker by far: for all domains at once.
 */
enum pv_class pv_folder_look(const struct pv_store *s, const struct pv_domain *d, struct pv_folder *f,
			     bool *found_r, struct pv_error *e);
void pv_folder_close(struct pv_folder *f);
/* The text that a file of the domain's counts as having; NULL: the one that it has. */
const struct pv_buf *pv_folder_instead(const struct pv_folder *f, const char *name);
/* pv_file_load() of a file of the domain's, with that. */
enum pv_class pv_folder_file(const struct pv_folder *f, const char *name, struct pv_buf *text, bool *found_r,
			     struct pv_error *e);
/* Which of names[] (at most 32) are in the folder? *holds_r: bit i for names[i]. Returns false where one look
 * at it cannot tell: it cannot be listed, it is large, or it was changed within the last two seconds or while
 * it was listed (what is replaced just then may be missing in a listing): then each is to be opened. */
bool pv_folder_holds(const struct pv_folder *f, const char *const *names, size_t count, unsigned *holds_r);

/*
 * Which domain of ours does d stand for: itself, the target of its alias_of, or the nearest parent that is
 * one? PV_OK: *f is that domain's folder, open; or f->fd is -1: none. PV_TEMPORARY: a folder, or `domains`,
 * cannot be read or trusted.
 */
enum pv_class pv_folder_behind(const struct pv_store *s, const struct pv_domain *d, struct pv_folder *f,
			       struct pv_error *e);

/* The names of all domains that have a folder, sorted; entries that are no domains' names (maps,
 * virtual.conf, hooks ...) are passed over. free(*list_r). */
enum pv_class pv_folder_list(const struct pv_store *s, struct pv_domain **list_r, size_t *count_r,
			     struct pv_error *e);

#endif
