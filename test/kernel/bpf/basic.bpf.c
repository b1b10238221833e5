/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * For the tests of src/bpf. allow, deny: cgroup/connect4, 5.8; count: tc; verdict: sk_msg.
 * connect4 programs write `count` records of growing length to the ring, each filled with its sequence
 * number.
 */
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#ifndef HASH_ENTRIES
#define HASH_ENTRIES 20000
#endif

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HASH_ENTRIES);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

/* Indices of `state`. */
#define SEQUENCE 0
#define LOST 1

/* `words` 8-byte words, all holding the sequence number. A number that 7 divides is discarded. */
#define RECORD(words)                                                                                        \
	static __always_inline void record_##words(__u64 sequence)                                           \
	{                                                                                                    \
		__u32 lost = LOST;                                                                           \
		__u64 *r = bpf_ringbuf_reserve(&ring, (words)*8, 0), *l;                                     \
		if (!r) {                                                                                    \
			l = bpf_map_lookup_elem(&state, &lost);                                              \
			if (l)                                                                               \
				__sync_fetch_and_add(l, 1);                                                  \
			return;                                                                              \
		}                                                                                            \
		for (int i = 0; i < (words); i++)                                                            \
			r[i] = sequence;                                                                     \
		if (sequence % 7)                                                                            \
			bpf_ringbuf_submit(r, 0);                                                            \
		else                                                                                         \
			bpf_ringbuf_discard(r, 0);                                                           \
	}
RECORD(1)
RECORD(2)
RECORD(5)
RECORD(12)

static __always_inline void produce(void)
{
	__u32 index = SEQUENCE;
	__u64 *sequence = bpf_map_lookup_elem(&state, &index);

	if (!sequence)
		return;
	record_1((*sequence)++);
	record_2((*sequence)++);
	record_5((*sequence)++);
	record_12((*sequence)++);
}

static __always_inline void hit(__u32 index)
{
	__u32 *n = bpf_map_lookup_elem(&hits, &index);

	if (n)
		(*n)++;
}

SEC("cgroup/connect4")
int allow(struct bpf_sock_addr *ctx)
{
	produce();
	return 1;
}

SEC("cgroup/connect4")
int deny(struct bpf_sock_addr *ctx)
{
	return 0;
}

SEC("sockops")
int other_hook(struct bpf_sock_ops *ctx)
{
	return 1;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	hit(0);
	return 0;
}

SEC("tc")
int count_other(struct __sk_buff *skb)
{
	hit(1);
	return 0;
}

SEC("sk_msg")
int verdict(struct sk_msg_md *msg)
{
	return SK_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
