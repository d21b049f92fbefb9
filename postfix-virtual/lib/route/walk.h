/*
 * walk.h: the inside of the resolver, for its own files alone: a walk from the recipient over aliases, lists
 * and forwards to what is to be done, and what it has to remember.
 */
#ifndef PV_WALK_H
#define PV_WALK_H

#include "route/copies.h"
#include "route/route.h"
#include "route/seen.h"
#include "store/alias_file.h"
#include "store/command_line.h"
#include "store/hosts.h"
#include "store/passwd_lines.h"
#include "store/registry.h"
#include "store/texts.h"

enum { PV_ALIAS_SOURCES = 3, PV_ACTION_KINDS = PV_ACTION_VACATION + 1 };

enum pv_step_kind { PV_STEP_RECIPIENT, PV_STEP_ALIAS, PV_STEP_LIST, PV_STEP_USER, PV_STEP_FALLBACK };

/* Something that is just being expanded; the targets of it stand in that line of that file. */
struct pv_step {
	struct pv_step *up; /* what led here; NULL: the recipient */
	enum pv_step_kind kind;
	const char *name; /* of the alias or user, in lower case; of the list's file */
	const char *file;
	unsigned line;
	unsigned depth;
	bool same;	  /* the recipient by another name: nothing but this was on the way */
	bool owner_known; /* owner was looked for */
	const char *owner;
	const struct pv_route_user *user; /* of a user */
};

struct pv_walk {
	const struct pv_route_query *q;
	struct pv_route *r;
	const char *passwd; /* their paths, for sentences */
	const char *domain_conf;
	struct pv_passwd_lines lines; /* of passwd, where a trail is kept */
	struct {
		struct pv_alias_file file;
		bool looked, exists;
	} aliases[PV_ALIAS_SOURCES];
	struct pv_seen seen;
	struct pv_copies copies;
	bool registry_read;
	struct pv_registry registry; /* the domain's own line and those of its aliases */
	bool hosts_read;
	struct pv_hosts hosts;
	bool files_looked, has_files; /* SPOOL/<domain>/.files */
	const char *files;
	bool home_asked;
	const char *home; /* the account's */
	bool skipped;	  /* an address on the way takes no mail: why, where it was the first */
	const char *skip_status;
	enum pv_text skip_text;
	bool name_over; /* the recipient's name is an alias whose last day is over, and no user */
};

/* --- steps.c: where we are, and what was said --- */

/* 4.3.5 with `FILE, line N: ` of the step in front. */
enum pv_class pv_step_fail(const struct pv_step *at, struct pv_error *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same in front of a sentence that is there; the class becomes PV_TEMPORARY. */
enum pv_class pv_step_place(const struct pv_step *at, struct pv_error *e);
/* 4.3.0: no memory. */
enum pv_class pv_walk_no_memory(struct pv_error *e);
/* The step of this kind and name on the way from `at` up, or NULL. */
const struct pv_step *pv_step_find(const struct pv_step *at, enum pv_step_kind kind, const char *name);
/* A loop: `name` leads back to itself by way of `at`. */
enum pv_class pv_step_fail_loop(const struct pv_step *at, const char *name, struct pv_error *e);
/* Fill a step below up. PV_TEMPORARY: too deep. */
enum pv_class pv_step_enter(struct pv_step *up, enum pv_step_kind kind, const char *name,
			    struct pv_step *step, struct pv_error *e);
/* The account's home, or NULL. */
const char *pv_walk_home(struct pv_walk *w);
/* Something on the way takes no mail; it counts where nothing else is left to be done. */
void pv_walk_skip(struct pv_walk *w, const char *status, enum pv_text text);

#ifdef PV_ANALYZER /* see base/error.h */
#define pv_step_fail(at, e, ...) ((void)(pv_step_fail)(at, e, __VA_ARGS__), PV_TEMPORARY)
#define pv_walk_no_memory(e) ((void)(pv_walk_no_memory)(e), PV_TEMPORARY)
#endif

/* --- actions.c --- */

/* Add an action, once for each kind and key (NULL: its text). */
enum pv_class pv_walk_add(struct pv_walk *w, const struct pv_step *at, const struct pv_action *a,
			  const char *key, struct pv_error *e);
/* Add a copy to the address a->text, of len bytes, once for each. */
enum pv_class pv_walk_add_copy(struct pv_walk *w, const struct pv_step *at, const struct pv_action *a,
			       size_t len, struct pv_error *e);
/* Was anything added but answers? */
bool pv_walk_delivers(const struct pv_walk *w);
/* Sort what was added by kind. */
enum pv_class pv_walk_finish(struct pv_walk *w, struct pv_error *e);

/* --- names.c: names of the domain --- */

/* Follow a name: an alias (unless users_only), a user, a full name. */
enum pv_class pv_walk_name(struct pv_walk *w, struct pv_step *at, const char *name, size_t len,
			   bool users_only, bool *found_r, struct pv_error *e);
/* The same, and if there is none, without its tag. */
enum pv_class pv_walk_tagged(struct pv_walk *w, struct pv_step *at, const char *name, size_t len,
			     bool users_only, bool *found_r, struct pv_error *e);
/* The bytes in front of the first delimiter; len: there is none. */
size_t pv_walk_tag_at(const struct pv_walk *w, const char *name, size_t len);

/* --- users.c --- */

/* Is there such a user? NULL in *u_r: no. */
enum pv_class pv_walk_find_user(struct pv_walk *w, const char *name, size_t len, struct pv_route_user **u_r,
				struct pv_error *e);
enum pv_class pv_walk_find_full_name(struct pv_walk *w, const char *name, size_t len,
				     struct pv_route_user **u_r, struct pv_error *e);
/* What is done with mail for him. */
enum pv_class pv_walk_user(struct pv_walk *w, struct pv_step *at, struct pv_route_user *u,
			   struct pv_error *e);
void pv_walk_users_free(struct pv_route *r);

/* --- aliases.c --- */

enum pv_alias_fate {
	PV_ALIAS_NONE,
	PV_ALIAS_FOLLOWED,
	PV_ALIAS_EXPIRED, /* a trace of it is left to say so */
	PV_ALIAS_LOOPS,	  /* it is being expanded already: only a user of that name can be meant */
};

enum pv_class pv_walk_alias(struct pv_walk *w, struct pv_step *at, const char *name, size_t len,
			    enum pv_alias_fate *fate_r, struct pv_error *e);
/* The owner-NAME@domain of the nearest alias that has one, or NULL. */
enum pv_class pv_walk_owner(struct pv_walk *w, struct pv_step *at, const char **owner_r, struct pv_error *e);
/* PV_TEMPORARY: a file that was looked at holds a line whose name cannot be read. */
enum pv_class pv_walk_check_aliases(struct pv_walk *w, struct pv_error *e);
void pv_walk_aliases_free(struct pv_walk *w);

/* --- targets.c --- */

enum pv_class pv_walk_target(struct pv_walk *w, struct pv_step *at, const struct pv_target *t,
			     struct pv_error *e);
/* A name of the domain as a target: what leads nowhere is an error, unless the host has that address. */
enum pv_class pv_walk_local(struct pv_walk *w, struct pv_step *at, const char *name, size_t len,
			    bool users_only, struct pv_error *e);
/* user@domain (it has its `@`), which may be one of ours. */
enum pv_class pv_walk_address(struct pv_walk *w, struct pv_step *at, const char *address, struct pv_error *e);
/* local@domain as in an SMTP command; local is without quotes. NULL: no memory. */
const char *pv_walk_format(struct pv_walk *w, const char *local, size_t len, const char *domain);
/* Send it there; domain NULL: to a name of the host's. */
enum pv_class pv_walk_forward(struct pv_walk *w, struct pv_step *at, const char *local, size_t len,
			      const char *domain, struct pv_error *e);
/* Give it to a command, whose tokens are about the recipient. */
enum pv_class pv_walk_command(struct pv_walk *w, struct pv_step *at, const char *text, size_t len,
			      struct pv_error *e);
/* The recipient's local part as a string. NULL in *s_r: it holds what no address outside of here can hold. */
enum pv_class pv_walk_local_text(struct pv_walk *w, const char **s_r, struct pv_error *e);

/* --- lists.c, paths.c --- */

/* :include:NAME */
enum pv_class pv_walk_list(struct pv_walk *w, struct pv_step *at, const char *name, struct pv_error *e);
void pv_walk_lists_free(struct pv_route *r);
enum pv_class pv_walk_file(struct pv_walk *w, struct pv_step *at, const char *path, struct pv_error *e);

/* --- domains.c: what root says of domains --- */

/* Can that not be so of a domain as somebody wrote it? True is sure, and quickly said once `domains` was
 * read. */
bool pv_walk_is_foreign(const struct pv_walk *w, const char *domain, size_t len);
/* Does d stand for the domain that we are in? */
enum pv_class pv_walk_is_own(struct pv_walk *w, const struct pv_domain *d, bool *own_r, struct pv_error *e);
/* May mail be forwarded to that domain? */
enum pv_class pv_walk_may_forward(struct pv_walk *w, struct pv_step *at, const char *domain,
				  struct pv_error *e);
/* May the domain start commands? */
enum pv_class pv_walk_may_command(struct pv_walk *w, bool *may_r, struct pv_error *e);
/* Is it one of host-addresses that this domain has not got for itself? */
enum pv_class pv_walk_is_hosts(struct pv_walk *w, const char *name, size_t len, bool *is_r,
			       struct pv_error *e);

/* --- replies.c --- */

/* NAME.auto: is there one? Then its answer is added (where `add`). */
enum pv_class pv_walk_respond(struct pv_walk *w, const struct pv_step *at, const char *name, size_t len,
			      bool must_know, bool *has_r, struct pv_error *e);
enum pv_class pv_walk_vacation(struct pv_walk *w, const struct pv_step *at, const struct pv_route_user *u,
			       struct pv_error *e);

/* --- fallback.c --- */

enum pv_class pv_walk_fallback(struct pv_walk *w, struct pv_step *at, struct pv_error *e);

#endif
