/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* A TCP segment as tc sees it, and the key of the socket that receives it. */
#ifndef SHUNT_PACKET_H
#define SHUNT_PACKET_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"

#define MAPPED_BE bpf_htonl(0x0000ffff) /* third word of ::ffff:a.b.c.d */
#define IPV4_WORDS 5			/* header length without options */

struct packet {
	struct bpf_sock_tuple tuple;
	__u32 tcp_offset;	   /* of its header */
	bool is_end;		   /* it ends its sender's stream */
	struct shunt_flow_key key; /* of the receiver; scope is 0 */
};

static __always_inline bool is_loopback(const __u32 *ip_be)
{
	if (ip_be[0] || ip_be[1])
		return false;
	if (ip_be[2] == MAPPED_BE)
		return (ip_be[3] & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
	return !ip_be[2] && ip_be[3] == bpf_htonl(1);
}

/* fe80::/10 and 169.254.0.0/16. */
static __always_inline bool is_link_local(const __u32 *ip_be)
{
	if (!ip_be[0] && !ip_be[1] && ip_be[2] == MAPPED_BE)
		return (ip_be[3] & bpf_htonl(0xffff0000)) == bpf_htonl(0xa9fe0000);
	return (ip_be[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

/* Does this connection's pair of addresses exist in other namespaces too? */
static __always_inline bool is_namespaced(const struct shunt_flow_key *key)
{
	return is_loopback(key->local_ip_be) || is_loopback(key->remote_ip_be) ||
	       is_link_local(key->local_ip_be) || is_link_local(key->remote_ip_be);
}

static __always_inline void flow_key_swap(struct shunt_flow_key *to, const struct shunt_flow_key *from)
{
	to->scope = from->scope;
	__builtin_memcpy(to->local_ip_be, from->remote_ip_be, sizeof(to->local_ip_be));
	__builtin_memcpy(to->remote_ip_be, from->local_ip_be, sizeof(to->remote_ip_be));
	to->local_port = from->remote_port;
	to->remote_port = from->local_port;
}

/*
 * Fills a zeroed packet from an Ethernet device (lo counts as one). False: not a segment of an established
 * connection that is of interest: no TCP, IPv4 options, IPv6 extension headers, SYN, FIN, RST, headers
 * outside the linear part. Whether it is an end is told all the same.
 */
static __always_inline bool packet_parse(struct __sk_buff *skb, struct packet *packet)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct shunt_flow_key *key = &packet->key;
	struct tcphdr *tcp;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > end || ip->protocol != IPPROTO_TCP || ip->ihl != IPV4_WORDS)
			return false;
		tcp = (void *)(ip + 1);
		if ((void *)(tcp + 1) > end)
			return false;
		packet->tuple.ipv4.saddr = ip->saddr;
		packet->tuple.ipv4.daddr = ip->daddr;
		packet->tuple.ipv4.sport = tcp->source;
		packet->tuple.ipv4.dport = tcp->dest;
		key->local_ip_be[2] = key->remote_ip_be[2] = MAPPED_BE;
		key->local_ip_be[3] = ip->daddr;
		key->remote_ip_be[3] = ip->saddr;
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > end || ip->nexthdr != IPPROTO_TCP)
			return false;
		tcp = (void *)(ip + 1);
		if ((void *)(tcp + 1) > end)
			return false;
		__builtin_memcpy(packet->tuple.ipv6.saddr, &ip->saddr, sizeof(ip->saddr));
		__builtin_memcpy(packet->tuple.ipv6.daddr, &ip->daddr, sizeof(ip->daddr));
		packet->tuple.ipv6.sport = tcp->source;
		packet->tuple.ipv6.dport = tcp->dest;
		__builtin_memcpy(key->local_ip_be, &ip->daddr, sizeof(ip->daddr));
		__builtin_memcpy(key->remote_ip_be, &ip->saddr, sizeof(ip->saddr));
	} else {
		return false;
	}
	key->local_port = bpf_ntohs(tcp->dest);
	key->remote_port = bpf_ntohs(tcp->source);
	packet->tcp_offset = (void *)tcp - data;
	packet->is_end = tcp->fin && !tcp->syn && !tcp->rst;
	return !tcp->syn && !tcp->fin && !tcp->rst;
}

/* The receiver of a packet that was parsed, referenced: release it. */
static __always_inline struct bpf_sock *packet_socket(struct __sk_buff *skb, struct packet *packet)
{
	/* Not kept in the packet, where the verifier would lose sight of it. */
	__u32 size =
	    skb->protocol == bpf_htons(ETH_P_IP) ? sizeof(packet->tuple.ipv4) : sizeof(packet->tuple.ipv6);

	return bpf_sk_lookup_tcp(skb, &packet->tuple, size, BPF_F_CURRENT_NETNS, 0);
}

#endif
