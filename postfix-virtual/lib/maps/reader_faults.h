/*
 * reader_faults.h: inside of the child of reader_check.c: what is wrong, each thing said once.
 */
#ifndef PV_MAPS_READER_FAULTS_H
#define PV_MAPS_READER_FAULTS_H

#include "maps/reader_send.h"

struct pv_faults {
	struct pv_sender *s;
	struct pv_buf said; /* places, loops, sentences: a NUL in front of each and behind the last */
	size_t count;
};

void pv_faults_start(struct pv_faults *f, struct pv_sender *s);
void pv_faults_free(struct pv_faults *f);

/* Send a finding, unless something was said of its line, the sentence was sent, or the loop that it is about
 * was found from another of its names; of very many the rest is not sent. Fails only where nothing can be
 * sent. */
enum pv_class pv_faults_say(struct pv_faults *f, const struct pv_error *why, struct pv_error *e);

/* reader_answers.c: responders, vacations, and the indexes of who was answered. home: the account's, or NULL.
 */
enum pv_class pv_check_answers(struct pv_faults *faults, const struct pv_folder *f, const char *home,
			       struct pv_error *e);

#endif
