/*
 * store.h: the configuration folder (/etc/virtual): opened once, checked, with the settings
 * of virtual.conf in it. Every other function of this room takes it.
 */
#ifndef PV_STORE_H
#define PV_STORE_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <sys/types.h>

#define PV_DEFAULT_DIRECTORY "/etc/virtual"

/* The settings of virtual.conf (store/conf.h has the table of names, defaults and checks). */
/* The largest uid that a setting may name: 2^31 - 1. */
#define PV_UID_MAX 2147483647

struct pv_conf {
	const char *spool_directory;	      /* /var/spool/virtual */
	const char *map_directory;	      /* /etc/virtual/maps */
	const char *map_type;		      /* lmdb */
	const char *postfix_config_directory; /* /etc/postfix; may be a list */
	const char *mail_spool_home;	      /* Mail/mailbox, below a home; empty: no such mailboxes */
	const char *mail_directory;	      /* /var/mail; empty: not searched */
	const char *state_directory;	      /* /var/lib/virtual */
	const char *run_directory;	      /* /run/virtual */
	const char *delivery_program;	      /* /usr/local/bin/virtual-deliver, as installed */
	const char *sendmail_program;	      /* /usr/sbin/sendmail */
	const char *default_domain;	      /* empty */
	const char *command_time_limit;	      /* 300; seconds, digits */
	const char *dovecot_group;	      /* dovecot; may be empty */
	const char *myhostname; /* of this host's Postfix, as in its Received lines; empty: found out */
	const char *recipient_delimiter;       /* +; one character or more, each of them one */
	const char *log_socket;		       /* /dev/log */
	const char *first_uid;		       /* 0; digits, at most PV_UID_MAX */
	const char *history_days;	       /* 400; digits */
	const char *language;		       /* en; or da */
	const char *login_delay;	       /* 0; seconds, digits */
	const char *login_log;		       /* errors; or all */
	const char *pop3_certificate;	       /* empty */
	const char *pop3_domains;	       /* empty; ADDRESS=DOMAIN, ...; see pv_conf_word() */
	const char *pop3_key;		       /* empty */
	const char *pop3_listen;	       /* 0.0.0.0:110,[::]:110 */
	const char *pop3_sessions;	       /* 200; digits */
	const char *pop3_sessions_per_address; /* 20; digits */
	const char *pop3_timeout;	       /* 600; seconds, digits */
	const char *pop3_tls;		       /* optional; no, required */
	const char *pop3s_listen;	       /* empty */
	const char *unknown_to;		       /* refuse; or postmaster */
	bool apop;			       /* no */
	bool rehash_passwords;		       /* no */
	bool system_users;		       /* yes */
	bool write_status;		       /* no */
	bool fcntl_only;		       /* no: append where no dotlock can be made */
	bool plain_text_passwords;	       /* no */
	struct pv_buf text;		       /* the strings above may point into it */
};

struct pv_store {
	char *dir;	       /* absolute path, for sentences and for the programs that we start */
	bool dir_is_default;   /* dir is PV_DEFAULT_DIRECTORY: no `-c DIR` needs to be written anywhere */
	int dirfd;	       /* O_PATH */
	struct pv_trust trust; /* dir's owner (root, or who asks) and path: for the readers of its files */
	struct pv_conf conf;
	/* Files of a domain that count as if they had other texts: to ask what a change would do before it is
	 * made. NULL: none; set by whoever asks, after opening. */
	const struct pv_instead *instead;
};

/*
 * Open the store at `dir` (from `-c DIR`, absolute or not), or where dir is NULL at
 * $VIRTUAL_CONFIG (only when uid, euid and the rest are an ordinary user's) or /etc/virtual; and
 * read virtual.conf. For root, every component of the path must be root's and not writable by
 * others, or sticky; for others the last one must be root's or their own, not writable by others.
 * A symlink in it is followed; for root only where it is root's.
 * PV_TEMPORARY: missing, not to be trusted, or a bad line in virtual.conf (file, line, mend).
 * After a failure there is nothing to close. *s must stay where it is while it is open.
 */
enum pv_class pv_store_open(const char *dir, struct pv_store *s, struct pv_error *e);
void pv_store_close(struct pv_store *s);

#endif
