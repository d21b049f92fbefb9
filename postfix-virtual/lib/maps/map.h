/*
 * map.h: the tables that are written, and what stood in them so far.
 *
 * The table itself is what is believed; its text is there for people, and is believed where the table is
 * missing or damaged.
 */
#ifndef PV_MAPS_MAP_H
#define PV_MAPS_MAP_H

#include "base/buffer.h"
#include "maps/keys.h"
#include "maps/lmdb_table.h"
#include "maps/text.h"
#include "maps/update.h"
#include "store/store.h"

#include <limits.h>

enum pv_map { PV_MAP_ADDRESSES, PV_MAP_DOMAINS, PV_MAP_SENDERS, PV_MAP_REFUSED, PV_MAP_COUNT };

/* Behind the `@` of every target: transport_maps sends it to our own local(8) service. */
#define PV_MAP_TARGET_DOMAIN "virtual.invalid"

#define PV_MAP_KEY_SIZE (PV_USER_MAX + 1 + PV_DOMAIN_MAX + 1) /* bytes of local@domain, the NUL included */

/* The name of its text in map_directory: `virtual`, `virtual_domains`, `virtual_senders`, `virtual_refused`.
 */
const char *pv_map_name(enum pv_map m);
/* Append the comment lines on top of its text. */
void pv_map_head(const struct pv_store *s, enum pv_map m, struct pv_buf *out);

/* What stood in the tables before this run. */
struct pv_old_maps {
	struct pv_text_look text[PV_MAP_COUNT];
	enum pv_table_state state[PV_MAP_COUNT];
	struct pv_table *table[PV_MAP_COUNT]; /* open, where it is good and will be changed; else NULL: */
	struct pv_keys keys[PV_MAP_COUNT];    /* sorted; what is believed instead */
	struct pv_arena arena;
	struct pv_buf parsed[PV_MAP_COUNT];
	size_t at[PV_MAP_COUNT];	   /* of a walk through keys */
	char path[PV_MAP_COUNT][PATH_MAX]; /* of the table */
	bool doubtful; /* of one of them there is neither text nor table, or none to be believed */
};

/*
 * Open the tables in map_directory and look at their texts. writes: hold the tables open and locked until
 * pv_old_maps_free(), to change them; otherwise what is in them is copied. Of a table that is missing or
 * damaged the text is believed; of both, nothing. A text that is damaged, or was changed by another hand, and
 * a table without a text that are both of no use, are put into *r as a complaint. PV_TEMPORARY: cannot be
 * read. Free *old with pv_old_maps_free() in either case.
 */
enum pv_class pv_old_maps_load(const struct pv_store *s, bool writes, struct pv_old_maps *old,
			       struct pv_maps_report *r, struct pv_error *e);

/*
 * The same to look up and change a few keys, without reading all of anything large: of a text that has more
 * than PV_MAP_SMALL bytes only the size is found out. *fit_r false: something is missing, damaged or
 * doubtful: free *old and go by pv_old_maps_load().
 */
#define PV_MAP_SMALL ((size_t)2 << 20)
enum pv_class pv_old_maps_open(const struct pv_store *s, struct pv_old_maps *old, bool *fit_r,
			       struct pv_error *e);
void pv_old_maps_free(struct pv_old_maps *old);

/* The value of key, or NULL. Valid until the table is changed. */
const char *pv_old_find(const struct pv_old_maps *old, enum pv_map m, const char *key);
size_t pv_old_count(const struct pv_old_maps *old, enum pv_map m);
/* All keys in order. Strings are valid until the next step. */
void pv_old_rewind(struct pv_old_maps *old, enum pv_map m);
bool pv_old_step(struct pv_old_maps *old, enum pv_map m, struct pv_key *k);

/* Does the table hold key? Where it is missing or damaged: does its text? For callers outside of a run. */
enum pv_class pv_map_has(const struct pv_store *s, enum pv_map m, const char *key, bool *has_r,
			 struct pv_error *e);

#endif
