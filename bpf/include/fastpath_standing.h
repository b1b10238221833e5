/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What becomes of a linked socket's messages as far as its members, policy and the options of both ends go.
 * All this changes rarely, so it is looked up once and kept in the socket's state; a verdict compares two
 * numbers that are raised with each change. Whoever changes a map raises the number afterwards.
 */
#ifndef SHUNT_FASTPATH_STANDING_H
#define SHUNT_FASTPATH_STANDING_H

#include "fastpath_state.h"

/*
 * Options that were set after promotion: cookie -> number of the option. Written by socket_options, which the
 * sender at the other end has no other way to hear from. An entry goes when its socket closes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u32);
} options SEC(".maps");

/* Raised with each entry of `options`. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} option_epoch SEC(".maps");

static __always_inline __u64 *option_epoch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&option_epoch, &zero);
}

/*
 * Between a store to the socket's state and a load of what another processor stores: who sets an option
 * stores `vetoed` and looks at the phase, who promotes the other way round. Without it both may see the old.
 */
static __always_inline void state_publish(struct shunt_socket_state *state)
{
	__u64 nothing = 0;

	/* By hand: clang makes an addition of 0 a load that BPF does not have. */
	asm volatile("lock *(u32 *)(%0 + 0) += %1" : : "r"(&state->phase), "r"(nothing) : "memory");
}

/* False: there was no memory for it. */
static __always_inline bool option_note(const struct shunt_socket_state *state)
{
	__u32 name = state->vetoed;
	__u64 *epoch = option_epoch_get();

	if (!epoch || bpf_map_update_elem(&options, &state->cookie, &name, BPF_ANY))
		return false;
	__sync_fetch_and_add(epoch, 1);
	count(SHUNT_COUNTER_OPTION_LATE, 1);
	return true;
}

static __always_inline void option_forget(const struct shunt_socket_state *state)
{
	if (state->vetoed)
		bpf_map_delete_elem(&options, &state->cookie);
}

/* Would connect(2) still be allowed? What is no TCP destination (any more) is judged elsewhere. */
static __always_inline bool is_allowed(const struct shunt_socket_state *state)
{
	struct shunt_verdict_key key = {.cgroup_id = state->client_cgroup_id, .destination = state->original};
	const struct shunt_destination *destination;
	const __u32 *verdict;

	if (!key.cgroup_id)
		return true;
	destination = bpf_map_lookup_elem(&destinations, &key.destination);
	if (!destination || !(destination->flags & SHUNT_DESTINATION_L4))
		return true;
	verdict = bpf_map_lookup_elem(&verdicts, &key);
	return verdict && *verdict == SHUNT_VERDICT_ALLOW;
}

/* What lasts before what passes. REDIRECTED: nothing stands against it. */
static __always_inline enum shunt_outcome standing_find(const struct shunt_socket_state *state,
							const struct shunt_member *sender,
							const struct shunt_member *reader)
{
	if (!is_allowed(state))
		return SHUNT_OUTCOME_POLICY;
	if (state->vetoed || bpf_map_lookup_elem(&options, &state->peer_cookie))
		return SHUNT_OUTCOME_OPTION;
	if (!sender || sender->reader == SHUNT_READER_OFF || sender->paused || (reader && reader->paused))
		return SHUNT_OUTCOME_PAUSED;
	return SHUNT_OUTCOME_REDIRECTED;
}

/* Brings `standing` and `peer_reader` up to date. Of a linked socket. */
static __always_inline void standing_renew(struct shunt_socket_state *state,
					   const struct shunt_settings *config)
{
	const struct shunt_member *sender, *reader;
	const __u64 *options_now = option_epoch_get();
	__u64 option_epoch_now = options_now ? *options_now : 0;
	__u32 epoch = config->epoch + 1;

	if (state->epoch == epoch && state->option_epoch == option_epoch_now)
		return;
	state->epoch = epoch;
	state->option_epoch = option_epoch_now;
	sender = bpf_map_lookup_elem(&members, &state->cgroup_id);
	reader = bpf_map_lookup_elem(&members, &state->peer_cgroup_id);
	state->peer_reader = reader ? reader->reader : SHUNT_READER_OFF;
	state->standing = standing_find(state, sender, reader);
}

#endif
