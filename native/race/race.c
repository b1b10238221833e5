// SPDX-License-Identifier: Apache-2.0
/*
 * Races a fast path that is entered while bytes are under way: two threads, a client and a server, open many
 * short connections; both ends write messages of random sizes at once, at most 4 KiB ahead of each other, and
 * check every byte that they read.
 *
 *   race --address IP [--client-netns PATH] [--server-netns PATH]
 *        [--connections N] [--parallel N] [--bytes MAX] [--stuck-ms N]
 *
 * Sockets are non-blocking and wait with level-triggered epoll; a read takes a random part of what is there.
 * Prints one JSON object. Exit status: 0 whenever the race was run to its end, whatever it found; 1: a call
 * failed; 2: usage.
 *
 *   connections  that the client closed after the last byte, or that went wrong
 *   reordered    ends that read a byte that was not the next one (the connection is given up)
 *   lost         ends that read the end before the last byte
 *   failed       ends that got an error from the kernel
 *   stuck        ends that were open when nothing had moved for --stuck-ms
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "options.h"

#define MESSAGE_MAX 1500
#define BURST_MAX 3
#define READ_MAX 4096
/* An end this far ahead of the other waits for it: else a busy client is done before it is accepted. */
#define AHEAD_MAX 4096
#define EVENTS 64
/* Content repeats after a prime number of bytes, so that no shift by a message or a page goes unnoticed. */
#define PATTERN 65521

/* One end of a connection. Both ends derive what either sends from the client's port. */
struct end {
	int fd;
	enum side side;
	bool open;
	bool ended;	   /* the peer's stream was read to its end */
	uint32_t seed[2];  /* by side: where in the pattern its stream begins */
	uint32_t total[2]; /* by side: bytes it sends */
	uint32_t sent, received;
	bool writing; /* there is more to send */
	bool held;    /* it waits for the other end */
};

struct tally {
	uint64_t connections, messages, bytes, reordered, lost, failed, stuck;
};

struct runner {
	const struct options *options;
	enum side side;
	int epoll, listener;
	struct end *ends; /* as many as may be open at once */
	unsigned begun, open;
	uint64_t random, progress_ns;
	struct tally tally;
};

static unsigned char pattern[PATTERN + READ_MAX];
static struct sockaddr_storage server_address;
static socklen_t server_address_size;

static void die(const char *what)
{
	fprintf(stderr, "race: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* From 1 to max. */
static unsigned pick(struct runner *runner, unsigned max)
{
	runner->random = mix(runner->random);
	return (unsigned)(runner->random % max) + 1;
}

static void enter_netns(const char *path)
{
	int fd;

	if (!path)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die(path);
	close(fd);
}

static void end_watch(struct runner *runner, struct end *end, int operation)
{
	struct epoll_event event = {.data.ptr = end};

	event.events = (end->ended ? 0 : EPOLLIN) | (end->writing && !end->held ? EPOLLOUT : 0);
	if (epoll_ctl(runner->epoll, operation, end->fd, &event) < 0)
		die("epoll_ctl");
}

static bool is_ahead(const struct end *end)
{
	return end->sent > end->received + AHEAD_MAX && end->received < end->total[!end->side];
}

static void end_open(struct runner *runner, int fd)
{
	struct end *end = runner->ends;
	struct sockaddr_storage client;
	socklen_t size = sizeof(client);
	int one = 1;
	unsigned port;

	while (end->open)
		end++;
	if ((runner->side == CLIENT ? getsockname : getpeername)(fd, (struct sockaddr *)&client, &size) < 0)
		die("getsockname");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	port = port_of(&client);
	*end = (struct end){.fd = fd, .side = runner->side, .open = true, .writing = true};
	for (int side = CLIENT; side <= SERVER; side++) {
		end->seed[side] = mix(port * 2u + side) % PATTERN;
		end->total[side] = mix(port * 2u + side + 0x10000000) % runner->options->bytes_max + 1;
	}
	runner->open++;
	end_watch(runner, end, EPOLL_CTL_ADD);
}

static void end_close(struct runner *runner, struct end *end, uint64_t *why)
{
	if (why)
		++*why;
	close(end->fd);
	end->open = false;
	runner->open--;
	runner->tally.connections++;
}

/* Returns false when the end is closed. */
static bool end_read(struct runner *runner, struct end *end)
{
	enum side peer = !end->side;
	unsigned char buffer[READ_MAX];
	ssize_t size = recv(end->fd, buffer, pick(runner, READ_MAX), 0);

	if (size < 0) {
		if (errno == EAGAIN)
			return true;
		end_close(runner, end, &runner->tally.failed);
		return false;
	}
	if (size == 0) {
		if (end->received == end->total[peer] && end->writing) {
			end->ended = true;
			end_watch(runner, end, EPOLL_CTL_MOD);
			return true;
		}
		end_close(runner, end, end->received == end->total[peer] ? NULL : &runner->tally.lost);
		return false;
	}
	if (memcmp(buffer, pattern + (end->seed[peer] + end->received) % PATTERN, (size_t)size) ||
	    end->received + (size_t)size > end->total[peer]) {
		end_close(runner, end, &runner->tally.reordered);
		return false;
	}
	end->received += (uint32_t)size;
	runner->tally.bytes += (uint64_t)size;
	if (end->held && !is_ahead(end)) {
		end->held = false;
		end_watch(runner, end, EPOLL_CTL_MOD);
	}
	return true;
}

static void end_write(struct runner *runner, struct end *end)
{
	uint32_t total = end->total[end->side];

	for (unsigned left = pick(runner, BURST_MAX); left && end->sent < total; left--) {
		size_t size = pick(runner, MESSAGE_MAX);
		ssize_t sent;

		if (size > total - end->sent)
			size = total - end->sent;
		sent =
		    send(end->fd, pattern + (end->seed[end->side] + end->sent) % PATTERN, size, MSG_NOSIGNAL);
		if (sent < 0) {
			if (errno != EAGAIN)
				end_close(runner, end, &runner->tally.failed);
			return;
		}
		end->sent += (uint32_t)sent;
		runner->tally.messages++;
	}
	if (end->sent < total) {
		end->held = is_ahead(end);
		if (end->held)
			end_watch(runner, end, EPOLL_CTL_MOD);
		return;
	}
	/* The client ends its stream; the server waits for that, so that it is the client that closes first.
	 */
	end->writing = false;
	end_watch(runner, end, EPOLL_CTL_MOD);
	if (shutdown(end->fd, SHUT_WR) < 0 && errno != ENOTCONN)
		die("shutdown");
}

static void end_event(struct runner *runner, struct end *end, uint32_t events)
{
	if (!end->open)
		return;
	if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) && !end_read(runner, end))
		return;
	if ((events & EPOLLOUT) && end->writing)
		end_write(runner, end);
}

static void client_fill(struct runner *runner)
{
	const struct options *options = runner->options;

	while (runner->open < options->parallel && runner->begun < options->connections) {
		int fd = socket(server_address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (fd < 0)
			die("socket");
		if (connect(fd, (struct sockaddr *)&server_address, server_address_size) < 0 &&
		    errno != EINPROGRESS)
			die("connect");
		runner->begun++;
		end_open(runner, fd);
	}
}

static void server_accept(struct runner *runner)
{
	int fd;

	while (runner->open < runner->options->parallel * 2 &&
	       (fd = accept4(runner->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		runner->begun++;
		end_open(runner, fd);
	}
}

static void *runner_run(void *argument)
{
	struct runner *runner = argument;
	struct epoll_event events[EVENTS], accept_event = {.events = EPOLLIN};
	uint64_t stuck_ns = (uint64_t)runner->options->stuck_ms * 1000000;

	enter_netns(runner->options->netns[runner->side]);
	runner->progress_ns = now_ns();
	if (runner->side == SERVER &&
	    epoll_ctl(runner->epoll, EPOLL_CTL_ADD, runner->listener, &accept_event) < 0)
		die("epoll_ctl");
	while (runner->open || runner->begun < runner->options->connections) {
		uint64_t before = runner->tally.bytes + runner->tally.messages + runner->tally.connections;
		int count;

		if (runner->side == CLIENT)
			client_fill(runner);
		count = epoll_wait(runner->epoll, events, EVENTS, 100);
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				end_event(runner, events[i].data.ptr, events[i].events);
			else
				server_accept(runner);
		}
		if (runner->tally.bytes + runner->tally.messages + runner->tally.connections != before)
			runner->progress_ns = now_ns();
		else if (now_ns() - runner->progress_ns > stuck_ns)
			break;
	}
	runner->tally.stuck = runner->open;
	return NULL;
}

static int server_listen(const struct options *options)
{
	int fd;

	enter_netns(options->netns[SERVER]);
	address_parse(options->address, &server_address, &server_address_size);
	fd = socket(server_address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&server_address, server_address_size) < 0 ||
	    listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&server_address, &server_address_size) < 0)
		die("listen");
	return fd;
}

int main(int count, char **arguments)
{
	struct options options = options_parse(count, arguments);
	struct runner runners[2] = {};
	struct tally sum = {};
	pthread_t threads[2];
	uint64_t begin_ns;

	for (unsigned i = 0; i < sizeof(pattern); i++)
		pattern[i] = (unsigned char)mix(i % PATTERN);
	for (int side = CLIENT; side <= SERVER; side++) {
		runners[side] = (struct runner){.options = &options, .side = side, .random = side + now_ns()};
		runners[side].epoll = epoll_create1(EPOLL_CLOEXEC);
		/* A server may not have seen yet that a connection ended when the client opens the next. */
		runners[side].ends = calloc(options.parallel * (side + 1), sizeof(struct end));
		if (runners[side].epoll < 0 || !runners[side].ends)
			die("start");
	}
	runners[SERVER].listener = server_listen(&options);
	begin_ns = now_ns();
	for (int side = SERVER; side >= CLIENT; side--)
		if (pthread_create(&threads[side], NULL, runner_run, &runners[side]))
			die("pthread_create");
	for (int side = CLIENT; side <= SERVER; side++) {
		const struct tally *tally = &runners[side].tally;

		pthread_join(threads[side], NULL);
		sum.messages += tally->messages;
		sum.bytes += tally->bytes;
		sum.reordered += tally->reordered;
		sum.lost += tally->lost;
		sum.failed += tally->failed;
		sum.stuck += tally->stuck;
	}
	printf("{\"connections\":%lu,\"messages\":%lu,\"bytes\":%lu,\"reordered\":%lu,\"lost\":%lu,"
	       "\"failed\":%lu,"
	       "\"stuck\":%lu,\"milliseconds\":%lu}\n",
	       runners[CLIENT].tally.connections, sum.messages, sum.bytes, sum.reordered, sum.lost,
	       sum.failed, sum.stuck, (now_ns() - begin_ns) / 1000000);
	return 0;
}
