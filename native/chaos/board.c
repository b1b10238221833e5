// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "board.h"

#define WATCH_NS 5000000
/* A reader that looked this often since bytes were sent to it, and found none, was not told of them. */
#define LOOKS_MIN 3
/* Of a reader with SO_RCVBUF a stall is so many times longer. */
#define BOUNDED_STALLS 5

struct board *board;

void die(const char *what)
{
	fprintf(stderr, "chaos: %s: %s\n", what, strerror(errno));
	_exit(1);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

void board_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || ftruncate(fd, sizeof(*board)) < 0)
		die(path);
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (board == MAP_FAILED)
		die(path);
	close(fd);
}

void raise_to(_Atomic uint64_t *most, uint64_t value)
{
	uint64_t before = atomic_load(most);

	while (value > before && !atomic_compare_exchange_weak(most, &before, value))
		;
}

static uint64_t looks_of(const struct slot *slot, enum side reader)
{
	unsigned worker = atomic_load(&slot->worker[reader]);

	return worker < WORKERS ? atomic_load(&board->looks[reader][worker]) : UINT64_MAX;
}

static void slot_moved(struct slot *slot, enum side sender)
{
	atomic_store(&slot->waited[sender], 0);
	atomic_store(&slot->stalled[sender], 0);
	atomic_store(&slot->looked[sender], looks_of(slot, !sender));
	atomic_store(&slot->moved_ns[sender], now_ns());
}

void slot_sent(struct slot *slot, enum side sender, uint64_t bytes)
{
	/* The reader, in another process, may have read them by now. */
	if (atomic_fetch_add(&slot->sent[sender], bytes) <= atomic_load(&slot->received[sender]))
		slot_moved(slot, sender);
}

void slot_received(struct slot *slot, enum side sender, uint64_t bytes)
{
	slot_moved(slot, sender);
	atomic_fetch_add(&slot->received[sender], bytes);
}

void slot_willing(struct slot *slot, enum side sender, bool willing)
{
	slot_moved(slot, sender);
	atomic_store(&slot->willing[sender], willing);
}

/* A thread that could go on and gets no processor has not been forgotten. */
static bool is_runnable(int thread)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", thread);
	file = fopen(path, "re");
	if (!file)
		return true; /* it ended just now */
	if (fscanf(file, "%*d %*s %c", &state) != 1)
		state = 'R';
	fclose(file);
	return state != 'S';
}

/*
 * How long a willing reader may get nothing before it counts.
 *
 * Small segments fill a small buffer: plain TCP as well drops what it promised to take, and waits. And while
 * a reader sleeps, its buffer full, TCP doubles the time after which it sends again what was dropped: once
 * the reader goes on it may wait as long again as the reader slept, and the timer's first step. By plain TCP,
 * of 357 connections 0x1b1df06ba189610b (a sleep of 2.9 s at 788 KB) three waited 0.6 to 1.0 s at 1.7 MB, and
 * the kernel counted 3 segments dropped for a full queue, 3 timeouts, 9 retransmissions lost.
 */
static uint64_t stall_limit_ns(const struct slot *slot, enum side reader, uint64_t received,
			       uint64_t stall_ns)
{
	struct plan plan = plan_make(atomic_load(&slot->seed));
	uint64_t slept_ns = received >= plan.stall_at[reader] ? plan.stall_ms[reader] * 1000000ULL : 0;

	if (plan.receive_buffer[reader])
		return slept_ns + BOUNDED_STALLS * stall_ns;
	return slept_ns + stall_ns / 2 > stall_ns ? slept_ns + stall_ns / 2 : stall_ns;
}

static void watch_direction(struct slot *slot, enum side sender, uint64_t stall_ns)
{
	/* In this order: a thread that does not run in between sees less under way than there is, never more.
	 */
	uint64_t sent = atomic_load(&slot->sent[sender]), received = atomic_load(&slot->received[sender]);
	uint64_t since = atomic_load(&slot->moved_ns[sender]), looks = looks_of(slot, !sender);
	int thread = atomic_load(&slot->thread[!sender]);
	uint64_t now = now_ns(), limit_ns;

	if (sent <= received)
		return;
	raise_to(&board->most_under_way, sent - received);
	if (!atomic_load(&slot->willing[sender]) || now < since ||
	    (looks != UINT64_MAX && looks < atomic_load(&slot->looked[sender]) + LOOKS_MIN))
		return;
	if (thread && now - since > stall_ns / 2 && is_runnable(thread))
		return;
	limit_ns = stall_limit_ns(slot, !sender, received, stall_ns);
	if (limit_ns == stall_ns)
		raise_to(&board->longest_stall_ns, now - since);
	if (now - since >= stall_ns && now - since < limit_ns && !atomic_exchange(&slot->waited[sender], 1))
		atomic_fetch_add(&board->timer_waits, 1);
	if (now - since < limit_ns || atomic_exchange(&slot->stalled[sender], 1))
		return;
	atomic_fetch_add(&board->stalls, 1);
	fprintf(stderr,
		"chaos: stall: connection %#" PRIx64 ", port %u, %s to %s: %" PRIu64 " bytes sent, %" PRIu64
		" received\n",
		atomic_load(&slot->seed), atomic_load(&slot->port), sender == CLIENT ? "client" : "server",
		sender == CLIENT ? "server" : "client", sent, received);
}

void board_watch(uint64_t stall_ms, const _Atomic bool *stop)
{
	while (!atomic_load(stop)) {
		for (unsigned i = 0; i < SLOTS; i++) {
			struct slot *slot = &board->slots[i];

			if (!atomic_load(&slot->adopted) || atomic_load(&slot->closed))
				continue;
			watch_direction(slot, CLIENT, stall_ms * 1000000);
			watch_direction(slot, SERVER, stall_ms * 1000000);
		}
		nanosleep(&(struct timespec){.tv_nsec = WATCH_NS}, NULL);
	}
}
