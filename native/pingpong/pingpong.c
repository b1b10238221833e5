// SPDX-License-Identifier: Apache-2.0
/*
 * Two peers that measure one connection: request/response (latency, rate) or a one-way stream (bytes/s); or
 * connections of a few requests each.
 *
 *   pingpong server|client --mode rr|stream|short (--tcp ADDRESS:PORT | --udp ADDRESS:PORT | --unix PATH)
 *            [--size BYTES] [--requests N] [--warm-up-ms N] [--duration-ms N] [--busy | --blocking] [--cpu N]
 *
 * Both sides get the same mode, size and requests. The server prints {"listening":PORT} when it can be
 * connected to, serves one connection and ends. `short`: one connection after the other, each for N requests
 * of request/response; the server ends at the first that sends nothing. Each side prints one JSON object at
 * the end. Exit status: 0, 1 (a call failed, or a byte was wrong), 2 (usage), 3 (stood still: 10 s over
 * time).
 *
 * The sockets are non-blocking and wait with level-triggered epoll, as the fast path demands of a reader; or
 * blocking, as it refuses them.
 * Warm-up and measurement share the connection, so that what is measured is a promoted one.
 *
 * Content: in `rr` each byte of each message is checked, by both sides. In `stream` each byte is checked
 * during warm-up; while measuring only one word in 4 KiB is (it holds its place in the stream, so that loss
 * and reordering show), because comparing all bytes would cost more than moving them. The receiver's totals
 * go back to the sender, which compares.
 */
#define _GNU_SOURCE
#include "conn.h"
#include "options.h"
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#define STAMP_BYTES 4096       /* in a stream, the first word of each such piece holds its place */
#define SYNC_FLAG (1ULL << 63) /* in a block's first word: send your totals back */
#define MAX_SAMPLES (4u << 20) /* 16 MiB; later samples are left out of the quantiles, not of the rate */
#define PATTERN_STEP 0x9e3779b97f4a7c15ULL
#define OVERTIME_S 10

/* What the receiver of a stream saw; sent back as it is, both ends are on one machine. */
struct totals {
	uint64_t bytes;
	uint64_t checksum; /* sum of the stamps */
	uint64_t wrong;	   /* words that were not what was sent */
};

static void on_alarm(int signal_number)
{
	static const char message[] = "pingpong: timed out: the connection stands still\n";

	(void)signal_number; /* only SIGALRM comes here */
	_exit(write(2, message, sizeof(message) - 1) < 0 ? 1 : 3);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_ns(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (uint64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000000ULL +
	       (uint64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1000ULL;
}

static void fill_message(uint64_t *words, uint32_t count, uint64_t sequence)
{
	for (uint32_t i = 0; i < count; i++)
		words[i] = sequence + i * PATTERN_STEP;
}

static int compare_ns(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Nearest rank; 0 without samples. */
static uint32_t quantile_ns(const uint32_t *sorted, size_t count, double q)
{
	size_t rank = (size_t)(q * (double)count);

	return count == 0 ? 0 : sorted[rank < count ? rank : count - 1];
}

static int run_rr_server(struct conn *c, const struct options *o, void *got, void *expected)
{
	uint64_t messages = 0, wrong = 0;

	for (;;) {
		conn_wait(c, EPOLLIN);
		if (!conn_receive(c, got, o->size))
			break;
		fill_message(expected, o->size / 8, messages);
		wrong += memcmp(got, expected, o->size) != 0;
		conn_send(c, got, o->size);
		messages++;
	}
	printf("{\"messages\":%lu,\"wrong\":%lu,\"cpu_ns\":%lu}\n", messages, wrong, cpu_ns());
	return wrong != 0;
}

static int run_rr_client(struct conn *c, const struct options *o, void *sent, void *got)
{
	uint32_t *samples = malloc(MAX_SAMPLES * sizeof(*samples));
	uint64_t sequence = 0, measured = 0, wrong = 0, cpu_before = 0, end_ns = 0, start_ns = 0;
	size_t count = 0;

	if (!samples)
		fail("malloc");
	memset(samples, 0, MAX_SAMPLES * sizeof(*samples)); /* page faults now, not while measuring */
	const uint64_t warm_until_ns = now_ns() + o->warm_up_ms * 1000000ULL;

	for (;;) {
		fill_message(sent, o->size / 8, sequence++);
		const uint64_t before_ns = now_ns();

		if (start_ns == 0 && before_ns >= warm_until_ns) {
			start_ns = before_ns;
			cpu_before = cpu_ns();
		}
		if (start_ns != 0 && before_ns - start_ns >= o->duration_ms * 1000000ULL) {
			end_ns = before_ns;
			break;
		}
		conn_send(c, sent, o->size);
		conn_wait(c, EPOLLIN);
		if (!conn_receive(c, got, o->size)) {
			fprintf(stderr, "pingpong: the server closed the connection\n");
			exit(1);
		}
		const uint64_t took_ns = now_ns() - before_ns;

		wrong += memcmp(sent, got, o->size) != 0;
		if (start_ns != 0) {
			measured++;
			if (count < MAX_SAMPLES)
				samples[count++] = took_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)took_ns;
		}
	}
	const uint64_t cpu = cpu_ns() - cpu_before;
	const double seconds = (double)(end_ns - start_ns) / 1e9;

	if (o->udp && send(c->fd, sent, 0, 0) < 0) /* the end */
		fail("send");
	qsort(samples, count, sizeof(*samples), compare_ns);
	printf("{\"messages\":%lu,\"samples\":%zu,\"wrong\":%lu,\"seconds\":%.6f,\"per_second\":%.1f,\"p50_"
	       "ns\":%u,"
	       "\"p99_ns\":%u,\"cpu_ns\":%lu}\n",
	       measured, count, wrong, seconds, (double)measured / seconds, quantile_ns(samples, count, 0.5),
	       quantile_ns(samples, count, 0.99), cpu);
	free(samples);
	return wrong != 0;
}

#include "short.h"

/* The value of the word at a stamp's place; `block` counts from 0. */
static uint64_t stamp_value(uint64_t block, uint32_t offset)
{
	return offset == 0 ? block : (block + 1) * PATTERN_STEP + offset;
}

/* Writes the stamps of a block, returns their sum. */
static uint64_t stamp_block(uint8_t *data, uint32_t size, uint64_t block)
{
	uint64_t sum = 0;

	for (uint32_t at = 0; at < size; at += STAMP_BYTES) {
		const uint64_t value = stamp_value(block, at);

		memcpy(data + at, &value, sizeof(value));
		sum += value;
	}
	return sum;
}

/* Adds a received block to the totals. `expected` holds the bytes between the stamps, or is NULL: look at the
 * stamps only. */
static void check_block(const uint8_t *data, uint32_t size, uint64_t block, uint8_t *expected,
			struct totals *t)
{
	for (uint32_t at = 0; at < size; at += STAMP_BYTES) {
		uint64_t value;

		memcpy(&value, data + at, sizeof(value));
		if (at == 0)
			value &= ~SYNC_FLAG;
		t->wrong += value != stamp_value(block, at);
		t->checksum += value;
	}
	if (expected) {
		stamp_block(expected, size, block);
		t->wrong += memcmp(data + 8, expected + 8, size - 8) != 0;
	}
	t->bytes += size;
}

static int run_stream_server(struct conn *c, const struct options *o, void *got, void *expected)
{
	struct totals t = {0};
	uint64_t cpu_before = 0;
	bool check_all = true;

	fill_message(expected, o->size / 8, 0);
	for (uint64_t block = 0; conn_receive(c, got, o->size); block++) {
		uint64_t first;

		memcpy(&first, got, sizeof(first));
		check_block(got, o->size, block, check_all ? expected : NULL, &t);
		if (first & SYNC_FLAG) {
			conn_send(c, &t, sizeof(t));
			if (check_all)
				cpu_before = cpu_ns();
			check_all = false;
		}
	}
	printf("{\"bytes\":%lu,\"checksum\":\"%016lx\",\"wrong\":%lu,\"cpu_ns\":%lu}\n", t.bytes, t.checksum,
	       t.wrong, cpu_ns() - cpu_before);
	return t.wrong != 0;
}

/* Sends blocks for `duration_ns`, the last one with the sync flag; then waits for the receiver's totals. */
static struct totals stream_phase(struct conn *c, const struct options *o, uint8_t *data,
				  uint64_t duration_ns, struct totals *sent, uint64_t *block)
{
	const uint64_t until_ns = now_ns() + duration_ns;
	struct totals received;
	bool last = false;

	while (!last) {
		last = now_ns() >= until_ns;
		sent->checksum += stamp_block(data, o->size, *block);
		if (last)
			data[7] |= 0x80; /* SYNC_FLAG in little-endian */
		conn_send(c, data, o->size);
		sent->bytes += o->size;
		(*block)++;
	}
	if (!conn_receive(c, &received, sizeof(received))) {
		fprintf(stderr, "pingpong: the server closed the connection\n");
		exit(1);
	}
	return received;
}

static int run_stream_client(struct conn *c, const struct options *o, void *data)
{
	struct totals sent = {0}, got;
	uint64_t block = 0;

	fill_message(data, o->size / 8, 0);
	stream_phase(c, o, data, o->warm_up_ms * 1000000ULL, &sent, &block);
	const uint64_t start_ns = now_ns(), cpu_before = cpu_ns(), bytes_before = sent.bytes;

	got = stream_phase(c, o, data, o->duration_ms * 1000000ULL, &sent, &block);
	const double seconds = (double)(now_ns() - start_ns) / 1e9;
	const bool equal = got.bytes == sent.bytes && got.checksum == sent.checksum && got.wrong == 0;

	printf("{\"bytes\":%lu,\"checksum\":\"%016lx\",\"equal\":%s,\"wrong\":%lu,\"seconds\":%.6f,"
	       "\"bytes_per_second\":%.0f,\"cpu_ns\":%lu}\n",
	       sent.bytes - bytes_before, sent.checksum, equal ? "true" : "false", got.wrong, seconds,
	       (double)(sent.bytes - bytes_before) / seconds, cpu_ns() - cpu_before);
	return !equal;
}

int main(int argc, char **argv)
{
	const struct options o = parse_options(argc, argv);
	uint8_t *first = calloc(1, o.size), *second = calloc(1, o.size);
	cpu_set_t cpus;
	int status;

	if (!first || !second)
		fail("calloc");
	if (o.cpu >= 0) {
		CPU_ZERO(&cpus);
		CPU_SET(o.cpu, &cpus);
		if (sched_setaffinity(0, sizeof(cpus), &cpus))
			fail("sched_setaffinity");
	}
	signal(SIGALRM, on_alarm);
	alarm((o.warm_up_ms + o.duration_ms) / 1000 + OVERTIME_S);

	if (o.mode == MODE_SHORT)
		return o.server ? run_short_server(&o, first) : run_short_client(&o, first, second);
	struct conn c = conn_open(&o);

	if (o.mode == MODE_RR)
		status =
		    o.server ? run_rr_server(&c, &o, first, second) : run_rr_client(&c, &o, first, second);
	else
		status =
		    o.server ? run_stream_server(&c, &o, first, second) : run_stream_client(&c, &o, first);
	conn_close(&c);
	free(first);
	free(second);
	return status;
}
