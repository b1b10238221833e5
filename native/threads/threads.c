// SPDX-License-Identifier: Apache-2.0
/*
 * Several threads write messages to one socket at once, without a lock of their own: the kernel keeps each
 * message whole and the messages of each thread in order. The other end checks that.
 *
 *   threads --messages N [--threads N]
 *
 * Over 127.0.0.1, after a few rounds of one message each way, in which a fast path may be entered. Sockets
 * are non-blocking; the reader waits with level-triggered epoll. Prints one JSON object. Exit status: 0
 * whenever all was read, in whatever order, or nothing came for 10 seconds; 1: a call failed; 2: usage.
 *
 *   messages   that were read
 *   overtaken  that came after a later one of their thread
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 8
#define ROUNDS 100
#define READ_MESSAGES 64
#define STUCK_MS 10000
/* After so many messages a thread pauses, so that the others meet an empty queue, too. */
#define BURST 64
#define PAUSE_NS_MAX 60000

struct message {
	uint64_t thread;
	uint64_t number; /* from 1 */
};

static int writer_fd;
static uint64_t messages_each;

static void die(const char *what)
{
	fprintf(stderr, "threads: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *writer_run(void *argument)
{
	struct message message = {.thread = (uintptr_t)argument};
	struct pollfd room = {.fd = writer_fd, .events = POLLOUT};
	unsigned random = (unsigned)message.thread + 1;

	while (message.number < messages_each) {
		ssize_t sent;

		message.number++;
		while ((sent = send(writer_fd, &message, sizeof(message), MSG_NOSIGNAL)) < 0 &&
		       errno == EAGAIN)
			poll(&room, 1, STUCK_MS);
		if (sent != sizeof(message))
			die("send");
		if (message.number % BURST == 0)
			nanosleep(&(struct timespec){.tv_nsec = rand_r(&random) % PAUSE_NS_MAX}, NULL);
	}
	return NULL;
}

static int epoll_make(int fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll");
	return epoll;
}

/* Returns the bytes that were read; 0: nothing came for too long, or the end. */
static size_t read_some(int epoll, int fd, void *buffer, size_t size)
{
	struct epoll_event event;
	ssize_t got;

	do {
		if (epoll_wait(epoll, &event, 1, STUCK_MS) <= 0)
			return 0;
		got = recv(fd, buffer, size, 0);
	} while (got < 0 && errno == EAGAIN);
	if (got < 0)
		die("recv");
	return (size_t)got;
}

static void pass(int from, int to, int epoll)
{
	struct message message = {};

	if (send(from, &message, sizeof(message), MSG_NOSIGNAL) != sizeof(message) ||
	    read_some(epoll, to, &message, sizeof(message)) != sizeof(message))
		die("round");
}

/* Both ends of one connection over 127.0.0.1. */
static void connect_both(int ends[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
	    listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		die("listen");
	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ends[0] < 0 || connect(ends[0], (struct sockaddr *)&address, size) < 0)
		die("connect");
	ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (ends[1] < 0)
		die("accept");
	close(listener);
	for (int i = 0; i < 2; i++)
		if (setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
		    fcntl(ends[i], F_SETFL, O_NONBLOCK) < 0)
			die("option");
}

/* Reads up to `messages`; prints what was found. */
static void check(int epoll, int fd, uint64_t messages)
{
	uint64_t last[THREADS_MAX] = {}, read = 0, overtaken = 0;
	struct message buffer[READ_MESSAGES];
	size_t have = 0;

	while (read < messages) {
		size_t got = read_some(epoll, fd, (char *)buffer + have, sizeof(buffer) - have), whole;

		if (!got)
			break;
		have += got;
		whole = have / sizeof(*buffer);
		for (size_t i = 0; i < whole; i++) {
			const struct message *message = &buffer[i];

			if (message->thread >= THREADS_MAX) {
				fprintf(stderr, "threads: a message is not whole\n");
				exit(1);
			}
			if (message->number < last[message->thread])
				overtaken++;
			else
				last[message->thread] = message->number;
		}
		read += whole;
		have -= whole * sizeof(*buffer);
		memmove(buffer, &buffer[whole], have);
	}
	printf("{\"messages\":%lu,\"overtaken\":%lu}\n", read, overtaken);
}

int main(int count, char **arguments)
{
	static const struct option known[] = {
	    {"messages", 1, NULL, 'm'}, {"threads", 1, NULL, 't'}, {NULL, 0, NULL, 0}};
	uint64_t messages = 0;
	unsigned threads = 4;
	pthread_t writers[THREADS_MAX];
	int ends[2], epolls[2], option;

	while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
		if (option == 'm')
			messages = strtoull(optarg, NULL, 10);
		else if (option == 't')
			threads = (unsigned)strtoul(optarg, NULL, 10);
		else
			exit(2);
	}
	if (!messages || !threads || threads > THREADS_MAX) {
		fprintf(stderr,
			"threads: --messages above 0, --threads 1 to %d; see native/threads/threads.c\n",
			THREADS_MAX);
		exit(2);
	}
	connect_both(ends);
	for (int i = 0; i < 2; i++)
		epolls[i] = epoll_make(ends[i]);
	for (int round = 0; round < ROUNDS; round++) {
		pass(ends[0], ends[1], epolls[1]);
		pass(ends[1], ends[0], epolls[0]);
	}
	writer_fd = ends[0];
	messages_each = messages / threads;
	for (uintptr_t i = 0; i < threads; i++)
		if (pthread_create(&writers[i], NULL, writer_run, (void *)i))
			die("pthread_create");
	check(epolls[1], ends[1], messages_each * threads);
	exit(0);
}
