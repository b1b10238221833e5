/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Which member a socket belongs to. A socket's cgroup is the one of the process that made it; an accepted
 * socket has its listener's. bpf_sk_cgroup_id() would do, but tc programs may not call it.
 */
#ifndef SHUNT_FASTPATH_MEMBER_H
#define SHUNT_FASTPATH_MEMBER_H

#include "fastpath_state.h"

static __always_inline struct cgroup *socket_cgroup(struct sock *sk)
{
	struct sock_cgroup_data___tagged *tagged = (void *)&sk->sk_cgrp_data;
	__u64 value;

	if (bpf_core_field_exists(struct sock_cgroup_data, cgroup))
		return BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
	value = BPF_CORE_READ(tagged, val);
	return value & 1 ? NULL : (struct cgroup *)value;
}

static __always_inline __u64 cgroup_ancestor_id(struct cgroup *cgroup, int level)
{
	struct cgroup *ancestor = NULL;
	__u64 id = 0;

	if (BPF_CORE_READ(cgroup, level) < level)
		return 0;
	if (bpf_core_field_exists(cgroup->ancestors)) {
		bpf_probe_read_kernel(&ancestor, sizeof(ancestor), &cgroup->ancestors[0] + level);
		return BPF_CORE_READ(ancestor, kn, id);
	}
	bpf_probe_read_kernel(&id, sizeof(id), &((struct cgroup___ids *)cgroup)->ancestor_ids[0] + level);
	return id;
}

struct membership {
	__u64 cgroup_id; /* the socket's own cgroup, or the workload's above it; 0: no member, or one that
			    says OFF or is paused */
	__u32 reader;	 /* enum shunt_reader */
	bool is_member;
};

static __always_inline struct membership socket_membership(struct sock *sk,
							   const struct shunt_settings *config)
{
	struct cgroup *cgroup = socket_cgroup(sk);
	__u64 id = BPF_CORE_READ(cgroup, kn, id);
	const struct shunt_member *member = bpf_map_lookup_elem(&members, &id);
	struct membership found = {};

	if (!member && config->workload_cgroup_level) {
		id = cgroup_ancestor_id(cgroup, config->workload_cgroup_level);
		member = bpf_map_lookup_elem(&members, &id);
	}
	found.is_member = member;
	if (!member || member->reader == SHUNT_READER_OFF || member->paused)
		return found;
	found.cgroup_id = id;
	found.reader = member->reader;
	return found;
}

#endif
