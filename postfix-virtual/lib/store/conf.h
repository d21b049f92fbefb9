/*
 * conf.h: virtual.conf: `name = value` as in Postfix's main.cf(5). Absent: all defaults.
 */
#ifndef PV_CONF_H
#define PV_CONF_H

#include "store/store.h"

#define PV_INSTANCES_MAX 16 /* of Postfix on one host */

/* One setting, as `postfix-virtual config` shows it. */
struct pv_conf_item {
	const char *name;
	const char *default_value;
	const char *help; /* one sentence */
};

/* All settings, sorted by name; the last has name NULL. */
const struct pv_conf_item *pv_conf_items(void);

/* The value of the setting `name` in c as text (`yes` or `no` for a switch); NULL: no such setting. */
const char *pv_conf_value(const struct pv_conf *c, const char *name);

/*
 * postfix_config_directory is a list where the host runs several instances of Postfix (postmulti(1)): write
 * the i-th folder, from 0, to dir. Returns false behind the last. The first is the main instance.
 */
bool pv_conf_instance(const struct pv_conf *c, size_t i, char *dir, size_t size);
/* How many there are. */
size_t pv_conf_instances(const struct pv_conf *c);

/* The words of a setting that is a list: they have commas or blanks between them. */
struct pv_conf_word {
	const char *next; /* set it to the value before the first call */
	const char *s;	  /* the word, not NUL-terminated */
	size_t len;
};

/* The next word of *w. Returns false behind the last. */
bool pv_conf_word(struct pv_conf_word *w);

/* Is s[0..len) a place to listen at: 192.0.2.1:110 or [2001:db8::1]:110? */
bool pv_conf_is_place(const char *s, size_t len);

/* All defaults; c->text is empty. */
void pv_conf_defaults(struct pv_conf *c);

/*
 * Read settings from c->text (the file's content, which stays there) over the defaults. PV_TEMPORARY with
 * file, line, reason and mend: unknown name, given twice, not an absolute path without `..` where one
 * is needed, not yes or no, an unknown map_type (lmdb). `file` is for sentences.
 */
enum pv_class pv_conf_parse(struct pv_conf *c, const char *file, struct pv_error *e);

#endif
