/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Is there memory for redirected bytes? They count as TCP memory, of the machine and of the reader's cgroups.
 *
 * A redirect charges the reader's cgroup while the sender waits, and so does all that the kernel does for a
 * program that needs memory: at the limit it kills in that cgroup. TCP, which receives in an interrupt, drops
 * the segment. So a queue that grows ends before the limit, and TCP goes on.
 */
#ifndef SHUNT_MEMORY_H
#define SHUNT_MEMORY_H

#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "kernel.h"
#include "reading.h"

#define PAGE_SHIFT 12 /* or more: then the margin is larger */
/* Kept free below each limit; the kernel takes up to 64 pages at once for each processor. */
#define MARGIN_PAGES 256
/* Levels of cgroups that are looked at, from the reader's own up. */
#define LIMITS_MAX 8
/* A queue of at most this many bytes is not looked at. */
#define LIMITS_FROM_BYTES (64 * 1024)

/*
 * Is the machine, from the middle value of net.ipv4.tcp_mem on, until it is below the first again? The kernel
 * notes that only in the allocation that crosses the mark, and that one may fail: so it is not to be a
 * redirect. A processor adds what it has taken since it last did at once, up to MARGIN_PAGES of it.
 */
static __always_inline bool is_machine_short(struct sock *reader, __u32 bytes)
{
	struct proto *tcp = READ(reader, __sk_common.skc_prot);
	__u64 pressure = word_read(READ(tcp, memory_pressure));
	__u64 pages = word_read(READ(tcp, memory_allocated));
	__u64 most = word_read(READ(tcp, sysctl_mem) + 1);

	return pressure || pages + (bytes >> PAGE_SHIFT) + MARGIN_PAGES > most;
}

/*
 * May a receive buffer grow, now and while what is put into it is read? The kernel lets none grow from the
 * first value of net.ipv4.tcp_mem on. Other sockets may take what is left meanwhile: half of it is left to
 * them.
 */
static __always_inline bool may_buffers_grow(struct sock *reader)
{
	struct proto *tcp = READ(reader, __sk_common.skc_prot);
	__u64 pages = word_read(READ(tcp, memory_allocated));
	__u64 end = word_read(READ(tcp, sysctl_mem));

	return pages + MARGIN_PAGES < end / 2;
}

/* Would so many bytes in the reader's queue come near a limit of one of its cgroups? */
static __always_inline bool is_cgroup_short(struct sock *reader, __u32 bytes)
{
	struct mem_cgroup *cgroup;
	struct page_counter *counter;

	if (bytes <= LIMITS_FROM_BYTES || !bpf_core_field_exists(reader->sk_memcg))
		return false;
	cgroup = READ(reader, sk_memcg);
	if (!cgroup)
		return false;
	counter = __builtin_preserve_access_index(&cgroup->memory);
	for (int i = 0; i < LIMITS_MAX && counter; i++) {
		__u64 limit = READ(counter, max);
		__u64 used = READ(counter, usage.counter);

		if (used + (bytes >> PAGE_SHIFT) + MARGIN_PAGES > limit)
			return true;
		counter = READ(counter, parent);
	}
	return false;
}

#endif
