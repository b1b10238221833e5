/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What promoted sockets sent, for people: begun with the promotion, ended with the socket.
 *
 * Two processors may be at it at once: one ends a socket while the other, to which a segment came, promotes
 * it. The kernel tells the end of a socket first and changes its state later, so that a socket can enter
 * `sockets` after its end was told, and nobody would end its flow. So whoever ends it first takes back that
 * it wants to be told, and whoever promotes looks at that last: he has then added the flow. One of them sees
 * what the other did, because adding and deleting take the same lock of the map.
 */
#ifndef SHUNT_FASTPATH_FLOW_H
#define SHUNT_FASTPATH_FLOW_H

#include "fastpath_standing.h"
#include "fastpath_state.h"

#define READ_ONCE(field) (*(volatile typeof(field) *)&(field))

/* Will socket_events be told of the socket's end? False: it began before shunt, or its end was told. */
static __always_inline bool is_end_to_come(struct tcp_sock *tcp)
{
	return READ_ONCE(tcp->bpf_sock_ops_cb_flags) & BPF_SOCK_OPS_STATE_CB_FLAG;
}

/* Only for a socket whose end is to come: else the entry would stay for ever. Called before the socket enters
 * `sockets`. */
static __always_inline void flow_start(struct tcp_sock *tcp, const struct shunt_socket_state *state,
				       const struct shunt_flow_key *key, __u64 written)
{
	__u32 zero = 0;
	struct shunt_flow *flow = bpf_map_lookup_elem(&flow_new, &zero);

	if (!flow)
		return;
	flow->key = *key;
	flow->cgroup_id = state->cgroup_id;
	flow->promoted_ns = bpf_ktime_get_ns();
	flow->bytes[SHUNT_OUTCOME_BEFORE_PROMOTION] = written;
	flow->last_outcome = SHUNT_OUTCOME_BEFORE_PROMOTION;
	flow->next_seq = tcp->write_seq;
	/* Not over the one that another processor may have made for it, and linked, by now. */
	bpf_map_update_elem(&flows, &state->cookie, flow, BPF_NOEXIST);
}

static __always_inline void flow_link(const struct shunt_socket_state *state)
{
	struct shunt_flow *flow = bpf_map_lookup_elem(&flows, &state->cookie);

	if (!flow)
		return;
	flow->peer_cookie = state->peer_cookie;
	flow->peer_cgroup_id = state->peer_cgroup_id;
}

/* Adds what an open connection sent to what the closed ones of its pair did. */
static __always_inline void pair_add(const struct shunt_pair_key *key, const struct shunt_pair *sent)
{
	struct shunt_pair *pair = bpf_map_lookup_elem(&pairs, key);

	if (!pair) {
		if (!bpf_map_update_elem(&pairs, key, sent, BPF_NOEXIST))
			return;
		pair = bpf_map_lookup_elem(&pairs, key);
	}
	if (!pair)
		return;
	for (int outcome = 0; outcome < SHUNT_OUTCOME_COUNT; outcome++) {
		__sync_fetch_and_add(&pair->messages[outcome], sent->messages[outcome]);
		__sync_fetch_and_add(&pair->bytes[outcome], sent->bytes[outcome]);
	}
}

/* What was redirected to a socket stays known when the one that sent it is closed. */
static __always_inline void ended_add(__u64 cookie, const struct shunt_pair *sent)
{
	struct shunt_flow *flow = bpf_map_lookup_elem(&flows, &cookie);

	if (!flow)
		return;
	__sync_fetch_and_add(&flow->ended_messages, sent->messages[SHUNT_OUTCOME_REDIRECTED]);
	__sync_fetch_and_add(&flow->ended_bytes, sent->bytes[SHUNT_OUTCOME_REDIRECTED]);
}

/* True: it was there, and nobody else ended it. */
static __always_inline bool flow_end(__u64 cookie)
{
	const struct shunt_flow *flow = bpf_map_lookup_elem(&flows, &cookie);
	struct shunt_pair_key key = {};
	struct shunt_pair sent;
	__u64 peer_cookie = 0;

	if (flow) {
		peer_cookie = flow->peer_cookie;
		key.cgroup_id = flow->cgroup_id;
		key.peer_cgroup_id = flow->peer_cgroup_id;
		__builtin_memcpy(sent.messages, flow->messages, sizeof(sent.messages));
		__builtin_memcpy(sent.bytes, flow->bytes, sizeof(sent.bytes));
	}
	/* Also what was not there: see above. What appeared in between has sent nothing yet. */
	if (bpf_map_delete_elem(&flows, &cookie))
		return false;
	if (flow)
		pair_add(&key, &sent);
	if (peer_cookie)
		ended_add(peer_cookie, &sent);
	return true;
}

/*
 * Of a socket that was promoted when it was told that it ended, or later. Its flow is ended by one of the two
 * who may see that; so is what is known of its options.
 */
static __always_inline void promoted_end(const struct shunt_socket_state *state)
{
	option_forget(state);
	count(SHUNT_COUNTER_CLOSED, 1);
}

#endif
