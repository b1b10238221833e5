/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What getsockopt(2) says of a promoted socket, where the kernel knows of TCP's bytes alone.
 *
 * TCP_INFO counts what was redirected: bytes, and segments, as many as TCP would have made of messages that
 * small; what a peer has been sent it has acknowledged. Not the times since the last segment, nor rates and
 * windows, which are those of the last bytes that went by TCP. Nothing is added where `flows` is full.
 *
 * TCP_ZEROCOPY_RECEIVE maps what came by TCP. Who asks is told, as by TCP of bytes that cannot be mapped, to
 * receive what is unread otherwise, and gets all that follows by TCP.
 */
#ifndef SHUNT_FASTPATH_ANSWERS_H
#define SHUNT_FASTPATH_ANSWERS_H

#include <linux/in.h>
#include <linux/tcp.h>
#include "fastpath_standing.h"
#include "fastpath_state.h"
#include "psock.h"
#include "waiting.h"

/* The most that the kernel copies for a program; a longer buffer must be disowned, or it answers EFAULT. */
#define ANSWER_BYTES_MAX 4096
/* Where the kernel does not count what is unread, so many messages of it are. */
#define UNREAD_MESSAGES_MAX 16
/* In `vetoed`, of those whose number is also one of SOL_SOCKET. */
#define VETO_ZEROCOPY_RECEIVE (IPPROTO_TCP << 16 | TCP_ZEROCOPY_RECEIVE)
#define VETO_TX_DELAY (IPPROTO_TCP << 16 | TCP_TX_DELAY)

/* The address of a socket whose pointer may not be calculated with. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} socket_address SEC(".maps");

static __always_inline struct sock *socket_kernel(struct bpf_sock *sk)
{
	__u32 zero = 0;
	volatile __u64 *address = bpf_map_lookup_elem(&socket_address, &zero);

	if (!address)
		return NULL;
	*address = (__u64)sk;
	return (struct sock *)*address;
}

/* Not more than there are. */
static __always_inline __u32 unread_bytes(struct sock *sk)
{
	struct sk_psock *psock = sk ? socket_psock(sk) : NULL;
	const struct list_head *link;
	__u32 bytes = 0;

	if (!psock)
		return 0;
	if (bpf_core_field_exists(psock->msg_tot_len))
		return BPF_CORE_READ(psock, msg_tot_len);
	link = BPF_CORE_READ(psock, ingress_msg.next);
	for (int i = 0; i < UNREAD_MESSAGES_MAX && link != &psock->ingress_msg; i++) {
		bytes += BPF_CORE_READ(ENCLOSING(link, struct sk_msg, list), sg.size);
		link = BPF_CORE_READ(link, next);
	}
	return bytes;
}

struct redirected {
	__u64 bytes, segments;
};

/* At least one a message, and full ones. */
static __always_inline void redirected_add(struct redirected *sum, __u64 messages, __u64 bytes, __u32 segment)
{
	__u64 full = segment ? bytes / segment : 0;

	sum->bytes += bytes;
	sum->segments += full > messages ? full : messages;
}

/* Whole fields of the kernel's answer that were asked for. */
#define HAS_FIELD(option, info, field)                                                                       \
	((void *)(&(info)->field + 1) <= (option)->optval_end &&                                             \
	 (__s32)(__builtin_offsetof(struct tcp_info, field) + sizeof((info)->field)) <= (option)->optlen)

static __always_inline void info_answer(struct bpf_sockopt *option, const struct shunt_socket_state *state)
{
	const struct shunt_flow *sent = bpf_map_lookup_elem(&flows, &state->cookie);
	const struct shunt_flow *taken = bpf_map_lookup_elem(&flows, &state->peer_cookie);
	struct redirected out = {}, in = {};
	struct tcp_info *info = option->optval;

	if (!HAS_FIELD(option, info, tcpi_data_segs_out))
		return;
	if (sent) {
		redirected_add(&out, sent->messages[SHUNT_OUTCOME_REDIRECTED],
			       sent->bytes[SHUNT_OUTCOME_REDIRECTED], info->tcpi_snd_mss);
		redirected_add(&in, sent->ended_messages, sent->ended_bytes, info->tcpi_snd_mss);
	}
	if (taken)
		redirected_add(&in, taken->messages[SHUNT_OUTCOME_REDIRECTED],
			       taken->bytes[SHUNT_OUTCOME_REDIRECTED], info->tcpi_snd_mss);
	info->tcpi_bytes_acked += out.bytes;
	info->tcpi_bytes_received += in.bytes;
	info->tcpi_segs_out += out.segments;
	info->tcpi_segs_in += in.segments;
	info->tcpi_data_segs_out += out.segments;
	info->tcpi_data_segs_in += in.segments;
	if (HAS_FIELD(option, info, tcpi_delivered))
		info->tcpi_delivered += out.segments;
	if (HAS_FIELD(option, info, tcpi_bytes_sent))
		info->tcpi_bytes_sent += out.bytes;
}

/* `state` may be NULL: its socket is new. */
static __always_inline void zerocopy_answer(struct bpf_sockopt *option, struct shunt_socket_state *state,
					    struct bpf_sock *sk)
{
	struct tcp_zerocopy_receive *receive = option->optval;
	__u32 unread;

	if (!state)
		return;
	if (state->vetoed != VETO_ZEROCOPY_RECEIVE) {
		state->vetoed = VETO_ZEROCOPY_RECEIVE;
		if (is_promoted(state) && sk->state != BPF_TCP_CLOSE)
			option_note(state);
	}
	if (!is_promoted(state) || (void *)(&receive->inq + 1) > option->optval_end)
		return;
	unread = unread_bytes(socket_kernel(sk));
	if (!unread)
		return;
	receive->recv_skip_hint = unread;
	receive->inq += unread;
}

#endif
