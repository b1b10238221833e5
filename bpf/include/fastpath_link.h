/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* Two promoted sockets are proven to be the ends of one connection, and told of each other. */
#ifndef SHUNT_FASTPATH_LINK_H
#define SHUNT_FASTPATH_LINK_H

#include "fastpath_agreement.h"
#include "fastpath_flow.h"
#include "fastpath_state.h"

/*
 * Has the receiver got what the sender had acknowledged, and no more than the sender wrote? Read in this
 * order it is always true of the two ends of one connection, whatever moves meanwhile. Not snd_nxt: that is
 * advanced only after the segment was handed to the device, and on this machine it may have arrived by then.
 */
static __always_inline bool is_received(struct tcp_sock *sender, struct tcp_sock *receiver)
{
	__u32 acknowledged = READ_ONCE(sender->snd_una);
	__u32 received = READ_ONCE(receiver->rcv_nxt);
	__u32 written = READ_ONCE(sender->write_seq);

	return received - acknowledged <= written - acknowledged;
}

static __always_inline void state_link(struct shunt_socket_state *state,
				       const struct shunt_socket_state *peer_state, struct tcp_sock *peer)
{
	if (!state->client_cgroup_id) {
		state->original = peer_state->original;
		state->client_cgroup_id = peer_state->client_cgroup_id;
	}
	state->peer = (__u64)peer;
	state->peer_cgroup_id = peer_state->cgroup_id;
	state->peer_seen_level = peer_state->seen_level;
	state->linked_seq = READ_ONCE(peer->copied_seq);
	state->refreshed_jiffies = bpf_jiffies64();
	state->peer_cookie = peer_state->cookie;
	state->refusal = 0;
	state->phase = SHUNT_PHASE_LINKED;
	flow_link(state);
}

/* For people: why the last look did not promote or link the socket (0: it did), and since when that is so. */
static __always_inline void refusal_set(struct shunt_socket_state *state, __u32 refusal)
{
	if (refusal && state->refusal == refusal)
		return;
	state->refusal = refusal;
	state->since_ns = bpf_ktime_get_ns();
}

/*
 * Whoever is promoted second links both. Two that are promoted at the same instant may both do it, with the
 * same result; LINKED then counts twice.
 */
static __always_inline void socket_link(struct shunt_socket_state *state, struct tcp_sock *tcp)
{
	struct bpf_sock *peer = bpf_map_lookup_elem(&sockets, &state->peer_key);
	struct shunt_socket_state *peer_state;
	struct tcp_sock *peer_tcp;

	if (!peer)
		return;
	peer_state = bpf_sk_storage_get(&states, peer, NULL, 0);
	peer_tcp = bpf_skc_to_tcp_sock(peer);
	if (peer_state && peer_tcp && peer_state->phase == SHUNT_PHASE_PROMOTED) {
		if (is_received(tcp, peer_tcp) && is_received(peer_tcp, tcp)) {
			state_link(state, peer_state, peer_tcp);
			state_link(peer_state, state, tcp);
			bpf_map_delete_elem(&met, &state->peer_key);
			bpf_map_delete_elem(&met, &peer_state->peer_key);
			count(SHUNT_COUNTER_LINKED, 1);
		} else {
			refusal_set(state, SHUNT_COUNTER_REFUSED_SEQUENCE);
			count(SHUNT_COUNTER_REFUSED_SEQUENCE, 1);
		}
	}
	bpf_sk_release(peer);
}

#endif
