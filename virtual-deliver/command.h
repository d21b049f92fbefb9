/*
 * command.h: the programs of a domain: commands of aliases and fallbacks, agents that store in our place,
 * filters. How they are started, and what their exit status means.
 */
#ifndef PV_COMMAND_H
#define PV_COMMAND_H

#include "delivery.h"
#include "store/command_line.h"

enum { AFTER_SECONDS = 60, SAID_MAX = 512 };

/* The beginning of what it wrote to its standard output, and the end of what it wrote to the error. */
struct said {
	char out[SAID_MAX], err[SAID_MAX];
	size_t out_len, err_len;
};

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

/*
 * What does the status of a command mean, by sysexits(3) as local(8) reads them, and qmail's? PV_OK for 0
 * and 99. PV_PERMANENT: 64 to 70, 72 to 74, 76 to 78, 100; or what it wrote begins with an enhanced status
 * code `5.`, which is taken over, as one that begins with `4.` is. PV_TEMPORARY: 71, 75, 111 and everything
 * else. The sentence is the last line of its errors, or the first of its output.
 */
enum pv_class command_verdict(const char *program, int status, const struct said *said, struct pv_error *e);
/* Likewise of a filter: PV_PERMANENT and 5.7.1 for 67, 77 and 100 only. 0 and 99 are not for here. */
enum pv_class filter_verdict(const char *program, int status, const struct said *said, struct pv_error *e);

/* Split a line of a domain's settings, with %d, %f and %u in it, for the message in hand.
 * PV_TEMPORARY, 4.3.5: it is wrong. */
enum pv_class command_split(struct delivery *d, const struct pv_action *a, const char *setting,
			    const char *line, struct pv_command_line *to, struct pv_error *e);

/* An alias's or a fallback's command. */
enum pv_class command_deliver(struct delivery *d, const struct pv_action *a, struct pv_error *e);
/* after_storing: what comes of it is logged, and nothing else. */
void command_after_storing(struct delivery *d, const struct pv_action *a);

#endif
