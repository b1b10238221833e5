// SPDX-License-Identifier: Apache-2.0
/* How a connection ends: half-close, close, reset; what either side is told, and when. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "semantics.h"

static volatile sig_atomic_t broken_pipes;

static void count_broken_pipe(int number)
{
	(void)number;
	broken_pipes++;
}

static void reset(struct pair *pair, enum side side)
{
	struct linger now = {.l_onoff = 1};

	if (setsockopt(pair->fd[side], SOL_SOCKET, SO_LINGER, &now, sizeof(now)) < 0)
		die("SO_LINGER");
	pair_close(pair, side);
}

static void see_error(const char *label, int fd)
{
	int error = -1;
	socklen_t size = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	see(label, "%s", error ? strerrorname_np(error) : "none");
}

static void shutdown_write(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	see_result("shutdown", shutdown(pair->fd[CLIENT], SHUT_WR));
	see_drain(pair, SERVER, "read", 200);
	see_take(pair, SERVER, "again", 10, 0);
	see_take(pair, SERVER, "and again", 10, MSG_PEEK);
	see_events("reader's events", events_now(pair->fd[SERVER]), true);
	see_events("writer's events", events_now(pair->fd[CLIENT]), true);
	see_result("writing on", put(pair, CLIENT, 1, 0));
	see_result("shutdown again", shutdown(pair->fd[CLIENT], SHUT_WR));
}

static void answer_after_half_close(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	shutdown(pair->fd[CLIENT], SHUT_WR);
	see_drain(pair, SERVER, "request", 200);
	for (int i = 0; i < 20; i++)
		put_all(pair, SERVER, 5000);
	see_drain(pair, CLIENT, "long answer", 100000);
	pair_close(pair, SERVER);
	see_drain(pair, CLIENT, "after it", 1);
	see_events("events", events_now(pair->fd[CLIENT]), true);
}

static void shutdown_read(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	see_result("shutdown", shutdown(pair->fd[SERVER], SHUT_RD));
	see_events("events", events_now(pair->fd[SERVER]), true);
	see_take(pair, SERVER, "what was there", 200, 0);
	see_take(pair, SERVER, "afterwards", 200, 0);
	see_result("sending to it", put(pair, CLIENT, 50, 0));
	/* It is readable all the time, for the end. */
	await_bytes(pair, SERVER, 50);
	see_events("events then", events_now(pair->fd[SERVER]), true);
	see_take(pair, SERVER, "what came later", 200, 0);
	see_take(pair, SERVER, "in the end", 200, 0);
	see_result("it can send", put(pair, SERVER, 10, 0));
	see_drain(pair, CLIENT, "and is heard", 10);
}

static void shutdown_both(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	see_result("shutdown", shutdown(pair->fd[CLIENT], SHUT_RDWR));
	see_events("its events", events_now(pair->fd[CLIENT]), true);
	see_take(pair, CLIENT, "its reading", 10, 0);
	see_result("its writing", put(pair, CLIENT, 1, 0));
	see_drain(pair, SERVER, "the other reads", 200);
}

static void close_all_read(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	see_drain(pair, SERVER, "read", 100);
	pair_close(pair, CLIENT);
	see_events("events", await_events(pair->fd[SERVER], POLLIN | POLLRDHUP), false);
	see_take(pair, SERVER, "afterwards", 10, 0);
	see_error("SO_ERROR", pair->fd[SERVER]);
}

static void close_after_bytes(struct pair *pair)
{
	for (int i = 0; i < 30; i++)
		put(pair, CLIENT, 1000, 0);
	pair_close(pair, CLIENT);
	see_drain(pair, SERVER, "read", 40000);
}

static void close_unread(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	pair_close(pair, SERVER);
	see_events("events", await_events(pair->fd[CLIENT], POLLIN | POLLRDHUP), false);
	see_take(pair, CLIENT, "read", 10, 0);
	see_take(pair, CLIENT, "again", 10, 0);
}

static void close_unread_partly(struct pair *pair)
{
	put(pair, CLIENT, 50, 0);
	put(pair, CLIENT, 50, 0);
	await_bytes(pair, SERVER, 100);
	see_take(pair, SERVER, "a part", 70, 0);
	pair_close(pair, SERVER);
	see_events("events", await_events(pair->fd[CLIENT], POLLIN | POLLRDHUP), false);
	see_take(pair, CLIENT, "read", 10, 0);
}

/* The closing side's own last words are not lost to what it did not read. */
static void close_unread_after_answer(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	put(pair, SERVER, 30, 0);
	await_bytes(pair, CLIENT, 30);
	pair_close(pair, SERVER);
	await_events(pair->fd[CLIENT], POLLRDHUP);
	see_take(pair, CLIENT, "the answer", 100, 0);
	see_take(pair, CLIENT, "afterwards", 10, 0);
}

static void close_unread_both(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	put(pair, SERVER, 30, 0);
	await_bytes(pair, SERVER, 100);
	await_bytes(pair, CLIENT, 30);
	pair_close(pair, SERVER);
	see_events("events", await_events(pair->fd[CLIENT], POLLHUP), true);
	see_drain(pair, CLIENT, "what was there", 100);
}

/* Of a socket whose stream was ended by shutdown(2). */
static void await_end_acknowledged(int fd)
{
	struct tcp_info info = {.tcpi_state = TCP_FIN_WAIT1};
	socklen_t size = sizeof(info);

	for (int i = 0; i < 1000 && info.tcpi_state == TCP_FIN_WAIT1; i++) {
		poll(NULL, 0, 1);
		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
			die("TCP_INFO");
	}
}

/* Its stream was ended before: nothing but a reset is left to say. */
static void close_unread_after_shutdown(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	shutdown(pair->fd[SERVER], SHUT_WR);
	await_end_acknowledged(pair->fd[SERVER]);
	pair_close(pair, SERVER);
	see("told of it", "%s", is_told_of_error(pair->fd[CLIENT]) ? "yes" : "no");
	await_events(pair->fd[CLIENT], POLLRDHUP);
	see_take(pair, CLIENT, "read", 10, 0);
}

static void write_to_closed(struct pair *pair)
{
	char label[16];

	pair_close(pair, SERVER);
	await_events(pair->fd[CLIENT], POLLRDHUP);
	see_result("first write", put(pair, CLIENT, 10, 0));
	await_events(pair->fd[CLIENT], POLLHUP);
	see_events("events", events_now(pair->fd[CLIENT]), true);
	for (int i = 2; i < 4; i++) {
		snprintf(label, sizeof(label), "write %d", i);
		see_result(label, put(pair, CLIENT, 10, 0));
	}
	see_take(pair, CLIENT, "read", 10, 0);
	see_error("SO_ERROR", pair->fd[CLIENT]);
}

static void broken_pipe(struct pair *pair)
{
	struct sigaction count = {.sa_handler = count_broken_pipe}, before;

	broken_pipes = 0;
	sigaction(SIGPIPE, &count, &before);
	shutdown(pair->fd[CLIENT], SHUT_WR);
	see_result("write", write(pair->fd[CLIENT], "x", 1));
	see("signals", "%d", broken_pipes);
	see_result("send", send(pair->fd[CLIENT], "x", 1, MSG_NOSIGNAL));
	see("signals with MSG_NOSIGNAL", "%d", broken_pipes);
	sigaction(SIGPIPE, &before, NULL);
}

static void reset_with_bytes(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	reset(pair, CLIENT);
	await_events(pair->fd[SERVER], POLLHUP);
	see_events("events", events_now(pair->fd[SERVER]), true);
	see_take(pair, SERVER, "a part", 60, 0);
	see_drain(pair, SERVER, "the rest", 100);
	see_take(pair, SERVER, "again", 10, 0);
	see_result("write", put(pair, SERVER, 1, 0));
}

static void reset_idle(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	see_drain(pair, SERVER, "read", 100);
	reset(pair, CLIENT);
	await_events(pair->fd[SERVER], POLLHUP);
	see_events("events", events_now(pair->fd[SERVER]), true);
	see_error("SO_ERROR", pair->fd[SERVER]);
	see_error("SO_ERROR again", pair->fd[SERVER]);
	see_take(pair, SERVER, "read", 10, 0);
	see_result("write", put(pair, SERVER, 1, 0));
	see_result("shutdown", shutdown(pair->fd[SERVER], SHUT_RDWR));
}

static void reset_then_write(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	see_drain(pair, SERVER, "read", 100);
	reset(pair, SERVER);
	await_events(pair->fd[CLIENT], POLLHUP);
	see_result("write after a reset", put(pair, CLIENT, 1, 0));
	see_take(pair, CLIENT, "afterwards", 200, 0);
	see_result("another write", put(pair, CLIENT, 1, 0));
}

static void reset_unsent(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	put(pair, SERVER, 100, 0);
	await_bytes(pair, CLIENT, 100);
	reset(pair, SERVER);
	await_events(pair->fd[CLIENT], POLLHUP);
	see_result("write after a reset", put(pair, CLIENT, 1, 0));
	see_take(pair, CLIENT, "read what came before", 200, 0);
	see_take(pair, CLIENT, "afterwards", 200, 0);
}

static void linger(struct pair *pair)
{
	struct linger two = {.l_onoff = 1, .l_linger = 2};

	setsockopt(pair->fd[CLIENT], SOL_SOCKET, SO_LINGER, &two, sizeof(two));
	put(pair, CLIENT, 1000, 0);
	see_result("close", close(pair->fd[CLIENT]));
	pair->fd[CLIENT] = -1;
	see_drain(pair, SERVER, "read", 2000);
}

static void both_close(struct pair *pair)
{
	shutdown(pair->fd[CLIENT], SHUT_WR);
	shutdown(pair->fd[SERVER], SHUT_WR);
	await_events(pair->fd[CLIENT], POLLHUP);
	await_events(pair->fd[SERVER], POLLHUP);
	see_events("client", events_now(pair->fd[CLIENT]), true);
	see_events("server", events_now(pair->fd[SERVER]), true);
	see_take(pair, CLIENT, "client reads", 10, 0);
	see_take(pair, SERVER, "server reads", 10, 0);
}

static void disconnect(struct pair *pair)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	see_result("connect to AF_UNSPEC", connect(pair->fd[CLIENT], &none, sizeof(none)));
	see_take(pair, CLIENT, "its reading", 10, 0);
	see_result("its writing", put(pair, CLIENT, 10, 0));
	see_events("its events", events_now(pair->fd[CLIENT]), true);
	await_events(pair->fd[SERVER], POLLHUP);
	see_drain(pair, SERVER, "the other reads", 200);
}

static void connect_again(struct pair *pair)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	getpeername(pair->fd[CLIENT], (struct sockaddr *)&address, &size);
	see_result("connect", connect(pair->fd[CLIENT], (struct sockaddr *)&address, size));
	see_result("listen", listen(pair->fd[CLIENT], 1));
	see_result("bind", bind(pair->fd[CLIENT], (struct sockaddr *)&address, size));
	see_result("accept", accept(pair->fd[CLIENT], NULL, NULL));
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "still works", 10);
}

const struct semantic end_cases[] = {
    {"shutdown-write", NULL, shutdown_write},
    {"answer-after-half-close", NULL, answer_after_half_close},
    {"shutdown-read", NULL, shutdown_read},
    {"shutdown-both", NULL, shutdown_both},
    {"close-all-read", NULL, close_all_read},
    {"close-after-bytes", NULL, close_after_bytes},
    {"close-unread", NULL, close_unread},
    {"close-unread-partly", NULL, close_unread_partly},
    {"close-unread-after-answer", NULL, close_unread_after_answer},
    {"close-unread-both", NULL, close_unread_both},
    {"close-unread-after-shutdown", NULL, close_unread_after_shutdown},
    {"write-to-closed", NULL, write_to_closed},
    {"sigpipe", NULL, broken_pipe},
    {"reset-with-bytes", NULL, reset_with_bytes},
    {"reset-idle", NULL, reset_idle},
    {"reset-then-write", NULL, reset_then_write},
    {"reset-then-write-unread", NULL, reset_unsent},
    {"linger", NULL, linger},
    {"both-close", NULL, both_close},
    {"disconnect", NULL, disconnect},
    {"connect-again", NULL, connect_again},
    {},
};
