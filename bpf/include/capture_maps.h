/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* The maps of capture alone. */
#ifndef SHUNT_CAPTURE_MAPS_H
#define SHUNT_CAPTURE_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "shared_maps.h"

/* A connection to the proxy as the client's end names it: 127.0.0.1 exists in every namespace. */
struct client {
	__u64 netns_cookie;
	__u32 ip_be;
	__u16 port_be;
	__u16 reserved; /* 0 */
};
_Static_assert(sizeof(struct client) == 16, "client");

/* LRU: what no proxy asked for (its listener was full) must not stay. Evicting a live one closes a
 * connection. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct client);
	__type(value, struct shunt_destination_key);
} pending SEC(".maps");

#endif
