// SPDX-License-Identifier: Apache-2.0
/* What a socket says of itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "semantics.h"

static void see_number(const char *label, int fd, unsigned long request)
{
	int number = -1;

	if (ioctl(fd, request, &number) < 0)
		see_result(label, -1);
	else
		see(label, "%d", number);
}

static void unread(struct pair *pair)
{
	see_number("nothing", pair->fd[SERVER], FIONREAD);
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	see_number("a message", pair->fd[SERVER], FIONREAD);
	put(pair, CLIENT, 50, 0);
	await_bytes(pair, SERVER, 150);
	see_number("two", pair->fd[SERVER], FIONREAD);
	see_take(pair, SERVER, "a part", 120, 0);
	see_number("the rest", pair->fd[SERVER], FIONREAD);
	see_take(pair, SERVER, "all", 120, 0);
	see_number("nothing again", pair->fd[SERVER], FIONREAD);
	shutdown(pair->fd[CLIENT], SHUT_WR);
	await_events(pair->fd[SERVER], POLLRDHUP);
	see_number("the end", pair->fd[SERVER], FIONREAD);
}

/* A socket that was promoted, and whose bytes come by TCP: its reader waits edge-triggered now. */
static void unread_by_tcp(struct pair *pair)
{
	turn_to_edge_waiting(pair, SERVER);
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	see_number("a message", pair->fd[SERVER], FIONREAD);
	see_take(pair, SERVER, "a part", 60, 0);
	see_number("the rest", pair->fd[SERVER], FIONREAD);
	see_drain(pair, SERVER, "read", 40);
}

static void unsent(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	/* Acknowledged at some time, read or not. */
	see("SIOCOUTQ in the end", "%d", await_acknowledged(pair->fd[CLIENT]));
	see_number("SIOCOUTQNSD", pair->fd[CLIENT], SIOCOUTQNSD);
	see_number("SIOCATMARK", pair->fd[SERVER], SIOCATMARK);
	see_drain(pair, SERVER, "read", 100);
}

static struct tcp_info info(int fd)
{
	struct tcp_info info = {};
	socklen_t size = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		die("TCP_INFO");
	return info;
}

static void tcp_info(struct pair *pair)
{
	struct tcp_info before[2] = {info(pair->fd[0]), info(pair->fd[1])}, after[2];

	put(pair, CLIENT, 1000, 0);
	see_drain(pair, SERVER, "read", 1000);
	put(pair, SERVER, 10, 0); /* carries the acknowledgement */
	see_drain(pair, CLIENT, "answer", 10);
	after[0] = info(pair->fd[0]);
	after[1] = info(pair->fd[1]);
	see("state", "%d %d", after[0].tcpi_state, after[1].tcpi_state);
	see("bytes sent", "%llu", after[0].tcpi_bytes_sent - before[0].tcpi_bytes_sent);
	see("bytes acknowledged", "%llu", after[0].tcpi_bytes_acked - before[0].tcpi_bytes_acked);
	see("bytes received", "%llu", after[1].tcpi_bytes_received - before[1].tcpi_bytes_received);
	see("retransmissions", "%u", after[0].tcpi_total_retrans + after[1].tcpi_total_retrans);
	see("segments with data", "%u %u", after[0].tcpi_data_segs_out - before[0].tcpi_data_segs_out,
	    after[1].tcpi_data_segs_in - before[1].tcpi_data_segs_in);
	see("not sent", "%u", after[0].tcpi_notsent_bytes);
}

/* Of a socket whose peer is gone, and as programs ask that were built long ago. */
static void tcp_info_in_the_end(struct pair *pair)
{
	struct tcp_info before = info(pair->fd[SERVER]), after;
	socklen_t size = offsetof(struct tcp_info, tcpi_pacing_rate);

	put(pair, CLIENT, 1000, 0);
	see_drain(pair, SERVER, "read", 1000);
	pair_close(pair, CLIENT);
	await_events(pair->fd[SERVER], POLLRDHUP);
	after = info(pair->fd[SERVER]);
	see("bytes received", "%llu", after.tcpi_bytes_received - before.tcpi_bytes_received);
	see("state", "%d", after.tcpi_state);
	see_result("a short one", getsockopt(pair->fd[SERVER], IPPROTO_TCP, TCP_INFO, &after, &size));
	see("size", "%u", size);
	size = sizeof(after);
	see_result("nowhere", getsockopt(pair->fd[SERVER], IPPROTO_TCP, TCP_INFO, NULL, &size));
}

static void identity(struct pair *pair)
{
	static const struct {
		const char *label;
		int name;
	} options[] = {
	    {"SO_TYPE", SO_TYPE},	 {"SO_PROTOCOL", SO_PROTOCOL},	   {"SO_DOMAIN", SO_DOMAIN},
	    {"SO_ERROR", SO_ERROR},	 {"SO_ACCEPTCONN", SO_ACCEPTCONN}, {"SO_RCVLOWAT", SO_RCVLOWAT},
	    {"SO_SNDLOWAT", SO_SNDLOWAT}};
	struct sockaddr_storage names[2][2];
	socklen_t size;
	struct stat stat;

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		int value = -1;

		size = sizeof(value);
		if (getsockopt(pair->fd[CLIENT], SOL_SOCKET, options[i].name, &value, &size) < 0)
			see_result(options[i].label, -1);
		else
			see(options[i].label, "%d", value);
	}
	memset(names, 0, sizeof(names));
	for (int side = 0; side < 2; side++) {
		size = sizeof(names[side][0]);
		getsockname(pair->fd[side], (struct sockaddr *)&names[side][0], &size);
		size = sizeof(names[side][1]);
		getpeername(pair->fd[side], (struct sockaddr *)&names[side][1], &size);
	}
	see("client's name is the server's peer", "%d",
	    !memcmp(&names[CLIENT][0], &names[SERVER][1], sizeof(names[0][0])));
	see("server's name is the client's peer", "%d",
	    !memcmp(&names[SERVER][0], &names[CLIENT][1], sizeof(names[0][0])));
	see_result("fstat", fstat(pair->fd[CLIENT], &stat));
	see("is a socket", "%d", S_ISSOCK(stat.st_mode) != 0);
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "read", 10);
}

const struct semantic inspect_cases[] = {
    {"fionread", NULL, unread},
    {"fionread-by-tcp", NULL, unread_by_tcp},
    {"outq", NULL, unsent},
    {"tcp-info", NULL, tcp_info},
    {"tcp-info-in-the-end", NULL, tcp_info_in_the_end},
    {"identity", NULL, identity},
    {},
};
