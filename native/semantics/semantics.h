/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases of what an application can see of a connection. Each is a function that does something with the two
 * ends of a fresh connection and says what it saw, line by line: label and value. A case is right when it
 * says the same of a promoted connection as of one over TCP, so nothing that may differ from run to run
 * (sizes of buffers, times) may be said.
 */
#ifndef SEMANTICS_H
#define SEMANTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum side { CLIENT, SERVER };

struct pair {
	int fd[2];	  /* by side; -1: closed. Non-blocking, TCP_NODELAY */
	int epoll[2];	  /* by side: level-triggered, for input; registered for as long as it is open */
	uint64_t sent[2]; /* by side: bytes */
	uint64_t read[2]; /* by side: bytes */
};

struct semantic {
	const char *name;
	void (*prepare)(struct pair *pair); /* before the first byte; NULL: nothing */
	void (*run)(struct pair *pair);	    /* after both ends sent and read a few messages */
};

/* Each ends with an entry without name. */
extern const struct semantic receive_cases[];
extern const struct semantic send_cases[];
extern const struct semantic end_cases[];
extern const struct semantic wait_cases[];
extern const struct semantic option_cases[];
extern const struct semantic veto_cases[];
extern const struct semantic inspect_cases[];
extern const struct semantic share_cases[];
extern const struct semantic blocking_cases[];
extern const struct semantic uring_cases[];

/* --- what was seen (observe.c) --- */

/* One line of what the case saw. Labels are unique in a case. */
void see(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A call's result: the number, or the name of errno when it is negative. */
void see_result(const char *label, ssize_t result);
/* Names of POLL* bits, which are those of EPOLL*, without the output ones unless `with_output`. */
void see_events(const char *label, uint32_t events, bool with_output);
/* Prints all that was seen since the last call as a JSON object, and forgets it. */
void seen_print(void);
/* Ends the program: something failed that the case is not about. */
void die(const char *what) __attribute__((noreturn));

/* --- the connection (pair.c) --- */

/* How many times longer than usual a wait for something that must come may take. */
extern double patience;

/* Of a clock that only goes on. */
int64_t now_ms(void);

void pair_close(struct pair *pair, enum side side);

/* Bytes of a side's stream from where it is, to be sent; at most STREAM_MAX. */
const void *stream_next(const struct pair *pair, enum side side);
#define STREAM_MAX (1 << 20)

/* send(2) of the next bytes of the side's stream. Returns what it returned; what was sent is counted. */
ssize_t put(struct pair *pair, enum side side, size_t size, int flags);
/* All of them, waiting for room; the other side reads meanwhile if `drain`. */
void put_all(struct pair *pair, enum side side, size_t size);
/* recv(2) into a buffer of this size, says the result and whether the bytes were the next of the stream. */
void see_take(struct pair *pair, enum side side, const char *label, size_t size, int flags);
/* Are these bytes, which the side read, the next of the stream? Unless `peek` they are counted as read. */
bool is_next(struct pair *pair, enum side side, const void *bytes, size_t size, bool peek);
/* The result of a read that was made by other means than recv(2). */
void see_bytes(struct pair *pair, enum side side, const char *label, const void *bytes, ssize_t result);
/* Reads until `size` bytes, the end, an error or the time is up, and says which. */
void see_drain(struct pair *pair, enum side side, const char *label, size_t size);

/* The same without a word: did they all come, in order? */
bool drain(struct pair *pair, enum side side, size_t size);

/* Waits until so many bytes can be read (by peeking). Ends the program if they never come. */
void await_bytes(struct pair *pair, enum side side, size_t size);
/* Waits for one of these events, by poll(2). Returns what there is then; 0: it never came. */
uint32_t await_events(int fd, uint32_t events);
/* Events there are now. */
uint32_t events_now(int fd);
/* Does nothing of this come for as long as TCP would take many times over? */
bool is_quiet(int fd, uint32_t events);
/* Until all that was sent by TCP is acknowledged, for a second at most. Returns the bytes that are not. */
int await_acknowledged(int fd);
/* Does something come into its error queue? */
bool is_told_of_error(int fd);
/* An epoll descriptor with this socket in it. */
int epoll_of(int fd, uint32_t events);
/* Events of an epoll descriptor, waited for; 0: none came. */
uint32_t await_epoll(int epoll);
/* Events that it has now; 0: none. */
uint32_t epoll_now(int epoll);
/* The pair's own epoll descriptor of a side is edge-triggered from then on: nothing more is redirected to it.
 */
void turn_to_edge_waiting(struct pair *pair, enum side side);
void set_nonblocking(int fd, bool nonblocking);
void set_option(int fd, int level, int name, int value);

#endif
