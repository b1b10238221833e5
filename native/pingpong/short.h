// SPDX-License-Identifier: Apache-2.0
/*
 * Mode `short`: one connection after the other, a few requests on each. The server closes first, so that the
 * ports in TIME_WAIT are its own and the client never runs out of them. Part of pingpong.c, which has the
 * clock, the content and the quantiles.
 */
#ifndef PINGPONG_SHORT_H
#define PINGPONG_SHORT_H

static int run_short_server(const struct options *o, void *got)
{
	struct sockaddr_storage address;
	socklen_t length = parse_address(o, &address);
	int listener = listen_at(o, &address, length), epoll_fd = epoll_open();
	uint64_t connections = 0;

	for (bool is_last = false; !is_last;) {
		struct conn c = conn_adopt(o, accept_one(o, listener), epoll_fd);

		for (uint32_t i = 0; i < o->requests && !is_last; i++) {
			conn_wait(&c, EPOLLIN);
			is_last = !conn_receive(&c, got, o->size);
			if (!is_last)
				conn_send(&c, got, o->size);
		}
		close(c.fd);
		connections += !is_last;
	}
	close(epoll_fd);
	close(listener);
	printf("{\"connections\":%lu,\"cpu_ns\":%lu}\n", connections, cpu_ns());
	return 0;
}

/* Returns how many answers were wrong. */
static uint64_t short_connection(const struct options *o, const struct sockaddr_storage *address,
				 socklen_t length, int epoll_fd, void *sent, void *got, uint64_t sequence)
{
	struct conn c = conn_adopt(o, connect_one(o, address, length), epoll_fd);
	uint64_t wrong = 0;
	uint8_t end;

	for (uint32_t i = 0; i < o->requests; i++) {
		fill_message(sent, o->size / 8, sequence + i);
		conn_send(&c, sent, o->size);
		conn_wait(&c, EPOLLIN);
		if (!conn_receive(&c, got, o->size)) {
			fprintf(stderr, "pingpong: the server closed the connection\n");
			exit(1);
		}
		wrong += memcmp(sent, got, o->size) != 0;
	}
	wrong += conn_receive(&c, &end, 1);
	close(c.fd);
	return wrong;
}

static int run_short_client(const struct options *o, void *sent, void *got)
{
	uint32_t *samples = calloc(MAX_SAMPLES, sizeof(*samples));
	uint64_t sequence = 0, wrong = 0, cpu_before = 0, start_ns = 0, before_ns;
	struct sockaddr_storage address;
	socklen_t length = parse_address(o, &address);
	int epoll_fd = epoll_open();
	size_t count = 0;

	if (!samples)
		fail("calloc");
	const uint64_t warm_until_ns = now_ns() + o->warm_up_ms * 1000000ULL;

	for (;; sequence += o->requests) {
		before_ns = now_ns();
		if (start_ns == 0 && before_ns >= warm_until_ns) {
			start_ns = before_ns;
			cpu_before = cpu_ns();
		}
		if (start_ns != 0 &&
		    (before_ns - start_ns >= o->duration_ms * 1000000ULL || count == MAX_SAMPLES))
			break;
		wrong += short_connection(o, &address, length, epoll_fd, sent, got, sequence);
		if (start_ns != 0)
			samples[count++] = (uint32_t)(now_ns() - before_ns);
	}
	const double seconds = (double)(before_ns - start_ns) / 1e9;
	const uint64_t cpu = cpu_ns() - cpu_before;

	close(connect_one(o, &address, length)); /* the end */
	close(epoll_fd);
	qsort(samples, count, sizeof(*samples), compare_ns);
	printf("{\"connections\":%zu,\"wrong\":%lu,\"seconds\":%.6f,\"per_second\":%.1f,\"p50_ns\":%u,"
	       "\"p99_ns\":%u,\"cpu_ns\":%lu}\n",
	       count, wrong, seconds, (double)count / seconds, quantile_ns(samples, count, 0.5),
	       quantile_ns(samples, count, 0.99), cpu);
	free(samples);
	return wrong != 0;
}

#endif
