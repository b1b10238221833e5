/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* What was redirected and is not read yet, and how much more may be. */
#ifndef SHUNT_FASTPATH_QUEUE_H
#define SHUNT_FASTPATH_QUEUE_H

#include "abi.h"
#include "memory.h"
#include "psock.h"
#include "waiting.h"

#define SOCK_RCVBUF_LOCK 2 /* in sk_userlocks */
#define BUFFER_SHARE 8
#define BUFFER_SHARE_STRICT 64
/*
 * What the kernel keeps of a queued message beside its bytes (struct sk_msg, kmalloc-1k from 5.10 to 7.3). It
 * is charged to nobody, no socket, cgroup or net.ipv4.tcp_mem: a million messages of a byte took 1 GiB.
 */
#define MESSAGE_COST_BYTES 1024
/* So much of it is free, and as much as there are bytes, which are charged, and bounded. */
#define FREE_COST_BYTES (64 * 1024)
/* So many messages go by TCP after too many small ones were queued: long enough for TCP to join them. */
#define SMALL_PAUSE_MESSAGES 256

extern int LINUX_KERNEL_VERSION __kconfig; /* libbpf sets it, to what KERNEL_VERSION() makes */

/*
 * Redirected bytes that the reader has not read. Where the kernel does not keep count: what was redirected
 * since the queue was last seen empty, which is never less.
 */
static __always_inline __u32 queued_bytes(struct shunt_socket_state *state, struct sock *reader)
{
	struct sk_psock *psock = socket_psock(reader);

	if (bpf_core_field_exists(psock->msg_tot_len))
		return READ(psock, msg_tot_len);
	if (is_empty(&psock->ingress_msg))
		state->queued_bytes = 0;
	return state->queued_bytes;
}

/*
 * Messages in a queue of so many bytes, or up to twice as many: the kernel counts none. Where no more bytes
 * are queued than were redirected since the mark, all before the mark has been read.
 */
static __always_inline __u32 queued_messages(struct shunt_socket_state *state, __u32 queued)
{
	if (!queued) {
		state->queued_messages = 0;
		state->marked_messages = 0;
		state->marked_bytes = 0;
	} else if (queued <= state->marked_bytes) {
		state->queued_messages = state->marked_messages;
		state->marked_messages = 0;
		state->marked_bytes = 0;
	}
	return state->queued_messages;
}

/* A message goes into the queue, which had so many bytes before. */
static __always_inline void queue_add(struct shunt_socket_state *state, __u32 queued, __u32 size)
{
	state->queued_bytes = queued + size;
	state->queued_messages++;
	state->marked_messages++;
	state->marked_bytes += size;
}

/*
 * Does the kernel drop what comes by TCP for which the buffer has no room left as it is, though its window
 * promised it? From 1d2fbaad7cd8 (6.17) on until 026dfef287c0 (7.0; 6.19.7, 6.18.17: one more here, as seen
 * in the queue of patches for it). All others take it while the buffer is not overfull, and let it grow.
 */
static __always_inline bool is_buffer_strict(void)
{
#ifdef SHUNT_TEST_STRICT_BUFFER /* a test runs the rule on other kernels */
	return true;
#else
	return (LINUX_KERNEL_VERSION >= KERNEL_VERSION(6, 17, 0) &&
		LINUX_KERNEL_VERSION < KERNEL_VERSION(6, 18, 18)) ||
	       (LINUX_KERNEL_VERSION >= KERNEL_VERSION(6, 19, 0) &&
		LINUX_KERNEL_VERSION < KERNEL_VERSION(6, 19, 8));
#endif
}

/*
 * Redirected bytes are charged to the reader's receive buffer, and TCP's window does not know of them. Where
 * they fill it, what is then sent by TCP is dropped, and reading them updates no window: the rest waits for a
 * timer that backs off, for seconds. Half of what the buffer is, or may grow to, is left to TCP, and all that
 * its window has promised, with an eighth for what segments take beside their bytes; an empty queue or not: a
 * message that is larger than what is left is TCP's. An eighth of the buffer is given without a look at the
 * rest. On a strict kernel it is a small part, for asking and answering, and the buffer is what it is now.
 */
static __always_inline bool is_buffer_short(struct sock *reader, __u32 bytes)
{
	struct tcp_sock *tcp = (struct tcp_sock *)reader;
	bool strict = is_buffer_strict();
	__u32 most = READ(reader, sk_rcvbuf), end;
	__s32 window;

	if (bytes <= most / (strict ? BUFFER_SHARE_STRICT : BUFFER_SHARE))
		return false;
	if (!strict && !(READ_BITFIELD(reader, sk_userlocks) & SOCK_RCVBUF_LOCK) &&
	    may_buffers_grow(reader)) {
		end = READ(reader, __sk_common.skc_net.net, ipv4.sysctl_tcp_rmem[2]);
		most = end > most ? end : most;
	}
	if (bytes > most / 2)
		return true;
	window = READ(tcp, rcv_wup) + READ(tcp, rcv_wnd) - READ(tcp, rcv_nxt);
	return window > 0 && bytes + window + window / BUFFER_SHARE > most;
}

/*
 * Are too many messages queued for so few bytes? Then the sender writes a stream of small ones, which TCP
 * joins and which cost it less. To change the way for each lot would cost more than either, so what comes
 * next goes by TCP too, until a number of messages has found a reader that had read all.
 */
static __always_inline bool are_too_small(struct shunt_socket_state *state, __u32 queued)
{
	__u64 cost = (__u64)queued_messages(state, queued) * MESSAGE_COST_BYTES;

	if (cost > FREE_COST_BYTES + queued)
		state->small_pause = SMALL_PAUSE_MESSAGES;
	if (!state->small_pause)
		return false;
	state->small_pause--;
	return true;
}

/*
 * May this many bytes more be queued? A queue that is empty takes a message that is larger than the credit.
 */
static __always_inline bool has_credit(const struct shunt_settings *config, struct shunt_socket_state *state,
				       struct sock *reader, __u32 queued, __u32 size)
{
	if (!config->max_queued_bytes || (queued && queued + size > config->max_queued_bytes))
		return false;
	return !are_too_small(state, queued) && !is_buffer_short(reader, queued + size) &&
	       !is_machine_short(reader, size) && !is_cgroup_short(reader, queued + size);
}

#endif
