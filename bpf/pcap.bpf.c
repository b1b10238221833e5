// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
/*
 * Copies what promoted sockets send into a ring, for `shunt pcap`. Loaded while somebody captures, and gone
 * with him.
 *
 * program   hook                                                        least kernel
 * mirror    sk_msg, called by `redirect` through its map `mirrors`      5.10
 *
 * Maps read: states, flows (both of the fast path), mirrored. Written: mirror_ring, mirror_control.
 *
 * Always says SK_PASS, which leaves what `redirect` decided as it is. What does not fit into the ring is
 * counted and not copied; nothing waits. A message is not changed, but for pages of a file that is sent: the
 * kernel copies those before a program may look at them.
 *
 * The sender's lock is held, so pieces of one direction are in order. Bytes are read where the message has
 * them: bpf_msg_pull_data() over more than one of its fragments would merge these, whole, again and again.
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "fastpath_state.h"

char LICENSE[] SEC("license") = "GPL";

#define PIECE_BYTES 4096
/* The kernel cuts messages at 17 fragments of 32 KiB; each border may cost a piece. */
#define PIECES_MAX (17 * (32768 / PIECE_BYTES) + 17)
/* Halvings from PIECE_BYTES to one byte. */
#define HALVINGS 12

/* Sizes of records: a ring's record has a size that is known when the program is loaded. */
#define ROOM_SMALL 128
#define ROOM_MEDIUM 1024

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct shunt_mirror_key);
	__type(value, __u32);
} mirrored SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct shunt_mirror_control);
} mirror_control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 * 1024 * 1024);
} mirror_ring SEC(".maps");

static __always_inline bool is_mirrored(__u32 kind, __u64 id)
{
	struct shunt_mirror_key key = {.id = id, .kind = kind};

	return id && bpf_map_lookup_elem(&mirrored, &key);
}

static __always_inline bool is_wanted(const struct shunt_socket_state *state, const struct shunt_flow *flow)
{
	return is_mirrored(SHUNT_MIRROR_COOKIE, state->cookie) ||
	       is_mirrored(SHUNT_MIRROR_COOKIE, flow->peer_cookie) ||
	       is_mirrored(SHUNT_MIRROR_CGROUP, flow->cgroup_id) ||
	       is_mirrored(SHUNT_MIRROR_CGROUP, flow->peer_cgroup_id);
}

/* Where in memory this byte of the message is; 0: nowhere. */
static __always_inline __u64 address_of(struct sk_msg_md *msg, __u32 offset)
{
	if (bpf_msg_pull_data(msg, offset, offset + 1, 0))
		return 0;
	return (__u64)(long)msg->data;
}

/*
 * How many of the `wanted` bytes from `start` on lie in a row. A function that the verifier looks at by
 * itself: inside of the loop it would be looked at for each of its rounds.
 */
__attribute__((noinline)) __u32 bytes_in_a_row(struct sk_msg_md *msg, __u32 start, __u32 wanted)
{
	__u64 first = address_of(msg, start);
	__u32 known = 1, beyond = wanted;

	if (!first || !wanted)
		return 0;
	if (address_of(msg, start + wanted - 1) == first + wanted - 1)
		return wanted;
	for (int i = 0; i < HALVINGS && known + 1 < beyond; i++) {
		__u32 middle = (known + beyond) / 2;

		if (address_of(msg, start + middle - 1) == first + middle - 1)
			known = middle;
		else
			beyond = middle;
	}
	return known;
}

struct record {
	struct shunt_mirrored header;
	char bytes[];
};

static __always_inline bool piece_write(const struct shunt_mirrored *header, __u64 address, const __u32 room)
{
	struct record *record = bpf_ringbuf_reserve(&mirror_ring, sizeof(*record) + room, 0);
	__u64 bytes = header->copied_bytes;

	if (!record)
		return false;
	record->header = *header;
	/* Or the compiler, who knows that it is less, leaves the comparison out that the verifier asks for.
	 */
	asm volatile("" : "+r"(bytes));
	if (bytes <= room)
		bpf_probe_read_kernel(record->bytes, bytes, (void *)address);
	bpf_ringbuf_submit(record, 0);
	return true;
}

/* False: the ring is full. */
static __always_inline bool piece_copy(const struct shunt_mirrored *header, __u64 address)
{
	if (header->copied_bytes <= ROOM_SMALL)
		return piece_write(header, address, ROOM_SMALL);
	if (header->copied_bytes <= ROOM_MEDIUM)
		return piece_write(header, address, ROOM_MEDIUM);
	return piece_write(header, address, PIECE_BYTES);
}

SEC("sk_msg")
int mirror(struct sk_msg_md *msg)
{
	struct bpf_sock *sk = msg->sk;
	struct tcp_sock *tcp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;
	struct shunt_socket_state *state = sk ? bpf_sk_storage_get(&states, sk, NULL, 0) : NULL;
	struct shunt_flow *flow = state ? bpf_map_lookup_elem(&flows, &state->cookie) : NULL;
	__u32 zero = 0, size = msg->size, done = 0;
	struct shunt_mirror_control *control = bpf_map_lookup_elem(&mirror_control, &zero);
	struct shunt_mirrored header = {};
	__u64 *lost;

	if (!tcp || !state || !flow || !control || !is_wanted(state, flow))
		return SK_PASS;
	header.key = flow->key;
	header.cookie = state->cookie;
	header.time_ns = bpf_ktime_get_ns();
	header.outcome = flow->last_outcome;
	/* The message itself is counted already when it was redirected, and not written yet when it was not.
	 */
	header.position = tcp->write_seq + (__u32)flow->bytes[SHUNT_OUTCOME_REDIRECTED] -
			  (header.outcome == SHUNT_OUTCOME_REDIRECTED ? size : 0);
	lost = header.outcome == SHUNT_OUTCOME_REDIRECTED ? &control->lost_redirected : &control->lost_tcp;
	for (int i = 0; i < PIECES_MAX && done < size; i++) {
		__u32 left = size - done;
		__u32 bytes = bytes_in_a_row(msg, done, left < PIECE_BYTES ? left : PIECE_BYTES);

		if (!bytes)
			break;
		header.piece_bytes = bytes;
		header.copied_bytes = bytes < control->snap_bytes ? bytes : control->snap_bytes;
		if (!bytes || !piece_copy(&header, address_of(msg, done)))
			__sync_fetch_and_add(lost, 1);
		if (!bytes) /* no memory to copy a page of a file */
			break;
		header.position += bytes;
		done += bytes;
	}
	return SK_PASS;
}
