// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
/*
 * How much waits in the queues of promoted readers, and how long. Loaded by who wants to know.
 *
 * program   hook                                         least kernel
 * look      tc, attached nowhere: run by user space      5.13 (bpf_for_each_map_elem)
 *
 * Maps read: flows, sockets (both of the fast path). Written: queues.
 *
 * Returns how many flows it looked at; no packet is concerned. Where the kernel does not count the bytes of a
 * queue (no sk_psock.msg_tot_len, before 6.12) it finds nothing.
 *
 * The delay is Little's law: what waits on average is the rate of what comes times the time that each byte
 * waits. The average is by time, so looks must come at moments that traffic knows nothing of: user space
 * draws them by lot. A verdict could only look when a message is sent, which is when a queue that is being
 * waited for is empty.
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "fastpath_state.h"
#include "packet.h"
#include "psock.h"

char LICENSE[] SEC("license") = "GPL";

/* Between looks that are further apart nothing is known. */
#define GAP_NS 2000000000ULL

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct shunt_queue);
} queues SEC(".maps");

/* False: the reader is gone. */
static __always_inline bool reader_queue(const struct shunt_flow *flow, __u32 *bytes)
{
	struct shunt_flow_key key;
	struct bpf_sock *reader;
	struct tcp_sock *tcp;
	struct sk_psock *psock;

	flow_key_swap(&key, &flow->key);
	reader = bpf_map_lookup_elem(&sockets, &key);
	if (!reader)
		return false;
	tcp = bpf_skc_to_tcp_sock(reader);
	psock = tcp ? socket_psock((struct sock *)tcp) : NULL;
	*bytes = psock ? BPF_CORE_READ(psock, msg_tot_len) : 0;
	bpf_sk_release(reader);
	return true;
}

static long flow_look(const void *map, const __u64 *cookie, struct shunt_flow *flow, const __u64 *now_ns)
{
	__u64 redirected = flow->bytes[SHUNT_OUTCOME_REDIRECTED];
	struct shunt_queue *queue = bpf_map_lookup_elem(&queues, cookie);
	__u32 bytes = 0;

	if (!flow->peer_cookie || !reader_queue(flow, &bytes))
		return 0;
	if (!queue) {
		struct shunt_queue first = {.cgroup_id = flow->cgroup_id,
					    .peer_cgroup_id = flow->peer_cgroup_id,
					    .looked_ns = *now_ns,
					    .redirected_bytes = redirected,
					    .queued_bytes = bytes};

		bpf_map_update_elem(&queues, cookie, &first, BPF_ANY);
		return 0;
	}
	if (*now_ns - queue->looked_ns <= GAP_NS) {
		queue->byte_ns += bytes * (*now_ns - queue->looked_ns);
		queue->measured_bytes += redirected - queue->redirected_bytes;
	}
	queue->redirected_bytes = redirected;
	queue->queued_bytes = bytes;
	queue->looked_ns = *now_ns;
	return 0;
}

SEC("tc")
int look(struct __sk_buff *skb)
{
	__u64 now_ns = bpf_ktime_get_ns();
	struct sk_psock *psock = NULL;

	if (!bpf_core_field_exists(psock->msg_tot_len))
		return 0;
	return bpf_for_each_map_elem(&flows, flow_look, &now_ns, 0);
}
