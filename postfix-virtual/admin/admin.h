/*
 * admin.h: the inside of postfix-virtual: what a command gets, and what it gives back.
 */
#ifndef ADMIN_H
#define ADMIN_H

#include "address/address.h"
#include "base/buffer.h"
#include "base/error.h"
#include "change/change.h"
#include "store/store.h"

#include <jansson.h>
#include <stdbool.h>

/* The exit status is a promise to scripts (see --help). */
enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNKNOWN = 3, EXIT_BUG = 70, EXIT_LATER = 75 };

/* What main() sees to before a command runs. */
enum {
	NEED_ROOT = 1,
	NEED_STORE = 2,
	NEED_TIDY = 4,	/* finish what was interrupted */
	OWN_STATUS = 8, /* its exit status is admin.status, and 3 where it does not come so far */
	OR_NONE = 16,	/* its object may be missing */
};

enum option_id {
	OPT_ACCOUNT,
	OPT_CREATE_ACCOUNT,
	OPT_FIRST_UID,
	OPT_SUB_DOMAINS,
	OPT_POSTFIX,
	OPT_NAME,
	OPT_HOME,
	OPT_PASSWORD_STDIN,
	OPT_RANDOM,
	OPT_HASH,
	OPT_HASH_ALL,
	OPT_OFF,
	OPT_UNUSED,
	OPT_LAST,
	OPT_PLAIN,
	OPT_VIRTUALDOMAINS,
	OPT_YES,
	OPT_UNDO,
	OPT_REFUSE_TEXTS,
	OPT_ALL,
	OPT_FIX,
	OPT_CHANGES,
	OPT_MAIL,
	OPT_PLUGIN,
	OPT_RESOLVER,
	OPT_ADDRESSES,
	OPT_SELECTOR,
	OPT_ZONES,
	OPT_SMTP_PORT,
	OPT_POP3_PORT,
	OPT_COMMENT,
	OPT_EXPIRES,
	OPT_SIZE,
	OPT_FILE,
	OPT_REMOVE_NULS,
	OPT_TEXT_FILE,
	OPT_SUBJECT,
	OPT_FROM,
	OPT_UNTIL,
	OPT_DAYS,
	OPT_ALIASES,
	OPT_COUNT
};

#define OPT(id) (1ull << (id))

/* Words of a command line: an alias may have many targets. */
enum { WORDS_MAX = 600 };

struct admin;

struct command {
	const char *noun, *verb; /* verb NULL: the noun alone is the command */
	enum pv_class (*run)(struct admin *a, struct pv_error *e);
	unsigned need;
	int objects;		    /* how many; negative: so many at least */
	unsigned long long options; /* OPT() of those that it takes */
	const char *synopsis;	    /* of the objects */
	const char *help;	    /* one line */
};

struct option_row {
	const char *name, *value; /* value NULL: a switch */
	const char *help;
};

/* commands.c: all that can be typed. */
extern const struct option_row options[OPT_COUNT];
extern const struct command commands[];
extern const size_t command_count;

struct admin {
	const struct command *command;
	const char *dir; /* -c */
	bool dry, json;
	const char *options[OPT_COUNT]; /* a value, "" for a switch, NULL: not given */
	char *objects[WORDS_MAX];
	int object_count;

	struct pv_store store;	 /* NEED_STORE */
	struct pv_change change; /* likewise: notes and diff of a change */
	struct pv_buf text;	 /* what is printed; or, if empty: */
	json_t *result; /* an object or a list of objects, printed as text or, with --json, as it is */
	bool quiet;	/* print nothing, where there is no text, but with --json */
	bool not_well;	/* it was done, and what the notes say is to be mended: exit status 75 */
	bool usage;	/* the command line is wrong: e says how */
	int status;	/* for OWN_STATUS */
	int outcome;	/* the exit status where nothing failed; of explain, that of virtual-deliver */
};

/* output.c */

/* json_string() of a text that may be no UTF-8: what is none becomes `?`. */
json_t *json_text(const char *s);
/* Append s[0..len), which may be anybody's work, without what speaks to a terminal. */
void put_silent(struct pv_buf *out, const char *s, size_t len);
/* Add a field to an object; never fails: without memory, printing fails. */
void put_text(json_t *object, const char *name, const char *value);
void put_bool(json_t *object, const char *name, bool value);
void put_number(json_t *object, const char *name, unsigned long long value);
/* The sentence of a change that was made, and its notes. */
void say_done(struct admin *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Print everything that the command has to say. PV_TEMPORARY: it did not arrive. */
enum pv_class print_all(struct admin *a, struct pv_error *e);

/* login.c */

/* What stands in the second field of a passwd file, without what it is: `hash`, `locked` ... */
const char *password_words(const char *stored);
/* Why nobody can log in with what stands there, or NULL. */
const char *password_fault(const struct pv_store *s, const char *stored);

/* secret.c */

/* The hash that the options ask for, or of the password typed in. random gets the password where one was
 * made, else "". */
enum pv_class take_hash(struct admin *a, char *hash, char *random, struct pv_error *e);
/* Ask a question that `yes` answers. Without a terminal, or without `yes`: PV_PERMANENT. */
enum pv_class confirm(const struct admin *a, const char *question, struct pv_error *e);

/* main.c */
enum pv_class usage_error(struct admin *a, struct pv_error *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* One file per noun. */
enum pv_class setup_run(struct admin *a, struct pv_error *e);
enum pv_class adopt_run(struct admin *a, struct pv_error *e);
enum pv_class domain_add(struct admin *a, struct pv_error *e);
enum pv_class domain_list(struct admin *a, struct pv_error *e);
enum pv_class domain_show(struct admin *a, struct pv_error *e);
enum pv_class domain_delete(struct admin *a, struct pv_error *e);
enum pv_class domain_set(struct admin *a, struct pv_error *e);
enum pv_class domain_alias(struct admin *a, struct pv_error *e);
enum pv_class host_addresses_list(struct admin *a, struct pv_error *e);
enum pv_class host_addresses_set(struct admin *a, struct pv_error *e);
enum pv_class host_addresses_delete(struct admin *a, struct pv_error *e);
enum pv_class user_add(struct admin *a, struct pv_error *e);
enum pv_class user_list(struct admin *a, struct pv_error *e);
enum pv_class user_show(struct admin *a, struct pv_error *e);
enum pv_class user_password(struct admin *a, struct pv_error *e);
enum pv_class user_apop(struct admin *a, struct pv_error *e);
enum pv_class user_rename(struct admin *a, struct pv_error *e);
enum pv_class user_disable(struct admin *a, struct pv_error *e);
enum pv_class user_enable(struct admin *a, struct pv_error *e);
enum pv_class user_delete(struct admin *a, struct pv_error *e);
enum pv_class user_set(struct admin *a, struct pv_error *e);
enum pv_class alias_add(struct admin *a, struct pv_error *e);
enum pv_class alias_set(struct admin *a, struct pv_error *e);
enum pv_class alias_list(struct admin *a, struct pv_error *e);
enum pv_class alias_delete(struct admin *a, struct pv_error *e);
enum pv_class responder_set(struct admin *a, struct pv_error *e);
enum pv_class responder_list(struct admin *a, struct pv_error *e);
enum pv_class responder_show(struct admin *a, struct pv_error *e);
enum pv_class responder_delete(struct admin *a, struct pv_error *e);
enum pv_class vacation_on(struct admin *a, struct pv_error *e);
enum pv_class vacation_off(struct admin *a, struct pv_error *e);
enum pv_class vacation_set(struct admin *a, struct pv_error *e);
enum pv_class vacation_show(struct admin *a, struct pv_error *e);
enum pv_class mailbox_show(struct admin *a, struct pv_error *e);
enum pv_class mailbox_verify(struct admin *a, struct pv_error *e);
enum pv_class mailbox_repair(struct admin *a, struct pv_error *e);
enum pv_class mailbox_convert(struct admin *a, struct pv_error *e);
enum pv_class nightly_run(struct admin *a, struct pv_error *e);
enum pv_class config_run(struct admin *a, struct pv_error *e);
enum pv_class dovecot_config_run(struct admin *a, struct pv_error *e);
enum pv_class explain_run(struct admin *a, struct pv_error *e);
enum pv_class doctor_run(struct admin *a, struct pv_error *e);

#endif
