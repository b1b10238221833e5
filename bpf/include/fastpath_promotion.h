/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* From "a segment arrived" to "both ends are in `sockets` and proven to be one connection". */
#ifndef SHUNT_FASTPATH_PROMOTION_H
#define SHUNT_FASTPATH_PROMOTION_H

#include "fastpath_flow.h"
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
/* One whose peer was not met yet is looked at with each segment for so long: the peer's turn comes with its
 * next one. */
#define MEETING_NS 20000000ULL

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
	error = bpf_map_update_elem(&sockets, key, sk, BPF_NOEXIST);
	if (!error) {
		/* Not before it is entered: the processor that did not enter it must not undo this. The peer
		 * links only what is promoted; if it looked in between, this one links. */
		state->phase = SHUNT_PHASE_PROMOTED;
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

/* Was the peer looked at, too? `met` may have forgotten one that was promoted since. */
static __always_inline bool is_peer_met(const struct shunt_flow_key *peer_key)
{
	struct bpf_sock *peer;

	if (bpf_map_lookup_elem(&met, peer_key))
		return true;
	peer = bpf_map_lookup_elem(&sockets, peer_key);
	if (!peer)
		return false;
	bpf_sk_release(peer);
	return true;
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
	long error;

	if (refused != SHUNT_COUNTER_PROMOTED)
		return refused;
	/* In a socket hash each message costs more, and some options are lost: not for nothing. */
	if (!is_peer_met(&state->peer_key))
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
			count(SHUNT_COUNTER_LINKED, 1);
		} else {
			refusal_set(state, SHUNT_COUNTER_REFUSED_SEQUENCE);
			count(SHUNT_COUNTER_REFUSED_SEQUENCE, 1);
		}
	}
	bpf_sk_release(peer);
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
 * Who waits in poll(2) is seen only at that instant, so every segment is a chance; all else changes rarely,
 * if ever.
 */
static __always_inline __u32 look_again(const struct shunt_socket_state *state, __u32 segments, __u32 refused)
{
	if (refused == SHUNT_COUNTER_REFUSED_PEER && bpf_ktime_get_ns() - state->since_ns < MEETING_NS)
		return segments;
	if (refused == SHUNT_COUNTER_REFUSED_WAITING)
		return segments + 1;
	return segments + (segments < LOOK_AGAIN_SEGMENTS_MAX ? segments : LOOK_AGAIN_SEGMENTS_MAX);
}

/* True: promoted now, or before. */
static __always_inline bool socket_try(struct __sk_buff *skb, struct bpf_sock *sk, struct tcp_sock *tcp,
				       struct shunt_socket_state *state, const struct membership *membership,
				       struct shunt_flow_key *key, enum entering entering)
{
	__u32 result = SHUNT_COUNTER_PROMOTED;

	if (state->phase == SHUNT_PHASE_NEW) {
		enum shunt_outcome why;
		__u32 yes = 1;

		if (is_namespaced(key))
			key->scope = namespace_cookie((struct sock *)tcp);
		flow_key_swap(&state->peer_key, key);
		state->cgroup_id = membership->cgroup_id;
		bpf_map_update_elem(&met, key, &yes, BPF_ANY);
#ifdef SHUNT_TEST_SLOW_PROMOTION /* a test makes two processors meet here */
		for (int i = 0; i < SHUNT_TEST_SLOW_PROMOTION; i++)
			bpf_ktime_get_ns();
#endif
		result = socket_promote(skb, sk, tcp, state, membership->reader, key, entering);
		if (!result)
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

/* A segment came for a socket that is looked up and referenced by the caller. */
static __always_inline void socket_look(struct __sk_buff *skb, struct bpf_sock *sk, struct packet *packet,
					const struct shunt_settings *config, enum entering entering)
{
	struct membership membership;
	struct tcp_sock *tcp;
	struct shunt_socket_state *state;

	if (sk->state != BPF_TCP_ESTABLISHED)
		return;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp || tcp->segs_in < config->promote_after_segments)
		return;
	state = bpf_sk_storage_get(&states, sk, NULL, 0);
	if (state && (state->phase >= SHUNT_PHASE_LINKED || tcp->segs_in < state->look_again_segments))
		return;
	membership = socket_membership((struct sock *)tcp, config);
	if (!membership.cgroup_id)
		return;
	if (!state)
		state = bpf_sk_storage_get(&states, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (state && socket_try(skb, sk, tcp, state, &membership, &packet->key, entering))
		socket_link(state, tcp);
}

#endif
