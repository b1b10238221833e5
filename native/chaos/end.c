// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "end.h"

/* Of one that is further ahead of the other the end may be held back. */
#define AHEAD_TO_HOLD (256 * 1024)

static void option_set(int fd, int name, uint32_t value)
{
	int number = (int)value;

	if (value && setsockopt(fd, SOL_SOCKET, name, &number, sizeof(number)) < 0)
		die("setsockopt");
}

struct end *end_make(int fd, enum side side, struct slot *slot, uint64_t seed)
{
	struct end *end = malloc(sizeof(*end));
	int one = 1;

	if (!end)
		die("malloc");
	*end = (struct end){.fd = fd, .side = side, .plan = plan_make(seed), .slot = slot, .pipe = {-1, -1}};
	end->random = seed + side;
	end->reading = end->writing = true;
	option_set(fd, SO_RCVBUF, end->plan.receive_buffer[side]);
	option_set(fd, SO_SNDBUF, end->plan.send_buffer[side]);
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		die("TCP_NODELAY");
	if (end->plan.way[side] != WAY_BLOCKING && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		die("fcntl");
	if (end->plan.splices[side] && pipe2(end->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		die("pipe");
	atomic_fetch_add(&board->by_way[end->plan.way[side]], 1);
	slot_willing(slot, !side, true);
	return end;
}

static void end_over(struct end *end)
{
	atomic_store(&end->reading, false);
	atomic_store(&end->writing, false);
	slot_willing(end->slot, !end->side, false);
}

/* An error is right only where an end cut the connection short. */
static void end_fail(struct end *end, const char *what)
{
	if (end->plan.ending == ENDING_ORDERLY) {
		atomic_fetch_add(&board->failed, 1);
		fprintf(stderr,
			"chaos: failed: connection %#" PRIx64 ", %s %s after %" PRIu64 " sent, %" PRIu64
			" received: %s\n",
			atomic_load(&end->slot->seed), end->side == CLIENT ? "client" : "server", what,
			end->sent, atomic_load(&end->received), strerror(errno));
	}
	end_over(end);
}

/*
 * Is it time to cut the connection short? The server must have it, or nobody would notice; and not after the
 * end of the own stream: TCP sends no reset then, and where that end is still under way it may be lost with
 * the socket.
 */
static bool end_cuts(struct end *end)
{
	struct linger now = {.l_onoff = 1};

	if (end->plan.ending == ENDING_ORDERLY || end->plan.ender != end->side || !end->writing ||
	    end->sent + end->received < end->plan.ending_at || !atomic_load(&end->slot->adopted))
		return false;
	if (end->plan.ending == ENDING_RESET &&
	    setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) < 0)
		die("SO_LINGER");
	end_over(end);
	return true;
}

bool end_is_willing(struct end *end)
{
	if (!end->stalled)
		return true;
	if (now_ns() < end->resume_ns)
		return false;
	end->stalled = false;
	slot_willing(end->slot, !end->side, true);
	return true;
}

static void end_stall(struct end *end)
{
	end->stalled = end->has_stalled = true;
	end->resume_ns = now_ns() + (uint64_t)end->plan.stall_ms[end->side] * 1000000;
	slot_willing(end->slot, !end->side, false);
}

static ssize_t receive_spliced(struct end *end, void *bytes, uint32_t size)
{
	ssize_t moved = splice(end->fd, NULL, end->pipe[1], NULL, size, SPLICE_F_NONBLOCK);

	if (moved <= 0)
		return moved;
	if (read(end->pipe[0], bytes, size) != moved)
		die("read of a pipe");
	return moved;
}

static ssize_t receive(struct end *end, unsigned char *bytes, uint32_t size)
{
	struct iovec parts[] = {{bytes, size / 3}, {bytes + size / 3, size - size / 3}};
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t peeked;

	if (end->pipe[0] >= 0) {
		ssize_t got = receive_spliced(end, bytes, size);

		if (got >= 0 || errno != EINVAL)
			return got;
		close(end->pipe[0]);
		close(end->pipe[1]);
		end->pipe[0] = end->pipe[1] = -1;
	}
	switch (draw(&end->random) % 8) {
	case 0:
		return readv(end->fd, parts, 2);
	case 1:
		return recvmsg(end->fd, &msg, 0);
	case 2:
		return read(end->fd, bytes, size);
	case 3:
		peeked = recv(end->fd, bytes, size, MSG_PEEK);
		return peeked <= 0 ? peeked : recv(end->fd, bytes, (size_t)peeked, 0);
	default:
		return recv(end->fd, bytes, size, 0);
	}
}

enum step end_read(struct end *end)
{
	static _Thread_local unsigned char bytes[STREAM_CHECK_MAX];
	const struct plan *plan = &end->plan;
	enum side sender = !end->side;
	uint64_t received = atomic_load(&end->received);
	uint32_t size = (uint32_t)draw_up_to(&end->random, plan->read_max[end->side]);
	ssize_t got;

	if (!end->has_stalled && received >= plan->stall_at[end->side]) {
		end_stall(end);
		return STEP_WAIT;
	}
	got = receive(end, bytes, size);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return STEP_WAIT;
	if (got < 0) {
		end_fail(end, "recv");
		return STEP_OVER;
	}
	if (got == 0) {
		if (received != plan->total[sender] && plan->ending == ENDING_ORDERLY) {
			atomic_fetch_add(&board->lost, 1);
			fprintf(stderr,
				"chaos: lost: connection %#" PRIx64 ", %s read the end after %" PRIu64
				" of %" PRIu64 "\n",
				atomic_load(&end->slot->seed), end->side == CLIENT ? "client" : "server",
				received, plan->total[sender]);
		}
		if (received != plan->total[sender])
			end_over(end);
		atomic_store(&end->reading, false);
		slot_willing(end->slot, sender, false);
		return STEP_OVER;
	}
	if (received + (uint64_t)got > plan->total[sender] ||
	    !stream_check(plan->key[sender], received, bytes, (uint32_t)got)) {
		atomic_fetch_add(&board->wrong, 1);
		fprintf(stderr, "chaos: wrong: connection %#" PRIx64 ", %s, %zd bytes from %" PRIu64 " on\n",
			atomic_load(&end->slot->seed), end->side == CLIENT ? "client" : "server", got,
			received);
		end_over(end);
		return STEP_OVER;
	}
	atomic_store(&end->received, received + (uint64_t)got);
	slot_received(end->slot, sender, (uint64_t)got);
	atomic_fetch_add(&board->bytes, (uint64_t)got);
	atomic_fetch_add(&board->reads, 1);
	if (end_cuts(end))
		return STEP_OVER;
	return (uint32_t)got < size ? STEP_SHORT : STEP_ON;
}

static ssize_t send_some(struct end *end, unsigned char *bytes, uint32_t size)
{
	struct iovec parts[] = {{bytes, size / 2}, {bytes + size / 2, size - size / 2}};
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};

	switch (draw(&end->random) % 8) {
	case 0:
		return sendmsg(end->fd, &msg, MSG_NOSIGNAL);
	case 1:
		/* Held back for up to 200 ms, for each answer where they ask and answer. */
		return send(end->fd, bytes, size,
			    MSG_NOSIGNAL | (end->plan.ahead_max > AHEAD_TO_HOLD ? MSG_MORE : 0));
	default:
		return send(end->fd, bytes, size, MSG_NOSIGNAL);
	}
}

enum step end_write(struct end *end)
{
	static _Thread_local unsigned char bytes[STREAM_CHECK_MAX];
	const struct plan *plan = &end->plan;
	uint64_t total = plan->total[end->side], received = atomic_load(&end->received);
	uint32_t size = (uint32_t)draw_up_to(&end->random, plan->message_max[end->side]);
	ssize_t sent;

	if (end->sent == total) {
		end->held = end->ends_last && atomic_load(&end->reading);
		if (end->held)
			return STEP_WAIT;
		if (shutdown(end->fd, SHUT_WR) < 0 && errno != ENOTCONN)
			die("shutdown");
		atomic_store(&end->writing, false);
		return STEP_OVER;
	}
	end->held = atomic_load(&end->reading) && received < plan->total[!end->side] &&
		    end->sent > received + plan->ahead_max;
	if (end->held)
		return STEP_WAIT;
	if (size > total - end->sent)
		size = (uint32_t)(total - end->sent);
	stream_fill(plan->key[end->side], end->sent, bytes, size);
	sent = send_some(end, bytes, size);
	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return STEP_WAIT;
	if (sent < 0) {
		end_fail(end, "send");
		return STEP_OVER;
	}
	end->sent += (uint64_t)sent;
	slot_sent(end->slot, end->side, (uint64_t)sent);
	return end_cuts(end) ? STEP_OVER : STEP_ON;
}

void end_close(struct end *end)
{
	struct slot *slot = end->slot;

	if (end->pipe[0] >= 0) {
		close(end->pipe[0]);
		close(end->pipe[1]);
	}
	close(end->fd);
	free(end);
	if (atomic_fetch_add(&slot->closed, 1) == 1) {
		atomic_fetch_add(&board->connections, 1);
		atomic_store(&slot->seed, 0);
	}
}
