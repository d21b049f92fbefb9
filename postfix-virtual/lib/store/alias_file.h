/*
 * alias_file.h: one file of aliases, as in sendmail's aliases(5): entries `name: target, target`, of which
 * each may go on in lines that begin with white space, or behind a line that ends in a backslash; `#` begins
 * a comment line. A name may be quoted; it and its colon stand in one line.
 *
 * Comments that begin with `#:` and stand right above an entry belong to it; where they have the word
 * `expires=2026-12-31` that is the entry's last day:
 *
 *     #: expires=2026-12-31 the Christmas party
 *     party: abc, \joe, someone@example.org, :include:guests, "|/usr/local/bin/list -x", /file
 *
 * Names are compared without regard to case. Nothing here knows what a target leads to.
 */
#ifndef PV_ALIAS_FILE_H
#define PV_ALIAS_FILE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "store/mail_conf.h"

#define PV_ALIAS_NAME_MAX 200 /* bytes of a name */
#define PV_ALIAS_FILE_MAX ((size_t)8 << 20)

/* Strings are not NUL-terminated, but for pattern; they live as long as the file. */
struct pv_alias_entry {
	const char *name; /* without quotes, in lower case as far as it is ASCII */
	size_t name_len;
	const char *pattern; /* the whole entry as one line, where it begins with `/`; else NULL */
	const char *targets; /* what stands behind the colon, its lines joined */
	size_t targets_len;
	const char *comment; /* what the `#:` lines say, without expires=; may be empty */
	size_t comment_len;
	struct pv_day expires; /* all 0: never */
	unsigned line;	       /* of its name */
	size_t from, to;       /* where the entry and its `#:` lines lie in the file: bytes [from, to) */
};

/* A file that was read, or one that is looked through. */
struct pv_alias_file {
	const char *file; /* for sentences; borrowed */
	struct pv_buf text;
	bool in_pieces; /* text holds no more than the name that was asked for last needs; the file is fd */
	int fd;
	off_t size;
	unsigned looks;		      /* how often it was looked through */
	unsigned lines_before;	      /* in the file, in front of text */
	struct pv_alias_index *index; /* made when so much was spent on pv_alias_find() that it pays */
	size_t spent;
	size_t at; /* where pv_alias_next() was last, and in which line */
	unsigned line;
	struct pv_arena strings; /* names without quotes, lines joined */
};

/* Take text (which is empty afterwards) as the content of file. */
void pv_alias_file_start(struct pv_alias_file *f, const char *file, struct pv_buf *text);
/* The same for an open file of size bytes, whose fd is f's from now on. It is looked through in small pieces,
 * and held as a whole only when many names are asked for: a page of memory costs a delivery more than to look
 * at what is on it. pv_alias_find() and pv_alias_file_check_names() alone know such a file. */
void pv_alias_file_start_large(struct pv_alias_file *f, const char *file, int fd, off_t size);
void pv_alias_file_free(struct pv_alias_file *f);

/*
 * Find the entry of `name`, which is no pattern. The first times that is one pass over the file each,
 * 0.02 ms for 10,000 entries, ten times that where all begin with one letter; later ones cost next to
 * nothing. Only the entry that is found is judged, not its targets. PV_OK: *found_r tells. PV_TEMPORARY with
 * file and line: it stands there twice, has no colon (its name is the line's first word then), no target, a
 * bad date, a NUL; or there is none, but a NUL in the file, which may be damaged; or the file cannot be read.
 */
enum pv_class pv_alias_find(struct pv_alias_file *f, const char *name, size_t len,
			    struct pv_alias_entry *entry, bool *found_r, struct pv_error *e);

/*
 * All entries, in the file's order; patterns too, whose name is not looked at. *at is 0 at first. PV_OK with
 * entry->name NULL: the end. PV_TEMPORARY: one that is wrong; the call after that goes on behind it. Its
 * entry->name is the one by which pv_alias_find() finds it, or NULL; entry->targets is NULL where it has no
 * colon. That a name stands there twice is not seen here.
 */
enum pv_class pv_alias_next(struct pv_alias_file *f, size_t *at, struct pv_alias_entry *entry,
			    struct pv_error *e);

/*
 * Has every entry a name that can be read? PV_TEMPORARY with file and line where one has none (a quote that
 * is not closed, a line that continues nothing): of a name that was not found it cannot be said then that it
 * is not there. One pass over the file.
 */
enum pv_class pv_alias_file_check_names(struct pv_alias_file *f, struct pv_error *e);

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
	bool is_plain; /* an address in lower case that needs no quotes, as it stands; others may be so too */
	bool lasts;    /* text stands in a list that was included, and is good as long as that is */
	const char
		*text; /* without quotes, NUL-terminated; where it does not last, good until `out` changes */
	size_t len;
	size_t local_len; /* of an address: what stands in front of its `@` */
};

/*
 * Cut the next target from *list (up to end), which is moved behind it; its text takes the place of what is
 * in out. `Joe Who <joe@example.org>` is joe@example.org, and a comment in parentheses is nothing. Returns
 * false at the end. Returns true with PV_TEMPORARY in *c (PV_OK else) and a sentence without place: a quote
 * that is not closed, a control character, a blank inside a name, an address that is none, `:include:` or `|`
 * without more.
 */
bool pv_target_next(const char **list, const char *end, struct pv_buf *out, struct pv_target *t,
		    enum pv_class *c, struct pv_error *e);

/*
 * The next entry of a list that is included, a target a line or with commas between: comments (`#`) and blank
 * lines are passed over. *line is counted on (0 at first). As pv_target_next(), but that a newline, and the
 * byte at `end`, may become the NUL behind an entry: so most need no copy.
 */
bool pv_include_next(char **text, const char *end, unsigned *line, struct pv_buf *out, struct pv_target *t,
		     enum pv_class *c, struct pv_error *e);

/* --- changes: from text to text --- */

struct pv_alias_change {
	const char *name;    /* without quotes; they are put where it needs some. A pattern begins with `/` */
	const char *targets; /* as they will stand behind the colon; NULL: the entry goes */
	const char *comment; /* may be empty */
	struct pv_day expires;
};

/*
 * Write to out what f's text becomes with the change: the entry keeps its place, a new one comes last, all
 * other bytes stay. *had_r: it was there before (what is wrong with it is no obstacle). PV_PERMANENT: a name,
 * a target or a comment that cannot be. PV_TEMPORARY: the name stands there twice, or no memory.
 */
enum pv_class pv_alias_file_change(struct pv_alias_file *f, const struct pv_alias_change *c,
				   struct pv_buf *out, bool *had_r, struct pv_error *e);

/* What takes the place of a target: put it to out, as it will be written; nothing: it stays. */
typedef enum pv_class pv_target_swap(void *ctx, const struct pv_target *t, struct pv_buf *out);

/*
 * Write to out what f's text becomes when each target is asked about. An entry of which one is swapped
 * becomes one line; all other bytes stay, those of entries that cannot be read too. PV_TEMPORARY: no memory,
 * or swap()'s.
 */
enum pv_class pv_alias_file_swap(struct pv_alias_file *f, pv_target_swap *swap, void *ctx, struct pv_buf *out,
				 struct pv_error *e);

#endif
