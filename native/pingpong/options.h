// SPDX-License-Identifier: Apache-2.0
/* The command line of pingpong. Every mistake ends the program with status 2 and one line that says what was
 * expected. */
#ifndef PINGPONG_OPTIONS_H
#define PINGPONG_OPTIONS_H

#include <getopt.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIZE (16u << 20)

enum mode { MODE_UNSET, MODE_RR, MODE_STREAM, MODE_SHORT };

struct options {
	enum mode mode;
	bool server;
	bool busy;
	bool blocking;
	const char *tcp;
	const char *udp;
	const char *unix_path;
	uint32_t size;
	uint32_t warm_up_ms;
	uint32_t duration_ms;
	uint32_t requests; /* MODE_SHORT: on each connection */
	int cpu;	   /* -1: not pinned */
};

static void usage(const char *why)
{
	fprintf(stderr,
		"pingpong: %s; usage: pingpong server|client --mode rr|stream|short"
		" (--tcp ADDRESS:PORT | --udp ADDRESS:PORT | --unix PATH) [--size BYTES] [--requests N]"
		" [--warm-up-ms N] [--duration-ms N] [--busy | --blocking] [--cpu N]\n",
		why);
	exit(2);
}

static uint32_t number(const char *name, const char *text, uint32_t most)
{
	char *end;
	const unsigned long value = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value > most) {
		fprintf(stderr, "pingpong: --%s %s: expected a number up to %u\n", name, text, most);
		exit(2);
	}
	return (uint32_t)value;
}

static struct options parse_options(int argc, char **argv)
{
	static const struct option names[] = {
	    {"mode", required_argument, NULL, 'm'},	   {"tcp", required_argument, NULL, 't'},
	    {"udp", required_argument, NULL, 'p'},	   {"unix", required_argument, NULL, 'u'},
	    {"size", required_argument, NULL, 's'},	   {"warm-up-ms", required_argument, NULL, 'w'},
	    {"duration-ms", required_argument, NULL, 'd'}, {"cpu", required_argument, NULL, 'c'},
	    {"requests", required_argument, NULL, 'r'},	   {"busy", no_argument, NULL, 'b'},
	    {"blocking", no_argument, NULL, 'l'},	   {NULL, 0, NULL, 0},
	};
	struct options o = {.size = 64, .warm_up_ms = 200, .duration_ms = 1000, .requests = 1, .cpu = -1};
	int name;

	while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (name) {
		case 'm':
			o.mode = !strcmp(optarg, "rr")	     ? MODE_RR
				 : !strcmp(optarg, "stream") ? MODE_STREAM
				 : !strcmp(optarg, "short")  ? MODE_SHORT
							     : MODE_UNSET;
			break;
		case 't':
			o.tcp = optarg;
			break;
		case 'p':
			o.udp = optarg;
			break;
		case 'u':
			o.unix_path = optarg;
			break;
		case 's':
			o.size = number("size", optarg, MAX_SIZE);
			break;
		case 'w':
			o.warm_up_ms = number("warm-up-ms", optarg, 600000);
			break;
		case 'd':
			o.duration_ms = number("duration-ms", optarg, 600000);
			break;
		case 'c':
			o.cpu = (int)number("cpu", optarg, CPU_SETSIZE - 1);
			break;
		case 'r':
			o.requests = number("requests", optarg, 1000000);
			break;
		case 'l':
			o.blocking = true;
			break;
		case 'b':
			o.busy = true;
			break;
		default:
			usage("unknown option");
		}
	}
	if (optind != argc - 1 || (strcmp(argv[optind], "server") && strcmp(argv[optind], "client")))
		usage("expected one of server, client");
	if (o.mode == MODE_UNSET || !!o.tcp + !!o.udp + !!o.unix_path != 1)
		usage("expected --mode and one of --tcp, --udp, --unix");
	if (o.udp && o.mode != MODE_RR)
		usage("--udp: expected --mode rr");
	if (o.mode == MODE_SHORT && (!o.tcp || o.requests == 0))
		usage("--mode short: expected --tcp and --requests of at least 1");
	if (o.size < 16 || o.size % 8)
		usage("--size: expected a multiple of 8, at least 16");
	if (o.duration_ms == 0)
		usage("--duration-ms: expected more than 0");
	o.server = !strcmp(argv[optind], "server");
	return o;
}

#endif
