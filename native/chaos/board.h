/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that both processes share, in a file: where each end of each connection is, so that one of them can
 * tell a stall (bytes are under way, their reader is willing, and nothing moves) from a reader that does not
 * want to read, and what was found.
 */
#ifndef CHAOS_BOARD_H
#define CHAOS_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "plan.h"

#define SLOTS 256

struct slot {
	_Atomic uint64_t seed;	      /* 0: free */
	_Atomic unsigned port;	      /* the client's */
	_Atomic unsigned adopted;     /* 1: the server has it */
	_Atomic unsigned closed;      /* ends */
	_Atomic uint64_t sent[2];     /* by sender: bytes taken by the kernel */
	_Atomic uint64_t received[2]; /* by sender of the bytes */
	_Atomic unsigned willing[2];  /* by sender: 1: its reader wants to read */
	_Atomic uint64_t moved_ns[2]; /* by sender: when something was read, or there was something to be read
					 again, or the reader became willing */
	_Atomic uint64_t looked[2];   /* by sender: how often the reader's thread had looked by then */
	_Atomic unsigned worker[2];   /* by reader: whose `looks` count; WORKERS: nobody's */
	_Atomic int thread[2];	      /* by reader: that blocks in recv(2); 0: a worker reads */
	_Atomic unsigned waited[2];   /* by sender: 1: this one is in `timer_waits` */
	_Atomic unsigned stalled[2];  /* by sender: 1: this stall was reported */
};

#define WORKERS 8

struct board {
	_Atomic uint64_t connections; /* that ended */
	_Atomic uint64_t bytes;	      /* received and right */
	_Atomic uint64_t reads;
	_Atomic uint64_t wrong;		    /* ends that read a byte that was not the next one */
	_Atomic uint64_t lost;		    /* that read the end too early */
	_Atomic uint64_t failed;	    /* that got an error without reason */
	_Atomic uint64_t stalls;	    /* directions in which nothing moved for too long */
	_Atomic uint64_t timer_waits;	    /* for which that was long, but not for TCP's timers */
	_Atomic uint64_t longest_stall_ns;  /* also of those that were not too long */
	_Atomic uint64_t most_under_way;    /* bytes sent and not received, of one direction */
	_Atomic uint64_t by_way[WAYS];	    /* ends */
	_Atomic uint64_t looks[2][WORKERS]; /* how often a worker has waited */
	struct slot slots[SLOTS];
};

extern struct board *board;

/* Maps the file, which must be there; one that is new must be empty. */
void board_open(const char *path);
uint64_t now_ns(void);
/* Raises a maximum. */
void raise_to(_Atomic uint64_t *most, uint64_t value);
/* Notes bytes of a direction, and whether its reader is willing from now on. */
void slot_sent(struct slot *slot, enum side sender, uint64_t bytes);
void slot_received(struct slot *slot, enum side sender, uint64_t bytes);
void slot_willing(struct slot *slot, enum side sender, bool willing);
/* Looks at all slots until *stop; a stall of more than so many milliseconds is one. */
void board_watch(uint64_t stall_ms, const _Atomic bool *stop);
/* Ends the program: a call failed that no plan foresees. */
void die(const char *what) __attribute__((noreturn));

#endif
