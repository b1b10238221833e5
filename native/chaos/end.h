/* SPDX-License-Identifier: Apache-2.0 */
/* One end of one connection: reads and writes as its plan says, and checks every byte. */
#ifndef CHAOS_END_H
#define CHAOS_END_H

#include <stdatomic.h>
#include "board.h"
#include "plan.h"

struct end {
	int fd;
	enum side side;
	struct plan plan;
	struct slot *slot;
	uint64_t sent, random;
	_Atomic uint64_t received;
	_Atomic bool reading, writing; /* both false: it is to be closed */
	bool held;		       /* writes only after it has read more */
	bool ends_last;		       /* its stream only after the other's */
	bool stalled;		       /* has stopped reading; until resume_ns */
	bool has_stalled;
	uint64_t resume_ns;
	int pipe[2];	   /* of one that splices; else -1 */
	uint32_t interest; /* of a worker */
	bool can_read, can_write;
	bool is_ended; /* was told of the other stream's end: a short read is not the last */
};

enum step {
	STEP_ON,    /* there may be more to do */
	STEP_SHORT, /* less was read than was asked for */
	STEP_WAIT,  /* nothing for now */
	STEP_OVER   /* this direction is over */
};

/* Takes a connected, blocking socket. The header, by which the server knows the plan, was passed already. */
struct end *end_make(int fd, enum side side, struct slot *slot, uint64_t seed);
/* One call that receives. */
enum step end_read(struct end *end);
/* One call that sends, or the shutdown after the last. */
enum step end_write(struct end *end);
/* May it read again after a stall? Also true of one that did not stall. */
bool end_is_willing(struct end *end);
/* Closes the socket and frees it. */
void end_close(struct end *end);

#endif
