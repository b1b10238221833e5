// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "worker.h"

/* Two wait level-triggered, so that ends of one connection are run at once. */
static const enum way ways[] = {WAY_LEVEL, WAY_LEVEL, WAY_EDGE, WAY_POLL};
#define THREADS (sizeof(ways) / sizeof(*ways))
#define ENDS_MAX SLOTS
#define WAIT_MS 50
#define STALLED_WAIT_MS 5
#define HELD_NS 200000
/* Of one end before the others have a turn. */
#define READS 4
#define WRITES 8
#define GREEDY_READS 64

static struct worker {
	enum way way;
	unsigned number;
	int epoll;
	pthread_mutex_t lock;
	struct end *given[ENDS_MAX]; /* under the lock */
	unsigned given_count;
	struct end *ends[ENDS_MAX];
	unsigned count;
} workers[THREADS];

static enum side own_side;
static bool is_greedy;

static uint32_t interest_of(struct end *end)
{
	if (end->plan.way[end->side] == WAY_EDGE)
		return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	return (end->reading && !end->stalled ? EPOLLIN : 0) | (end->writing && !end->held ? EPOLLOUT : 0);
}

static void end_watch(struct worker *worker, struct end *end, int operation)
{
	struct epoll_event event = {.events = interest_of(end), .data.ptr = end};

	if (worker->way == WAY_POLL || (operation == EPOLL_CTL_MOD && event.events == end->interest))
		return;
	end->interest = event.events;
	if (epoll_ctl(worker->epoll, operation, end->fd, &event) < 0)
		die("epoll_ctl");
}

static void worker_adopt(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	for (unsigned i = 0; i < worker->given_count; i++) {
		struct end *end = worker->given[i];

		worker->ends[worker->count++] = end;
		end->can_read = end->can_write = true;
		end_watch(worker, end, EPOLL_CTL_ADD);
	}
	worker->given_count = 0;
	pthread_mutex_unlock(&worker->lock);
}

/* Level-triggered: a few reads; edge-triggered: until there is nothing, or, as nginx, until a short one. */
static void end_serve_reading(struct end *end)
{
	bool edge = end->plan.way[end->side] == WAY_EDGE;

	for (int i = 0; i < (edge ? GREEDY_READS : READS) && end->reading; i++) {
		enum step step = end_read(end);

		if (step == STEP_WAIT || step == STEP_OVER ||
		    (edge && !is_greedy && !end->is_ended && step == STEP_SHORT)) {
			/* One that stalls reads on without being told. */
			end->can_read = step == STEP_WAIT && end->stalled;
			return;
		}
	}
	end->can_read = edge;
}

static void end_serve_writing(struct end *end)
{
	for (int i = 0; i < WRITES && end->writing; i++) {
		enum step step = end_write(end);

		if (step == STEP_WAIT || step == STEP_OVER) {
			end->can_write = step == STEP_WAIT && end->held;
			return;
		}
	}
	end->can_write = true;
}

/* False: it is over and closed. */
static bool end_serve(struct worker *worker, struct end *end)
{
	if (end->reading && end->can_read && end_is_willing(end))
		end_serve_reading(end);
	if (end->writing && end->can_write)
		end_serve_writing(end);
	if (!end->reading && !end->writing) {
		end_close(end);
		return false;
	}
	end_watch(worker, end, EPOLL_CTL_MOD);
	return true;
}

static void poll_once(struct worker *worker, int timeout_ms)
{
	struct pollfd polled[ENDS_MAX];

	for (unsigned i = 0; i < worker->count; i++) {
		uint32_t interest = interest_of(worker->ends[i]);

		polled[i] =
		    (struct pollfd){.fd = interest ? worker->ends[i]->fd : -1, .events = (short)interest};
	}
	poll(polled, worker->count, timeout_ms);
	for (unsigned i = 0; i < worker->count; i++) {
		worker->ends[i]->can_read |= (polled[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
		worker->ends[i]->can_write |= (polled[i].revents & (POLLOUT | POLLHUP | POLLERR)) != 0;
	}
}

static void epoll_once(struct worker *worker, int timeout_ms)
{
	struct epoll_event events[ENDS_MAX];
	int count = epoll_wait(worker->epoll, events, ENDS_MAX, timeout_ms);

	for (int i = 0; i < count; i++) {
		struct end *end = events[i].data.ptr;

		end->is_ended |= (events[i].events & EPOLLRDHUP) != 0;
		end->can_read |= (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0;
		end->can_write |= (events[i].events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
	}
}

/* Not at all when an end has something to do, shortly when one stalls. */
static int wait_ms(const struct worker *worker)
{
	int least_ms = WAIT_MS;

	for (unsigned i = 0; i < worker->count; i++) {
		const struct end *end = worker->ends[i];

		if ((end->can_read && end->reading && !end->stalled) ||
		    (end->can_write && end->writing && !end->held))
			return 0;
		if (end->stalled)
			least_ms = STALLED_WAIT_MS;
	}
	return least_ms;
}

static void *worker_run(void *argument)
{
	struct worker *worker = argument;

	for (;;) {
		worker_adopt(worker);
		(worker->way == WAY_POLL ? poll_once : epoll_once)(worker, wait_ms(worker));
		for (unsigned i = 0; i < worker->count;) {
			if (end_serve(worker, worker->ends[i]))
				i++;
			else
				worker->ends[i] = worker->ends[--worker->count];
		}
		atomic_fetch_add(&board->looks[own_side][worker->number], 1);
	}
	return NULL;
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = HELD_NS}, NULL);
}

static void *writer_run(void *argument)
{
	struct end *end = argument;

	while (atomic_load(&end->writing))
		if (end_write(end) == STEP_WAIT)
			nap();
	return NULL;
}

static void *reader_run(void *argument)
{
	struct end *end = argument;
	pthread_t writer;

	atomic_store(&end->slot->thread[end->side], (int)syscall(SYS_gettid));
	if (pthread_create(&writer, NULL, writer_run, end))
		die("pthread_create");
	while (atomic_load(&end->reading)) {
		while (!end_is_willing(end))
			nap();
		end_read(end);
	}
	pthread_join(writer, NULL);
	end_close(end);
	return NULL;
}

void worker_give(struct end *end)
{
	unsigned first = (unsigned)(draw(&end->random) % THREADS);
	enum way way = end->plan.way[end->side];
	pthread_t thread;

	if (way == WAY_BLOCKING) {
		atomic_store(&end->slot->worker[end->side], WORKERS);
		if (pthread_create(&thread, NULL, reader_run, end) || pthread_detach(thread))
			die("pthread_create");
		return;
	}
	while (workers[first].way != way)
		first = (first + 1) % THREADS;
	atomic_store(&end->slot->worker[end->side], first);
	pthread_mutex_lock(&workers[first].lock);
	workers[first].given[workers[first].given_count++] = end;
	pthread_mutex_unlock(&workers[first].lock);
}

void workers_start(enum side side, bool greedy)
{
	pthread_t thread;

	own_side = side;
	is_greedy = greedy;
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] =
		    (struct worker){.way = ways[i], .number = i, .epoll = epoll_create1(EPOLL_CLOEXEC)};
		pthread_mutex_init(&workers[i].lock, NULL);
		if (workers[i].epoll < 0 || pthread_create(&thread, NULL, worker_run, &workers[i]))
			die("start");
	}
}
