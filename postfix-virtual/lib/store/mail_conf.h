/*
 * mail_conf.h: what happens to mail, as domain.conf and users/<user> say it: `name = value`, as in Postfix's
 * main.cf(5). Most settings may stand in both: a user's own goes before his domain's.
 */
#ifndef PV_MAIL_CONF_H
#define PV_MAIL_CONF_H

#include "store/folder.h"

#include <stdint.h>

enum pv_mailbox_format { PV_FORMAT_MBOX, PV_FORMAT_MAILDIR };

/* Where a setting stands; line 0: nowhere. */
struct pv_setting_at {
	unsigned line;
	bool of_user; /* in users/<user>; else in domain.conf */
};

/* Settings that a domain and a user may have. Strings are never NULL; "" is none. PROGRAM ARGS are for
 * pv_command_line_parse() with tokens. */
struct pv_mail_conf {
	const char *filter;	  /* PROGRAM ARGS: reads a message, writes the one to be stored */
	const char *deliver_with; /* PROGRAM ARGS: stores the message in our place */
	const char *
		after_storing; /* PROGRAM ARGS: is started when a message was stored; its failure is logged */
	enum pv_mailbox_format
		mailbox_format;	    /* of a mailbox that is not there yet; one that is, is what it is */
	uint64_t quota;		    /* bytes of a user's mailbox; 0: no limit */
	uint64_t quota_messages;    /* messages in it; 0: no limit */
	uint64_t message_size;	    /* bytes of a message; 0: no limit */
	unsigned quota_warning;	    /* percent, from which on the user is warned; 0: never; 90 */
	bool over_quota_refuse;	    /* `over_quota = refuse` (5.2.2); defer (4.2.2) */
	unsigned over_quota_days;   /* deferred for so long, then refused; 0: never refused */
	unsigned vacation_interval; /* days until the same sender is answered again; 7 */
	bool vacation_to_all;	    /* no: only where an address of the user stands in To or Cc */
	char language[3];	    /* of what is said to users and about them; "": the host's */
	struct pv_setting_at filter_at, deliver_with_at, after_storing_at;
};

/* Who gets mail for names that are nobody's, where there is no fallback. */
enum pv_unknown_to {
	PV_UNKNOWN_HOST, /* as virtual.conf says: pv_unknown_to_postmaster() */
	PV_UNKNOWN_REFUSE,
	PV_UNKNOWN_POSTMASTER,
};

/* domain.conf. */
struct pv_domain_conf {
	bool receive;	      /* yes */
	bool retrieve;	      /* yes; no: no user can log in */
	bool change_password; /* yes */
	bool match_full_name; /* no; yes: joe.who@ is the user with the name "joe who" */
	bool forward_outside; /* yes; no: forwards lead to domains of this host alone */
	enum pv_unknown_to unknown_to;
	const char *fallback;	      /* "", user@domain, @domain, account, |command args, delete, /file */
	const char *extra_aliases[2]; /* names in the domain's folder, or absolute; "" */
	uint64_t domain_quota;	      /* bytes of all its mailboxes; 0: no limit */
	struct pv_mail_conf mail;
	unsigned fallback_line; /* where it stands in domain.conf; 0: nowhere */
	struct pv_buf text;	/* what the strings point into */
};

/* A day, as a user writes it. All 0: not given. */
struct pv_day {
	unsigned year, month, day;
};

/* users/<user>, with what his domain says where it says nothing. */
struct pv_user_conf {
	bool receive;		      /* yes; no: mail is refused (postfix-virtual user disable) */
	bool retrieve;		      /* yes; no: no login */
	bool change_password;	      /* yes */
	bool keep_copy;		      /* yes: what is forwarded is stored too */
	const char *forward;	      /* addresses with commas between; "" */
	struct pv_day expires;	      /* the last day on which mail is taken and a login possible */
	struct pv_day vacation_start; /* inclusive */
	struct pv_day vacation_end;   /* inclusive */
	struct pv_mail_conf mail;
	unsigned forward_line; /* where it stands; 0: nowhere */
	struct pv_buf text;    /* what the strings point into, but for those that are the domain's */
};

/*
 * Parse the text of a domain.conf (changed on the way, and taken over: *text is empty afterwards). `file` is
 * for sentences. PV_TEMPORARY: file, line, reason, mend. Free *c in any case.
 */
enum pv_class pv_domain_conf_parse(struct pv_buf *text, const char *file, struct pv_domain_conf *c,
				   struct pv_error *e);
/* Read it from the folder, as the account (or its reader). Missing: all defaults. Free *c in any case. */
enum pv_class pv_domain_conf_load(const struct pv_folder *f, struct pv_domain_conf *c, struct pv_error *e);
/* All defaults; nothing to free. */
void pv_domain_conf_defaults(struct pv_domain_conf *c);
void pv_domain_conf_free(struct pv_domain_conf *c);
/* Does mail for an unknown name of the domain go to postmaster: by its own setting, else by the host's? */
bool pv_unknown_to_postmaster(const struct pv_store *s, const struct pv_domain_conf *c);

/* The same for a user of the domain that has `domain` (NULL: of which nothing is known), whose strings must
 * outlive *c. */
enum pv_class pv_user_conf_parse(struct pv_buf *text, const char *file, const struct pv_domain_conf *domain,
				 struct pv_user_conf *c, struct pv_error *e);
enum pv_class pv_user_conf_load(const struct pv_folder *f, const struct pv_user *u,
				const struct pv_domain_conf *domain, struct pv_user_conf *c,
				struct pv_error *e);
void pv_user_conf_defaults(const struct pv_domain_conf *domain, struct pv_user_conf *c);
void pv_user_conf_free(struct pv_user_conf *c);

/* Has the user a day of expiry that is over? today NULL: it is found out, where there is such a day. */
bool pv_user_conf_expired(const struct pv_user_conf *c, const struct pv_day *today);
/* Is his mail taken, may he log in: not switched off, and not expired? (What the domain says is not asked.)
 */
bool pv_user_conf_receives(const struct pv_user_conf *c, const struct pv_day *today);
bool pv_user_conf_retrieves(const struct pv_user_conf *c, const struct pv_day *today);

/* --- the settings as a table: for help, for changes and for what is shown --- */

struct pv_mail_setting {
	const char *name;
	bool of_domain, of_user; /* in which of the two files it may stand */
	const char *default_value;
	const char *help; /* one sentence */
};

/* All of them, sorted by name; the last has name NULL. */
const struct pv_mail_setting *pv_mail_settings(void);

/* Is `value` one that the setting `name` takes in domain.conf (or in users/<user>)? PV_PERMANENT: no such
 * setting there, or what a value must be. */
enum pv_class pv_mail_setting_check(const char *name, const char *value, bool of_user, struct pv_error *e);

/* Today, by the host's time zone. */
struct pv_day pv_day_today(void);
/* Is a before b (<0), the same day (0) or after it (>0)? */
int pv_day_compare(const struct pv_day *a, const struct pv_day *b);
/* 2026-12-24. Returns false where it is no day. */
bool pv_day_parse(const char *s, size_t len, struct pv_day *d);
/* Is one given? */
bool pv_day_is_set(const struct pv_day *d);

/*
 * Write to out what the text of such a file becomes when `name` is set to value (NULL: its line goes). A line
 * keeps its place, a new one comes last; all others stay as they are.
 */
void pv_mail_conf_change(const char *text, size_t len, const char *name, const char *value,
			 struct pv_buf *out);

#endif
