// SPDX-License-Identifier: Apache-2.0
/*
 * Very many connections between two processes, for the question what one more costs.
 *
 *   crowd server IP PORT          echoes; ends with standard input
 *   crowd client IP PORT NUMBER   opens NUMBER connections
 *
 * The client is told on standard input what to do, a command a line, and answers each with a JSON object:
 *
 *   rounds N     N requests of 64 bytes on each connection, up to 64 connections at a time
 *   measure MS   one request after the other, each on a connection that is chosen at random
 *
 * Sockets are non-blocking and wait with level-triggered epoll. Each byte of each answer is checked. Exit
 * status: 0, 1 (a call failed, or a byte was wrong), 2 (usage), 3 (10 s without an answer).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WORDS 8 /* of a message */
#define MESSAGE_BYTES (WORDS * sizeof(uint64_t))
#define BATCH 64
#define MAX_SAMPLES (4u << 20)
#define PATIENCE_MS 10000

static void fail(const char *what)
{
	fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

/* As many as one may have; more need more processes. */
static void allow_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		fail("getrlimit RLIMIT_NOFILE");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		fail("setrlimit RLIMIT_NOFILE");
}

static struct sockaddr_in address_of(const char *ip, int port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	if (inet_pton(AF_INET, ip, &in.sin_addr) != 1) {
		fprintf(stderr, "crowd: expected an IPv4 address, got %s\n", ip);
		exit(2);
	}
	return in;
}

static void watch(int epoll, int fd, uint64_t data)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = data};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		fail("epoll_ctl");
}

static int epoll_open(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0)
		fail("epoll_create1");
	return epoll;
}

/* What a socket is sent is small and asked for: it always fits. */
static void send_message(int fd, const void *data, size_t bytes)
{
	if (send(fd, data, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		fail("send");
}

static int listen_at(const char *ip, int port)
{
	struct sockaddr_in in = address_of(ip, port);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&in, sizeof(in)) || listen(fd, 4096))
		fail("listen");
	return fd;
}

static void accept_all(int epoll, int listener)
{
	int one = 1, fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
			fail("setsockopt TCP_NODELAY");
		watch(epoll, fd, (uint64_t)fd);
	}
	if (errno != EAGAIN)
		fail("accept");
}

static int serve(const char *ip, int port)
{
	int epoll = epoll_open(), listener = listen_at(ip, port);
	struct epoll_event events[BATCH];
	char data[4096];

	watch(epoll, STDIN_FILENO, STDIN_FILENO);
	watch(epoll, listener, (uint64_t)listener);
	printf("{\"listening\":%d}\n", port);
	for (;;) {
		int count = epoll_wait(epoll, events, BATCH, -1);

		for (int i = 0; i < count; i++) {
			int fd = (int)events[i].data.u64;
			ssize_t n;

			if (fd == STDIN_FILENO)
				return 0;
			if (fd == listener) {
				accept_all(epoll, fd);
				continue;
			}
			n = recv(fd, data, sizeof(data), 0);
			if (n > 0)
				send_message(fd, data, (size_t)n);
			else if (n == 0 || errno != EAGAIN)
				close(fd);
		}
	}
}

struct crowd {
	int epoll;
	uint32_t number;
	int *fds;
	uint64_t *sequences; /* of each connection's last message */
};

static void ask(struct crowd *crowd, uint32_t which)
{
	uint64_t message[WORDS];

	crowd->sequences[which]++;
	for (int i = 0; i < WORDS; i++)
		message[i] = ((uint64_t)which << 32) + crowd->sequences[which] * WORDS + (uint64_t)i;
	send_message(crowd->fds[which], message, sizeof(message));
}

/* Waits for answers; each is the whole of a message, which is sent in one piece. Returns how many came. */
static uint32_t hear(struct crowd *crowd)
{
	struct epoll_event events[BATCH];
	int count = epoll_wait(crowd->epoll, events, BATCH, PATIENCE_MS);

	if (count < 0)
		fail("epoll_wait");
	if (count == 0) {
		fprintf(stderr, "crowd: no answer for 10 s\n");
		exit(3);
	}
	for (int i = 0; i < count; i++) {
		uint32_t which = events[i].data.u32;
		uint64_t message[WORDS];

		if (recv(crowd->fds[which], message, sizeof(message), 0) != sizeof(message))
			fail("recv of an answer");
		for (int word = 0; word < WORDS; word++) {
			if (message[word] !=
			    ((uint64_t)which << 32) + crowd->sequences[which] * WORDS + (uint64_t)word) {
				fprintf(stderr, "crowd: a wrong answer on connection %u\n", which);
				exit(1);
			}
		}
	}
	return (uint32_t)count;
}

/* One request on each of so many connections, from `first` on. */
static void ask_batch(struct crowd *crowd, uint32_t first, uint32_t number)
{
	for (uint32_t i = 0; i < number; i++)
		ask(crowd, first + i);
	for (uint32_t heard = 0; heard < number;)
		heard += hear(crowd);
}

static uint32_t batch_at(const struct crowd *crowd, uint32_t first)
{
	return crowd->number - first < BATCH ? crowd->number - first : BATCH;
}

static void rounds(struct crowd *crowd, uint32_t number)
{
	for (uint32_t round = 0; round < number; round++)
		for (uint32_t first = 0; first < crowd->number; first += BATCH)
			ask_batch(crowd, first, batch_at(crowd, first));
	printf("{\"rounds\":%u}\n", number);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void measure(struct crowd *crowd, uint64_t ms)
{
	static uint32_t samples[MAX_SAMPLES];
	const uint64_t end_ns = now_ns() + ms * 1000000;
	uint32_t count = 0, random = 12345;
	uint64_t before_ns;

	while (count < MAX_SAMPLES && (before_ns = now_ns()) < end_ns) {
		random = random * 1664525 + 1013904223;
		ask_batch(crowd, (uint32_t)((uint64_t)random * crowd->number >> 32), 1);
		samples[count++] = (uint32_t)(now_ns() - before_ns);
	}
	qsort(samples, count, sizeof(*samples), compare);
	printf("{\"messages\":%u,\"p50_ns\":%u,\"p99_ns\":%u}\n", count, samples[count / 2],
	       samples[(uint64_t)count * 99 / 100]);
}

static void connect_all(struct crowd *crowd, const char *ip, int port)
{
	struct sockaddr_in in = address_of(ip, port);
	int one = 1;

	for (uint32_t i = 0; i < crowd->number; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof(in)) ||
		    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
		    fcntl(fd, F_SETFL, O_NONBLOCK))
			fail("connect");
		crowd->fds[i] = fd;
		watch(crowd->epoll, fd, i);
		/* Also makes the server accept: its backlog never fills. */
		if (i % BATCH == BATCH - 1)
			ask_batch(crowd, i + 1 - BATCH, BATCH);
	}
}

static int run_client(const char *ip, int port, uint32_t number)
{
	struct crowd crowd = {.epoll = epoll_open(), .number = number};
	char line[64];

	crowd.fds = calloc(number, sizeof(*crowd.fds));
	crowd.sequences = calloc(number, sizeof(*crowd.sequences));
	if (!crowd.fds || !crowd.sequences)
		fail("calloc");
	connect_all(&crowd, ip, port);
	printf("{\"connected\":%u}\n", number);
	while (fgets(line, sizeof(line), stdin)) {
		unsigned argument;

		if (sscanf(line, "rounds %u", &argument) == 1)
			rounds(&crowd, argument);
		else if (sscanf(line, "measure %u", &argument) == 1)
			measure(&crowd, argument);
		else
			fprintf(stderr, "crowd: expected rounds N or measure MS\n");
	}
	return 0;
}

int main(int argc, char **argv)
{
	bool is_server = argc == 4 && !strcmp(argv[1], "server");
	bool is_client = argc == 5 && !strcmp(argv[1], "client") && atoi(argv[4]) > 0;

	if (!is_server && !is_client) {
		fprintf(stderr, "usage: crowd server IP PORT | crowd client IP PORT NUMBER\n");
		return 2;
	}
	setlinebuf(stdout);
	allow_files();
	if (is_server)
		return serve(argv[2], atoi(argv[3]));
	return run_client(argv[2], atoi(argv[3]), (uint32_t)atoi(argv[4]));
}
