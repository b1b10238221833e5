// SPDX-License-Identifier: Apache-2.0
/* What is set before the first byte, and keeps a connection from being promoted: it is then as over TCP. */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "semantics.h"

static const struct semantic *find(const char *name)
{
	for (const struct semantic *semantic = option_cases; semantic->name; semantic++) {
		const char *a = semantic->name, *b = name;

		while (*a && *a == *b)
			a++, b++;
		if (*a == *b)
			return semantic;
	}
	die(name);
}

/* Sets one option and does what the case does that sets it later. */
#define VETO(identifier, side, level, option, value, later)                                                  \
	static void prepare_##identifier(struct pair *pair)                                                  \
	{                                                                                                    \
		int number = value;                                                                          \
                                                                                                             \
		/* Not every kernel knows every option; then the case sees that it does not. */              \
		(void)!setsockopt(pair->fd[side], level, option, &number, sizeof(number));                   \
	}                                                                                                    \
	static void run_##identifier(struct pair *pair)                                                      \
	{                                                                                                    \
		find(later)->run(pair);                                                                      \
	}

VETO(low_water, SERVER, SOL_SOCKET, SO_RCVLOWAT, 50, "rcvlowat-later")
VETO(oob_inline, SERVER, SOL_SOCKET, SO_OOBINLINE, 1, "oobinline-later")
VETO(peek_offset, SERVER, SOL_SOCKET, SO_PEEK_OFF, 0, "peek-off-later")
VETO(zerocopy, CLIENT, SOL_SOCKET, SO_ZEROCOPY, 1, "zerocopy-send-later")
VETO(timestamp, SERVER, SOL_SOCKET, SO_TIMESTAMPNS, 1, "timestamp-later")
VETO(timestamping, CLIENT, SOL_SOCKET, SO_TIMESTAMPING,
     SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_SOFTWARE |
	 SOF_TIMESTAMPING_OPT_TSONLY,
     "timestamping-send-later")
VETO(inquire, SERVER, IPPROTO_TCP, TCP_INQ, 1, "inq-later")

/* One that drops nothing is a filter all the same. */
static void prepare_filter(struct pair *pair)
{
	struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, 0xffff)};
	struct sock_fprog program = {.len = 1, .filter = code};

	if (setsockopt(pair->fd[SERVER], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		die("SO_ATTACH_FILTER");
}

static void run_filter(struct pair *pair)
{
	find("drop-filter-later")->run(pair);
}

static void prepare_pace(struct pair *pair)
{
	set_option(pair->fd[CLIENT], SOL_SOCKET, SO_MAX_PACING_RATE, 3000000);
}

static void run_pace(struct pair *pair)
{
	find("pacing-later")->run(pair);
}

static void prepare_zerocopy_receive(struct pair *pair)
{
	struct tcp_zerocopy_receive receive = {};
	socklen_t size = sizeof(receive);

	if (getsockopt(pair->fd[SERVER], IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &receive, &size) < 0)
		die("TCP_ZEROCOPY_RECEIVE");
}

static void run_zerocopy_receive(struct pair *pair)
{
	find("zerocopy-receive")->run(pair);
}

static void prepare_edge(struct pair *pair)
{
	close(pair->epoll[SERVER]);
	pair->epoll[SERVER] = epoll_of(pair->fd[SERVER], EPOLLIN | EPOLLET);
}

/* As nginx: reads as much as FIONREAD says and waits for the next edge. */
static void run_edge(struct pair *pair)
{
	for (int i = 0; i < 3; i++) {
		int unread = -1;

		put(pair, CLIENT, 100, 0);
		await_epoll(pair->epoll[SERVER]);
		await_bytes(pair, SERVER, 100);
		ioctl(pair->fd[SERVER], FIONREAD, &unread);
		see(i == 0 ? "FIONREAD 1" : i == 1 ? "FIONREAD 2" : "FIONREAD 3", "%d", unread);
		drain(pair, SERVER, 100);
	}
	put(pair, CLIENT, 100, 0);
	see_drain(pair, SERVER, "read", 100);
}

static void prepare_blocking(struct pair *pair)
{
	set_nonblocking(pair->fd[SERVER], false);
}

static void run_blocking(struct pair *pair)
{
	struct linger now = {.l_onoff = 1};

	put(pair, CLIENT, 100, 0);
	see_take(pair, SERVER, "read", 100, MSG_WAITALL);
	setsockopt(pair->fd[CLIENT], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	pair_close(pair, CLIENT);
	see_take(pair, SERVER, "after a reset", 10, 0);
}

const struct semantic veto_cases[] = {
    {"rcvlowat-before", prepare_low_water, run_low_water},
    {"oobinline-before", prepare_oob_inline, run_oob_inline},
    {"peek-off-before", prepare_peek_offset, run_peek_offset},
    {"zerocopy-send-before", prepare_zerocopy, run_zerocopy},
    {"timestamp-before", prepare_timestamp, run_timestamp},
    {"timestamping-send-before", prepare_timestamping, run_timestamping},
    {"inq-before", prepare_inquire, run_inquire},
    {"pacing-before", prepare_pace, run_pace},
    {"zerocopy-receive-before", prepare_zerocopy_receive, run_zerocopy_receive},
    {"filter-before", prepare_filter, run_filter},
    {"edge-triggered-before", prepare_edge, run_edge},
    {"blocking-before", prepare_blocking, run_blocking},
    {},
};
