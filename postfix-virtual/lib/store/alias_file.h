/*
 * alias_file.h: one file of aliases, as in sendmail's aliases(5): entries `name: target, target`, of which each
 * may go on in lines that begin with white space; `#` begins a comment line. A name may be quoted.
 *
 * A comment that begins with `#:` and stands right above an entry belongs to it; where it has the word
 * `expires=2026-12-31` that is the entry's last day:
 *
 *     #: expires=2026-12-31 the Christmas party
 *     party: abc, \joe, someone@example.org, :include:guests, "|/usr/local/bin/list -x", /file
 *
 * Names are compared without regard to case. Nothing here knows what a target leads to.
 */
#ifndef PV_ALIAS_FILE_H
#define PV_ALIAS_FILE_H

#include "base/table.h"
#include "store/mail_conf.h"

#define PV_ALIAS_NAME_MAX 200 /* bytes of a name */
#define PV_ALIAS_FILE_MAX ((size_t)8 << 20)

struct pv_alias_entry {
	const char *name; /* without quotes, in lower case as far as it is ASCII */
	size_t name_len;
	const char *targets; /* what stands behind the colon, its lines joined; not NUL-terminated */
	size_t targets_len;
	const char *comment; /* what the `#:` line says, without expires=; may be empty */
	size_t comment_len;
	struct pv_day expires; /* all 0: never */
	unsigned line;	       /* of its name */
	size_t from, to;       /* where the entry and its `#:` line lie in the file: bytes [from, to) */
};

/* A file that was read; text is not changed, so that slices of it stay good. */
struct pv_alias_file {
	const char *file; /* for sentences; borrowed */
	struct pv_buf text;
	struct pv_alias_index *index; /* made by the second pv_alias_find() */
	unsigned finds;
	struct pv_buf names; /* of entries that were found: unquoted and folded */
};

/* Take text (which is empty afterwards) as the content of file. */
void pv_alias_file_start(struct pv_alias_file *f, const char *file, struct pv_buf *text);
void pv_alias_file_free(struct pv_alias_file *f);

/*
 * Find the entry of `name`. The first time that is one pass over the file, later ones cost no more than the
 * answer. Only the entry that is found is judged. PV_OK: *found_r tells; *entry points into f until the next
 * call. PV_TEMPORARY with file and line: it stands there twice, has no target, a bad date, a NUL.
 */
enum pv_class pv_alias_find(struct pv_alias_file *f, const char *name, size_t len, struct pv_alias_entry *entry,
			    bool *found_r, struct pv_error *e);

/*
 * All entries, in the file's order; patterns (whose name begins with `/`) too. *at is 0 at first. PV_OK with
 * entry->name NULL: the end. PV_TEMPORARY: one that is wrong; the call after that goes on behind it.
 */
enum pv_class pv_alias_next(struct pv_alias_file *f, size_t *at, struct pv_alias_entry *entry,
			    struct pv_error *e);

/* --- targets --- */

enum pv_target_kind {
	PV_TARGET_NAME,	   /* abc: a name of the same domain */
	PV_TARGET_USER,	   /* \abc: its user, whatever the aliases say */
	PV_TARGET_ADDRESS, /* someone@example.org */
	PV_TARGET_INCLUDE, /* :include:FILE; text is FILE */
	PV_TARGET_COMMAND, /* |PROGRAM ARGS; text is PROGRAM ARGS */
	PV_TARGET_FILE,	   /* /PATH */
};

struct pv_target {
	enum pv_target_kind kind;
	const char *text; /* without quotes, in f->names or the caller's buffer; NUL-terminated */
	size_t len;
};

/*
 * Cut the next target from *list (up to end), which is moved on; unquoted into out. Returns false at the end.
 * PV_TEMPORARY in *c, sentence without place: a quote that is not closed, a control character, a bare word
 * that is no target at all, `:include:` or `|` without more.
 */
bool pv_target_next(const char **list, const char *end, struct pv_buf *out, struct pv_target *t,
		    enum pv_class *c, struct pv_error *e);

/*
 * The next entry of a list that is included, a target a line or with commas between: comments (`#`) and blank
 * lines are passed over. *line is counted on (0 at first). As pv_target_next().
 */
bool pv_include_next(const char **text, const char *end, unsigned *line, struct pv_buf *out,
		     struct pv_target *t, enum pv_class *c, struct pv_error *e);

/* --- changes: from text to text --- */

struct pv_alias_change {
	const char *name;    /* as it is written: quoted where it needs to be */
	const char *targets; /* NULL: the entry goes */
	const char *comment; /* may be empty */
	struct pv_day expires;
};

/* Write to out what f's text becomes with the change: the entry keeps its place, a new one comes last, all
 * other bytes stay. *had_r: it was there before. */
enum pv_class pv_alias_file_change(struct pv_alias_file *f, const struct pv_alias_change *c, struct pv_buf *out,
				   bool *had_r, struct pv_error *e);

#endif
