// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
/*
 * Capture without iptables: a TCP connection that a workload opens to a Service (or to a workload's own
 * port) goes to the proxy's listener on 127.0.0.1 of the same network namespace, and neither the workload
 * nor the proxy notices.
 *
 * program       hook (attach type)                         where                    least kernel
 * connect4, 6   cgroup/connect (CGROUP_INET[46]_CONNECT)   the workloads' cgroup    5.9  (current_comm)
 * getpeername4,6 cgroup/getpeername (…_GETPEERNAME)        the workloads' cgroup    5.8
 * publish       sockops                                    the workloads' cgroup    5.15 (netns cookie)
 * original_dst  cgroup/getsockopt                          the proxies' cgroup      5.15 (netns cookie)
 * guard         tc ingress, before every other filter      eth0 of each workload    5.8  (ring buffer)
 *
 * Maps read: settings, destinations, verdicts. Written: counters, events. Own: originals (what a socket
 * asked for, lives with the socket), pending (from ACTIVE_ESTABLISHED to the proxy's getsockopt).
 *
 * On failure. Closed: connect to a known destination is refused (EPERM: a return value of its own needs
 * 5.18) when the proxy's port is not set, when the socket cannot be remembered, and for a TCP destination
 * without a verdict; a lost or missing `pending` entry leaves the kernel's error, and the proxy has no
 * filter chain for its own address; the guard drops what it cannot parse. Open by design: an address that
 * is not in `destinations` passes untouched, so a destination must be entered before its workload starts.
 * Each refusal and each drop bumps a counter.
 *
 * Not seen here: a socket that was made outside the workloads' cgroup (the kernel runs the hooks of the
 * cgroup that a socket was made in); the guard still drops it at the destination. UDP and other types pass.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "capture_guard.h"
#include "capture_maps.h"

char LICENSE[] SEC("license") = "GPL";

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
/* SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST: one number, at level SOL_IP or SOL_IPV6. */
#define SO_ORIGINAL_DST 80
#define SOL_IP 0
#define SOL_IPV6 41
/* The most that the kernel copies for a getsockopt program; a longer buffer must be disowned. */
#define SOCKOPT_BUFFER_MAX 4096
#define LOOPBACK_BE bpf_htonl(INADDR_LOOPBACK)
#define MAPPED_PREFIX_BE bpf_htonl(0x0000ffff)

/*
 * The verifier refuses two things that clang likes: to merge neighbouring context reads into a wider one,
 * and to read a context's pointer again after it was compared with NULL. A volatile read is done once and
 * as it is written.
 */
#define READ(field) (*(volatile typeof(field) *)&(field))

static __always_inline void report_denied(__u64 cgroup_id, const struct shunt_destination_key *destination)
{
	struct shunt_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return;
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = bpf_ktime_get_ns();
	event->cgroup_id = cgroup_id;
	event->kind = SHUNT_EVENT_CONNECT_DENIED;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->destination_ip_be = destination->ip_be;
	event->destination_port_be = destination->port_be;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
}

enum decision {
	PASS,
	REFUSE,
	CAPTURE,
};

/* What becomes of a connect to ip:port; for CAPTURE the original is remembered and `proxy_port_be` set. */
static __always_inline enum decision decide(struct bpf_sock_addr *ctx, __u32 ip_be, __u16 port_be,
					    __u16 *proxy_port_be)
{
	struct shunt_destination_key wanted = {.ip_be = ip_be, .port_be = port_be};
	struct shunt_destination *destination = bpf_map_lookup_elem(&destinations, &wanted);
	struct shunt_destination_key *original;
	const struct shunt_settings *set;

	if (!destination) {
		/* The socket may have been captured for an earlier connect that failed. */
		bpf_sk_storage_delete(&originals, ctx->sk);
		count(SHUNT_COUNTER_CONNECT_PASSED, 1);
		return PASS;
	}

	set = settings_get();
	if (!set || !set->outbound_port || set->outbound_port > 0xffff) {
		count(SHUNT_COUNTER_CONNECT_NO_PROXY, 1);
		return REFUSE;
	}

	if (destination->flags & SHUNT_DESTINATION_L4) {
		struct shunt_verdict_key key = {
		    .cgroup_id = bpf_get_current_ancestor_cgroup_id(set->workload_cgroup_level),
		    .destination = wanted,
		};
		__u32 *verdict = bpf_map_lookup_elem(&verdicts, &key);

		if (!verdict || *verdict != SHUNT_VERDICT_ALLOW) {
			count(SHUNT_COUNTER_CONNECT_DENIED, 1);
			report_denied(key.cgroup_id, &wanted);
			return REFUSE;
		}
	}

	original = bpf_sk_storage_get(&originals, ctx->sk, &wanted, BPF_SK_STORAGE_GET_F_CREATE);
	if (!original) {
		count(SHUNT_COUNTER_CONNECT_NO_PROXY, 1);
		return REFUSE;
	}
	*original = wanted;
	*proxy_port_be = bpf_htons(set->outbound_port);
	count(SHUNT_COUNTER_CONNECT_CAPTURED, 1);
	return CAPTURE;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	__u16 proxy_port_be;

	if (ctx->type != SOCK_STREAM)
		return 1;
	switch (decide(ctx, ctx->user_ip4, ctx->user_port, &proxy_port_be)) {
	case PASS:
		return 1;
	case REFUSE:
		return 0;
	case CAPTURE:
		ctx->user_ip4 = LOOPBACK_BE;
		ctx->user_port = proxy_port_be;
	}
	return 1;
}

/* An IPv6 socket that dials ::ffff:a.b.c.d speaks IPv4, and the kernel calls only this hook for it. */
SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	__u32 first = READ(ctx->user_ip6[0]);
	__u32 second = READ(ctx->user_ip6[1]);
	__u32 third = READ(ctx->user_ip6[2]);
	__u32 fourth = READ(ctx->user_ip6[3]);
	__u16 proxy_port_be;

	if (ctx->type != SOCK_STREAM)
		return 1;
	if (first || second || third != MAPPED_PREFIX_BE) {
		bpf_sk_storage_delete(&originals, ctx->sk);
		return 1;
	}
	switch (decide(ctx, fourth, ctx->user_port, &proxy_port_be)) {
	case PASS:
		return 1;
	case REFUSE:
		return 0;
	case CAPTURE:
		ctx->user_ip6[3] = LOOPBACK_BE;
		ctx->user_port = proxy_port_be;
	}
	return 1;
}

SEC("cgroup/getpeername4")
int getpeername4(struct bpf_sock_addr *ctx)
{
	struct shunt_destination_key *original = bpf_sk_storage_get(&originals, ctx->sk, 0, 0);

	if (original) {
		ctx->user_ip4 = original->ip_be;
		ctx->user_port = original->port_be;
	}
	return 1;
}

/* The first 96 bits are ::ffff: already: the socket is connected to ::ffff:127.0.0.1. */
SEC("cgroup/getpeername6")
int getpeername6(struct bpf_sock_addr *ctx)
{
	struct shunt_destination_key *original = bpf_sk_storage_get(&originals, ctx->sk, 0, 0);

	if (original) {
		ctx->user_ip6[3] = original->ip_be;
		ctx->user_port = original->port_be;
	}
	return 1;
}

/* Runs before the client's ACK leaves, so the entry is there when the proxy accepts. */
SEC("sockops")
int publish(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = READ(ctx->sk);
	struct shunt_destination_key *original;
	struct client client = {};

	if (ctx->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB || !sk)
		return 1;
	/* True for an IPv6 socket too: a v4-mapped connection has its IPv4 addresses here. */
	if (ctx->remote_ip4 != LOOPBACK_BE)
		return 1;
	client.netns_cookie = bpf_get_netns_cookie(ctx);
	client.ip_be = ctx->local_ip4;
	client.port_be = bpf_htons(ctx->local_port);
	original = bpf_sk_storage_get(&originals, sk, 0, 0);
	if (original)
		bpf_map_update_elem(&pending, &client, original, BPF_ANY);
	else
		/* Dialled 127.0.0.1 itself: an entry that nobody asked for must not answer for it. */
		bpf_map_delete_elem(&pending, &client);
	return 1;
}

static __always_inline bool client_of(struct bpf_sockopt *ctx, struct bpf_sock *sk, struct client *client)
{
	__u32 family = READ(sk->family);
	__u32 first = READ(sk->dst_ip6[0]);
	__u32 second = READ(sk->dst_ip6[1]);
	__u32 third = READ(sk->dst_ip6[2]);

	/* A connection over real IPv6 carries a made-up IPv4 address in dst_ip4 (127.0.0.6). */
	if (family != AF_INET && (family != AF_INET6 || first || second || third != MAPPED_PREFIX_BE))
		return false;
	client->netns_cookie = bpf_get_netns_cookie(ctx);
	client->ip_be = READ(sk->dst_ip4);
	client->port_be = READ(sk->dst_port);
	return true;
}

/* False when the caller's buffer is too small. */
static __always_inline bool answer(struct bpf_sockopt *ctx, const struct shunt_destination_key *original)
{
	void *end = ctx->optval_end;

	if (ctx->level == SOL_IP) {
		struct sockaddr_in *address = ctx->optval;

		if ((void *)(address + 1) > end)
			return false;
		__builtin_memset(address, 0, sizeof(*address));
		address->sin_family = AF_INET;
		address->sin_port = original->port_be;
		address->sin_addr.s_addr = original->ip_be;
		ctx->optlen = sizeof(*address);
	} else {
		struct sockaddr_in6 *address = ctx->optval;

		if ((void *)(address + 1) > end)
			return false;
		__builtin_memset(address, 0, sizeof(*address));
		address->sin6_family = AF_INET6;
		address->sin6_port = original->port_be;
		address->sin6_addr.in6_u.u6_addr32[2] = MAPPED_PREFIX_BE;
		address->sin6_addr.in6_u.u6_addr32[3] = original->ip_be;
		ctx->optlen = sizeof(*address);
	}
	ctx->retval = 0;
	return true;
}

SEC("cgroup/getsockopt")
int original_dst(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = READ(ctx->sk);
	struct shunt_destination_key *found, original;
	struct client client = {};

	if ((ctx->level != SOL_IP && ctx->level != SOL_IPV6) || ctx->optname != SO_ORIGINAL_DST) {
		/* Without this the kernel answers EFAULT to every getsockopt with more than a page of buffer.
		 */
		if (ctx->optlen > SOCKOPT_BUFFER_MAX)
			ctx->optlen = 0;
		return 1;
	}
	if (!sk)
		return 1;
	found = client_of(ctx, sk, &client) ? bpf_map_lookup_elem(&pending, &client) : NULL;
	if (!found) {
		if (ctx->retval)
			count(SHUNT_COUNTER_ORIGINAL_UNKNOWN, 1);
		return 1;
	}
	original = *found;
	if (!answer(ctx, &original))
		return 1;
	/* The port may be used again by a connection that was not captured. */
	bpf_map_delete_elem(&pending, &client);
	count(SHUNT_COUNTER_ORIGINAL_ANSWERED, 1);
	return 1;
}

SEC("tc")
int guard(struct __sk_buff *skb)
{
	return guard_packet(skb);
}
