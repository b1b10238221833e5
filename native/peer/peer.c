// SPDX-License-Identifier: Apache-2.0
/*
 * One end of one connection, told on standard input what to do, a command a line; answers each with a JSON
 * object. For tests that care how a reader waits, reads and closes. Ends when standard input does.
 *
 *   listen IP | accept | connect IP PORT     the connection is non-blocking from then on
 *   nonblocking 0|1 | option LEVEL NAME VALUE
 *   wait HOW         how `read` waits from now on: level, edge, edge-short (as nginx: waits first, stops at a
 * short read), oneshot, nested-level, nested-edge (an epoll in an epoll), output (epoll, not for input; reads
 * in a loop), poll, select, none (reads in a loop) write N          one send; "bytes" may be less write-all N
 * MS waits for room with poll(2) read N MS        until N bytes, the end, an error or MS; "wrong" counts
 * bytes that were not the next ones echo N MS        reads N bytes in all and sends back what it reads as it
 * comes ask ROUNDS N MS  sends N bytes, reads N, ROUNDS times splice N         from the connection into a
 * pipe, once shutdown | close | reset
 *   protocol N       of sockets that are made from now on (262: MPTCP)
 *   peek N           one recv that leaves what it read
 *   unread | cookie | send-buffer | port-of peer | port-of original     "bytes" is what FIONREAD, SO_COOKIE,
 *                    SO_SNDBUF, getpeername, SO_ORIGINAL_DST say
 *
 * Both directions carry the same pattern, so that each end knows every byte that it must read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "address.h"
#include "inspect.h"

#define BUFFER 65536
#define BUFFER_SHORT 4096 /* of edge-short, so that full reads happen too */
/* Content repeats after a prime number of bytes, so that no shift by a message or a page goes unnoticed. */
#define PATTERN 65521

enum wait {
	WAIT_NONE,
	WAIT_OUTPUT,
	WAIT_EPOLL,
	WAIT_EDGE_SHORT,
	WAIT_ONESHOT,
	WAIT_NESTED,
	WAIT_POLL,
	WAIT_SELECT
};

static struct {
	int listener, fd, epoll, outer, protocol;
	enum wait wait;
	uint64_t sent, received;
} peer = {-1, -1, -1, -1, 0, WAIT_NONE, 0, 0};

static unsigned char pattern[PATTERN + BUFFER];

/* What a command did, for its answer. */
struct outcome {
	uint64_t bytes, wrong;
	bool end;
	int error; /* errno; 0: none. ETIMEDOUT: the time was up */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int left_ms(int64_t deadline_ms)
{
	int64_t left = deadline_ms - now_ms();

	return left > 0 ? (int)left : 0;
}

static int epoll_make(int fd, uint32_t events)
{
	struct epoll_event event = {.events = events};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	return epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -1 : epoll;
}

static void wait_forget(void)
{
	if (peer.epoll >= 0)
		close(peer.epoll);
	if (peer.outer >= 0)
		close(peer.outer);
	peer.epoll = peer.outer = -1;
}

static int wait_set(const char *how)
{
	static const struct {
		const char *name;
		enum wait wait;
		uint32_t events, outer_events; /* 0: no such epoll */
	} known[] = {
	    {"level", WAIT_EPOLL, EPOLLIN, 0},
	    {"edge", WAIT_EPOLL, EPOLLIN | EPOLLET, 0},
	    {"edge-short", WAIT_EDGE_SHORT, EPOLLIN | EPOLLET, 0},
	    {"oneshot", WAIT_ONESHOT, EPOLLIN | EPOLLONESHOT, 0},
	    {"nested-level", WAIT_NESTED, EPOLLIN, EPOLLIN},
	    {"nested-edge", WAIT_NESTED, EPOLLIN, EPOLLIN | EPOLLET},
	    {"output", WAIT_OUTPUT, EPOLLOUT, 0},
	    {"poll", WAIT_POLL, 0, 0},
	    {"select", WAIT_SELECT, 0, 0},
	    {"none", WAIT_NONE, 0, 0},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcmp(how, known[i].name))
			continue;
		wait_forget();
		peer.wait = known[i].wait;
		if (known[i].events && (peer.epoll = epoll_make(peer.fd, known[i].events)) < 0)
			return errno;
		if (known[i].outer_events && (peer.outer = epoll_make(peer.epoll, known[i].outer_events)) < 0)
			return errno;
		return 0;
	}
	return EINVAL;
}

/* True when there may be something to read; false when the time is up. */
static bool wait_readable(int64_t deadline_ms)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};
	struct pollfd polled = {.fd = peer.fd, .events = POLLIN};
	int left = left_ms(deadline_ms);
	struct timeval time = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
	fd_set set;

	switch (peer.wait) {
	case WAIT_ONESHOT:
		epoll_ctl(peer.epoll, EPOLL_CTL_MOD, peer.fd, &event);
		return epoll_wait(peer.epoll, &event, 1, left) > 0;
	case WAIT_EPOLL:
	case WAIT_EDGE_SHORT:
		return epoll_wait(peer.epoll, &event, 1, left) > 0;
	case WAIT_NESTED:
		return epoll_wait(peer.outer, &event, 1, left) > 0 &&
		       epoll_wait(peer.epoll, &event, 1, 0) > 0;
	case WAIT_POLL:
		return poll(&polled, 1, left) > 0;
	case WAIT_SELECT:
		FD_ZERO(&set);
		FD_SET(peer.fd, &set);
		return select(peer.fd + 1, &set, NULL, NULL, &time) > 0;
	default:
		sched_yield();
		return left > 0;
	}
}

static void send_some(size_t size, struct outcome *outcome)
{
	while (size) {
		size_t piece = size < BUFFER ? size : BUFFER;
		ssize_t sent = send(peer.fd, pattern + peer.sent % PATTERN, piece, MSG_NOSIGNAL);

		if (sent < 0) {
			outcome->error = errno == EAGAIN ? 0 : errno;
			return;
		}
		peer.sent += (uint64_t)sent;
		outcome->bytes += (uint64_t)sent;
		size -= (size_t)sent;
	}
}

static void send_all(uint64_t size, int64_t deadline_ms, struct outcome *outcome)
{
	struct pollfd polled = {.fd = peer.fd, .events = POLLOUT};

	while (outcome->bytes < size && !outcome->error) {
		send_some(size - outcome->bytes, outcome);
		if (outcome->bytes == size || outcome->error)
			return;
		if (poll(&polled, 1, left_ms(deadline_ms)) == 0)
			outcome->error = ETIMEDOUT;
	}
}

/* One recv. Returns what it returned; -1 with nothing to read as well as with an error. */
static ssize_t receive(uint64_t size, int flags, struct outcome *outcome)
{
	static unsigned char buffer[BUFFER];
	const unsigned char *expected = pattern + peer.received % PATTERN;
	ssize_t got;

	if (peer.wait == WAIT_EDGE_SHORT && size > BUFFER_SHORT)
		size = BUFFER_SHORT;
	got = recv(peer.fd, buffer, size < BUFFER ? size : BUFFER, flags);
	if (got < 0 && errno != EAGAIN)
		outcome->error = errno;
	if (got == 0)
		outcome->end = true;
	if (got > 0 && memcmp(buffer, expected, (size_t)got) != 0)
		for (ssize_t i = 0; i < got; i++)
			outcome->wrong += buffer[i] != expected[i];
	if (got > 0) {
		peer.received += flags & MSG_PEEK ? 0 : (uint64_t)got;
		outcome->bytes += (uint64_t)got;
	}
	return got;
}

/* Reads as a program would: edge-short waits before the first read, the others only when there is nothing. */
static void read_all(uint64_t size, int64_t deadline_ms, bool echo, struct outcome *outcome)
{
	bool is_dry = peer.wait == WAIT_EDGE_SHORT;

	while (outcome->bytes < size && !outcome->end && !outcome->error) {
		ssize_t got;

		if (is_dry && !wait_readable(deadline_ms)) {
			outcome->error = ETIMEDOUT;
			return;
		}
		got = receive(size - outcome->bytes, 0, outcome);
		is_dry = got < (peer.wait == WAIT_EDGE_SHORT ? BUFFER_SHORT : 0);
		if (echo && got > 0) {
			struct outcome sent = {};

			send_all((uint64_t)got, deadline_ms, &sent);
			outcome->error = sent.error;
		}
	}
}

static void ask(uint64_t rounds, uint64_t size, int64_t deadline_ms, struct outcome *outcome)
{
	for (uint64_t i = 0; i < rounds && !outcome->error && !outcome->end; i++) {
		struct outcome sent = {}, got = {};

		send_all(size, deadline_ms, &sent);
		if (!sent.error)
			read_all(size, deadline_ms, false, &got);
		outcome->bytes += got.bytes;
		outcome->wrong += got.wrong;
		outcome->end = got.end;
		outcome->error = sent.error ? sent.error : got.error;
	}
}

static int adopt(int fd)
{
	int one = 1;

	peer.fd = fd;
	if (fd < 0)
		return errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? errno : 0;
}

static int listen_at(const char *ip, uint64_t *port)
{
	struct sockaddr_storage address;
	socklen_t size = address_make(ip, 0, &address);

	peer.listener = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, peer.protocol);
	if (peer.listener < 0 || bind(peer.listener, (struct sockaddr *)&address, size) < 0 ||
	    listen(peer.listener, 8) < 0 ||
	    getsockname(peer.listener, (struct sockaddr *)&address, &size) < 0)
		return errno;
	*port = ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
						   : ((struct sockaddr_in6 *)&address)->sin6_port);
	return 0;
}

static int connect_to(const char *ip, unsigned port)
{
	struct sockaddr_storage address;
	socklen_t size = address_make(ip, port, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, peer.protocol);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) < 0)
		return errno;
	return adopt(fd);
}

static int close_connection(bool reset)
{
	struct linger linger = {.l_onoff = 1};

	if (reset && setsockopt(peer.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
		return errno;
	wait_forget();
	return close(peer.fd) < 0 ? errno : 0;
}

static void splice_once(size_t size, struct outcome *outcome)
{
	int ends[2];
	ssize_t moved;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		outcome->error = errno;
		return;
	}
	moved = splice(peer.fd, NULL, ends[1], NULL, size, SPLICE_F_NONBLOCK);
	if (moved < 0)
		outcome->error = errno;
	else
		outcome->bytes = (uint64_t)moved;
	peer.received += outcome->bytes;
	close(ends[0]);
	close(ends[1]);
}

static void command_run(const char *verb, const char *text, const uint64_t *number, struct outcome *outcome)
{
	bool is_blocking = number[0] == 0;

	if (!strcmp(verb, "listen"))
		outcome->error = listen_at(text, &outcome->bytes);
	else if (!strcmp(verb, "accept"))
		outcome->error = adopt(accept4(peer.listener, NULL, NULL, SOCK_CLOEXEC));
	else if (!strcmp(verb, "connect"))
		outcome->error = connect_to(text, (unsigned)number[1]);
	else if (!strcmp(verb, "nonblocking"))
		outcome->error = fcntl(peer.fd, F_SETFL, is_blocking ? 0 : O_NONBLOCK) < 0 ? errno : 0;
	else if (!strcmp(verb, "option"))
		outcome->error = setsockopt(peer.fd, (int)number[0], (int)number[1], &(int){(int)number[2]},
					    sizeof(int)) < 0
				     ? errno
				     : 0;
	else if (!strcmp(verb, "wait"))
		outcome->error = wait_set(text);
	else if (!strcmp(verb, "write"))
		send_some(number[0], outcome);
	else if (!strcmp(verb, "write-all"))
		send_all(number[0], now_ms() + (int64_t)number[1], outcome);
	else if (!strcmp(verb, "read"))
		read_all(number[0], now_ms() + (int64_t)number[1], false, outcome);
	else if (!strcmp(verb, "echo"))
		read_all(number[0], now_ms() + (int64_t)number[1], true, outcome);
	else if (!strcmp(verb, "ask"))
		ask(number[0], number[1], now_ms() + (int64_t)number[2], outcome);
	else if (!strcmp(verb, "splice"))
		splice_once(number[0], outcome);
	else if (!strcmp(verb, "peek"))
		receive(number[0], MSG_PEEK, outcome);
	else if (!strcmp(verb, "protocol"))
		peer.protocol = (int)number[0];
	else if (!strcmp(verb, "unread"))
		outcome->error = inspect_unread(peer.fd, &outcome->bytes);
	else if (!strcmp(verb, "cookie"))
		outcome->error = inspect_cookie(peer.fd, &outcome->bytes);
	else if (!strcmp(verb, "send-buffer"))
		outcome->error = inspect_send_buffer(peer.fd, &outcome->bytes);
	else if (!strcmp(verb, "port-of"))
		outcome->error = inspect_port(peer.fd, text, &outcome->bytes);
	else if (!strcmp(verb, "shutdown"))
		outcome->error = shutdown(peer.fd, SHUT_WR) < 0 ? errno : 0;
	else if (!strcmp(verb, "close") || !strcmp(verb, "reset"))
		outcome->error = close_connection(!strcmp(verb, "reset"));
	else
		outcome->error = ENOSYS;
}

int main(void)
{
	char line[256], verb[16], words[3][64];

	for (unsigned i = 0; i < sizeof(pattern); i++)
		pattern[i] = (unsigned char)((i % PATTERN) * 2654435761u >> 24);
	setlinebuf(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		struct outcome outcome = {};
		uint64_t number[3];
		const char *name;

		memset(words, 0, sizeof(words));
		if (sscanf(line, "%15s %63s %63s %63s", verb, words[0], words[1], words[2]) < 1)
			continue;
		for (int i = 0; i < 3; i++)
			number[i] = strtoull(words[i], NULL, 10);
		command_run(verb, words[0], number, &outcome);
		name = outcome.error ? strerrorname_np(outcome.error) : "";
		printf("{\"bytes\":%lu,\"wrong\":%lu,\"end\":%s,\"error\":\"%s\"}\n", outcome.bytes,
		       outcome.wrong, outcome.end ? "true" : "false", name);
	}
	return 0;
}
