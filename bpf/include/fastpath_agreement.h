/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Both ends of a connection are promoted, or neither: in a socket hash each message costs more, some options
 * are lost, and FIONREAD does not see what TCP delivers.
 */
#ifndef SHUNT_FASTPATH_AGREEMENT_H
#define SHUNT_FASTPATH_AGREEMENT_H

#include "fastpath_state.h"

/* What the last look at a member's socket found: for its peer, which is not entered before both agree. */
struct acquaintance {
	__u64 cgroup_id; /* its member */
	__u32 outcome;	 /* enum shunt_outcome, of what would be sent to it. REDIRECTED and READER_REFUSED: it
			    may be promoted; all else: why it may not */
	__u32 agreed;	 /* 1: it may be promoted, and saw that its peer may: it is entered as soon as it sees
			    that its peer saw it, too */
};

/*
 * Members' sockets that promotion looked at and that are not linked. LRU: one that was forgotten before its
 * peer was looked at is entered again by its next look; one that is left of a closed connection lets a socket
 * of the same addresses be promoted in vain, or not before its peer was looked at. 3 MiB.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct shunt_flow_key);
	__type(value, struct acquaintance);
} met SEC(".maps");

/* Is one of this key promoted? */
static __always_inline bool is_taken(const struct shunt_flow_key *key)
{
	struct bpf_sock *sk = bpf_map_lookup_elem(&sockets, key);

	if (sk)
		bpf_sk_release(sk);
	return sk;
}

/*
 * What the peer was found to be by its last look, not to be known, or to be promoted: which `met` may have
 * forgotten, or not heard of from a processor that was late.
 */
static __always_inline struct acquaintance peer_acquaintance(const struct shunt_flow_key *peer_key)
{
	const struct acquaintance *found = bpf_map_lookup_elem(&met, peer_key);
	struct acquaintance peer = {.outcome = SHUNT_OUTCOME_UNLINKED};

	if (found)
		peer = *found;
	if (!peer.agreed && is_taken(peer_key)) {
		peer.outcome = SHUNT_OUTCOME_REDIRECTED;
		peer.agreed = 1;
	}
	return peer;
}

/* By what would become of what is sent to it. */
static __always_inline bool is_promotable(enum shunt_outcome outcome)
{
	return outcome == SHUNT_OUTCOME_REDIRECTED || outcome == SHUNT_OUTCOME_READER_REFUSED;
}

/*
 * Is anything to be gained by promoting both? In a socket hash each message costs more, and what TCP delivers
 * is not seen by FIONREAD: not for a peer that will not be promoted, nor where neither may be redirected to.
 */
static __always_inline bool is_match(enum shunt_outcome outcome, enum shunt_outcome peer_outcome)
{
	return is_promotable(outcome) && is_promotable(peer_outcome) &&
	       (outcome == SHUNT_OUTCOME_REDIRECTED || peer_outcome == SHUNT_OUTCOME_REDIRECTED);
}

/* Refusals that may pass (blocking also means "not accepted yet"; full: also that the key is still another
 * one's), as the reason that the peer's messages get. */
static __always_inline enum shunt_outcome passing_refusal(__u32 refused)
{
	switch (refused) {
	case SHUNT_COUNTER_REFUSED_BLOCKING:
		return SHUNT_OUTCOME_READER_BLOCKING;
	case SHUNT_COUNTER_REFUSED_EDGE:
		return SHUNT_OUTCOME_READER_EDGE;
	case SHUNT_COUNTER_REFUSED_WAITING:
		return SHUNT_OUTCOME_READER_UNKNOWN;
	case SHUNT_COUNTER_REFUSED_FULL:
	case SHUNT_COUNTER_REFUSED_PEER:
		return SHUNT_OUTCOME_UNLINKED;
	default:
		return 0;
	}
}

/* What becomes of what is sent to a socket, as far as promotion has found. */
static __always_inline enum shunt_outcome outcome_to(__u32 refused, __u32 reader)
{
	if (refused != SHUNT_COUNTER_PROMOTED)
		return passing_refusal(refused) ?: SHUNT_OUTCOME_OPTION;
	return reader == SHUNT_READER_NEVER ? SHUNT_OUTCOME_READER_REFUSED : SHUNT_OUTCOME_REDIRECTED;
}

/*
 * Both ends are judged, each when a segment comes to it, and tell each other by `met`. One is entered when it
 * may be, its peer may be, and its peer saw that: the peer then waits for its next segment alone. True: it is
 * to be entered. Else, where it is the peer's doing, `peer_refusal` says why.
 */
static __always_inline bool peers_agree(struct shunt_socket_state *state, struct shunt_flow_key *key,
					__u32 refused, __u32 reader)
{
	struct acquaintance peer = peer_acquaintance(&state->peer_key);
	struct acquaintance self = {.cgroup_id = state->cgroup_id, .outcome = outcome_to(refused, reader)};

	self.agreed = is_match(self.outcome, peer.outcome);
	bpf_map_update_elem(&met, key, &self, BPF_ANY);
	state->peer_refusal = self.agreed ? 0 : peer.outcome;
	if (peer.cgroup_id)
		state->peer_cgroup_id = peer.cgroup_id;
	return self.agreed && peer.agreed;
}

#endif
