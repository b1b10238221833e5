/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* From "a segment arrived" to "both ends are in `sockets` and proven to be one connection". */
#ifndef SHUNT_FASTPATH_PROMOTION_H
#define SHUNT_FASTPATH_PROMOTION_H

#include "fastpath_agreement.h"
#include "fastpath_flow.h"
#include "fastpath_link.h"
#include "fastpath_member.h"
#include "fastpath_nomination.h"
#include "packet.h"
#include "fastpath_standing.h"
#include "fastpath_state.h"
#include "waiting.h"

/* A socket that cannot be promoted yet is looked at after twice as many segments, at most this many later. */
#define LOOK_AGAIN_SEGMENTS_MAX 4096

#define EBUSY 16 /* another one makes, or has made, the socket one of a socket map */
#define EEXIST 17
/* One that waits for its peer is looked at with each segment for so long: the peer's turn comes with its next
 * one. */
#define MEETING_NS 20000000ULL
/* And later: after so many segments when both may be promoted, else after a part of what it received. */
#define MEETING_SEGMENTS 4
#define MEETING_SHARE 8

#define EOPNOTSUPP 95 /* of a socket that is no longer established */

/* A cookie where the kernel has one, which is unique; else the inode number, which is unique among the
 * living. */
static __always_inline __u64 namespace_cookie(struct sock *sk)
{
	struct net *net = BPF_CORE_READ(sk, __sk_common.skc_net.net);

	if (bpf_core_field_exists(net->net_cookie))
		return BPF_CORE_READ(net, net_cookie);
	return BPF_CORE_READ(net, ns.inum);
}

static __always_inline bool has_flag(struct sock *sk, __u32 bit)
{
	return sk->__sk_common.skc_flags >> bit & 1;
}

/* What is lost or broken in a socket hash, for good. 0: nothing. */
static __always_inline __u32 refusal(struct tcp_sock *tcp)
{
	struct sock *sk = (struct sock *)tcp;

	if (bpf_core_field_exists(tcp->is_mptcp) && BPF_CORE_READ_BITFIELD(tcp, is_mptcp))
		return SHUNT_COUNTER_REFUSED_MPTCP;
	if (((struct inet_connection_sock *)tcp)->icsk_ulp_ops)
		return SHUNT_COUNTER_REFUSED_ULP;
	if (BPF_CORE_READ_BITFIELD(tcp, repair) || BPF_CORE_READ_BITFIELD(tcp, recvmsg_inq) ||
	    sk->sk_rcvlowat > 1 || sk->sk_peek_off >= 0 || sk->sk_tsflags || sk->sk_filter ||
	    sk->sk_max_pacing_rate != ~0UL ||
	    has_flag(sk, bpf_core_enum_value(enum sock_flags, SOCK_RCVTSTAMP)) ||
	    has_flag(sk, bpf_core_enum_value(enum sock_flags, SOCK_ZEROCOPY)) ||
	    has_flag(sk, bpf_core_enum_value(enum sock_flags, SOCK_URGINLINE)))
		return SHUNT_COUNTER_REFUSED_OPTION;
	return 0;
}

/* socket_events makes sockets have a cookie; one that is older gets it here, by being assigned its own
 * packet. */
static __always_inline __u64 socket_cookie(struct __sk_buff *skb, struct bpf_sock *sk, struct sock *kernel_sk)
{
	__u64 cookie = kernel_sk->__sk_common.skc_cookie.counter;

	if (!cookie && bpf_sk_assign(skb, sk, 0) == 0)
		cookie = bpf_get_socket_cookie(skb);
	return cookie;
}

/*
 * Payload that was written so far, at most one byte too much. What was acknowledged includes an active end's
 * SYN; what was sent includes, a second time, a segment that is being handed to the device right now.
 */
static __always_inline __u64 bytes_written(struct tcp_sock *tcp)
{
	__u64 by_acknowledged = tcp->bytes_acked + (tcp->write_seq - tcp->snd_una);
	__u64 by_sent = tcp->bytes_sent - tcp->bytes_retrans + (tcp->write_seq - tcp->snd_nxt);

	return by_sent < by_acknowledged ? by_sent : by_acknowledged;
}

/*
 * Is this a reader that may be promoted? One that waits edge-triggered may not be in a socket hash at all,
 * not even as a sender: kernels with tcp_bpf_ioctl() answer FIONREAD with 0 for bytes that came by TCP, and a
 * reader that asks it how much is left (nginx) stops reading and is never told again. PROMOTED: yes.
 */
static __always_inline __u32 reader_refusal(struct sock *sk, __u32 reader, struct shunt_socket_state *state)
{
	struct socket *socket = sk->sk_socket;

	if (!socket) /* not accepted yet */
		return SHUNT_COUNTER_REFUSED_WAITING;
	if (!is_nonblocking(socket))
		return SHUNT_COUNTER_REFUSED_BLOCKING;
	if (reader == SHUNT_READER_GREEDY)
		return SHUNT_COUNTER_PROMOTED;
	switch (socket_waiting(socket)) {
	case WAITING_LEVEL:
		state->seen_level = 1;
		return SHUNT_COUNTER_PROMOTED;
	case WAITING_UNSEEN: /* between two calls of poll(2), after it was nominated: its last way counts */
		return state->seen_level ? SHUNT_COUNTER_PROMOTED : SHUNT_COUNTER_REFUSED_WAITING;
	case WAITING_EDGE:
		state->seen_level = 0;
		return SHUNT_COUNTER_REFUSED_EDGE;
	default:
		state->seen_level = 0;
		return SHUNT_COUNTER_REFUSED_WAITING;
	}
}

/* What a captured connection was to, which only the end that connected knows. */
static __always_inline void original_note(struct shunt_socket_state *state, struct bpf_sock *sk)
{
	const struct shunt_destination_key *original = bpf_sk_storage_get(&originals, sk, NULL, 0);

	if (!original)
		return;
	state->original = *original;
	state->client_cgroup_id = state->cgroup_id;
}

/* What speaks against promoting the socket now. PROMOTED: nothing. */
static __always_inline __u32 promotion_refusal(struct tcp_sock *tcp, struct shunt_socket_state *state,
					       __u32 reader)
{
	__u32 refused = refusal(tcp);

	if (refused)
		return refused;
	if (state->vetoed)
		return SHUNT_COUNTER_REFUSED_OPTION;
	return reader_refusal((struct sock *)tcp, reader, state);
}

/* Enters the socket (as its program has it: struct bpf_sock or struct sock) in `sockets`. Returns the error.
 */
static __always_inline long socket_enter(void *sk, struct tcp_sock *tcp, struct shunt_socket_state *state,
					 struct shunt_flow_key *key)
{
	__u64 written = bytes_written(tcp);
	bool ends = is_end_to_come(tcp);
	long error;

	if (!ends && state->phase == SHUNT_PHASE_REFUSED) /* its end was told by now */
		return -EOPNOTSUPP;
#ifdef SHUNT_TEST_SLOW_CLOSING /* a test lets the socket end here */
	for (int i = 0; i < SHUNT_TEST_SLOW_CLOSING / 4; i++)
		bpf_ktime_get_ns();
#endif
	if (ends)
		flow_start(tcp, state, key, written);
	/* Until d7ba4cc900bf (6.4) the kernel answers with 32 bits: it would be 4294967280 instead of -16. */
	error = (int)bpf_map_update_elem(&sockets, key, sk, BPF_NOEXIST);
	if (!error) {
		/* Not before it is entered: the processor that did not enter it must not undo this. The peer
		 * links only what is promoted; if it looked in between, this one links. */
		state->peer_refusal = 0;
		state->phase = SHUNT_PHASE_PROMOTED;
		state_publish(state);
		if (state->vetoed) /* by now, and socket_options did not see the phase */
			option_note(state);
		count(SHUNT_COUNTER_BYTES + SHUNT_OUTCOME_BEFORE_PROMOTION, written);
	}
	if (ends && !is_end_to_come(tcp) && flow_end(state->cookie) && !error)
		promoted_end(state);
	return error;
}

/* What to count when nobody else entered the socket. 0: nothing, it was just being closed. */
static __always_inline __u32 enter_result(const struct shunt_socket_state *state, long error)
{
	if (!error)
		return SHUNT_COUNTER_PROMOTED;
	bpf_map_delete_elem(&flows, &state->cookie);
	return error == -EOPNOTSUPP ? 0 : SHUNT_COUNTER_REFUSED_FULL;
}

/* Did another processor enter this very socket, or is the key another one's? */
static __always_inline bool is_entered(const struct shunt_flow_key *key,
				       const struct shunt_socket_state *state)
{
	struct bpf_sock *sk = bpf_map_lookup_elem(&sockets, key);
	const struct shunt_socket_state *found;
	bool is_same;

	if (!sk)
		return false;
	found = bpf_sk_storage_get(&states, sk, NULL, 0);
	is_same = found && found->cookie == state->cookie;
	bpf_sk_release(sk);
	return is_same;
}

/* Who enters a socket that may be promoted: the program of tc itself, or `enter`, which it asks to. */
enum entering {
	ENTERS,
	NOMINATES,
};

/*
 * Segments for one socket may be received on several processors at once: who enters it promotes it, and the
 * others leave it alone. Returns what to count; 0: nothing, it was just being closed, is just being promoted
 * elsewhere, or is nominated.
 */
static __always_inline __u32 socket_promote(struct __sk_buff *skb, struct bpf_sock *sk, struct tcp_sock *tcp,
					    struct shunt_socket_state *state, __u32 reader,
					    struct shunt_flow_key *key, enum entering entering)
{
	__u32 refused = promotion_refusal(tcp, state, reader);
	bool agree = peers_agree(state, key, refused, reader);
	long error;

	if (refused != SHUNT_COUNTER_PROMOTED)
		return refused;
	if (!agree)
		return SHUNT_COUNTER_REFUSED_PEER;
	state->cookie = socket_cookie(skb, sk, (struct sock *)tcp);
	if (!state->cookie)
		return SHUNT_COUNTER_REFUSED_COOKIE;
	original_note(state, sk);
	if (entering == NOMINATES) {
		socket_nominate(sk, state, key);
		return 0;
	}
	error = socket_enter(sk, tcp, state, key);
	if (error == -EBUSY || (error == -EEXIST && is_entered(key, state)))
		return 0;
	return enter_result(state, error);
}

/* Tells a promoted peer, for people, whose socket it talks to and why its messages are not redirected. */
static __always_inline void refusal_tell(struct shunt_socket_state *state, enum shunt_outcome why)
{
	struct bpf_sock *peer = bpf_map_lookup_elem(&sockets, &state->peer_key);
	struct shunt_socket_state *peer_state;

	if (!peer)
		return;
	peer_state = bpf_sk_storage_get(&states, peer, NULL, 0);
	if (peer_state) {
		peer_state->peer_refusal = why;
		peer_state->peer_cgroup_id = state->cgroup_id;
		flow_link(peer_state);
	}
	bpf_sk_release(peer);
}

/*
 * Who waits in poll(2) is seen only at that instant, so every segment is a chance. One that waits for its
 * peer is to follow it soon. All else changes rarely, if ever.
 */
static __always_inline __u32 look_again(const struct shunt_socket_state *state, __u32 segments, __u32 refused)
{
	__u32 more = segments;

	if (refused == SHUNT_COUNTER_REFUSED_WAITING)
		more = 1;
	if (refused == SHUNT_COUNTER_REFUSED_PEER) {
		if (bpf_ktime_get_ns() - state->since_ns < MEETING_NS)
			return segments;
		more = state->peer_refusal ? segments / MEETING_SHARE + 1 : MEETING_SEGMENTS;
	}
	return segments + (more < LOOK_AGAIN_SEGMENTS_MAX ? more : LOOK_AGAIN_SEGMENTS_MAX);
}

/* True: promoted now, or before. */
static __always_inline bool socket_try(struct __sk_buff *skb, struct bpf_sock *sk, struct tcp_sock *tcp,
				       struct shunt_socket_state *state, const struct membership *membership,
				       struct shunt_flow_key *key, enum entering entering)
{
	__u32 result = SHUNT_COUNTER_PROMOTED;

	if (state->phase == SHUNT_PHASE_NEW) {
		enum shunt_outcome why;

		if (is_namespaced(key))
			key->scope = namespace_cookie((struct sock *)tcp);
		flow_key_swap(&state->peer_key, key);
		state->cgroup_id = membership->cgroup_id;
#ifdef SHUNT_TEST_SLOW_PROMOTION /* a test makes two processors meet here */
		for (int i = 0; i < SHUNT_TEST_SLOW_PROMOTION; i++)
			bpf_ktime_get_ns();
#endif
		result = socket_promote(skb, sk, tcp, state, membership->reader, key, entering);
		/* Else another processor promoted or nominated it meanwhile. */
		if (!result || (result != SHUNT_COUNTER_PROMOTED && state->phase != SHUNT_PHASE_NEW))
			return false;
		count(result, 1);
		if (result != SHUNT_COUNTER_PROMOTED) {
			why = passing_refusal(result);
			if (!why)
				state->phase = SHUNT_PHASE_REFUSED;
			refusal_tell(state, why);
		}
		refusal_set(state, result == SHUNT_COUNTER_PROMOTED ? 0 : result);
	}
	state->look_again_segments = look_again(state, tcp->segs_in, result);
	return result == SHUNT_COUNTER_PROMOTED;
}

/* Of the segments after this one, how many come before the one that finds `from` received? */
static __always_inline __u32 segments_until(const struct tcp_sock *tcp, __u32 from)
{
	__s32 left = from - tcp->segs_in - 1; /* this one is not counted yet */

	return left > 0 ? left : 0;
}

/*
 * A segment came for a socket that is looked up and referenced by the caller. Returns how many of its next
 * segments need no look.
 */
static __always_inline __u32 socket_look(struct __sk_buff *skb, struct bpf_sock *sk, struct packet *packet,
					 const struct shunt_settings *config, enum entering entering)
{
	struct membership membership;
	struct tcp_sock *tcp;
	struct shunt_socket_state *state;

	if (sk->state != BPF_TCP_ESTABLISHED)
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	if (tcp->segs_in < config->promote_after_segments)
		return segments_until(tcp, config->promote_after_segments);
	state = bpf_sk_storage_get(&states, sk, NULL, 0);
	if (state && state->phase == SHUNT_PHASE_WANTED) /* links with the first after it is entered */
		return 0;
	if (state && state->phase >= SHUNT_PHASE_LINKED)
		return ~0U;
	if (state && tcp->segs_in < state->look_again_segments)
		return segments_until(tcp, state->look_again_segments);
	membership = socket_membership((struct sock *)tcp, config);
	if (!membership.cgroup_id)
		return membership.is_member ? 0 : ~0U; /* a pause may end at any moment */
	if (!state)
		state = bpf_sk_storage_get(&states, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state)
		return 0;
	if (socket_try(skb, sk, tcp, state, &membership, &packet->key, entering))
		socket_link(state, tcp);
	return state->phase == SHUNT_PHASE_WANTED ? 0 : segments_until(tcp, state->look_again_segments);
}

#endif
