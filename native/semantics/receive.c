// SPDX-License-Identifier: Apache-2.0
/* recv(2) and its relatives, with every flag. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "semantics.h"

static void partial(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	see_take(pair, SERVER, "first 40", 40, 0);
	see_take(pair, SERVER, "the rest", 100, 0);
	see_take(pair, SERVER, "nothing left", 100, 0);
}

static void several_messages(struct pair *pair)
{
	for (int i = 0; i < 5; i++)
		put(pair, CLIENT, 10, 0);
	await_bytes(pair, SERVER, 50);
	see_take(pair, SERVER, "over the borders", 25, 0);
	see_take(pair, SERVER, "all that is there", 100, 0);
}

static void peek(struct pair *pair)
{
	put(pair, CLIENT, 60, 0);
	put(pair, CLIENT, 40, 0);
	await_bytes(pair, SERVER, 100);
	see_take(pair, SERVER, "a part", 30, MSG_PEEK);
	see_take(pair, SERVER, "the same, and more", 200, MSG_PEEK);
	see_take(pair, SERVER, "read", 70, 0);
	see_take(pair, SERVER, "peeked after that", 200, MSG_PEEK);
	see_take(pair, SERVER, "peeked and wanted all", 200, MSG_PEEK | MSG_WAITALL);
	see_take(pair, SERVER, "read to the end", 200, 0);
	see_take(pair, SERVER, "nothing to peek", 200, MSG_PEEK);
}

static void trunc(struct pair *pair)
{
	char buffer[50];
	ssize_t got;

	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	memset(buffer, 0, sizeof(buffer));
	got = recv(pair->fd[SERVER], buffer, sizeof(buffer), MSG_TRUNC);
	see_result("result", got);
	see("buffer", "%s", buffer[0] ? "written" : "left alone");
	pair->read[SERVER] += got > 0 ? (uint64_t)got : 0;
	see_take(pair, SERVER, "what follows", 200, 0);
}

static void trunc_without_buffer(struct pair *pair)
{
	ssize_t got;

	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	got = recv(pair->fd[SERVER], NULL, 50, MSG_TRUNC);
	see_result("result", got);
	pair->read[SERVER] += got > 0 ? (uint64_t)got : 0;
	see_take(pair, SERVER, "what follows", 200, 0);
}

static void waitall(struct pair *pair)
{
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	see_take(pair, SERVER, "wants more than there is", 200, MSG_WAITALL);
	see_take(pair, SERVER, "wants some", 200, MSG_WAITALL);
	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	see_take(pair, SERVER, "wants what there is", 100, MSG_WAITALL);
}

static void dontwait(struct pair *pair)
{
	see_take(pair, SERVER, "nothing there", 10, MSG_DONTWAIT);
	put(pair, CLIENT, 10, 0);
	await_bytes(pair, SERVER, 10);
	see_take(pair, SERVER, "something there", 20, MSG_DONTWAIT);
}

static void errqueue(struct pair *pair)
{
	put(pair, CLIENT, 10, 0);
	await_bytes(pair, SERVER, 10);
	see_take(pair, SERVER, "errors of the reader", 20, MSG_ERRQUEUE);
	see_take(pair, CLIENT, "errors of the writer", 20, MSG_ERRQUEUE);
	see_take(pair, SERVER, "bytes", 20, 0);
}

static void other_flags(struct pair *pair)
{
	put(pair, CLIENT, 30, 0);
	await_bytes(pair, SERVER, 30);
	see_take(pair, SERVER, "MSG_NOSIGNAL", 10, MSG_NOSIGNAL);
	see_take(pair, SERVER, "MSG_CMSG_CLOEXEC", 10, MSG_CMSG_CLOEXEC);
	see_take(pair, SERVER, "an unknown flag", 10, 0x8000000);
}

static void nothing_wanted(struct pair *pair)
{
	char byte;

	see_result("nothing there", recv(pair->fd[SERVER], &byte, 0, 0));
	put(pair, CLIENT, 10, 0);
	await_bytes(pair, SERVER, 10);
	see_result("something there", recv(pair->fd[SERVER], &byte, 0, 0));
	see_take(pair, SERVER, "still there", 20, 0);
}

static void bad_buffer(struct pair *pair)
{
	put(pair, CLIENT, 10, 0);
	await_bytes(pair, SERVER, 10);
	see_result("result", recv(pair->fd[SERVER], (void *)8, 10, 0));
	see_take(pair, SERVER, "nothing is lost", 20, 0);
}

static void bad_second_buffer(struct pair *pair)
{
	char buffer[10];
	struct iovec parts[] = {{buffer, sizeof(buffer)}, {(void *)8, 10}};
	ssize_t got;

	put(pair, CLIENT, 10, 0);
	put(pair, CLIENT, 10, 0);
	await_bytes(pair, SERVER, 20);
	got = readv(pair->fd[SERVER], parts, 2);
	see_bytes(pair, SERVER, "into the good one", buffer, got);
	see_take(pair, SERVER, "what follows", 20, 0);
}

static void many_buffers(struct pair *pair)
{
	unsigned char buffer[300];
	struct iovec parts[100];
	ssize_t got;

	for (size_t i = 0; i < 100; i++)
		parts[i] = (struct iovec){&buffer[i * 3], 3};
	for (int i = 0; i < 40; i++)
		put(pair, CLIENT, 7, 0);
	await_bytes(pair, SERVER, 280);
	got = readv(pair->fd[SERVER], parts, 100);
	see_bytes(pair, SERVER, "readv", buffer, got);
}

static void message(struct pair *pair)
{
	char buffer[64], control[256], name[64];
	struct iovec part = {buffer, sizeof(buffer)};
	struct msghdr msg = {.msg_name = name,
			     .msg_namelen = sizeof(name),
			     .msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t got;

	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	got = recvmsg(pair->fd[SERVER], &msg, 0);
	see_bytes(pair, SERVER, "recvmsg", buffer, got);
	see("size of name", "%u", msg.msg_namelen);
	see("size of control", "%zu", msg.msg_controllen);
	see("flags", "%#x", msg.msg_flags);
}

static void messages(struct pair *pair)
{
	static char buffer[3][20];
	struct iovec parts[3];
	struct mmsghdr msgs[3] = {};
	int got;

	for (int i = 0; i < 3; i++) {
		parts[i] = (struct iovec){buffer[i], sizeof(buffer[i])};
		msgs[i].msg_hdr.msg_iov = &parts[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	put(pair, CLIENT, 25, 0);
	put(pair, CLIENT, 25, 0);
	await_bytes(pair, SERVER, 50);
	got = recvmmsg(pair->fd[SERVER], msgs, 3, 0, NULL);
	see_result("recvmmsg", got);
	for (int i = 0; i < got; i++) {
		char label[16];

		snprintf(label, sizeof(label), "message %d", i);
		see_bytes(pair, SERVER, label, buffer[i], (ssize_t)msgs[i].msg_len);
	}
}

static void not_seekable(struct pair *pair)
{
	char buffer[10];

	put(pair, CLIENT, 10, 0);
	await_bytes(pair, SERVER, 10);
	see_result("pread", pread(pair->fd[SERVER], buffer, sizeof(buffer), 0));
	see_result("lseek", lseek(pair->fd[SERVER], 0, SEEK_CUR));
	see_take(pair, SERVER, "recv", 20, 0);
}

static void from(struct pair *pair)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	char buffer[10];
	ssize_t got;

	put(pair, CLIENT, 10, 0);
	await_bytes(pair, SERVER, 10);
	got = recvfrom(pair->fd[SERVER], buffer, sizeof(buffer), 0, (struct sockaddr *)&address, &size);
	see_bytes(pair, SERVER, "recvfrom", buffer, got);
	see("size of address", "%u", size);
}

static void many_small(struct pair *pair)
{
	for (int i = 0; i < 2000; i++)
		put_all(pair, CLIENT, 1);
	see_drain(pair, SERVER, "2000 messages of a byte", 2000);
	see_take(pair, SERVER, "nothing left", 10, 0);
}

static void full(struct pair *pair)
{
	/* Queues of any size are full once; what was taken must come, whichever way each part went. */
	for (int i = 0; i < 3; i++) {
		uint64_t before = pair->sent[CLIENT];
		char label[16];

		while (put(pair, CLIENT, 300000, 0) > 0)
			;
		snprintf(label, sizeof(label), "full %d", i);
		see(label, "%s", strerrorname_np(errno));
		snprintf(label, sizeof(label), "read %d", i);
		see(label, "%s",
		    drain(pair, SERVER, pair->sent[CLIENT] - before) ? "all that was sent"
								     : "something else");
	}
	see_take(pair, SERVER, "nothing left", 10, 0);
}

const struct semantic receive_cases[] = {
    {"recv-in-parts", NULL, partial},
    {"recv-several-messages", NULL, several_messages},
    {"recv-peek", NULL, peek},
    {"recv-trunc", NULL, trunc},
    {"recv-trunc-without-buffer", NULL, trunc_without_buffer},
    {"recv-waitall", NULL, waitall},
    {"recv-dontwait", NULL, dontwait},
    {"recv-errqueue", NULL, errqueue},
    {"recv-other-flags", NULL, other_flags},
    {"recv-nothing", NULL, nothing_wanted},
    {"recv-bad-buffer", NULL, bad_buffer},
    {"recv-bad-second-buffer", NULL, bad_second_buffer},
    {"readv-100-buffers", NULL, many_buffers},
    {"recvmsg", NULL, message},
    {"recvmmsg", NULL, messages},
    {"recvfrom", NULL, from},
    {"read-by-offset", NULL, not_seekable},
    {"recv-2000-small", NULL, many_small},
    {"recv-full-queues", NULL, full},
    {},
};
