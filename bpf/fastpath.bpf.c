// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
/*
 * The fast path: what one socket of this node sends is put into the queue of the socket that it talks to.
 *
 * program         hook (attach type)                      where                            least kernel
 * promote         tc ingress                              lo and eth0 of each workload     5.10
 * nominate        tc ingress, instead of promote          lo and eth0 of each workload     5.10
 * enter           iterator of map `wanted`                run by user space                tried on 6.18
 * redirect        sk_msg (SK_MSG_VERDICT)                 map `sockets`                    5.10
 * socket_events   sockops                                 workloads' and proxies' cgroups  5.10
 * socket_options  cgroup/setsockopt (CGROUP_SETSOCKOPT)   workloads' and proxies' cgroups  5.10
 * socket_answers  cgroup/getsockopt (CGROUP_GETSOCKOPT)   workloads' and proxies' cgroups  5.10
 * socket_released cgroup/sock_release                     workloads' and proxies' cgroups  5.10
 *
 * Kernels from 7.0 on refuse `promote`: there a program of this type may not enter a socket in a socket hash.
 * `nominate` and `enter` do its work there. While nobody runs `enter` a nominated socket speaks TCP.
 *
 * Maps read: settings, members, destinations, verdicts, originals. Written: flows, pairs, counters, events,
 * `states` (what is known of a socket, lives with it). Own: `met`, `sockets` (who may be redirected to),
 * `wanted` and `nominations` (who is to enter), `quiet` (what need not be looked at), `mirrors` (what sees
 * each message afterwards), `options`, `unread_ends` (whose end is to be a reset), `socket_address` (a number
 * made a pointer).
 *
 * No program here ever drops or delays anything; socket_events sets the send buffer of a stream that
 * was too much for its reader (fastpath_send_buffer.h says why). promote and nominate always say
 * TC_ACT_UNSPEC, so that later filters run; the end of a socket that was closed with redirected bytes unread
 * they make the reset that it is over TCP (fastpath_ending.h). redirect always says SK_PASS: a message that
 * is not redirected goes by TCP, which keeps the order, because the next one is redirected only after the
 * reader took everything that was sent by TCP. Every reason is counted.
 *
 * What must hold for a redirect (docs/fastpath.md says what breaks otherwise): both ends are promoted and
 * proved to be one connection; neither has a feature that a socket in a socket hash loses; the reader is
 * non-blocking, and waits so that data in two queues cannot be overlooked, or did and has not read all since;
 * it has read all that came by TCP, and some of it after linking; its queue is within the credit and half of
 * its receive buffer. A message larger than the whole credit is let into an empty queue: the queue is bounded
 * by the larger of the credit and one message, and the kernel cuts a message at 17 page fragments (about half
 * a MiB). While redirects of several threads that write to one socket are under way, order outranks the
 * reader, the credit and a pause.
 *
 * There is no way back: sockets, socket hash and program hold each other until the sockets close. Detaching
 * or unpinning stops nothing, and deleting a live key throws away what was not read. settings.paused stops
 * redirects. Only a socket that TCP aborted, and that has nothing redirected to read, leaves the socket hash.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "fastpath_flow.h"
#include "fastpath_answers.h"
#include "fastpath_ending.h"
#include "fastpath_message.h"
#include "fastpath_promotion.h"
#include "fastpath_quiet.h"
#include "fastpath_send_buffer.h"
#include "fastpath_state.h"

char LICENSE[] SEC("license") = "GPL";

#define SO_OOBINLINE 10
#define SO_RCVLOWAT 18
#define SO_ATTACH_FILTER 26
#define SO_TIMESTAMP 29
#define SO_TIMESTAMPNS 35
#define SO_TIMESTAMPING 37
#define SO_PEEK_OFF 42
#define SO_MAX_PACING_RATE 47
#define SO_ATTACH_BPF 50
#define SO_ZEROCOPY 60
#define SO_TIMESTAMP_NEW 63
#define SO_TIMESTAMPNS_NEW 64
#define SO_TIMESTAMPING_NEW 65
#define SOL_TCP IPPROTO_TCP

static __always_inline int segment_seen(struct __sk_buff *skb, enum entering entering)
{
	const struct shunt_settings *config = settings_get();
	struct packet packet = {};
	struct bpf_sock *sk;
	__u32 packets;

	if (!packet_parse(skb, &packet)) {
		if (packet.is_end)
			end_look(skb, &packet);
		return TC_ACT_UNSPEC;
	}
	if (!config || config->paused || !config->promote_after_segments)
		return TC_ACT_UNSPEC;
	if (is_quiet(&packet))
		return TC_ACT_UNSPEC;
	sk = packet_socket(skb, &packet);
	if (sk) {
		packets = socket_look(skb, sk, &packet, config, entering);
		bpf_sk_release(sk);
		quiet_set(&packet, packets);
	}
	return TC_ACT_UNSPEC;
}

SEC("tc")
int promote(struct __sk_buff *skb)
{
	return segment_seen(skb, ENTERS);
}

SEC("tc")
int nominate(struct __sk_buff *skb)
{
	return segment_seen(skb, NOMINATES);
}

/*
 * A nominated socket, looked at again: time has passed. What speaks against it by now is found, counted and
 * said by the next look of tc. A processor that was late may have nominated it once more after it was
 * entered; it then has its psock already, and the key is its own.
 */
static __always_inline void nominee_enter(struct sock *sk, struct shunt_flow_key *key,
					  const struct shunt_settings *config)
{
	struct shunt_socket_state *state = bpf_sk_storage_get(&states, sk, NULL, 0);
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	struct membership membership;
	bool had_psock;
	__u32 result;
	long error;

	if (!state || !tcp || state->phase != SHUNT_PHASE_WANTED)
		return;
	state->look_again_segments = 0;
	membership = socket_membership(sk, config);
	if (config->paused || !membership.cgroup_id ||
	    promotion_refusal(tcp, state, membership.reader) != SHUNT_COUNTER_PROMOTED) {
		state->phase = SHUNT_PHASE_NEW;
		return;
	}
	had_psock = BPF_CORE_READ(sk, sk_user_data);
	error = socket_enter(sk, tcp, state, key);
	if (error == -EEXIST && had_psock) {
		state->phase = state->peer_cookie ? SHUNT_PHASE_LINKED : SHUNT_PHASE_PROMOTED;
		return;
	}
	result = error == -EBUSY ? 0 : enter_result(state, error);
	if (result)
		count(result, 1);
	if (result != SHUNT_COUNTER_PROMOTED)
		state->phase = SHUNT_PHASE_NEW;
	refusal_set(state, result == SHUNT_COUNTER_PROMOTED ? 0 : result);
}

/* An entry leaves `wanted` whatever becomes of it: a socket that may still be promoted is nominated again. */
SEC("iter/bpf_sk_storage_map")
int enter(struct bpf_iter__bpf_sk_storage_map *context)
{
	const struct shunt_settings *config = settings_get();
	struct shunt_flow_key *wanted_key = context->value;
	struct sock *sk = context->sk;
	struct shunt_flow_key key;

	if (!config || !sk || !wanted_key)
		return 0;
	key = *wanted_key;
	bpf_sk_storage_delete(&wanted, sk);
	nominee_enter(sk, &key, config);
	return 0;
}

/*
 * Bytes by TCP are those that TCP took. It may take less of a message than there is, and the kernel does not
 * ask about the message after that; both show in where the sequence numbers stand now.
 */
static __always_inline void flow_correct(struct shunt_flow *flow, __u32 write_seq)
{
	__s64 more = (__s32)(write_seq - flow->next_seq);
	__u32 outcome = flow->last_outcome;

	if (!more || outcome >= SHUNT_OUTCOME_COUNT)
		return;
	if (outcome == SHUNT_OUTCOME_REDIRECTED) /* no way to it is known */
		outcome = SHUNT_OUTCOME_FAILED;
	flow->bytes[outcome] += more;
	count(SHUNT_COUNTER_BYTES + outcome, more);
}

static __always_inline void flow_add(struct shunt_flow *flow, enum shunt_outcome outcome, __u32 size,
				     __u32 write_seq)
{
	__u64 index = outcome;

	flow_correct(flow, write_seq);
	flow->last_outcome = outcome;
	flow->next_seq = write_seq + (outcome == SHUNT_OUTCOME_REDIRECTED ? 0 : size);
	asm volatile("" : "+r"(index)); /* what is compared must be what is used, for the verifier */
	if (index >= SHUNT_OUTCOME_COUNT)
		return;
	flow->messages[index]++;
	flow->bytes[index] += size;
}

SEC("sk_msg")
int redirect(struct sk_msg_md *msg)
{
	enum shunt_outcome outcome = SHUNT_OUTCOME_UNLINKED;
	struct bpf_sock *sk = msg->sk;
	struct tcp_sock *tcp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;
	struct shunt_socket_state *state = sk ? bpf_sk_storage_get(&states, sk, NULL, 0) : NULL;
	__u32 size = msg->size;

	if (tcp && state) {
		struct shunt_flow *flow;

		outcome = may_send(sk) ? message_outcome(msg, state, tcp) : SHUNT_OUTCOME_FAILED;
		flow = bpf_map_lookup_elem(&flows, &state->cookie);
		if (flow) {
			flow_add(flow, outcome, size, tcp->write_seq);
			if (outcome == SHUNT_OUTCOME_REDIRECTED &&
			    state->queued_bytes > flow->queued_peak_bytes)
				flow->queued_peak_bytes = state->queued_bytes;
		}
		send_buffer_note(state, outcome);
	}
	count(SHUNT_COUNTER_MESSAGES + outcome, 1);
	count(SHUNT_COUNTER_BYTES + outcome, size);
	bpf_tail_call(msg, &mirrors, 0);
	return SK_PASS;
}

static __always_inline void socket_closed(struct bpf_sock_ops *ops)
{
	__u64 cookie = bpf_get_socket_cookie(ops);
	struct bpf_sock *sk = ops->sk;
	struct shunt_socket_state *state;

	/* First: fastpath_flow.h says why. */
	bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags & ~BPF_SOCK_OPS_STATE_CB_FLAG);
	flow_end(cookie);
	state = sk ? bpf_sk_storage_get(&states, sk, NULL, 0) : NULL;
	if (state && is_promoted(state)) {
		promoted_end(state);
		if (is_aborted(ops->args[0]))
			socket_leave(state, (struct sock *)bpf_skc_to_tcp_sock(sk));
	} else if (state)
		state->phase = SHUNT_PHASE_REFUSED;
#ifdef SHUNT_TEST_SLOW_CLOSING /* a test lets promotions end here: the socket's state changes afterwards */
	for (int i = 0; i < SHUNT_TEST_SLOW_CLOSING; i++)
		bpf_ktime_get_ns();
#endif
}

SEC("sockops")
int socket_events(struct bpf_sock_ops *ops)
{
	switch (ops->op) {
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		bpf_get_socket_cookie(ops); /* makes the socket have one */
		bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG |
						   BPF_SOCK_OPS_RTT_CB_FLAG);
		break;
	case BPF_SOCK_OPS_RTT_CB:
		send_buffer_look(ops);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		if (ops->args[1] == BPF_TCP_CLOSE)
			socket_closed(ops);
		break;
	}
	return 1;
}

/* What a promoted socket would not do: docs/fastpath.md. */
static __always_inline bool is_lost(__s32 level, __s32 name)
{
	if (level == SOL_TCP)
		return name == TCP_REPAIR || name == TCP_ULP || name == TCP_INQ || name == TCP_TX_DELAY;
	if (level != SOL_SOCKET)
		return false;
	switch (name) {
	case SO_OOBINLINE:
	case SO_RCVLOWAT:
	case SO_ATTACH_FILTER:
	case SO_TIMESTAMP:
	case SO_TIMESTAMPNS:
	case SO_TIMESTAMPING:
	case SO_PEEK_OFF:
	case SO_MAX_PACING_RATE:
	case SO_ATTACH_BPF:
	case SO_ZEROCOPY:
	case SO_TIMESTAMP_NEW:
	case SO_TIMESTAMPNS_NEW:
	case SO_TIMESTAMPING_NEW:
		return true;
	default:
		return false;
	}
}

/* Redirected bytes that are unread then would be handed out as if the kernel's TLS had decrypted them. */
static __always_inline bool is_kernel_tls(const struct bpf_sockopt *option)
{
	const char *name = option->optval;

	return option->level == SOL_TCP && option->optname == TCP_ULP &&
	       (void *)(name + 3) <= option->optval_end && name[0] == 't' && name[1] == 'l' && name[2] == 's';
}

/*
 * Notes the options that promotion must know of. One that is set after promotion ends the redirects from and
 * to the socket; where that cannot be noted for want of memory, setting it is refused with EPERM, and so is
 * TLS in the kernel.
 */
SEC("cgroup/setsockopt")
int socket_options(struct bpf_sockopt *option)
{
	struct bpf_sock *sk = option->sk;
	struct shunt_socket_state *state;

	if (!is_lost(option->level, option->optname))
		return 1;
	state = sk ? bpf_sk_storage_get(&states, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE) : NULL;
	if (!state)
		return 1;
	if (is_promoted(state) && is_kernel_tls(option))
		return 0;
	state->vetoed =
	    option->level == SOL_TCP && option->optname == TCP_TX_DELAY ? VETO_TX_DELAY : option->optname;
	state_publish(state);
	/* The note of a socket that TCP has closed would stay: its end was told. */
	return !is_promoted(state) || sk->state == BPF_TCP_CLOSE || option_note(state);
}

/* What the kernel answers is right but for what it does not know. A buffer that is longer than a page is left
 * as it is. */
SEC("cgroup/getsockopt")
int socket_answers(struct bpf_sockopt *option)
{
	struct bpf_sock *sk = option->sk;
	struct shunt_socket_state *state;

	if (option->optlen > ANSWER_BYTES_MAX) {
		option->optlen = 0;
		return 1;
	}
	if (option->level != SOL_TCP || option->retval || !sk)
		return 1;
	if (option->optname == TCP_INFO) {
		state = bpf_sk_storage_get(&states, sk, NULL, 0);
		if (state && is_promoted(state))
			info_answer(option, state);
	} else if (option->optname == TCP_ZEROCOPY_RECEIVE) {
		state = bpf_sk_storage_get(&states, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
		zerocopy_answer(option, state, sk);
	}
	return 1;
}

/* The context is the kernel's struct sock, as CO-RE may read it. */
SEC("cgroup/sock_release")
int socket_released(struct bpf_sock *sk)
{
	const struct shunt_socket_state *state = bpf_sk_storage_get(&states, sk, NULL, 0);

	if (state)
		unread_note(state, (struct sock *)sk);
	return 1;
}
