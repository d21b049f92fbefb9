/*
 * answer_read.h: the responders of a domain and the vacations of its users, for root: a child that became the
 * account reads the files, and nothing that comes back is believed.
 */
#ifndef PV_ANSWER_READ_H
#define PV_ANSWER_READ_H

#include "change/account.h"
#include "change/read.h"
#include "store/answer_files.h"

struct pv_answer_info {
	struct pv_user name;
	bool on;      /* of a responder: it is there; of a vacation: its index is */
	bool in_home; /* the files of a vacation lie in the user's home */
	bool has_text;
	unsigned long answered;	     /* how many stand in the index */
	char subject[512];	     /* UTF-8 in one line; may be cut */
	char problem[PV_ERROR_TEXT]; /* why nobody is answered: file, line, mend; "" */
};

/* The responder a->user@a->domain; *text, where it is not NULL, gets its file. */
enum pv_class pv_responder_look(const struct pv_store *s, const struct pv_folder *f,
				const struct pv_account *account, const struct pv_user *name,
				struct pv_answer_info *info, struct pv_buf *text, struct pv_error *e);

/* The vacation of a user; home: what passwd says. */
enum pv_class pv_vacation_look(const struct pv_store *s, const struct pv_folder *f,
			       const struct pv_account *account, const struct pv_user *u, const char *home,
			       struct pv_answer_info *info, struct pv_buf *text, struct pv_error *e);

/* All responders of the domain, sorted by name; free(*list_r). */
enum pv_class pv_responders_list(const struct pv_store *s, const struct pv_folder *f,
				 const struct pv_account *account, struct pv_answer_info **list_r,
				 size_t *count_r, struct pv_error *e);

#endif
