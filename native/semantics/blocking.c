// SPDX-License-Identifier: Apache-2.0
/* A promoted socket that is made blocking again: another thread waits in recv(2) while something happens. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "semantics.h"

static struct reader {
	pthread_t thread;
	int fd, flags, error;
	volatile int id;
	size_t size;
	ssize_t got;
	char buffer[1000];
} reader;

static void *reader_run(void *none)
{
	(void)none;
	reader.id = (int)syscall(SYS_gettid);
	reader.got = recv(reader.fd, reader.buffer, reader.size, reader.flags);
	reader.error = errno;
	return NULL;
}

/* Sleeping, as the third word of its stat says. */
static bool is_asleep(int thread)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	file = fopen(path, "r");
	if (!file)
		return true; /* it ended: it did not block */
	if (fscanf(file, "%*d %*s %c", &state) != 1)
		die(path);
	fclose(file);
	return state == 'S';
}

/* Returns when it blocks in recv(2). */
static void reader_start(struct pair *pair, size_t size, int flags)
{
	reader = (struct reader){.fd = pair->fd[SERVER], .size = size, .flags = flags};
	set_nonblocking(reader.fd, false);
	if (pthread_create(&reader.thread, NULL, reader_run, NULL))
		die("pthread_create");
	while (!reader.id || !is_asleep(reader.id))
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Ended by a shutdown if nothing else does: then the label says so. */
static void see_reader(struct pair *pair, const char *label)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += (time_t)(1 * patience + 1);
	if (pthread_timedjoin_np(reader.thread, NULL, &deadline)) {
		see(label, "blocks");
		shutdown(reader.fd, SHUT_RDWR);
		pthread_join(reader.thread, NULL);
		return;
	}
	errno = reader.error;
	see_bytes(pair, SERVER, label, reader.buffer, reader.got);
}

static void message(struct pair *pair)
{
	reader_start(pair, 100, 0);
	put(pair, CLIENT, 100, 0);
	see_reader(pair, "recv");
}

static void wait_all(struct pair *pair)
{
	reader_start(pair, 100, MSG_WAITALL);
	put(pair, CLIENT, 50, 0);
	put(pair, CLIENT, 50, 0);
	see_reader(pair, "recv");
}

static void end(struct pair *pair)
{
	reader_start(pair, 100, 0);
	pair_close(pair, CLIENT);
	see_reader(pair, "recv");
}

static void own_shutdown(struct pair *pair)
{
	reader_start(pair, 100, 0);
	shutdown(pair->fd[SERVER], SHUT_RD);
	see_reader(pair, "recv");
}

static void reset(struct pair *pair)
{
	struct linger now = {.l_onoff = 1};

	reader_start(pair, 100, 0);
	setsockopt(pair->fd[CLIENT], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	pair_close(pair, CLIENT);
	see_reader(pair, "recv");
}

static void nothing(int number)
{
	(void)number;
}

static void interrupted(struct pair *pair)
{
	struct sigaction handle = {.sa_handler = nothing}, before;

	sigaction(SIGUSR1, &handle, &before);
	reader_start(pair, 100, 0);
	pthread_kill(reader.thread, SIGUSR1);
	see_reader(pair, "recv");
	sigaction(SIGUSR1, &before, NULL);
}

static void restarted(struct pair *pair)
{
	struct sigaction handle = {.sa_handler = nothing, .sa_flags = SA_RESTART}, before;

	sigaction(SIGUSR1, &handle, &before);
	reader_start(pair, 100, 0);
	pthread_kill(reader.thread, SIGUSR1);
	nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	put(pair, CLIENT, 100, 0);
	see_reader(pair, "recv");
	sigaction(SIGUSR1, &before, NULL);
}

static void timed_out(struct pair *pair)
{
	struct timeval soon = {.tv_usec = 50000};

	setsockopt(pair->fd[SERVER], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	reader_start(pair, 100, 0);
	see_reader(pair, "recv");
}

/* Blocking for a moment only, as some libraries are when they begin or end. */
static void for_a_moment(struct pair *pair)
{
	set_nonblocking(pair->fd[SERVER], false);
	put(pair, CLIENT, 100, 0);
	see_take(pair, SERVER, "blocking", 100, 0);
	set_nonblocking(pair->fd[SERVER], true);
	see_take(pair, SERVER, "non-blocking", 100, 0);
	put(pair, CLIENT, 100, 0);
	see_drain(pair, SERVER, "afterwards", 100);
}

const struct semantic blocking_cases[] = {
    {"blocking-later-message", NULL, message},
    {"blocking-later-waitall", NULL, wait_all},
    {"blocking-later-end", NULL, end},
    {"blocking-later-own-shutdown", NULL, own_shutdown},
    {"blocking-later-reset", NULL, reset},
    {"blocking-later-signal", NULL, interrupted},
    {"blocking-later-restart", NULL, restarted},
    {"blocking-later-time-out", NULL, timed_out},
    {"blocking-for-a-moment", NULL, for_a_moment},
    {},
};
