/*
 * passwd_reader.h: a domain's passwd, line by line. Only for store/.
 */
#ifndef PV_PASSWD_READER_H
#define PV_PASSWD_READER_H

#include "store/passwd_line.h"

enum {
	PV_PASSWD_SMALL = 32 * 1024, /* up to here a file is read at once */
	PV_PASSWD_SEEN = PV_PASSWD_SMALL + PV_PASSWD_LINE_MAX,
};

/* Hands a file out line by line through a window, so that memory stays the same whatever its size. */
struct pv_passwd_reader {
	int fd;
	const struct pv_folder *folder;
	struct stat st; /* when it was opened */
	off_t next;	/* offset of the byte behind buf[end - 1] */
	size_t chunk;	/* bytes that a read asks for */
	size_t start, end;
	unsigned no; /* of the line that was handed out last */
	bool skip;   /* the rest of a line that is too long comes first */
	char buf[PV_PASSWD_SEEN];
};

struct pv_passwd_text {
	const char *s; /* valid until the next line */
	size_t len;    /* PV_PASSWD_LINE_MAX or more: too long, and not all of it */
	bool whole;    /* a newline ends it */
};

/* Open it. PV_TEMPORARY: it is missing, empty, or not to be trusted; else close r->fd. */
enum pv_class pv_passwd_reader_open(struct pv_passwd_reader *r, const struct pv_folder *f,
				    struct pv_error *e);
/* Begin at offset `at`, which is the beginning of a line. */
void pv_passwd_reader_start(struct pv_passwd_reader *r, off_t at, size_t chunk);
/* Read on behind what the window holds and has not handed out. */
enum pv_class pv_passwd_reader_fill(struct pv_passwd_reader *r, struct pv_error *e);
/* The next line; l->s is NULL at the end of the file. */
enum pv_class pv_passwd_reader_next(struct pv_passwd_reader *r, struct pv_passwd_text *l, struct pv_error *e);
/* The offset of a line that was handed out last. */
off_t pv_passwd_reader_at(const struct pv_passwd_reader *r, const struct pv_passwd_text *l);
/* Was the file left alone while it was read? One that was replaced has another ctime (one link less). */
enum pv_class pv_passwd_reader_check(const struct pv_passwd_reader *r, struct pv_error *e);

#endif
