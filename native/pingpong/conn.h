// SPDX-License-Identifier: Apache-2.0
/*
 * One connection, TCP, UDP or unix, non-blocking and waiting with level-triggered epoll unless told
 * otherwise. Whatever the kernel refuses ends the program with status 1: a benchmark has nothing to recover.
 */
#ifndef PINGPONG_CONN_H
#define PINGPONG_CONN_H

#include "options.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* One connected socket and the epoll instance that it waits in. */
struct conn {
	int fd;
	int epoll_fd;
	uint32_t armed; /* what the epoll instance waits for now */
	bool busy;	/* poll instead of sleeping */
	bool blocking;	/* calls wait by themselves, epoll_fd is unused */
};

static void fail(const char *what)
{
	fprintf(stderr, "pingpong: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void conn_arm(struct conn *c, uint32_t events)
{
	struct epoll_event ev = {.events = events};

	if (c->armed == events)
		return;
	if (epoll_ctl(c->epoll_fd, c->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &ev))
		fail("epoll_ctl");
	c->armed = events;
}

/* Waits for one of `events`, or for input: nobody sends to a peer that waits for output. */
static void conn_wait(struct conn *c, uint32_t events)
{
	struct epoll_event ev;
	int n;

	if (c->blocking)
		return;
	conn_arm(c, events | EPOLLIN);
	do {
		n = epoll_wait(c->epoll_fd, &ev, 1, c->busy ? 0 : -1);
	} while (n == 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		fail("epoll_wait");
}

static void conn_send(struct conn *c, const void *data, size_t length)
{
	const uint8_t *p = data;

	while (length > 0) {
		ssize_t n = send(c->fd, p, length, MSG_NOSIGNAL);

		if (n >= 0) {
			p += n;
			length -= (size_t)n;
		} else if (errno == EAGAIN) {
			conn_wait(c, EPOLLOUT);
		} else {
			fail("send");
		}
	}
}

/* Returns false at the end of the stream, which is an error inside a message. Of UDP an empty datagram is the
 * end. */
static bool conn_receive(struct conn *c, void *data, size_t length)
{
	uint8_t *p = data;
	size_t have = 0;

	while (have < length) {
		ssize_t n = recv(c->fd, p + have, length - have, 0);

		if (n > 0) {
			have += (size_t)n;
		} else if (n == 0) {
			if (have == 0)
				return false;
			fprintf(stderr, "pingpong: the peer closed after %zu of %zu bytes\n", have, length);
			exit(1);
		} else if (errno == EAGAIN) {
			conn_wait(c, EPOLLIN);
		} else {
			fail("recv");
		}
	}
	return true;
}

static socklen_t parse_address(const struct options *o, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (o->unix_path) {
		struct sockaddr_un *un = (struct sockaddr_un *)out;

		if (strlen(o->unix_path) >= sizeof(un->sun_path))
			usage("--unix: the path is too long");
		un->sun_family = AF_UNIX;
		strcpy(un->sun_path, o->unix_path);
		return sizeof(*un);
	}
	const char *where = o->tcp ? o->tcp : o->udp, *colon = strrchr(where, ':');
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	char host[INET_ADDRSTRLEN] = "";

	if (!colon || (size_t)(colon - where) >= sizeof(host))
		usage("expected ADDRESS:PORT");
	memcpy(host, where, (size_t)(colon - where));
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		usage("expected an IPv4 address");
	return sizeof(*in);
}

static int socket_type(const struct options *o)
{
	return (o->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC;
}

/* A socket at the server's address; says on standard output that it is there. */
static int listen_at(const struct options *o, const struct sockaddr_storage *address, socklen_t length)
{
	struct sockaddr_in bound = {0};
	socklen_t bound_length = sizeof(bound);
	int one = 1, listener = socket(address->ss_family, socket_type(o), 0);

	if (listener < 0)
		fail("socket");
	if (!o->unix_path && setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		fail("setsockopt SO_REUSEADDR");
	if (bind(listener, (const struct sockaddr *)address, length))
		fail("bind");
	if (!o->udp && listen(listener, 16))
		fail("listen");
	if (!o->unix_path && getsockname(listener, (struct sockaddr *)&bound, &bound_length))
		fail("getsockname");
	printf("{\"listening\":%u}\n", ntohs(bound.sin_port));
	fflush(stdout);
	return listener;
}

/* The first who connects; of UDP, the first who sends, whose datagram stays unread. */
static int accept_one(const struct options *o, int listener)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	char byte;
	int fd;

	if (o->udp) {
		if (recvfrom(listener, &byte, 1, MSG_PEEK, (struct sockaddr *)&from, &length) < 0)
			fail("recvfrom");
		if (connect(listener, (const struct sockaddr *)&from, length))
			fail("connect");
		return listener;
	}
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		fail("accept");
	return fd;
}

static int connect_one(const struct options *o, const struct sockaddr_storage *address, socklen_t length)
{
	int fd = socket(address->ss_family, socket_type(o), 0);

	if (fd < 0)
		fail("socket");
	if (connect(fd, (const struct sockaddr *)address, length))
		fail("connect");
	return fd;
}

/* Takes a connected socket. The epoll instance is the caller's, and the same for all connections in turn. */
static struct conn conn_adopt(const struct options *o, int fd, int epoll_fd)
{
	struct conn c = {.fd = fd, .epoll_fd = epoll_fd, .busy = o->busy, .blocking = o->blocking};
	int one = 1;

	if (!o->blocking && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK))
		fail("fcntl");
	if (o->tcp && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		fail("setsockopt TCP_NODELAY");
	/* As event loops do, and before anything is sent: a socket that nobody waits for is not promoted. */
	if (!o->blocking)
		conn_arm(&c, EPOLLIN);
	return c;
}

static int epoll_open(void)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0)
		fail("epoll_create1");
	return epoll_fd;
}

static struct conn conn_open(const struct options *o)
{
	struct sockaddr_storage address;
	socklen_t length = parse_address(o, &address);
	int fd;

	if (o->server) {
		int listener = listen_at(o, &address, length);

		fd = accept_one(o, listener);
		if (fd != listener)
			close(listener);
	} else {
		fd = connect_one(o, &address, length);
	}
	return conn_adopt(o, fd, epoll_open());
}

static void conn_close(struct conn *c)
{
	close(c->epoll_fd);
	close(c->fd);
}

#endif
