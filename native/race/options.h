/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of race, and addresses. */
#ifndef RACE_OPTIONS_H
#define RACE_OPTIONS_H

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct options {
	const char *address;
	const char *netns[2]; /* by enum side; NULL: the caller's */
	unsigned connections, parallel, bytes_max, stuck_ms;
};

enum side { CLIENT, SERVER };

static struct options options_parse(int count, char **arguments)
{
	static const struct option known[] = {
	    {"address", 1, NULL, 'a'},	    {"client-netns", 1, NULL, 'c'},
	    {"server-netns", 1, NULL, 's'}, {"connections", 1, NULL, 'n'},
	    {"parallel", 1, NULL, 'p'},	    {"bytes", 1, NULL, 'b'},
	    {"stuck-ms", 1, NULL, 't'},	    {NULL, 0, NULL, 0},
	};
	struct options options = {.connections = 1000, .parallel = 16, .bytes_max = 16384, .stuck_ms = 3000};
	int option;

	while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
		unsigned number = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;

		switch (option) {
		case 'a':
			options.address = optarg;
			break;
		case 'c':
			options.netns[CLIENT] = optarg;
			break;
		case 's':
			options.netns[SERVER] = optarg;
			break;
		case 'n':
			options.connections = number;
			break;
		case 'p':
			options.parallel = number;
			break;
		case 'b':
			options.bytes_max = number;
			break;
		case 't':
			options.stuck_ms = number;
			break;
		default:
			exit(2);
		}
	}
	if (!options.address || !options.connections || !options.parallel || !options.bytes_max) {
		fprintf(stderr, "race: --address and numbers above 0 are needed; see native/race/race.c\n");
		exit(2);
	}
	return options;
}

static unsigned port_of(const struct sockaddr_storage *address)
{
	return ntohs(address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
						    : ((const struct sockaddr_in *)address)->sin_port);
}

static void address_parse(const char *text, struct sockaddr_storage *address, socklen_t *size)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		*size = sizeof(*v6);
	} else if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		*size = sizeof(*v4);
	} else {
		fprintf(stderr, "race: --address %s: expected an IP address\n", text);
		exit(2);
	}
}

#endif
