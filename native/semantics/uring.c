// SPDX-License-Identifier: Apache-2.0
/* io_uring, by its system calls alone. One request at a time. Where the kernel has none, each case says so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "semantics.h"

#define ENTRIES 4

struct ring {
	int fd;
	_Atomic unsigned *submitted, *head, *tail;
	unsigned submit_mask, mask, *array;
	struct io_uring_sqe *entries;
	struct io_uring_cqe *completions;
};

/* False: the kernel has none, or it is switched off. Mappings end with the program. */
static bool ring_make(struct ring *ring)
{
	struct io_uring_params params = {};
	char *submit, *complete;

	ring->fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &params);
	if (ring->fd < 0)
		return false;
	submit = mmap(NULL, params.sq_off.array + params.sq_entries * sizeof(unsigned),
		      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQ_RING);
	complete = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
			PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_CQ_RING);
	ring->entries = mmap(NULL, params.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
	if (submit == MAP_FAILED || complete == MAP_FAILED || ring->entries == MAP_FAILED)
		die("mmap");
	ring->submitted = (void *)(submit + params.sq_off.tail);
	ring->submit_mask = *(unsigned *)(submit + params.sq_off.ring_mask);
	ring->array = (unsigned *)(submit + params.sq_off.array);
	ring->head = (void *)(complete + params.cq_off.head);
	ring->tail = (void *)(complete + params.cq_off.tail);
	ring->mask = *(unsigned *)(complete + params.cq_off.ring_mask);
	ring->completions = (void *)(complete + params.cq_off.cqes);
	return true;
}

static void ring_submit(struct ring *ring, const struct io_uring_sqe *entry)
{
	unsigned tail = atomic_load(ring->submitted), index = tail & ring->submit_mask;

	ring->entries[index] = *entry;
	ring->array[index] = index;
	atomic_store(ring->submitted, tail + 1);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0) != 1)
		die("io_uring_enter");
}

/* A completion's result, as of a system call. False: it never came. */
static bool ring_wait(struct ring *ring, ssize_t *result)
{
	struct pollfd polled = {.fd = ring->fd, .events = POLLIN};
	unsigned head;
	int got;

	if (poll(&polled, 1, (int)(2000 * patience)) <= 0)
		return false;
	head = atomic_load(ring->head);
	got = ring->completions[head & ring->mask].res;
	atomic_store(ring->head, head + 1);
	*result = got < 0 ? -1 : got;
	if (got < 0)
		errno = -got;
	return true;
}

static void see_completion(struct ring *ring, struct pair *pair, const char *label, const void *buffer)
{
	ssize_t result;

	if (!ring_wait(ring, &result))
		see(label, "never comes");
	else
		see_bytes(pair, SERVER, label, buffer, result);
}

static struct io_uring_sqe receive(struct pair *pair, void *buffer, size_t size)
{
	return (struct io_uring_sqe){.opcode = IORING_OP_RECV,
				     .fd = pair->fd[SERVER],
				     .addr = (uintptr_t)buffer,
				     .len = (unsigned)size};
}

static void with_bytes_there(struct pair *pair)
{
	struct ring ring;
	char buffer[200];
	struct io_uring_sqe entry = receive(pair, buffer, sizeof(buffer));

	if (!ring_make(&ring)) {
		see("io_uring", "none");
		return;
	}
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	ring_submit(&ring, &entry);
	see_completion(&ring, pair, "received", buffer);
	close(ring.fd);
}

/* The socket is blocking, as programs of io_uring leave it, so that a request waits. */
static void before_bytes(struct pair *pair)
{
	struct ring ring;
	char buffer[200];
	struct io_uring_sqe entry = receive(pair, buffer, sizeof(buffer));

	if (!ring_make(&ring)) {
		see("io_uring", "none");
		return;
	}
	set_nonblocking(pair->fd[SERVER], false);
	ring_submit(&ring, &entry);
	put(pair, CLIENT, 100, 0);
	see_completion(&ring, pair, "received", buffer);
	ring_submit(&ring, &entry);
	put(pair, CLIENT, 100, 0);
	see_completion(&ring, pair, "received again", buffer);
	ring_submit(&ring, &entry);
	pair_close(pair, CLIENT);
	see_completion(&ring, pair, "the end", buffer);
	close(ring.fd);
}

static void by_poll(struct pair *pair)
{
	struct ring ring;
	struct io_uring_sqe entry = {
	    .opcode = IORING_OP_POLL_ADD, .fd = pair->fd[SERVER], .poll32_events = POLLIN};
	ssize_t result = 0;

	if (!ring_make(&ring)) {
		see("io_uring", "none");
		return;
	}
	ring_submit(&ring, &entry);
	put(pair, CLIENT, 100, 0);
	if (ring_wait(&ring, &result))
		see_events("events", (uint32_t)result, false);
	else
		see("events", "never come");
	see_drain(pair, SERVER, "read", 100);
	close(ring.fd);
}

static void send_by(struct pair *pair)
{
	struct ring ring;
	struct io_uring_sqe entry = {.opcode = IORING_OP_SEND,
				     .fd = pair->fd[CLIENT],
				     .addr = (uintptr_t)stream_next(pair, CLIENT),
				     .len = 5000};
	ssize_t result = 0;

	if (!ring_make(&ring)) {
		see("io_uring", "none");
		return;
	}
	ring_submit(&ring, &entry);
	if (!ring_wait(&ring, &result))
		see("send", "never ends");
	else
		see_result("send", result);
	pair->sent[CLIENT] += 5000;
	see_drain(pair, SERVER, "read", 5000);
	close(ring.fd);
}

const struct semantic uring_cases[] = {
    {"io-uring-receive", NULL, with_bytes_there},
    {"io-uring-receive-waiting", NULL, before_bytes},
    {"io-uring-poll", NULL, by_poll},
    {"io-uring-send", NULL, send_by},
    {},
};
