// SPDX-License-Identifier: Apache-2.0
/* Options that are set on a connection that is already promoted. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "semantics.h"

#define CONTROL_TRIES 20
#define CONTROL_TRY_MS 5
#define MSG_ZEROCOPY_FLAG 0x4000000

static void low_water(struct pair *pair)
{
	set_option(pair->fd[SERVER], SOL_SOCKET, SO_RCVLOWAT, 50);
	put(pair, CLIENT, 10, 0);
	see("10 bytes", "%s", is_quiet(pair->fd[SERVER], POLLIN) ? "quiet" : "woken");
	put(pair, CLIENT, 40, 0);
	see_events("50 bytes", await_events(pair->fd[SERVER], POLLIN), false);
	see_drain(pair, SERVER, "read", 50);
}

static void low_water_reset(struct pair *pair)
{
	set_option(pair->fd[SERVER], SOL_SOCKET, SO_RCVLOWAT, 50);
	set_option(pair->fd[SERVER], SOL_SOCKET, SO_RCVLOWAT, 1);
	put(pair, CLIENT, 10, 0);
	see_events("10 bytes", await_events(pair->fd[SERVER], POLLIN), false);
	see_drain(pair, SERVER, "read", 10);
}

static void oob_inline(struct pair *pair)
{
	set_option(pair->fd[SERVER], SOL_SOCKET, SO_OOBINLINE, 1);
	put(pair, CLIENT, 10, 0);
	put(pair, CLIENT, 1, MSG_OOB);
	await_events(pair->fd[SERVER], POLLPRI);
	see_events("events", events_now(pair->fd[SERVER]), false);
	see_drain(pair, SERVER, "read", 11);
}

static void peek_offset(struct pair *pair)
{
	int zero = 0;

	see_result("SO_PEEK_OFF", setsockopt(pair->fd[SERVER], SOL_SOCKET, SO_PEEK_OFF, &zero, sizeof(zero)));
	put(pair, CLIENT, 100, 0);
	poll(&(struct pollfd){.fd = pair->fd[SERVER], .events = POLLIN}, 1, 5000);
	see_take(pair, SERVER, "peeked first", 40, MSG_PEEK);
	pair->read[SERVER] += 40;
	see_take(pair, SERVER, "peeked on", 40, MSG_PEEK);
	pair->read[SERVER] -= 40;
	see_take(pair, SERVER, "read", 100, 0);
}

/* Levels and types of the control messages that come with 10 bytes: those of one of several tries, because
 * the kernel begins to take times some time after it was asked to. */
static void see_control(struct pair *pair, const char *label)
{
	char buffer[10], control[512], types[64] = "";
	struct iovec part = {buffer, sizeof(buffer)};
	struct msghdr msg = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	bool right = true;

	for (int i = 0; i < CONTROL_TRIES && !*types; i++) {
		put(pair, CLIENT, 10, 0);
		await_bytes(pair, SERVER, 10);
		msg.msg_controllen = sizeof(control);
		right &= recvmsg(pair->fd[SERVER], &msg, 0) == 10 && is_next(pair, SERVER, buffer, 10, false);
		for (struct cmsghdr *header = CMSG_FIRSTHDR(&msg); header;
		     header = CMSG_NXTHDR(&msg, header)) {
			size_t size = strlen(types);

			snprintf(types + size, sizeof(types) - size, "%s%d/%d", size ? " " : "",
				 header->cmsg_level, header->cmsg_type);
		}
		poll(NULL, 0, CONTROL_TRY_MS);
	}
	see(label, "%s", *types ? types : "none");
	see("bytes", "%s", right ? "right" : "wrong");
}

static void timestamp(struct pair *pair)
{
	set_option(pair->fd[SERVER], SOL_SOCKET, SO_TIMESTAMPNS, 1);
	see_control(pair, "control messages");
}

static void timestamping_receive(struct pair *pair)
{
	set_option(pair->fd[SERVER], SOL_SOCKET, SO_TIMESTAMPING,
		   SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE);
	see_control(pair, "control messages");
}

static void timestamping_send(struct pair *pair)
{
	set_option(pair->fd[CLIENT], SOL_SOCKET, SO_TIMESTAMPING,
		   SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_SOFTWARE |
		       SOF_TIMESTAMPING_OPT_TSONLY);
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "read", 10);
	see("time of sending", "%s", is_told_of_error(pair->fd[CLIENT]) ? "told" : "never told");
}

static void inquire(struct pair *pair)
{
	set_option(pair->fd[SERVER], IPPROTO_TCP, TCP_INQ, 1);
	see_control(pair, "control messages");
}

static void zerocopy_send(struct pair *pair)
{
	set_option(pair->fd[CLIENT], SOL_SOCKET, SO_ZEROCOPY, 1);
	see_result("send", put(pair, CLIENT, 20000, MSG_ZEROCOPY_FLAG));
	see_drain(pair, SERVER, "read", 20000);
	see("completion", "%s", is_told_of_error(pair->fd[CLIENT]) ? "told" : "never told");
}

/* As <linux/tcp.h> says: what could not be mapped or copied is received. */
static void see_received_without_copy(struct pair *pair, const char *label)
{
	char copied[100], ways[64];
	struct tcp_zerocopy_receive receive = {.copybuf_address = (uintptr_t)copied,
					       .copybuf_len = sizeof(copied)};
	socklen_t size = sizeof(receive);
	ssize_t got = 0;

	if (getsockopt(pair->fd[SERVER], IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &receive, &size) < 0) {
		see_result(label, -1);
		return;
	}
	if (receive.copybuf_len < 0 || receive.copybuf_len + receive.recv_skip_hint > sizeof(copied)) {
		see(label, "more than there is");
		return;
	}
	if (receive.recv_skip_hint)
		got = recv(pair->fd[SERVER], copied + receive.copybuf_len, receive.recv_skip_hint, 0);
	see_bytes(pair, SERVER, label, copied, receive.copybuf_len + (got > 0 ? got : 0));
	snprintf(ways, sizeof(ways), "copied, to be received of %s", label);
	see(ways, "%d, %u", receive.copybuf_len, receive.recv_skip_hint);
}

static void zerocopy_receive(struct pair *pair)
{
	put(pair, CLIENT, 50, 0);
	await_bytes(pair, SERVER, 50);
	see_received_without_copy(pair, "the first message");
	put(pair, CLIENT, 30, 0);
	await_bytes(pair, SERVER, 30);
	see_received_without_copy(pair, "the second message");
	see_take(pair, SERVER, "nothing left", 100, 0);
}

static void drop_filter(struct pair *pair)
{
	struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog program = {.len = 1, .filter = code};

	if (setsockopt(pair->fd[SERVER], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		die("SO_ATTACH_FILTER");
	put(pair, CLIENT, 10, 0);
	see("a filter that drops all", "%s", is_quiet(pair->fd[SERVER], POLLIN) ? "quiet" : "woken");
}

static void upper_protocol(struct pair *pair)
{
	see_result("no such ULP", setsockopt(pair->fd[CLIENT], IPPROTO_TCP, TCP_ULP, "none", 4));
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "read", 10);
}

static void kernel_tls(struct pair *pair)
{
	bool is_taken = setsockopt(pair->fd[CLIENT], IPPROTO_TCP, TCP_ULP, "tls", 4) == 0;

	see("TLS in the kernel", "%s", is_taken ? "taken" : "refused");
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "read", 10);
}

static void receive_buffer(struct pair *pair)
{
	set_option(pair->fd[SERVER], SOL_SOCKET, SO_RCVBUF, 200000);
	for (int i = 0; i < 3; i++) {
		char label[16];

		while (put(pair, CLIENT, 50000, 0) > 0)
			;
		snprintf(label, sizeof(label), "read %d", i);
		see(label, "%s",
		    drain(pair, SERVER, pair->sent[CLIENT] - pair->read[SERVER]) ? "all" : "not all");
		await_events(pair->fd[CLIENT], POLLOUT);
	}
}

static void time_outs(struct pair *pair)
{
	struct timeval tenth = {.tv_usec = 100000};

	see_result("SO_RCVTIMEO",
		   setsockopt(pair->fd[SERVER], SOL_SOCKET, SO_RCVTIMEO, &tenth, sizeof(tenth)));
	see_result("SO_SNDTIMEO",
		   setsockopt(pair->fd[CLIENT], SOL_SOCKET, SO_SNDTIMEO, &tenth, sizeof(tenth)));
	see_take(pair, SERVER, "non-blocking all the same", 10, 0);
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "read", 10);
}

/* More than one packet on any device, and more than TCP sends before it paces. */
#define PACED_BYTES 900000
#define PACED_BYTES_A_SECOND 3000000
/* Half of what it takes then; a tenth of it is much without. */
#define PACED_MS 150

static void see_pace(struct pair *pair, const char *label)
{
	int64_t begin_ms = now_ms();

	for (size_t left = PACED_BYTES; left;) {
		ssize_t sent = put(pair, CLIENT, left < STREAM_MAX ? left : STREAM_MAX, 0);

		if (sent > 0)
			left -= (size_t)sent;
		if (!drain(pair, SERVER, pair->sent[CLIENT] - pair->read[SERVER]))
			die("bytes never came");
	}
	see(label, "%s", now_ms() - begin_ms >= PACED_MS ? "takes its time" : "at once");
}

static void pace(struct pair *pair)
{
	set_option(pair->fd[CLIENT], SOL_SOCKET, SO_MAX_PACING_RATE, PACED_BYTES_A_SECOND);
	see_pace(pair, "paced");
}

static void answered_values(struct pair *pair)
{
	static const struct {
		const char *label;
		int level, name;
		bool may_vary; /* that it is answered is said, not what */
	} options[] = {
	    {"SO_PEERCRED", SOL_SOCKET, SO_PEERCRED, true},
	    {"SO_PEERSEC", SOL_SOCKET, SO_PEERSEC, false},
	    {"SO_MEMINFO", SOL_SOCKET, SO_MEMINFO, true},
	    {"SO_INCOMING_CPU", SOL_SOCKET, SO_INCOMING_CPU, true},
	    {"SO_INCOMING_NAPI_ID", SOL_SOCKET, SO_INCOMING_NAPI_ID, true},
	    {"SO_COOKIE", SOL_SOCKET, SO_COOKIE, true},
	    {"SO_BINDTODEVICE", SOL_SOCKET, SO_BINDTODEVICE, false},
	    {"SO_LOCK_FILTER", SOL_SOCKET, SO_LOCK_FILTER, false},
	    {"SO_BSDCOMPAT", SOL_SOCKET, SO_BSDCOMPAT, false},
	    {"SO_PASSCRED", SOL_SOCKET, SO_PASSCRED, false},
	    {"SO_SELECT_ERR_QUEUE", SOL_SOCKET, SO_SELECT_ERR_QUEUE, false},
	    {"SO_TXTIME", SOL_SOCKET, SO_TXTIME, false},
	    {"TCP_CORK", IPPROTO_TCP, TCP_CORK, false},
	    {"TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK, true},
	    {"TCP_FASTOPEN", IPPROTO_TCP, TCP_FASTOPEN, false},
	    {"TCP_SAVED_SYN", IPPROTO_TCP, TCP_SAVED_SYN, false},
	    {"TCP_CC_INFO", IPPROTO_TCP, TCP_CC_INFO, true},
	    {"TCP_TIMESTAMP", IPPROTO_TCP, TCP_TIMESTAMP, true},
	    {"TCP_REPAIR_WINDOW", IPPROTO_TCP, TCP_REPAIR_WINDOW, false},
	    {"IP_MTU", IPPROTO_IP, IP_MTU, true},
	    {"IP_MTU_DISCOVER", IPPROTO_IP, IP_MTU_DISCOVER, false},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		unsigned char value[256] = {};
		socklen_t size = sizeof(value);
		uint32_t sum = 0;

		if (getsockopt(pair->fd[CLIENT], options[i].level, options[i].name, value, &size) < 0) {
			see_result(options[i].label, -1);
			continue;
		}
		for (socklen_t at = 0; at < size && !options[i].may_vary; at++)
			sum = sum * 31 + value[at];
		see(options[i].label, "%u bytes, %u", size, sum);
	}
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "read", 10);
}

static void kept_values(struct pair *pair)
{
	static const struct {
		const char *label;
		int level, name, value;
	} options[] = {
	    {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1},
	    {"SO_PRIORITY", SOL_SOCKET, SO_PRIORITY, 3},
	    {"SO_MARK", SOL_SOCKET, SO_MARK, 7},
	    {"SO_DONTROUTE", SOL_SOCKET, SO_DONTROUTE, 1},
	    {"SO_BUSY_POLL", SOL_SOCKET, SO_BUSY_POLL, 1},
	    {"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 1},
	    {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 0},
	    {"TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG, 1000},
	    {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 100},
	    {"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 10},
	    {"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 3},
	    {"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT, 3},
	    {"TCP_LINGER2", IPPROTO_TCP, TCP_LINGER2, 3},
	    {"TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT, 3},
	    {"TCP_WINDOW_CLAMP", IPPROTO_TCP, TCP_WINDOW_CLAMP, 60000},
	    {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 5000},
	    {"TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 30000},
	    {"TCP_THIN_LINEAR_TIMEOUTS", IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1},
	    {"IP_TOS", IPPROTO_IP, IP_TOS, 0x10},
	    {"IP_TTL", IPPROTO_IP, IP_TTL, 33},
	    {"IP_RECVERR", IPPROTO_IP, IP_RECVERR, 1},
	    {"IP_FREEBIND", IPPROTO_IP, IP_FREEBIND, 1},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		int fd = pair->fd[CLIENT], value = options[i].value;
		socklen_t size = sizeof(value);

		if (setsockopt(fd, options[i].level, options[i].name, &value, size) < 0) {
			see_result(options[i].label, -1);
			continue;
		}
		value = -1;
		getsockopt(fd, options[i].level, options[i].name, &value, &size);
		see(options[i].label, "%d", value);
	}
	put(pair, CLIENT, 3000, 0);
	see_drain(pair, SERVER, "read", 3000);
}

static void congestion(struct pair *pair)
{
	char name[16] = "";
	socklen_t size = sizeof(name);

	see_result("set", setsockopt(pair->fd[CLIENT], IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	getsockopt(pair->fd[CLIENT], IPPROTO_TCP, TCP_CONGESTION, name, &size);
	see("get", "%s", name);
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "read", 10);
}

static void repair(struct pair *pair)
{
	int on = 1;

	see_result("TCP_REPAIR", setsockopt(pair->fd[CLIENT], IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)));
	on = -1; /* off, without a window probe */
	see_result("off", setsockopt(pair->fd[CLIENT], IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)));
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "read", 10);
}

/* Probes find the peer alive, traffic or not. Longer than the probes take to give up. */
static void keep_alive(struct pair *pair)
{
	for (int side = 0; side < 2; side++) {
		set_option(pair->fd[side], IPPROTO_TCP, TCP_KEEPIDLE, 1);
		set_option(pair->fd[side], IPPROTO_TCP, TCP_KEEPINTVL, 1);
		set_option(pair->fd[side], IPPROTO_TCP, TCP_KEEPCNT, 1);
		set_option(pair->fd[side], IPPROTO_TCP, TCP_USER_TIMEOUT, 500);
		set_option(pair->fd[side], SOL_SOCKET, SO_KEEPALIVE, 1);
	}
	for (int i = 0; i < 26; i++) {
		poll(&(struct pollfd){.fd = pair->fd[CLIENT]}, 1, 100);
		if (i < 5)
			put(pair, SERVER, 10, 0);
	}
	see_drain(pair, CLIENT, "read", 50);
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "still there", 10);
}

const struct semantic option_cases[] = {
    {"rcvlowat-later", NULL, low_water},
    {"rcvlowat-set-back", NULL, low_water_reset},
    {"oobinline-later", NULL, oob_inline},
    {"peek-off-later", NULL, peek_offset},
    {"timestamp-later", NULL, timestamp},
    {"timestamping-receive-later", NULL, timestamping_receive},
    {"timestamping-send-later", NULL, timestamping_send},
    {"inq-later", NULL, inquire},
    {"zerocopy-send-later", NULL, zerocopy_send},
    {"zerocopy-receive", NULL, zerocopy_receive},
    {"drop-filter-later", NULL, drop_filter},
    {"ulp-unknown", NULL, upper_protocol},
    {"ulp-tls", NULL, kernel_tls},
    {"small-receive-buffer", NULL, receive_buffer},
    {"time-outs", NULL, time_outs},
    {"option-values", NULL, kept_values},
    {"option-answers", NULL, answered_values},
    {"pacing-later", NULL, pace},
    {"congestion-control", NULL, congestion},
    {"repair-later", NULL, repair},
    {"keep-alive", NULL, keep_alive},
    {},
};
