/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Keeps the excursions of a stream to TCP short.
 *
 * A stream whose reader is behind goes by TCP, and comes back when the reader has taken all of that. TCP lets
 * a sender be megabytes ahead, for a network's sake; here that is how long an excursion lasts, and a sender
 * that is let go on before the reader has caught up never comes back. So a sender whose messages were too
 * many for its reader gets a send buffer that fits a connection inside of one machine, as SO_SNDBUF would
 * give it. A program that set SO_SNDBUF keeps what it set, before or after.
 *
 * Done when TCP measures a round trip, which is when what was sent by TCP is acknowledged: the first chance
 * after the verdict, which may not change a socket, and none as long as all is redirected.
 */
#ifndef SHUNT_FASTPATH_SEND_BUFFER_H
#define SHUNT_FASTPATH_SEND_BUFFER_H

#include "fastpath_state.h"

/* The kernel doubles it, for its own overhead. */
#define SEND_BUFFER_BYTES (128 * 1024)
/* So many messages in a row that go by TCP because the reader is behind are a stream. */
#define SEND_BUFFER_MESSAGES 32
/* After so many segments a socket that is not linked is looked at no more. */
#define SEND_BUFFER_LOOKS_MAX 1024

#define SOCK_SNDBUF_LOCK 1 /* in sk_userlocks */
#define SOL_SOCKET 1
#define SO_SNDBUF 7

/* Called with each verdict on a message of a linked socket. */
static __always_inline void send_buffer_note(struct shunt_socket_state *state, enum shunt_outcome outcome)
{
	if (state->behind >= SEND_BUFFER_MESSAGES)
		return;
	if (outcome == SHUNT_OUTCOME_CREDIT)
		state->behind = SEND_BUFFER_MESSAGES;
	else
		state->behind = outcome == SHUNT_OUTCOME_HANDOVER ? state->behind + 1 : 0;
}

static __always_inline bool is_send_buffer_free(struct bpf_sock *sk)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	struct sock *kernel_sk = (struct sock *)tcp;

	return tcp && !(BPF_CORE_READ_BITFIELD_PROBED(kernel_sk, sk_userlocks) & SOCK_SNDBUF_LOCK) &&
	       BPF_CORE_READ(kernel_sk, sk_sndbuf) > 2 * SEND_BUFFER_BYTES;
}

/* A round trip was measured on a socket that BPF_SOCK_OPS_RTT_CB_FLAG was set for. */
static __always_inline void send_buffer_look(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk = ops->sk;
	struct shunt_socket_state *state = sk ? bpf_sk_storage_get(&states, sk, NULL, 0) : NULL;
	bool is_stream = state && state->phase == SHUNT_PHASE_LINKED && state->behind >= SEND_BUFFER_MESSAGES;
	int bytes = SEND_BUFFER_BYTES;

	if (is_stream && is_send_buffer_free(sk))
		bpf_setsockopt(ops, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (is_stream ||
	    (ops->segs_in > SEND_BUFFER_LOOKS_MAX && !(state && state->phase == SHUNT_PHASE_LINKED)))
		bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags & ~BPF_SOCK_OPS_RTT_CB_FLAG);
}

#endif
