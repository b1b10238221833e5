// SPDX-License-Identifier: Apache-2.0
/* A socket in several descriptors, threads and processes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "semantics.h"

static void duplicate(struct pair *pair)
{
	int copy = dup(pair->fd[SERVER]), original = pair->fd[SERVER];

	put(pair, CLIENT, 100, 0);
	await_bytes(pair, SERVER, 100);
	pair->fd[SERVER] = copy;
	see_take(pair, SERVER, "by the copy", 50, 0);
	pair->fd[SERVER] = original;
	see_take(pair, SERVER, "by the original", 100, 0);
	close(pair->fd[SERVER]);
	pair->fd[SERVER] = copy;
	put(pair, CLIENT, 100, 0);
	see_drain(pair, SERVER, "after the original is closed", 100);
	put(pair, SERVER, 100, 0);
	see_drain(pair, CLIENT, "back", 100);
}

/* What a child does with the pair; its last words are what it saw. */
static pid_t child_start(struct pair *pair, int (*run)(struct pair *pair))
{
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (!child)
		_exit(run(pair));
	return child;
}

static void see_child(const char *label, pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) < 0)
		die("waitpid");
	if (WIFEXITED(status))
		see(label, "exit %d", WEXITSTATUS(status));
	else
		see(label, "signal %d", WTERMSIG(status));
}

static int child_echo(struct pair *pair)
{
	pair_close(pair, CLIENT);
	if (!drain(pair, SERVER, 100))
		return 1;
	return put(pair, SERVER, 100, 0) == 100 ? 0 : 2;
}

static void inherited(struct pair *pair)
{
	pid_t child;

	put(pair, CLIENT, 100, 0);
	child = child_start(pair, child_echo);
	see_drain(pair, CLIENT, "the child's answer", 100);
	see_child("child", child);
	pair->sent[SERVER] += 100;
	pair->read[SERVER] += 100;
	see("the parent's copy", "%s",
	    is_quiet(pair->fd[CLIENT], POLLRDHUP) ? "keeps it open" : "does not count");
	put(pair, CLIENT, 100, 0);
	see_drain(pair, SERVER, "the parent reads on", 100);
}

/* The child alone has the server's end; it ends by itself or by a signal, with bytes unread or without. */
static int child_wait(struct pair *pair)
{
	pair_close(pair, CLIENT);
	pause();
	return 0;
}

static void killed_owner(struct pair *pair)
{
	pid_t child = child_start(pair, child_wait);

	pair_close(pair, SERVER);
	kill(child, SIGKILL);
	see_child("child", child);
	see_events("events", await_events(pair->fd[CLIENT], POLLIN | POLLRDHUP), false);
	see_take(pair, CLIENT, "read", 10, 0);
}

static int child_write_and_die(struct pair *pair)
{
	pair_close(pair, CLIENT);
	for (int i = 0; i < 10; i++)
		put(pair, SERVER, 1000, 0);
	raise(SIGKILL);
	return 0;
}

static void killed_writer(struct pair *pair)
{
	pid_t child = child_start(pair, child_write_and_die);

	pair_close(pair, SERVER);
	see_child("child", child);
	see_drain(pair, CLIENT, "what it had sent", 20000);
}

static int child_echo_waiting(struct pair *pair)
{
	int epoll;

	pair_close(pair, CLIENT);
	epoll = epoll_of(pair->fd[SERVER], EPOLLIN);
	for (int i = 0; i < 10; i++)
		if (!await_epoll(epoll) || !drain(pair, SERVER, 100) || put(pair, SERVER, 100, 0) != 100)
			return 1;
	return 0;
}

static void stopped_and_continued(struct pair *pair)
{
	pid_t child = child_start(pair, child_echo_waiting);
	int status;

	for (int i = 0; i < 10; i++) {
		kill(child, SIGSTOP);
		waitpid(child, &status, WUNTRACED);
		put(pair, CLIENT, 100, 0);
		kill(child, SIGCONT);
		if (!drain(pair, CLIENT, 100))
			break;
	}
	see_child("child", child);
	see("answers", "%d", (int)((pair->read[CLIENT] - 12 * 64) / 100));
}

/* To another process, in a message over a Unix socket, with bytes unread; the sender of it closes its own. */
static void passed(struct pair *pair)
{
	int ends[2], fd = pair->fd[SERVER];
	char room[CMSG_SPACE(sizeof(int))] = {};
	struct iovec part = {(char[1]){}, 1};
	struct msghdr msg = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 || sendmsg(ends[0], &msg, 0) != 1)
		die("SCM_RIGHTS");
	put(pair, CLIENT, 100, 0);
	pair_close(pair, SERVER);
	see("while it is in flight", "%s",
	    is_quiet(pair->fd[CLIENT], POLLIN | POLLRDHUP) ? "open" : "closed");
	if (recvmsg(ends[1], &msg, 0) != 1)
		die("SCM_RIGHTS");
	memcpy(&pair->fd[SERVER], CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	see_drain(pair, SERVER, "read by the receiver of it", 100);
	pair->epoll[SERVER] = epoll_of(pair->fd[SERVER], EPOLLIN);
	put(pair, CLIENT, 100, 0);
	see_events("woken", await_epoll(pair->epoll[SERVER]), false);
	see_drain(pair, SERVER, "read later", 100);
	close(ends[0]);
	close(ends[1]);
}

/* The program inherits the descriptor, non-blocking as it is; bytes and the end are there already. */
static int child_exec(struct pair *pair)
{
	pair_close(pair, CLIENT);
	if (dup2(pair->fd[SERVER], STDIN_FILENO) < 0 || dup2(pair->fd[SERVER], STDOUT_FILENO) < 0)
		return 126;
	execlp("cat", "cat", NULL);
	return 127;
}

static void executed(struct pair *pair)
{
	static unsigned char echo[100];
	pid_t child;
	ssize_t got;

	put(pair, CLIENT, 100, 0);
	shutdown(pair->fd[CLIENT], SHUT_WR);
	await_events(pair->fd[SERVER], POLLRDHUP);
	child = child_start(pair, child_exec);
	see_child("cat", child);
	pair_close(pair, SERVER);
	got = recv(pair->fd[CLIENT], echo, sizeof(echo), 0);
	see_result("its echo", got);
}

const struct semantic share_cases[] = {
    {"dup", NULL, duplicate},
    {"fork", NULL, inherited},
    {"owner-killed", NULL, killed_owner},
    {"writer-killed", NULL, killed_writer},
    {"stopped-and-continued", NULL, stopped_and_continued},
    {"exec", NULL, executed},
    {"passed-by-scm-rights", NULL, passed},
    {},
};
