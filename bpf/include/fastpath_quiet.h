/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Segments that promotion need not look at. Most sockets are too young, promoted already, or refused: to find
 * the socket takes most of what a look costs, and would be for nothing. So a look says how many packets of
 * the same direction of that connection may pass without one, and this processor counts them.
 *
 * A guess that two connections share, or that outlives its connection, delays a look by QUIET_PACKETS_MAX
 * packets at most.
 */
#ifndef SHUNT_FASTPATH_QUIET_H
#define SHUNT_FASTPATH_QUIET_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "packet.h"

#define QUIET_PACKETS_MAX 16
#define QUIET_SLOTS_SHIFT 10 /* 8 KiB for each processor */
#define HASH_MULTIPLIER 0x9e3779b97f4a7c15ULL

struct quiet {
	__u32 connection; /* what of the hash does not choose the slot */
	__u32 packets;	  /* that pass without a look */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1 << QUIET_SLOTS_SHIFT);
	__type(key, __u32);
	__type(value, struct quiet);
} quiet SEC(".maps");

/*
 * Of one direction: the other one has local and remote changed. The low half of a product knows nothing of
 * the high half of its factors: without the shift all connections of clients to one port are one in
 * `connection`, and those that share a slot keep each other from being looked at.
 */
static __always_inline __u64 packet_hash(const struct packet *packet)
{
	const struct shunt_flow_key *key = &packet->key;
	__u64 hash = (__u64)key->local_port << 32 | key->remote_port;

	for (int i = 0; i < 4; i++) {
		hash = (hash ^ ((__u64)key->local_ip_be[i] << 32 | key->remote_ip_be[i])) * HASH_MULTIPLIER;
		hash ^= hash >> 32;
	}
	return hash * HASH_MULTIPLIER;
}

static __always_inline struct quiet *quiet_slot(__u64 hash)
{
	__u32 slot = hash >> (64 - QUIET_SLOTS_SHIFT);

	return bpf_map_lookup_elem(&quiet, &slot);
}

/* True: this packet needs no look. */
static __always_inline bool is_quiet(const struct packet *packet)
{
	__u64 hash = packet_hash(packet);
	struct quiet *slot = quiet_slot(hash);

	if (!slot || slot->connection != (__u32)hash || !slot->packets)
		return false;
	slot->packets--;
	return true;
}

/* The hash is made once more: kept meanwhile it would not fit on the stack. */
static __always_inline void quiet_set(const struct packet *packet, __u32 packets)
{
	__u64 hash = packet_hash(packet);
	struct quiet *slot = quiet_slot(hash);

	if (!slot)
		return;
	slot->connection = hash;
	slot->packets = packets < QUIET_PACKETS_MAX ? packets : QUIET_PACKETS_MAX;
}

#endif
