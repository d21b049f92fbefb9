/*
 * map.h: the two tables that are written, and what stood in them so far.
 */
#ifndef PV_MAPS_MAP_H
#define PV_MAPS_MAP_H

#include "base/buffer.h"
#include "maps/keys.h"
#include "maps/update.h"
#include "store/store.h"

enum pv_map { PV_MAP_ADDRESSES, PV_MAP_DOMAINS, PV_MAP_COUNT };

/* Behind the `@` of every target: transport_maps sends it to our own local(8) service. */
#define PV_MAP_TARGET_DOMAIN "virtual.invalid"

/* The name of its text in map_directory: `virtual`, `virtual_domains`. */
const char *pv_map_name(enum pv_map m);
/* Append the text for `keys`. */
void pv_map_format(const struct pv_store *s, enum pv_map m, const struct pv_keys *keys, struct pv_buf *out);

/* What the last run wrote. */
struct pv_old_maps {
	struct pv_buf text[PV_MAP_COUNT];  /* as it stands in the file */
	bool has_text[PV_MAP_COUNT];	   /* there is such a file */
	struct pv_keys keys[PV_MAP_COUNT]; /* sorted; what is believed */
	struct pv_buf parsed[PV_MAP_COUNT];
	struct pv_arena arena;
	bool doubtful; /* of one of them there is neither text nor table, or none to be believed */
};

/*
 * Read the texts in map_directory. One that is damaged, or was changed by another hand, is put into *r as a
 * complaint, and its table is asked instead, as where there is no text. Neither: an empty set. PV_TEMPORARY:
 * cannot be read. Free *old with pv_old_maps_free() in either case.
 */
enum pv_class pv_old_maps_load(const struct pv_store *s, struct pv_old_maps *old, struct pv_maps_report *r,
			       struct pv_error *e);
void pv_old_maps_free(struct pv_old_maps *old);

#endif
