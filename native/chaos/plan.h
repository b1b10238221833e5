/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of one connection, all of it a function of one number: a run with the same seed makes the same
 * plans. */
#ifndef CHAOS_PLAN_H
#define CHAOS_PLAN_H

#include <stdbool.h>
#include <stdint.h>

enum side { CLIENT, SERVER };

/* How an end waits. */
enum way {
	WAY_LEVEL, /* epoll; reads some of what is there */
	WAY_EDGE, /* edge-triggered epoll; reads until EAGAIN, or, unless the process is said to be greedy, as
		     nginx: until a short read */
	WAY_POLL, /* poll(2) */
	WAY_BLOCKING, /* a thread that reads and one that writes, blocking */
	WAYS
};

enum ending {
	ENDING_ORDERLY, /* each end ends its stream by shutdown(2) and reads the other's to its end */
	ENDING_RESET,	/* one end resets the connection in the middle */
	ENDING_ABANDON, /* one end closes in the middle, with bytes unread or to come */
};

struct plan {
	uint64_t key[2];	 /* by sender: of its stream's content */
	uint64_t total[2];	 /* by sender: bytes; also of one that will be cut short */
	uint32_t message_max[2]; /* by sender: bytes of a send */
	uint32_t read_max[2];	 /* by reader: bytes of a recv */
	uint64_t stall_at[2];	 /* by reader: after so many bytes it stops reading; UINT64_MAX: never */
	uint32_t stall_ms[2];
	uint32_t receive_buffer[2]; /* by end: SO_RCVBUF; 0: not set */
	uint32_t send_buffer[2];
	uint32_t ahead_max; /* bytes that an end may be ahead of the other: small: they ask and answer */
	enum way way[2];
	bool splices[2]; /* reads by splice(2), unless that is refused */
	enum ending ending;
	enum side ender;
	uint64_t ending_at; /* bytes that the ender sent or received by then, whichever comes first */
};

uint64_t mix(uint64_t x);
/* The next of a sequence. */
uint64_t draw(uint64_t *state);
/* From 1 to max. */
uint64_t draw_up_to(uint64_t *state, uint64_t max);
struct plan plan_make(uint64_t seed);

/* Bytes of a stream from an offset on. */
void stream_fill(uint64_t key, uint64_t offset, unsigned char *bytes, uint32_t size);
/* Are these the bytes of the stream from the offset on? `size` up to STREAM_CHECK_MAX. */
bool stream_check(uint64_t key, uint64_t offset, const unsigned char *bytes, uint32_t size);
#define STREAM_CHECK_MAX (256 * 1024)

#endif
