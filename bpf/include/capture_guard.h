/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* What the program `guard` does with a packet: from its headers to a verdict of tc. */
#ifndef SHUNT_CAPTURE_GUARD_H
#define SHUNT_CAPTURE_GUARD_H

#include <linux/if_ether.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include "capture_maps.h"

#define IP_FRAGMENTED_BE bpf_htons(0x3fff) /* "more fragments" or an offset */

static __always_inline int guard_drop(void)
{
	count(SHUNT_COUNTER_GUARD_DROPPED, 1);
	return TC_ACT_SHOT;
}

/* One event a connection attempt, not one a packet. */
static __always_inline void report_guarded(const struct iphdr *ip, __u16 port_be)
{
	struct shunt_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return;
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = bpf_ktime_get_ns();
	event->kind = SHUNT_EVENT_GUARD_DROPPED;
	event->source_ip_be = ip->saddr;
	event->destination_ip_be = ip->daddr;
	event->destination_port_be = port_be;
	bpf_ringbuf_submit(event, 0);
}

static __always_inline int guard_ipv4(struct __sk_buff *skb)
{
	struct shunt_destination_key key = {};
	struct shunt_destination *destination;
	struct iphdr ip;
	struct tcphdr tcp;

	if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET) || ip.ihl < 5)
		return guard_drop();
	if (ip.protocol != IPPROTO_TCP)
		return TC_ACT_UNSPEC;
	/*
	 * A fragment can hide the port from this program and show it after reassembly. TCP on one machine
	 * does not fragment, so no fragment of TCP passes.
	 */
	if (ip.frag_off & IP_FRAGMENTED_BE)
		return guard_drop();
	if (bpf_skb_load_bytes_relative(skb, ip.ihl * 4, &tcp, sizeof(tcp), BPF_HDR_START_NET))
		return guard_drop();
	key.ip_be = ip.daddr;
	key.port_be = tcp.dest;
	destination = bpf_map_lookup_elem(&destinations, &key);
	if (!destination || destination->kind != SHUNT_DESTINATION_WORKLOAD)
		return TC_ACT_UNSPEC;
	if (tcp.syn && !tcp.ack)
		report_guarded(&ip, key.port_be);
	return guard_drop();
}

/*
 * Every TCP packet to a guarded {address, port} is dropped, not only a SYN: no connection to it came over
 * eth0 lawfully, also not one that is older than the guard or a simultaneous open. Answers to the
 * workload's own connections go to other ports: the kernel gives none of a listener's ports to connect(2).
 * IPv6 has no addresses here and is off (src/workload); should it be switched on, all of it is dropped but
 * multicast (never TCP) and ICMPv6.
 */
static __always_inline int guard_packet(struct __sk_buff *skb)
{
	struct ipv6hdr ip6;

	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		return guard_ipv4(skb);
	case bpf_htons(ETH_P_IPV6):
		if (bpf_skb_load_bytes_relative(skb, 0, &ip6, sizeof(ip6), BPF_HDR_START_NET))
			return guard_drop();
		if (ip6.nexthdr == IPPROTO_ICMPV6 || ip6.daddr.in6_u.u6_addr8[0] == 0xff)
			return TC_ACT_UNSPEC;
		return guard_drop();
	}
	return TC_ACT_UNSPEC;
}

#endif
