// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "semantics.h"

/* Content repeats after a prime number of bytes, so that no shift by a message or a page goes unnoticed. */
#define PATTERN 65521
/* Something that must come. */
#define COMES_MS 5000
/* Something that must not: TCP on one machine takes microseconds. */
#define QUIET_MS 30
/* Something that may come, after an acknowledgement that may be delayed. */
#define ERROR_MS 300

double patience = 1;

static unsigned char pattern[PATTERN + STREAM_MAX];

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int comes_ms(void)
{
	return (int)(COMES_MS * patience);
}

/* Both directions carry the same, from places of their own. */
static const unsigned char *stream_at(enum side side, uint64_t offset)
{
	if (!pattern[1])
		for (uint32_t i = 0, x = 1; i < sizeof(pattern); i++, x = x * 1103515245u + 12345u)
			pattern[i] = i < PATTERN ? (unsigned char)(x >> 16) | 1 : pattern[i - PATTERN];
	return &pattern[(offset + (side == CLIENT ? 0 : PATTERN / 2)) % PATTERN];
}

const void *stream_next(const struct pair *pair, enum side side)
{
	return stream_at(side, pair->sent[side]);
}

ssize_t put(struct pair *pair, enum side side, size_t size, int flags)
{
	ssize_t sent = send(pair->fd[side], stream_next(pair, side), size, flags | MSG_NOSIGNAL);

	if (sent > 0)
		pair->sent[side] += (uint64_t)sent;
	return sent;
}

void put_all(struct pair *pair, enum side side, size_t size)
{
	while (size) {
		ssize_t sent = put(pair, side, size < STREAM_MAX ? size : STREAM_MAX, 0);

		if (sent > 0)
			size -= (size_t)sent;
		else if (errno != EAGAIN || !await_events(pair->fd[side], POLLOUT))
			die("send");
	}
}

bool is_next(struct pair *pair, enum side side, const void *bytes, size_t size, bool peek)
{
	bool right = !memcmp(bytes, stream_at(!side, pair->read[side]), size);

	if (!peek)
		pair->read[side] += size;
	return right;
}

void see_bytes(struct pair *pair, enum side side, const char *label, const void *bytes, ssize_t result)
{
	if (result > 0)
		see(label, "%zd bytes%s", result,
		    is_next(pair, side, bytes, (size_t)result, false) ? "" : ", wrong");
	else if (result == 0)
		see(label, "end");
	else
		see_result(label, result);
}

void see_take(struct pair *pair, enum side side, const char *label, size_t size, int flags)
{
	static unsigned char buffer[STREAM_MAX];
	ssize_t got = recv(pair->fd[side], buffer, size, flags);

	if (flags & MSG_PEEK && got > 0)
		see(label, "%zd bytes%s", got,
		    is_next(pair, side, buffer, (size_t)got, true) ? "" : ", wrong");
	else
		see_bytes(pair, side, label, buffer, got);
}

void see_drain(struct pair *pair, enum side side, const char *label, size_t size)
{
	static unsigned char buffer[STREAM_MAX];
	size_t have = 0;
	bool right = true;

	while (have < size) {
		ssize_t got = recv(pair->fd[side], buffer,
				   size - have < STREAM_MAX ? size - have : STREAM_MAX, MSG_DONTWAIT);

		if (got > 0) {
			right &= is_next(pair, side, buffer, (size_t)got, false);
			have += (size_t)got;
		} else if (got == 0) {
			see(label, "%zu bytes%s, then the end", have, right ? "" : ", wrong");
			return;
		} else if (errno != EAGAIN) {
			see(label, "%zu bytes%s, then %s", have, right ? "" : ", wrong",
			    strerrorname_np(errno));
			return;
		} else if (!await_events(pair->fd[side], POLLIN | POLLRDHUP)) {
			see(label, "%zu bytes%s, then nothing more", have, right ? "" : ", wrong");
			return;
		}
	}
	see(label, "%zu bytes%s", have, right ? "" : ", wrong");
}

bool drain(struct pair *pair, enum side side, size_t size)
{
	static unsigned char buffer[STREAM_MAX];

	while (size) {
		ssize_t got =
		    recv(pair->fd[side], buffer, size < STREAM_MAX ? size : STREAM_MAX, MSG_DONTWAIT);

		if (got > 0) {
			if (!is_next(pair, side, buffer, (size_t)got, false))
				return false;
			size -= (size_t)got;
		} else if (got == 0 || errno != EAGAIN || !await_events(pair->fd[side], POLLIN)) {
			return false;
		}
	}
	return true;
}

void await_bytes(struct pair *pair, enum side side, size_t size)
{
	static unsigned char buffer[STREAM_MAX];
	int64_t deadline_ms = now_ms() + comes_ms();

	while (recv(pair->fd[side], buffer, size, MSG_PEEK | MSG_DONTWAIT) < (ssize_t)size) {
		if (now_ms() > deadline_ms)
			die("bytes never came");
		poll(NULL, 0, 1);
	}
}

uint32_t await_events(int fd, uint32_t events)
{
	struct pollfd polled = {.fd = fd, .events = (short)events};

	return poll(&polled, 1, comes_ms()) > 0 ? (uint32_t)polled.revents : 0;
}

uint32_t events_now(int fd)
{
	struct pollfd polled = {.fd = fd,
				.events = POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLRDBAND | POLLWRNORM |
					  POLLWRBAND | POLLRDHUP};

	return poll(&polled, 1, 0) > 0 ? (uint32_t)polled.revents : 0;
}

bool is_quiet(int fd, uint32_t events)
{
	struct pollfd polled = {.fd = fd, .events = (short)events};

	return poll(&polled, 1, QUIET_MS) == 0;
}

int await_acknowledged(int fd)
{
	int left = -1;

	for (int i = 0; i < 1000 && left != 0; i++) {
		if (ioctl(fd, SIOCOUTQ, &left) < 0)
			die("SIOCOUTQ");
		if (left)
			poll(NULL, 0, 1);
	}
	return left;
}

bool is_told_of_error(int fd)
{
	struct pollfd polled = {.fd = fd};

	return poll(&polled, 1, (int)(ERROR_MS * patience)) > 0;
}

int epoll_of(int fd, uint32_t events)
{
	struct epoll_event event = {.events = events};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll");
	return epoll;
}

uint32_t await_epoll(int epoll)
{
	struct epoll_event event;
	int count;

	do
		count = epoll_wait(epoll, &event, 1, comes_ms());
	while (count < 0 && errno == EINTR);
	return count > 0 ? event.events : 0;
}

uint32_t epoll_now(int epoll)
{
	struct epoll_event event;

	return epoll_wait(epoll, &event, 1, 0) > 0 ? event.events : 0;
}

void set_nonblocking(int fd, bool nonblocking)
{
	if (fcntl(fd, F_SETFL, nonblocking ? O_NONBLOCK : 0) < 0)
		die("fcntl");
}

void set_option(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) < 0)
		die("setsockopt");
}

void pair_close(struct pair *pair, enum side side)
{
	if (pair->epoll[side] >= 0)
		close(pair->epoll[side]);
	if (pair->fd[side] >= 0)
		close(pair->fd[side]);
	pair->epoll[side] = pair->fd[side] = -1;
}

void turn_to_edge_waiting(struct pair *pair, enum side side)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};

	if (epoll_ctl(pair->epoll[side], EPOLL_CTL_MOD, pair->fd[side], &event) < 0)
		die("epoll_ctl");
}
