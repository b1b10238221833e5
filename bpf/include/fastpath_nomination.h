/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * For kernels where a program of tc may not enter a socket in `sockets` (7.x): it nominates the socket, and
 * user space, woken by `nominations`, runs the iterator `enter` over `wanted`.
 */
#ifndef SHUNT_FASTPATH_NOMINATION_H
#define SHUNT_FASTPATH_NOMINATION_H

#include "fastpath_state.h"

/* Nominated sockets, with the keys that they are to get. The kernel frees an entry with its socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct shunt_flow_key);
} wanted SEC(".maps");

/*
 * Wakes user space: a u64 for each nomination, CLOCK_MONOTONIC in nanoseconds. When it is full user space was
 * woken and is late.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} nominations SEC(".maps");

/* Without memory the socket stays NEW, and the next look nominates it. */
static __always_inline void socket_nominate(struct bpf_sock *sk, struct shunt_socket_state *state,
					    struct shunt_flow_key *key)
{
	__u64 *now_ns;

	/* Set before `enter` can find it. */
	state->phase = SHUNT_PHASE_WANTED;
	if (!bpf_sk_storage_get(&wanted, sk, key, BPF_SK_STORAGE_GET_F_CREATE)) {
		state->phase = SHUNT_PHASE_NEW;
		return;
	}
	now_ns = bpf_ringbuf_reserve(&nominations, sizeof(*now_ns), 0);
	if (!now_ns)
		return;
	*now_ns = bpf_ktime_get_ns();
	bpf_ringbuf_submit(now_ns, 0);
}

#endif
