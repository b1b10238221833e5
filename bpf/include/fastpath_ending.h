/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * How a promoted connection ends.
 *
 * TCP answers a close with bytes unread by a reset. The kernel throws redirected bytes away before TCP
 * decides, which then finds nothing unread and sends an ordinary end. So socket_released, which the kernel
 * asks before the close, notes that bytes are unread, and the end is made the reset that it should be where
 * it arrives, at ingress of the peer's device. The closed socket hears of it when it repeats its end, a fifth
 * of a second later: nobody has that connection any more, and it is answered by a reset. The entry is used
 * once, for the very socket that it is meant for; where it is lost, or the end never sent, the end stays an
 * end. An end that shutdown(2) sent before the close is an end over TCP too.
 *
 * A socket that is closed before its own stream ended (a reset, connect(2) to AF_UNSPEC) and that has
 * nothing redirected to read leaves the socket hash, for TCP's own answers to what a program does with it
 * then. No sender is under way to lose its bytes by that, but one that would lose them to the reset all the
 * same. Where its stream was ended in order a thread of the peer may still be about to queue what it sent
 * before the end.
 */
#ifndef SHUNT_FASTPATH_ENDING_H
#define SHUNT_FASTPATH_ENDING_H

#include "fastpath_state.h"
#include "packet.h"
#include "psock.h"
#include "waiting.h"

/* What the peer of a socket that was closed with bytes unread will see as its end: its key, without scope, to
 * its end_mark(). LRU: an end that is never sent leaves its entry. 1 MiB. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct shunt_flow_key);
	__type(value, __u64);
} unread_ends SEC(".maps");

#define TCP_FLAGS_OFFSET 12 /* with the header's length */
#define TCP_CHECK_OFFSET 16
#define TCP_FIN_BE bpf_htons(0x01)
#define TCP_RST_BE bpf_htons(0x04)

/* An end is told from all others of the same socket by where it ends the stream: a socket may be connected
 * again, also to the same addresses. */
static __always_inline __u64 end_mark(__u64 cookie, __u32 seq)
{
	return (__u64)seq << 32 | (__u32)cookie;
}

static __always_inline bool has_unread(struct sock *sk)
{
	struct sk_psock *psock = socket_psock(sk);

	return psock && !is_empty(&psock->ingress_msg);
}

/* The last descriptor of the socket was closed; its queues are as they were. */
static __always_inline void unread_note(const struct shunt_socket_state *state, struct sock *sk)
{
	struct shunt_flow_key key;
	__u64 mark;

	if (state->phase != SHUNT_PHASE_LINKED || !has_unread(sk))
		return;
	key = state->peer_key;
	key.scope = 0;
	mark = end_mark(state->peer_cookie, READ((struct tcp_sock *)sk, write_seq));
	bpf_map_update_elem(&unread_ends, &key, &mark, BPF_ANY);
}

/* The sequence number of an end: what its segment carries comes before it. */
static __always_inline __u32 end_seq(struct __sk_buff *skb, __u32 tcp_offset)
{
	struct tcphdr tcp;

	if (bpf_skb_load_bytes(skb, tcp_offset, &tcp, sizeof(tcp)))
		return 0;
	return bpf_ntohl(tcp.seq) + skb->len - tcp_offset - tcp.doff * 4;
}

static __always_inline void end_to_reset(struct __sk_buff *skb, __u32 tcp_offset)
{
	__be16 end, reset;

	if (bpf_skb_load_bytes(skb, tcp_offset + TCP_FLAGS_OFFSET, &end, sizeof(end)))
		return;
	reset = (end & ~TCP_FIN_BE) | TCP_RST_BE;
	if (bpf_l4_csum_replace(skb, tcp_offset + TCP_CHECK_OFFSET, end, reset, sizeof(reset)))
		return;
	bpf_skb_store_bytes(skb, tcp_offset + TCP_FLAGS_OFFSET, &reset, sizeof(reset), 0);
}

/* A segment that ends its sender's stream arrived. */
static __always_inline void end_look(struct __sk_buff *skb, struct packet *packet)
{
	const __u64 *noted = bpf_map_lookup_elem(&unread_ends, &packet->key);
	const struct shunt_socket_state *state;
	bool is_meant;
	struct bpf_sock *sk;

	if (!noted)
		return;
	sk = packet_socket(skb, packet);
	if (!sk)
		return;
	state = bpf_sk_storage_get(&states, sk, NULL, 0);
	is_meant = state && end_mark(state->cookie, end_seq(skb, packet->tcp_offset)) == *noted;
	bpf_sk_release(sk);
	if (!is_meant)
		return;
	bpf_map_delete_elem(&unread_ends, &packet->key);
	end_to_reset(skb, packet->tcp_offset);
}

/* Did a socket that is closed now still have a stream to send, in the state before? */
static __always_inline bool is_aborted(__u32 state)
{
	return state == BPF_TCP_ESTABLISHED || state == BPF_TCP_CLOSE_WAIT;
}

/* TCP has closed the socket, and its lock is held. `sk` may be NULL. */
static __always_inline void socket_leave(struct shunt_socket_state *state, struct sock *sk)
{
	struct shunt_flow_key key;

	if (!sk || !socket_psock(sk) || has_unread(sk))
		return;
	flow_key_swap(&key, &state->peer_key);
	if (!bpf_map_delete_elem(&sockets, &key))
		state->phase = SHUNT_PHASE_REFUSED;
}

#endif
