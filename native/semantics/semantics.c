// SPDX-License-Identifier: Apache-2.0
/*
 * What an application can see of a connection, case by case; see semantics.h.
 *
 *   semantics --address IP [--client-netns PATH] [--server-netns PATH] [--patience FACTOR]
 *
 * Takes commands from standard input, one a line, and answers each with one JSON object:
 *
 *   list       {"NAME": "FILE's part", ...} of all cases
 *   open NAME  makes a connection for this case, and sends a few messages each way over it: {}
 *   talk       sends a few messages more: {}
 *   run        does what the case is about: {"LABEL": "VALUE", ...}, and closes the connection
 *
 * Exit status 0 at the end of input; 1: something failed that no case is about.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "semantics.h"

/* Enough for any threshold of promotion that tests use, and for the handover. */
#define ROUNDS 12
#define ROUND_BYTES 64
#define LINE_MAX_BYTES 256

static const struct {
	const char *part;
	const struct semantic *cases;
} parts[] = {
    {"receive", receive_cases}, {"send", send_cases},	  {"end", end_cases},
    {"wait", wait_cases},	{"option", option_cases}, {"veto", veto_cases},
    {"inspect", inspect_cases}, {"share", share_cases},	  {"blocking", blocking_cases},
    {"io_uring", uring_cases},
};
#define PARTS (sizeof(parts) / sizeof(*parts))

static const char *netns[2];
static const char *ip;

static void enter(enum side side)
{
	int fd;

	if (!netns[side])
		return;
	fd = open(netns[side], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die(netns[side]);
	close(fd);
}

static socklen_t address_make(struct sockaddr_storage *address)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, ip, &v6->sin6_addr) != 1)
		die(ip);
	v6->sin6_family = AF_INET6;
	return sizeof(*v6);
}

static void end_make(struct pair *pair, enum side side, int fd)
{
	set_nonblocking(fd, true);
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	pair->fd[side] = fd;
	pair->epoll[side] = epoll_of(fd, EPOLLIN);
}

static struct pair pair_open(void)
{
	struct pair pair = {.fd = {-1, -1}, .epoll = {-1, -1}};
	struct sockaddr_storage address;
	socklen_t size = address_make(&address);
	int listener, client, server;

	enter(SERVER);
	listener = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
	    listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		die("listen");
	enter(CLIENT);
	client = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client < 0 || connect(client, (struct sockaddr *)&address, size) < 0)
		die("connect");
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (server < 0)
		die("accept");
	close(listener);
	end_make(&pair, CLIENT, client);
	end_make(&pair, SERVER, server);
	return pair;
}

/* The reader is seen waiting whenever a segment comes: its epoll descriptor stays open. */
static void pass(struct pair *pair, enum side from)
{
	char buffer[ROUND_BYTES];

	if (put(pair, from, ROUND_BYTES, 0) != ROUND_BYTES)
		die("send");
	await_bytes(pair, !from, ROUND_BYTES);
	if (recv(pair->fd[!from], buffer, sizeof(buffer), 0) != ROUND_BYTES ||
	    !is_next(pair, !from, buffer, sizeof(buffer), false))
		die("recv");
}

static void talk(struct pair *pair)
{
	for (int i = 0; i < ROUNDS; i++) {
		pass(pair, CLIENT);
		pass(pair, SERVER);
	}
}

static const struct semantic *case_find(const char *name)
{
	for (size_t i = 0; i < PARTS; i++)
		for (const struct semantic *semantic = parts[i].cases; semantic->name; semantic++)
			if (!strcmp(semantic->name, name))
				return semantic;
	return NULL;
}

static void cases_list(void)
{
	for (size_t i = 0; i < PARTS; i++)
		for (const struct semantic *semantic = parts[i].cases; semantic->name; semantic++)
			see(semantic->name, "%s", parts[i].part);
}

static void serve(void)
{
	const struct semantic *semantic = NULL;
	char line[LINE_MAX_BYTES], name[LINE_MAX_BYTES];
	struct pair pair;

	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "list\n")) {
			cases_list();
		} else if (sscanf(line, "open %255s", name) == 1) {
			semantic = case_find(name);
			if (!semantic)
				die(name);
			pair = pair_open();
			if (semantic->prepare)
				semantic->prepare(&pair);
			talk(&pair);
		} else if (!strcmp(line, "talk\n") && semantic) {
			talk(&pair);
		} else if (!strcmp(line, "run\n") && semantic) {
			semantic->run(&pair);
			pair_close(&pair, CLIENT);
			pair_close(&pair, SERVER);
			semantic = NULL;
		} else {
			errno = EINVAL;
			die(line);
		}
		seen_print();
	}
}

int main(int count, char **arguments)
{
	static const struct option known[] = {{"address", 1, NULL, 'a'},
					      {"client-netns", 1, NULL, 'c'},
					      {"server-netns", 1, NULL, 's'},
					      {"patience", 1, NULL, 'p'},
					      {}};
	int option;

	while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
		if (option == 'a')
			ip = optarg;
		else if (option == 'c')
			netns[CLIENT] = optarg;
		else if (option == 's')
			netns[SERVER] = optarg;
		else if (option == 'p')
			patience = strtod(optarg, NULL);
		else
			return 2;
	}
	if (!ip || patience <= 0) {
		fprintf(stderr, "semantics: --address is needed; see native/semantics/semantics.c\n");
		return 2;
	}
	serve();
	return 0;
}
