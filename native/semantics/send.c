// SPDX-License-Identifier: Apache-2.0
/* send(2) and its relatives, with every flag. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "semantics.h"

/* Counts what a system call other than send(2) sent. */
static ssize_t sent(struct pair *pair, ssize_t result)
{
	if (result > 0)
		pair->sent[CLIENT] += (uint64_t)result;
	return result;
}

static void nothing(struct pair *pair)
{
	see_result("send", put(pair, CLIENT, 0, 0));
	see_result("write", write(pair->fd[CLIENT], "", 0));
	see("reader", "%s", is_quiet(pair->fd[SERVER], POLLIN) ? "quiet" : "woken");
	put(pair, CLIENT, 5, 0);
	see_drain(pair, SERVER, "what follows", 5);
}

static void more(struct pair *pair)
{
	/* An acknowledgement that comes later would push what is held back. */
	await_acknowledged(pair->fd[CLIENT]);
	see_result("send with MSG_MORE", put(pair, CLIENT, 10, MSG_MORE));
	see("reader", "%s", is_quiet(pair->fd[SERVER], POLLIN) ? "quiet" : "woken");
	see_result("send without", put(pair, CLIENT, 10, 0));
	see_drain(pair, SERVER, "read", 20);
}

static void cork(struct pair *pair)
{
	set_option(pair->fd[CLIENT], IPPROTO_TCP, TCP_CORK, 1);
	put(pair, CLIENT, 10, 0);
	see("reader of the corked", "%s", is_quiet(pair->fd[SERVER], POLLIN) ? "quiet" : "woken");
	put(pair, CLIENT, 10, 0);
	set_option(pair->fd[CLIENT], IPPROTO_TCP, TCP_CORK, 0);
	see_drain(pair, SERVER, "read", 20);
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "uncorked", 10);
}

static void nagle(struct pair *pair)
{
	set_option(pair->fd[CLIENT], IPPROTO_TCP, TCP_NODELAY, 0);
	for (int i = 0; i < 20; i++)
		put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "read", 200);
}

static void writev_many(struct pair *pair)
{
	const char *bytes = stream_next(pair, CLIENT);
	struct iovec parts[1024];

	for (size_t i = 0; i < 1024; i++)
		parts[i] = (struct iovec){(void *)(bytes + i * 3), 3};
	see_result("writev", sent(pair, writev(pair->fd[CLIENT], parts, 1024)));
	see_drain(pair, SERVER, "read", 3072);
}

static void sendmsg_holes(struct pair *pair)
{
	char *bytes = (char *)stream_next(pair, CLIENT);
	/* Less than the send buffer that a connection begins with: nothing of it waits for an
	 * acknowledgement. */
	struct iovec parts[] = {{bytes, 100}, {bytes, 0}, {bytes + 100, 1}, {NULL, 0}, {bytes + 101, 20000}};
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 5};

	see_result("sendmsg", sent(pair, sendmsg(pair->fd[CLIENT], &msg, 0)));
	see_drain(pair, SERVER, "read", 20101);
}

static void sendmmsg_three(struct pair *pair)
{
	char *bytes = (char *)stream_next(pair, CLIENT);
	struct iovec parts[] = {{bytes, 10}, {bytes + 10, 20}, {bytes + 30, 30}};
	struct mmsghdr msgs[3] = {};

	for (int i = 0; i < 3; i++) {
		msgs[i].msg_hdr.msg_iov = &parts[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	see_result("sendmmsg", sendmmsg(pair->fd[CLIENT], msgs, 3, 0));
	pair->sent[CLIENT] += 60;
	see("lengths", "%u %u %u", msgs[0].msg_len, msgs[1].msg_len, msgs[2].msg_len);
	see_drain(pair, SERVER, "read", 60);
}

static void bad_buffer(struct pair *pair)
{
	struct iovec parts[] = {{(void *)stream_next(pair, CLIENT), 10}, {(void *)8, 10}};
	ssize_t result;

	see_result("all bad", send(pair->fd[CLIENT], (void *)8, 10, MSG_NOSIGNAL));
	see("reader", "%s", is_quiet(pair->fd[SERVER], POLLIN) ? "quiet" : "woken");
	result = sent(pair, writev(pair->fd[CLIENT], parts, 2));
	see_result("second bad", result);
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "read", (result > 0 ? (size_t)result : 0) + 10);
}

static void control(struct pair *pair)
{
	char room[CMSG_SPACE(sizeof(int))] = {};
	struct iovec part = {(void *)stream_next(pair, CLIENT), 10};
	struct msghdr msg = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
	size_t expected;

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	header->cmsg_type = 0x7fff;
	expected = pair->sent[CLIENT];
	see_result("an unknown control message", sent(pair, sendmsg(pair->fd[CLIENT], &msg, 0)));
	header->cmsg_level = IPPROTO_IP;
	part.iov_base = (void *)stream_next(pair, CLIENT);
	see_result("one of another level", sent(pair, sendmsg(pair->fd[CLIENT], &msg, 0)));
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "read", pair->sent[CLIENT] - expected);
}

static void to_address(struct pair *pair)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	getpeername(pair->fd[CLIENT], (struct sockaddr *)&address, &size);
	see_result("sendto", sent(pair, sendto(pair->fd[CLIENT], stream_next(pair, CLIENT), 10, 0,
					       (struct sockaddr *)&address, size)));
	see_drain(pair, SERVER, "read", 10);
}

static void other_flags(struct pair *pair)
{
	see_result("MSG_EOR", put(pair, CLIENT, 10, MSG_EOR));
	see_result("MSG_DONTROUTE", put(pair, CLIENT, 10, MSG_DONTROUTE));
	see_result("MSG_CONFIRM", put(pair, CLIENT, 10, MSG_CONFIRM));
	see_result("MSG_DONTWAIT", put(pair, CLIENT, 10, MSG_DONTWAIT));
	see_result("MSG_ZEROCOPY without SO_ZEROCOPY", put(pair, CLIENT, 10, MSG_ZEROCOPY));
	see_drain(pair, SERVER, "read", 50);
	see("errors queued", "%s", is_quiet(pair->fd[CLIENT], 0) ? "none" : "some");
}

static void fast_open(struct pair *pair)
{
	ssize_t result = put(pair, CLIENT, 10, MSG_FASTOPEN);

	see_result("MSG_FASTOPEN", result);
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "read", (result > 0 ? (size_t)result : 0) + 10);
}

/* An urgent byte, and ten others after it. */
static void see_urgent(struct pair *pair)
{
	int at_mark = -1;

	see_result("send", put(pair, CLIENT, 1, MSG_OOB));
	put(pair, CLIENT, 10, 0);
	see("told", "%s", await_events(pair->fd[SERVER], POLLPRI) ? "yes" : "no");
	await_bytes(pair, SERVER, 10);
	see_events("events", events_now(pair->fd[SERVER]), false);
	see_result("SIOCATMARK", ioctl(pair->fd[SERVER], SIOCATMARK, &at_mark));
	see("at the mark", "%d", at_mark);
	see_result("recv with MSG_OOB", recv(pair->fd[SERVER], (char[1]){}, 1, MSG_OOB));
	see_result("recv in band", recv(pair->fd[SERVER], (char[50]){}, 50, 0));
	see_result("recv behind it", recv(pair->fd[SERVER], (char[50]){}, 50, 0));
}

static void out_of_band(struct pair *pair)
{
	put(pair, CLIENT, 10, 0);
	see_drain(pair, SERVER, "before it", 10);
	see_urgent(pair);
}

static void out_of_band_behind_unread(struct pair *pair)
{
	put(pair, CLIENT, 10, 0);
	await_bytes(pair, SERVER, 10);
	see_urgent(pair);
}

static void out_of_band_none(struct pair *pair)
{
	char byte;
	ssize_t got;

	got = recv(pair->fd[SERVER], &byte, 1, MSG_OOB);
	see_result("nothing there", got);
	put(pair, CLIENT, 10, 0);
	await_bytes(pair, SERVER, 10);
	got = recv(pair->fd[SERVER], &byte, 1, MSG_OOB);
	see_result("bytes there, none urgent", got);
	pair->read[SERVER] += got > 0 ? (uint64_t)got : 0;
	see_take(pair, SERVER, "bytes", 20, 0);
}

/* A file in memory with the next bytes of the stream. */
static int file_of(struct pair *pair, size_t size)
{
	int file = memfd_create("semantics", MFD_CLOEXEC);

	if (file < 0 || write(file, stream_next(pair, CLIENT), size) != (ssize_t)size ||
	    lseek(file, 0, SEEK_SET) < 0)
		die("memfd");
	return file;
}

static void sendfile_into(struct pair *pair)
{
	int file = file_of(pair, 30000);

	see_result("sendfile", sent(pair, sendfile(pair->fd[CLIENT], file, NULL, 30000)));
	see_drain(pair, SERVER, "read", 30000);
	see_result("at the file's end", sendfile(pair->fd[CLIENT], file, NULL, 10));
	close(file);
}

static void splice_into(struct pair *pair)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0 || write(ends[1], stream_next(pair, CLIENT), 3000) != 3000)
		die("pipe");
	see_result("splice", sent(pair, splice(ends[0], NULL, pair->fd[CLIENT], NULL, 3000, 0)));
	see_drain(pair, SERVER, "read", 3000);
	close(ends[0]);
	close(ends[1]);
}

static void splice_from(struct pair *pair)
{
	char buffer[100];
	ssize_t moved;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		die("pipe");
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	moved = splice(pair->fd[SERVER], NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK);
	see_result("splice", moved);
	if (moved > 0)
		see_bytes(pair, SERVER, "from the pipe", buffer, read(ends[0], buffer, sizeof(buffer)));
	else
		see_take(pair, SERVER, "recv instead", 100, 0);
	close(ends[0]);
	close(ends[1]);
}

static void sendfile_from(struct pair *pair)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		die("pipe");
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	see_result("sendfile", sendfile(ends[1], pair->fd[SERVER], NULL, 100));
	see_take(pair, SERVER, "recv", 100, 0);
	close(ends[0]);
	close(ends[1]);
}

static void small_buffer(struct pair *pair)
{
	uint64_t before = pair->sent[CLIENT];
	int wakings = 0;

	set_option(pair->fd[CLIENT], SOL_SOCKET, SO_SNDBUF, 8192);
	while (pair->sent[CLIENT] - before < 400000) {
		if (put(pair, CLIENT, 20000, 0) > 0)
			continue;
		wakings++;
		if (!drain(pair, SERVER, pair->sent[CLIENT] - pair->read[SERVER]) ||
		    !await_events(pair->fd[CLIENT], POLLOUT))
			die("no room");
	}
	see("all in order", "%s",
	    drain(pair, SERVER, pair->sent[CLIENT] - pair->read[SERVER]) ? "yes" : "no");
	see("never waits for ever", "%s", wakings < 1000 ? "yes" : "no");
}

static void changed_buffer(struct pair *pair)
{
	char bytes[100];

	memcpy(bytes, stream_next(pair, CLIENT), sizeof(bytes));
	see_result("send", sent(pair, send(pair->fd[CLIENT], bytes, sizeof(bytes), 0)));
	memset(bytes, 0, sizeof(bytes));
	see_drain(pair, SERVER, "read", sizeof(bytes));
}

const struct semantic send_cases[] = {
    {"send-nothing", NULL, nothing},
    {"send-more", NULL, more},
    {"cork", NULL, cork},
    {"nagle", NULL, nagle},
    {"writev-1024-buffers", NULL, writev_many},
    {"sendmsg-empty-buffers", NULL, sendmsg_holes},
    {"sendmmsg", NULL, sendmmsg_three},
    {"send-bad-buffer", NULL, bad_buffer},
    {"sendmsg-control", NULL, control},
    {"sendto", NULL, to_address},
    {"send-other-flags", NULL, other_flags},
    {"send-fastopen", NULL, fast_open},
    {"send-oob", NULL, out_of_band},
    {"send-oob-behind-unread", NULL, out_of_band_behind_unread},
    {"recv-oob-none", NULL, out_of_band_none},
    {"sendfile-into", NULL, sendfile_into},
    {"splice-into", NULL, splice_into},
    {"splice-from", NULL, splice_from},
    {"sendfile-from", NULL, sendfile_from},
    {"small-send-buffer", NULL, small_buffer},
    {"reuse-buffer-after-send", NULL, changed_buffer},
    {},
};
