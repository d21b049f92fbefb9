/*
 * work.h: inside of change/: the course that every change takes.
 *
 *     begin: lock, finish what is marked, open the folder, find the account
 *     (the operation checks, and fills w->mark)
 *     carry out: mark, steps, history, clear the mark
 */
#ifndef PV_WORK_H
#define PV_WORK_H

#include "base/child.h"
#include "change/account.h"
#include "change/change.h"
#include "change/edit.h"
#include "change/mark.h"

/* In memory that the children see too: what they did shall be known even of one that was killed. */
struct pv_work_shared {
	unsigned steps;	  /* how many were made */
	bool in_progress; /* a child is at work, or was when it was killed */
};

struct pv_work {
	struct pv_change *c;
	struct pv_domain domain;
	int lock_fd;
	int pending_fd;		 /* state_directory/pending; -1 in a dry run where there is none */
	struct pv_folder folder; /* fd -1: no such domain, or it is only half made */
	struct pv_account account;
	bool has_account; /* of the folder's owner */
	struct pv_mark mark;
	struct pv_work_shared *shared;
	bool has_event; /* hooks are to be run when the lock is released */
};

/* replaces: what was interrupted and cannot be finished is no reason to refuse this change, which does away
 * with it (a note says so). */
enum pv_class pv_work_begin(struct pv_work *w, struct pv_change *c, const struct pv_domain *d, bool replaces,
			    struct pv_error *e);
/* The same for who finishes: deadline 0 passes a lock by. */
enum pv_class pv_work_lock(struct pv_work *w, struct pv_change *c, const struct pv_domain *d,
			   unsigned deadline_ms, struct pv_error *e);
/* Redo the steps of the mark of w's domain, if there is one. */
enum pv_class pv_work_finish_marked(struct pv_work *w, struct pv_error *e);
/* (Again) look which folder and account the domain has. */
enum pv_class pv_work_look(struct pv_work *w, struct pv_error *e);

/* PV_PERMANENT where the domain is not there, or its owner has no passwd(5) entry. */
enum pv_class pv_work_need_domain(const struct pv_work *w, struct pv_error *e);

/* PV_PERMANENT, with the mend, where Postfix takes d for a domain of another class. */
enum pv_class pv_refuse_postfix(const struct pv_store *s, const struct pv_domain *d, struct pv_error *e);

/* Aliases (domain_alias.c): one of those that lead to d; remove w's domain, an alias of target. */
enum pv_class pv_alias_of(const struct pv_store *s, const struct pv_domain *d, struct pv_domain *alias_r,
			  bool *found_r, struct pv_error *e);
enum pv_class pv_alias_remove(struct pv_work *w, const struct pv_domain *target, struct pv_error *e);

/* PV_PERMANENT, with the mend, where u is a name of entry's domain that the host keeps for itself (names.c).
 */
enum pv_class pv_refuse_reserved(const struct pv_store *s, const struct pv_registry_entry *entry,
				 const struct pv_user *u, struct pv_error *e);
/* The same where u of w's domain and a name of another one would have one .forward file: `a--b` of c.dk and
 * `a` of b--c.dk. */
enum pv_class pv_refuse_collision(const struct pv_work *w, const struct pv_user *u, struct pv_error *e);

/* Carry out the change that w->mark describes; kind, user, to, line and the like are filled in. what: for the
 * history behind the words of its kind: `abc@kvt.dk`. */
enum pv_class pv_work_carry_out(struct pv_work *w, const char *what, struct pv_error *e);

void pv_work_end(struct pv_work *w);

/* Is it a change of the host's, of no domain? */
bool pv_work_is_hosts(const struct pv_work *w);
/* Bring the tables up to date with what w changes; `first`: what it takes away is not gone from the files
 * yet. What else is wrong is a note. */
enum pv_class pv_work_update_maps(struct pv_work *w, bool first, struct pv_error *e);
/* Can the change make a difference to any table? */
bool pv_work_wants_maps(const struct pv_mark *m);
/* The same for what Dovecot reads, where passwords alone have changed. */
enum pv_class pv_work_update_logins(struct pv_work *w, struct pv_error *e);
/* In a dry run nothing is there yet from which the tables could be made: a note must do. */
void pv_work_tell_keys(struct pv_work *w);
/* PV_PERMANENT where d cannot be a domain here: it is too long, an alias, or one of Postfix's other domains
 * (domain.c). */
enum pv_class pv_domain_refuse_name(const struct pv_change *c, const struct pv_domain *d, struct pv_error *e);
/* A note, where w's domain is new and a parent of it takes mail for its sub-domains: it gets none for this
 * one any more. target: whose alias it becomes; NULL: nobody's. (domain.c) */
void pv_domain_note_parent(struct pv_work *w, const struct pv_domain *target);

/* One step's surroundings in the child, or in root's own steps. */
struct pv_step {
	const struct pv_store *store;
	const struct pv_mark *mark;
	const struct pv_account *account;
	struct pv_edit edit;
	const struct pv_buf *passwd; /* of a domain that is made; NULL: no user */
	char where[4096];	     /* the domain's folder */
};

/* Open the domain's folder, as the account (user_steps.c); it must be there, the account's. */
enum pv_class pv_step_open_folder(const struct pv_step *s, int *fd_r, struct pv_error *e);

/* As the account (user_steps.c): the domain's passwd, in its open folder, gets the text that make() makes of
 * the old one. */
typedef enum pv_class pv_passwd_maker(const struct pv_step *s, const void *how, const struct pv_buf *old,
				      const char *path, struct pv_buf *new, struct pv_error *e);
enum pv_class pv_step_passwd(struct pv_step *s, int folder, pv_passwd_maker *make, const void *how,
			     struct pv_error *e);

/* The files of a user, as the account (user_steps.c): for each kind of mark. */
enum pv_class pv_step_user_add(struct pv_step *s, struct pv_error *e);
enum pv_class pv_step_user_password(struct pv_step *s, struct pv_error *e);
enum pv_class pv_step_user_rename(struct pv_step *s, struct pv_error *e);
enum pv_class pv_step_user_delete(struct pv_step *s, struct pv_error *e);
/* As the account (text_steps.c): the file that the mark is about gets its next text; the settings of one who
 * is renamed or deleted go along. */
enum pv_class pv_step_text(struct pv_step *s, struct pv_error *e);
enum pv_class pv_step_conf_move(struct pv_step *s, int folder, struct pv_error *e);
/* Of one who is renamed or deleted, as the account (mailbox_steps.c): his mailbox goes along, or to the
 * trash. */
enum pv_class pv_step_mailbox_move(struct pv_step *s, struct pv_error *e);
/* Make the mailbox one of the format in the mark's words, and note that in his settings. */
enum pv_class pv_step_mailbox_convert(struct pv_step *s, struct pv_error *e);
/* Mend it; NUL bytes too, where the mark's words say so. */
enum pv_class pv_step_mailbox_repair(struct pv_step *s, struct pv_error *e);
/* The secrets for APOP, as the account (apop.c): the one of the mark's user is set, or goes where he goes. */
enum pv_class pv_step_user_apop(struct pv_step *s, struct pv_error *e);
enum pv_class pv_step_apop_move(struct pv_step *s, int folder, struct pv_error *e);
/* The files of responders and vacations, as the account (answer_steps.c): by the mark; of one who is renamed
 * or deleted. */
enum pv_class pv_step_responder(struct pv_step *s, struct pv_error *e);
enum pv_class pv_step_vacation(struct pv_step *s, struct pv_error *e);
enum pv_class pv_step_vacation_move(struct pv_step *s, struct pv_error *e);
/* Of one who is renamed or deleted, as the account (imap_folders.c). */
enum pv_class pv_step_imap_folders(struct pv_step *s, struct pv_error *e);
/* The passwords of a whole domain, as the account (hash_all.c). */
enum pv_class pv_step_hash_all(struct pv_step *s, struct pv_error *e);
/* The .forward files of a whole domain, as the account. */
enum pv_class pv_step_domain_forwards(struct pv_step *s, struct pv_error *e);

/* A domain's folders and its line in `domains`, as root (domain_steps.c). */
enum pv_class pv_step_domain_make(struct pv_step *s, struct pv_error *e);
/* The same for a domain that is taken over (adopt.c). */
enum pv_class pv_step_adopt(struct pv_step *s, struct pv_error *e);
enum pv_class pv_step_domain_trash(struct pv_step *s, struct pv_error *e);
/* What root notes of a user who is deleted or renamed. */
enum pv_class pv_step_user_seen(struct pv_step *s, struct pv_error *e);
enum pv_class pv_step_domain_set(struct pv_step *s, struct pv_error *e);
/* A line of host-addresses, as root (host_addresses.c). */
enum pv_class pv_step_host_address(struct pv_step *s, struct pv_error *e);

/* Remove what has been for too long in the trash of root's own folders. */
void pv_step_purge(struct pv_change *c);

#endif
