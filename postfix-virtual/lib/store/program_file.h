/*
 * program_file.h: whether a program that a setting names can be started.
 */
#ifndef PV_PROGRAM_FILE_H
#define PV_PROGRAM_FILE_H

#include "base/error.h"

/* Look at the absolute path as who we are, which is `account`. PV_PERMANENT, with the mend: there is no such
 * file, it cannot be reached, or it is none that we may execute. */
enum pv_class pv_program_file_check(const char *path, const char *account, struct pv_error *e);

#endif
