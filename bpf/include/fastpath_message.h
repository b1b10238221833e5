/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* What becomes of a message that a promoted socket sends. */
#ifndef SHUNT_FASTPATH_MESSAGE_H
#define SHUNT_FASTPATH_MESSAGE_H

#include <bpf/bpf_endian.h>
#include "fastpath_queue.h"
#include "fastpath_standing.h"
#include "fastpath_state.h"
#include "fastpath_threads.h"
#include "sending.h"
#include "waiting.h"

/* For people: a promoted socket whose O_NONBLOCK is cleared has a recv(2) that may answer EAGAIN. */
static __always_inline void blocking_note(struct shunt_socket_state *state)
{
	struct shunt_event *event;

	state->peer_blocking = 1;
	count(SHUNT_COUNTER_BECAME_BLOCKING, 1);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return;
	__builtin_memset(event, 0, sizeof(*event));
	event->kind = SHUNT_EVENT_BECAME_BLOCKING;
	event->time_ns = bpf_ktime_get_ns();
	event->cgroup_id = state->peer_cgroup_id;
	event->source_ip_be = state->peer_key.remote_ip_be[3];
	event->destination_ip_be = state->peer_key.local_ip_be[3];
	event->destination_port_be = bpf_htons(state->peer_key.local_port);
	bpf_ringbuf_submit(event, 0);
}

/* May be redirected to as far as its way of waiting goes? REDIRECTED: yes. */
static __always_inline enum shunt_outcome reader_outcome(struct shunt_socket_state *state,
							 struct socket *reader)
{
	if (state->peer_reader == SHUNT_READER_NEVER || state->peer_reader == SHUNT_READER_OFF)
		return SHUNT_OUTCOME_READER_REFUSED;
	if (!is_nonblocking(reader)) {
		if (!state->peer_blocking)
			blocking_note(state);
		return SHUNT_OUTCOME_READER_BLOCKING;
	}
	state->peer_blocking = 0;
	if (state->peer_reader == SHUNT_READER_GREEDY)
		return SHUNT_OUTCOME_REDIRECTED;
	switch (socket_waiting(reader)) {
	case WAITING_LEVEL:
		state->peer_seen_level = 1;
		return SHUNT_OUTCOME_REDIRECTED;
	case WAITING_UNSEEN:
		/* A reader in poll(2) is seen only while it waits; between two calls its last way counts. */
		return state->peer_seen_level ? SHUNT_OUTCOME_REDIRECTED : SHUNT_OUTCOME_READER_UNKNOWN;
	case WAITING_EDGE:
		state->peer_seen_level = 0;
		return SHUNT_OUTCOME_READER_EDGE;
	default:
		state->peer_seen_level = 0;
		return SHUNT_OUTCOME_READER_UNKNOWN;
	}
}

/*
 * A reader that changed its way of waiting while redirected bytes are unread gets more of them: bytes in both
 * of its queues are what it would stall on. From the empty queue on it is served by TCP.
 */
static __always_inline bool is_by_waiting(enum shunt_outcome outcome)
{
	return outcome == SHUNT_OUTCOME_READER_EDGE || outcome == SHUNT_OUTCOME_READER_UNKNOWN;
}

/*
 * Has the reader taken all that was sent by TCP, and something of it since it was linked? A recv that began
 * before its socket was promoted may still be about to look at TCP's queue alone: it would take what comes by
 * TCP past redirected bytes. A recv that ended after linking shows that there is none.
 */
static __always_inline bool is_handed_over(const struct shunt_socket_state *state, struct tcp_sock *sender,
					   struct tcp_sock *reader)
{
	__u32 copied = READ(reader, copied_seq);

	return copied == sender->write_seq && copied != state->linked_seq;
}

/* Else its sender ended its stream by shutdown(2): TCP refuses the message, a redirect would deliver it. */
static __always_inline bool may_send(const struct bpf_sock *sk)
{
	return sk->state == BPF_TCP_ESTABLISHED || sk->state == BPF_TCP_CLOSE_WAIT;
}

/*
 * Redirected bytes pass no firewall: what tracks connections by their packets forgets one that has none
 * (nf_conntrack after nf_conntrack_tcp_timeout_established), and drops what then comes by TCP, the end of the
 * stream too. So now and then a message goes by TCP, of each direction that is used.
 */
static __always_inline bool is_refresh_due(const struct shunt_settings *config,
					   struct shunt_socket_state *state)
{
	__u32 now = bpf_jiffies64(); /* one load; a clock costs more */

	if (!config->refresh_jiffies || now - state->refreshed_jiffies < config->refresh_jiffies)
		return false;
	state->refreshed_jiffies = now;
	return true;
}

/*
 * While redirects of several threads are under way, a message goes the same way whatever the reader, the
 * credit and a pause say: order comes first.
 */
static __always_inline enum shunt_outcome
message_outcome(struct sk_msg_md *msg, struct shunt_socket_state *state, struct tcp_sock *tcp)
{
	const struct shunt_settings *config = settings_get();
	bool alone = is_alone(state, (struct sock *)tcp);
	struct sock *peer = (struct sock *)state->peer;
	enum shunt_outcome outcome;
	struct socket *reader;
	__u32 size = msg->size;
	__u32 queued;

	if (!config || (alone && config->paused))
		return SHUNT_OUTCOME_PAUSED;
	if (state->phase != SHUNT_PHASE_LINKED || !state->peer_cookie)
		return state->peer_refusal ? state->peer_refusal : SHUNT_OUTCOME_UNLINKED;
	standing_renew(state, config);
	if (alone && state->standing != SHUNT_OUTCOME_REDIRECTED)
		return state->standing;
	reader = READ(peer, sk_socket);
	if (!reader || (__u64)READ(peer, __sk_common.skc_cookie.counter) != state->peer_cookie)
		return SHUNT_OUTCOME_STALE_PEER;
	/* What lasts before what passes, so that people see the reason that they can do something about. */
	outcome = reader_outcome(state, reader);
	queued = queued_bytes(state, peer);
	if (alone && outcome != SHUNT_OUTCOME_REDIRECTED && !(queued && is_by_waiting(outcome)))
		return outcome;
#ifndef SHUNT_TEST_WITHOUT_HANDOVER /* a test shows that it catches the race without this */
	if (!is_handed_over(state, tcp, (struct tcp_sock *)peer))
		return SHUNT_OUTCOME_HANDOVER;
#endif
	if (alone && !has_credit(config, state, peer, queued, size))
		return SHUNT_OUTCOME_CREDIT;
	if (alone && outcome == SHUNT_OUTCOME_REDIRECTED && is_refresh_due(config, state))
		return SHUNT_OUTCOME_REFRESH;
	if (alone && is_for_tcp(tcp))
		return SHUNT_OUTCOME_TCP_ONLY;
	if (bpf_msg_redirect_hash(msg, &sockets, &state->peer_key, BPF_F_INGRESS) != SK_PASS)
		return SHUNT_OUTCOME_FAILED;
	state->crowded = !alone;
	state->writer = bpf_get_current_pid_tgid();
	queue_add(state, queued, size);
	return SHUNT_OUTCOME_REDIRECTED;
}

#endif
