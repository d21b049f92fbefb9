/*
 * command.h: the programs of a domain: commands of aliases and fallbacks, agents that store in our place,
 * filters. How they are started, and what their exit status means.
 */
#ifndef PV_COMMAND_H
#define PV_COMMAND_H

#include "delivery.h"
#include "store/command_line.h"
#include "verdict.h"

enum { AFTER_SECONDS = 60 };

/* Takes what it writes to its standard output. Anything but PV_OK ends it. */
typedef enum pv_class command_output(void *ctx, const char *data, size_t len, struct pv_error *e);

struct command {
	const char *const *argv;
	const struct pv_action *action; /* whose it is: user, home, and who says so */
	int input_fd;
	unsigned seconds, reserve; /* see delivery_seconds() */
	command_output *output;	   /* NULL: dropped, but for its beginning */
	void *ctx;
};

/* Start it, and wait for its end. PV_OK: *status_r. PV_TEMPORARY: as pv_program_do(), or too little time is
 * left. */
enum pv_class command_start(struct delivery *d, const struct command *c, struct said *said, int *status_r,
			    struct pv_error *e);

/* Split a line of a domain's settings, with %d, %f and %u in it, for the message in hand.
 * PV_TEMPORARY, 4.3.5: it is wrong. */
enum pv_class command_split(struct delivery *d, const struct pv_action *a, const char *setting,
			    const char *line, struct pv_command_line *to, struct pv_error *e);

/* An alias's or a fallback's command. */
enum pv_class command_deliver(struct delivery *d, const struct pv_action *a, struct pv_error *e);
/* after_storing: what comes of it is logged, and nothing else. */
void command_after_storing(struct delivery *d, const struct pv_action *a);

#endif
