/*
 * programs.h: programs and files that a change names, and that a delivery will start and write to as the
 * account.
 */
#ifndef PV_PROGRAMS_H
#define PV_PROGRAMS_H

#include "change/work.h"

/* PV_PERMANENT, with the mend, where command (PROGRAM ARGS) is none, or its program is missing or cannot be
 * executed by the account of w. what: for the sentence, `filter`. */
enum pv_class pv_program_refuse(const struct pv_work *w, const char *what, const char *command, size_t len,
				struct pv_error *e);

/* PV_PERMANENT, likewise, where a delivery could not write to the file or Maildir `path`: its folder is
 * missing, or is not the account's alone. */
enum pv_class pv_file_refuse(const struct pv_work *w, const char *what, const char *path, struct pv_error *e);

#endif
