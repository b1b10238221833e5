/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* What the programs of the fast path share: maps, the state of a socket, counting. */
#ifndef SHUNT_FASTPATH_STATE_H
#define SHUNT_FASTPATH_STATE_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "kernel.h"
#include "reading.h"
#include "shared_maps.h"

#define O_NONBLOCK 04000

/* Key: cgroup id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct shunt_member);
} members SEC(".maps");

/* Sockets of this node that can be promoted at once: two for each connection. 4 MiB of each map's memory. */
#define SOCKETS_MAX (256 * 1024)

/* Key: cookie of the sending socket. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SOCKETS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct shunt_flow);
} flows SEC(".maps");

/* Where a flow is put together before it enters `flows`: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct shunt_flow);
} flow_new SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct shunt_pair_key);
	__type(value, struct shunt_pair);
} pairs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, SOCKETS_MAX);
	__type(key, struct shunt_flow_key);
	__type(value, __u64);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct shunt_socket_state);
} states SEC(".maps");

/* Where `redirect` goes on. Empty, which costs nothing: the kernel patches the jump out. Else `mirror` of
 * pcap.bpf.c. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} mirrors SEC(".maps");

static __always_inline bool is_promoted(const struct shunt_socket_state *state)
{
	return state->phase == SHUNT_PHASE_PROMOTED || state->phase == SHUNT_PHASE_LINKED;
}

static __always_inline bool is_nonblocking(struct socket *socket)
{
	return READ(socket, file, f_flags) & O_NONBLOCK;
}

#endif
