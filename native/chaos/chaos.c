// SPDX-License-Identifier: Apache-2.0
/*
 * A load that is as unlike itself as can be, and checks all: streams of 1 B to 8 MiB both ways, whose every
 * byte is a function of a key and its place; messages and reads of any size; readers that wait by level- and
 * edge-triggered epoll, by poll, and blocking, or splice; that stall; small buffers; half-close, reset, close
 * in the middle.
 *
 *   chaos server --address IP --board FILE [--port N] [--greedy]
 *   chaos client --address IP --board FILE --port N --seconds N [--greedy]
 *                [--seed N] [--connection N] [--parallel N] [--stall-ms N] [--client-ends-last]
 *
 * FILE is shared by both, and empty when the server starts; --greedy says that edge-triggered readers of this
 * process read until EAGAIN (else they stop at a short read, as nginx does). --client-ends-last is for a load
 * through Envoy, which throws away what it has not sent to a server that ends its stream after the client did
 * (test/e2e/envoy/ends.test.ts). The server prints {"port":N} and runs until it is killed. SIGTERM tells the
 * client to open no more connections. It prints one JSON object at the end, and what went wrong, with the
 * connection's own seed, on standard error at once. With the same seed the same plans are made in the same
 * order; with --connection, the own seed of one, all are that one. Exit status of the client: 0 whenever it
 * came to its end, whatever it found; 1: a call failed; 2: usage.
 *
 *   connections     that ended
 *   bytes, reads    that were right
 *   wrong           ends that read a byte that was not the next one
 *   lost            ends that read the end too early
 *   failed          ends that got an error that nobody caused
 *   stuck           connections that were left when nothing had moved for 20 times --stall-ms
 *   stalls          directions with bytes under way whose willing reader read nothing for --stall-ms
 *   timerWaits      the same, where plain TCP's timers may take as long (board.c says where), and did not
 *                   take longer: no stalls
 *   longestStallMs  of all but those where TCP's timers may take longer than --stall-ms
 *   mostUnderWay    bytes of one direction that were sent and not received
 *   ways            ends by how they waited: level, edge, poll, blocking
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "worker.h"

#define BACKLOG 1024
#define STUCK_STALLS 20

struct header {
	uint64_t slot, seed;
};

static struct options {
	const char *address, *board;
	unsigned port, seconds, parallel, stall_ms;
	uint64_t seed, connection;
	bool greedy, client_ends_last;
} options = {.parallel = 48, .stall_ms = 1000};

static _Atomic bool is_over;
static volatile sig_atomic_t is_told_to_end;

static void tell_to_end(int number)
{
	(void)number;
	is_told_to_end = 1;
}

static socklen_t address_make(struct sockaddr_storage *address)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, options.address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)options.port);
		return sizeof(*v4);
	}
	errno = EINVAL;
	if (inet_pton(AF_INET6, options.address, &v6->sin6_addr) != 1)
		die(options.address);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)options.port);
	return sizeof(*v6);
}

/* Of the socket's own end. */
static unsigned port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		die("getsockname");
	return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
						  : ((struct sockaddr_in6 *)&address)->sin6_port);
}

static void serve(void)
{
	struct sockaddr_storage address;
	socklen_t size = address_make(&address);
	int listener = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, BACKLOG) < 0)
		die("listen");
	printf("{\"port\":%u}\n", port_of(listener));
	fflush(stdout);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		struct header header;

		if (fd < 0)
			die("accept");
		if (recv(fd, &header, sizeof(header), MSG_WAITALL) != sizeof(header) ||
		    header.slot >= SLOTS) {
			/* Somebody else's, who looks whether the port answers. */
			close(fd);
			continue;
		}
		struct slot *slot = &board->slots[header.slot];
		struct end *end = end_make(fd, SERVER, slot, header.seed);

		atomic_store(&slot->adopted, 1);
		worker_give(end);
	}
}

static struct slot *slot_find(void)
{
	for (unsigned i = 0; i < options.parallel; i++)
		if (!atomic_load(&board->slots[i].seed))
			return &board->slots[i];
	return NULL;
}

static void connection_open(struct slot *slot, uint64_t seed)
{
	struct header header = {.slot = (uint64_t)(slot - board->slots), .seed = seed};
	struct sockaddr_storage address;
	socklen_t size = address_make(&address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct end *end;

	memset(slot, 0, sizeof(*slot));
	atomic_store(&slot->seed, seed);
	atomic_store(&slot->worker[SERVER], WORKERS);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) < 0)
		die("connect");
	atomic_store(&slot->port, port_of(fd));
	if (send(fd, &header, sizeof(header), MSG_NOSIGNAL) != sizeof(header))
		die("send");
	end = end_make(fd, CLIENT, slot, seed);
	end->ends_last = options.client_ends_last;
	worker_give(end);
}

static void *watch_run(void *none)
{
	board_watch(options.stall_ms, &is_over);
	return none;
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/*
 * A reset is sent once: where the kernel dropped bytes before it, for want of memory, its receiver may never
 * take it. So an end that its peer cut off may be left; that is TCP's.
 */
static bool is_cut_off(const struct slot *slot)
{
	return atomic_load(&slot->closed) && plan_make(atomic_load(&slot->seed)).ending != ENDING_ORDERLY;
}

static unsigned slots_used(void)
{
	unsigned used = 0;

	for (unsigned i = 0; i < options.parallel; i++)
		used += atomic_load(&board->slots[i].seed) && !is_cut_off(&board->slots[i]);
	return used;
}

static void slot_print(const struct slot *slot)
{
	struct plan plan = plan_make(atomic_load(&slot->seed));

	fprintf(stderr, "chaos: stuck: connection %#" PRIx64 ", ends %u", atomic_load(&slot->seed),
		2 - atomic_load(&slot->closed));
	for (int side = CLIENT; side <= SERVER; side++)
		fprintf(stderr,
			"; %s: way %d, %" PRIu64 " of %" PRIu64 " sent, %" PRIu64 " received by %s reader",
			side == CLIENT ? "client" : "server", plan.way[side], atomic_load(&slot->sent[side]),
			plan.total[side], atomic_load(&slot->received[side]),
			atomic_load(&slot->willing[side]) ? "a willing" : "an unwilling");
	fprintf(stderr, "; ending %d by %d at %" PRIu64 ", ahead %u\n", plan.ending, plan.ender,
		plan.ending_at, plan.ahead_max);
}

/* Until all have ended, or nothing moves any more. Returns how many are left. */
static unsigned drain(void)
{
	uint64_t before = 0, since_ns = now_ns(), stuck_ns = STUCK_STALLS * options.stall_ms * 1000000ULL;

	while (slots_used() && now_ns() - since_ns < stuck_ns) {
		uint64_t moved = atomic_load(&board->bytes) + atomic_load(&board->connections);

		if (moved != before)
			since_ns = now_ns();
		before = moved;
		nap();
	}
	for (unsigned i = 0; i < options.parallel; i++)
		if (atomic_load(&board->slots[i].seed) && !is_cut_off(&board->slots[i]))
			slot_print(&board->slots[i]);
	return slots_used();
}

static void load(void)
{
	uint64_t state = options.seed, end_ns = now_ns() + options.seconds * 1000000000ULL;
	unsigned stuck;
	pthread_t watch;

	if (pthread_create(&watch, NULL, watch_run, NULL))
		die("pthread_create");
	while (now_ns() < end_ns && !is_told_to_end) {
		struct slot *slot = slot_find();

		if (slot)
			connection_open(slot, options.connection ? options.connection : draw(&state) | 1);
		else
			nap();
	}
	stuck = drain();
	atomic_store(&is_over, true);
	pthread_join(watch, NULL);
	printf("{\"seed\":\"%" PRIu64 "\",\"connections\":%" PRIu64 ",\"bytes\":%" PRIu64
	       ",\"reads\":%" PRIu64 ",\"wrong\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"failed\":%" PRIu64
	       ",\"stuck\":%u,\"stalls\":%" PRIu64 ",\"timerWaits\":%" PRIu64 ",\"longestStallMs\":%" PRIu64
	       ",\"mostUnderWay\":%" PRIu64 ",\"ways\":{\"level\":%" PRIu64 ",\"edge\":%" PRIu64
	       ",\"poll\":%" PRIu64 ",\"blocking\":%" PRIu64 "}}\n",
	       options.seed, board->connections, board->bytes, board->reads, board->wrong, board->lost,
	       board->failed, stuck, board->stalls, board->timer_waits, board->longest_stall_ns / 1000000,
	       board->most_under_way, board->by_way[WAY_LEVEL], board->by_way[WAY_EDGE],
	       board->by_way[WAY_POLL], board->by_way[WAY_BLOCKING]);
}

static bool options_parse(int count, char **arguments)
{
	static const struct option known[] = {{"address", 1, NULL, 'a'},
					      {"board", 1, NULL, 'b'},
					      {"port", 1, NULL, 'p'},
					      {"seconds", 1, NULL, 's'},
					      {"parallel", 1, NULL, 'n'},
					      {"stall-ms", 1, NULL, 't'},
					      {"seed", 1, NULL, 'r'},
					      {"greedy", 0, NULL, 'g'},
					      {"connection", 1, NULL, 'c'},
					      {"client-ends-last", 0, NULL, 'l'},
					      {}};
	int option;

	options.seed = now_ns();
	while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
		uint64_t number = optarg ? strtoull(optarg, NULL, 0) : 0;

		switch (option) {
		case 'a':
			options.address = optarg;
			break;
		case 'b':
			options.board = optarg;
			break;
		case 'p':
			options.port = (unsigned)number;
			break;
		case 's':
			options.seconds = (unsigned)number;
			break;
		case 'n':
			options.parallel = (unsigned)number;
			break;
		case 't':
			options.stall_ms = (unsigned)number;
			break;
		case 'r':
			options.seed = number;
			break;
		case 'c':
			options.connection = number;
			break;
		case 'g':
			options.greedy = true;
			break;
		case 'l':
			options.client_ends_last = true;
			break;
		default:
			return false;
		}
	}
	return options.address && options.board && options.parallel && options.parallel <= SLOTS &&
	       options.stall_ms;
}

int main(int count, char **arguments)
{
	const char *role = count > 1 ? arguments[1] : "";
	bool is_server = !strcmp(role, "server");

	if ((!is_server && strcmp(role, "client")) || !options_parse(count - 1, arguments + 1) ||
	    (!is_server && (!options.port || !options.seconds))) {
		fprintf(stderr, "chaos: see native/chaos/chaos.c for what it takes\n");
		return 2;
	}
	board_open(options.board);
	/* One load after the other may use a server: nothing of the last is left. */
	if (!is_server) {
		memset(board, 0, sizeof(*board));
		signal(SIGTERM, tell_to_end);
	}
	workers_start(is_server ? SERVER : CLIENT, options.greedy);
	if (is_server)
		serve();
	load();
	return 0;
}
