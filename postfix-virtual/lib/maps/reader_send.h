/*
 * reader_send.h: the child's half of reader.h: it opens an account's files as that account,
 * and sends what is in them. Only reader.c includes this.
 */
#ifndef PV_MAPS_READER_SEND_H
#define PV_MAPS_READER_SEND_H

#include "maps/reader.h"
#include "store/folder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum pv_frame_type {
	PV_FRAME_STANDARD = 'V',
	PV_FRAME_PASSWD = 'P',
	PV_FRAME_CONF = 'C',
	PV_FRAME_ALIASES = 'A',
	PV_FRAME_USER = 'U',   /* the user's name, a NUL, the file */
	PV_FRAME_PLACES = 'M', /* a letter for each user of passwd: see reader.h */
	PV_FRAME_ERROR = 'E',  /* a sentence */
	PV_FRAME_END = 'Z',    /* of the domain */
};

/* In front of each frame. Both ends are one program: no byte order. */
struct pv_frame_head {
	uint32_t len;
	uint32_t domain; /* index */
	char type;
	char zero[3];
};

struct pv_send_order {
	const struct pv_store *store;
	uid_t uid;
	const struct pv_domain *const *domains;
	const bool *standard; /* [i]: domains[i] is a standard domain of Postfix's; NULL: none is */
	size_t count;
	enum pv_reader_purpose purpose;
};

/* Send one domain after the other, until all or enough (PV_READER_ENOUGH, _MS) is sent: its files, or the
 * reason why not. Fails only where nothing can be sent. */
enum pv_class pv_send_domains(const struct pv_send_order *order, int out_fd, struct pv_error *e);

/* reader_places.c: append to out the letters for the users of the folder's passwd, whose text this is.
 * PV_TEMPORARY: it cannot be parsed. */
enum pv_class pv_send_places(const struct pv_store *s, const struct pv_folder *f, const struct pv_buf *passwd,
			     struct pv_buf *out, struct pv_error *e);

#endif
