// SPDX-License-Identifier: Apache-2.0
/* What poll(2), select(2), epoll(7) and SIGIO tell, and when. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>
#include "semantics.h"

static void poll_masks(struct pair *pair)
{
	see_events("idle", events_now(pair->fd[SERVER]), true);
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	see_events("bytes", events_now(pair->fd[SERVER]), true);
	see_take(pair, SERVER, "a part", 60, 0);
	see_events("some bytes", events_now(pair->fd[SERVER]), true);
	see_take(pair, SERVER, "the rest", 60, 0);
	see_events("none", events_now(pair->fd[SERVER]), true);
	put(pair, CLIENT, 100, 0);
	shutdown(pair->fd[CLIENT], SHUT_WR);
	await_events(pair->fd[SERVER], POLLRDHUP);
	see_events("bytes and the end", events_now(pair->fd[SERVER]), true);
	see_drain(pair, SERVER, "to the end", 200);
	see_events("the end", events_now(pair->fd[SERVER]), true);
	shutdown(pair->fd[SERVER], SHUT_WR);
	await_events(pair->fd[SERVER], POLLHUP);
	see_events("both ends", events_now(pair->fd[SERVER]), true);
}

static void select_sets(struct pair *pair)
{
	struct timeval none = {};
	fd_set in, out, other;
	int fd = pair->fd[SERVER];

	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	FD_ZERO(&in);
	FD_SET(fd, &in);
	out = other = in;
	see_result("select", select(fd + 1, &in, &out, &other, &none));
	see("sets", "%d %d %d", FD_ISSET(fd, &in) != 0, FD_ISSET(fd, &out) != 0, FD_ISSET(fd, &other) != 0);
}

static void epoll_level(struct pair *pair)
{
	int epoll = epoll_of(pair->fd[SERVER], EPOLLIN | EPOLLRDHUP | EPOLLPRI);

	see_events("idle", epoll_now(epoll), true);
	put(pair, CLIENT, 100, 0);
	see_events("bytes", await_epoll(epoll), true);
	see_events("again", epoll_now(epoll), true);
	see_take(pair, SERVER, "a part", 60, 0);
	see_events("some bytes", epoll_now(epoll), true);
	see_take(pair, SERVER, "the rest", 60, 0);
	see_events("none", epoll_now(epoll), true);
	shutdown(pair->fd[CLIENT], SHUT_WR);
	see_events("the end", await_epoll(epoll), true);
	close(epoll);
}

/* The level-triggered descriptor stays: the pair stays promoted, and by what is redirected a second, edge-
 * triggered one is woken. */
static void epoll_edge(struct pair *pair)
{
	int epoll = epoll_of(pair->fd[SERVER], EPOLLIN | EPOLLRDHUP | EPOLLET);

	see_events("idle", epoll_now(epoll), true);
	put(pair, CLIENT, 100, 0);
	see_events("a message", await_epoll(epoll), true);
	see_events("nothing new", epoll_now(epoll), true);
	put(pair, CLIENT, 100, 0);
	see_events("another, with the first unread", await_epoll(epoll), true);
	see_take(pair, SERVER, "a part", 60, 0);
	see_events("nothing new after reading", epoll_now(epoll), true);
	put(pair, CLIENT, 100, 0);
	see_events("a third", await_epoll(epoll), true);
	see_drain(pair, SERVER, "the rest", 240);
	see_events("all read", epoll_now(epoll), true);
	shutdown(pair->fd[CLIENT], SHUT_WR);
	see_events("the end", await_epoll(epoll), true);
	close(epoll);
}

static void epoll_edge_output(struct pair *pair)
{
	int epoll = epoll_of(pair->fd[CLIENT], EPOLLOUT | EPOLLET);

	see_events("room", await_epoll(epoll), true);
	see_events("once", epoll_now(epoll), true);
	while (put(pair, CLIENT, 100000, 0) > 0)
		;
	see("full", "%s", strerrorname_np(errno));
	see("drained", "%s", drain(pair, SERVER, pair->sent[CLIENT] - pair->read[SERVER]) ? "yes" : "no");
	see("told of room", "%s", await_epoll(epoll) & EPOLLOUT ? "yes" : "no");
	close(epoll);
}

static void epoll_oneshot(struct pair *pair)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};
	int epoll = epoll_of(pair->fd[SERVER], EPOLLIN | EPOLLONESHOT);

	put(pair, CLIENT, 100, 0);
	see_events("once", await_epoll(epoll), true);
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 200);
	see_events("not again", epoll_now(epoll), true);
	epoll_ctl(epoll, EPOLL_CTL_MOD, pair->fd[SERVER], &event);
	see_events("armed again", await_epoll(epoll), true);
	see_drain(pair, SERVER, "read", 200);
	close(epoll);
}

static void epoll_exclusive(struct pair *pair)
{
	int first = epoll_of(pair->fd[SERVER], EPOLLIN | EPOLLEXCLUSIVE);
	int second = epoll_of(pair->fd[SERVER], EPOLLIN | EPOLLEXCLUSIVE);

	put(pair, CLIENT, 100, 0);
	see_events("the first", await_epoll(first), true);
	see_drain(pair, SERVER, "read", 100);
	see_events("first afterwards", epoll_now(first), true);
	see_events("second afterwards", epoll_now(second), true);
	close(first);
	close(second);
}

static void epoll_nested(struct pair *pair)
{
	int inner = epoll_of(pair->fd[SERVER], EPOLLIN);
	int outer = epoll_of(inner, EPOLLIN);

	see_events("idle", epoll_now(outer), true);
	put(pair, CLIENT, 100, 0);
	see_events("outer", await_epoll(outer), true);
	see_events("inner", epoll_now(inner), true);
	see_drain(pair, SERVER, "read", 100);
	see_events("outer afterwards", epoll_now(outer), true);
	close(outer);
	close(inner);
}

static void epoll_added_late(struct pair *pair)
{
	int epoll;

	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	epoll = epoll_of(pair->fd[SERVER], EPOLLIN | EPOLLET);
	see_events("bytes that were there before", await_epoll(epoll), true);
	see_drain(pair, SERVER, "read", 100);
	close(epoll);
}

static void epoll_reset(struct pair *pair)
{
	struct linger now = {.l_onoff = 1};
	int epoll = epoll_of(pair->fd[SERVER], EPOLLIN | EPOLLRDHUP | EPOLLET);

	setsockopt(pair->fd[CLIENT], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	pair_close(pair, CLIENT);
	see_events("reset", await_epoll(epoll), true);
	see_take(pair, SERVER, "read", 10, 0);
	close(epoll);
}

/* A reader that turns to edge-triggered waiting alone, and reads until EAGAIN: what it was sent before and
 * after the change comes. */
static void turn_to_edge(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	turn_to_edge_waiting(pair, SERVER);
	see_events("bytes that were there before", await_epoll(pair->epoll[SERVER]), true);
	put(pair, CLIENT, 100, 0);
	see_events("more", await_epoll(pair->epoll[SERVER]), true);
	see_drain(pair, SERVER, "read", 200);
	put(pair, CLIENT, 100, 0);
	see_events("from then on", await_epoll(pair->epoll[SERVER]), true);
	see_drain(pair, SERVER, "read from then on", 100);
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static void signal_driven(struct pair *pair)
{
	struct sigaction count = {.sa_handler = count_signal}, before;

	signals = 0;
	sigaction(SIGIO, &count, &before);
	fcntl(pair->fd[SERVER], F_SETOWN, getpid());
	fcntl(pair->fd[SERVER], F_SETFL, O_NONBLOCK | O_ASYNC);
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	see("told of bytes", "%s", signals ? "yes" : "no");
	fcntl(pair->fd[SERVER], F_SETFL, O_NONBLOCK);
	see_drain(pair, SERVER, "read", 100);
	sigaction(SIGIO, &before, NULL);
}

static void alarm_during_wait(struct pair *pair)
{
	struct sigaction count = {.sa_handler = count_signal}, before;
	struct epoll_event event;

	signals = 0;
	sigaction(SIGALRM, &count, &before);
	/* Again and again: the first may come before the wait begins. */
	ualarm(10000, 10000);
	see_result("epoll_wait", epoll_wait(pair->epoll[SERVER], &event, 1, 5000));
	ualarm(0, 0);
	see("signals", "%s", signals ? "some" : "none");
	put(pair, CLIENT, 100, 0);
	see_events("afterwards", await_epoll(pair->epoll[SERVER]), false);
	see_drain(pair, SERVER, "read", 100);
	sigaction(SIGALRM, &before, NULL);
}

const struct semantic wait_cases[] = {
    {"poll-masks", NULL, poll_masks},
    {"select", NULL, select_sets},
    {"epoll-level", NULL, epoll_level},
    {"epoll-edge-beside-level", NULL, epoll_edge},
    {"epoll-edge-output", NULL, epoll_edge_output},
    {"epoll-oneshot", NULL, epoll_oneshot},
    {"epoll-exclusive", NULL, epoll_exclusive},
    {"epoll-nested", NULL, epoll_nested},
    {"epoll-added-late", NULL, epoll_added_late},
    {"epoll-reset", NULL, epoll_reset},
    {"turn-to-edge", NULL, turn_to_edge},
    {"sigio", NULL, signal_driven},
    {"signal-during-epoll", NULL, alarm_during_wait},
    {},
};
