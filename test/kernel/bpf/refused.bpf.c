/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* For the tests of src/bpf: the verifier must refuse `unchecked`, which reads a value that may be absent. */
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} state SEC(".maps");

SEC("cgroup/connect4")
int unchecked(struct bpf_sock_addr *ctx)
{
	__u32 key = ctx->user_ip4;
	__u64 *value = bpf_map_lookup_elem(&state, &key);

	return *value & 1;
}

SEC("cgroup/connect4")
int fine(struct bpf_sock_addr *ctx)
{
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
