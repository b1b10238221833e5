// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "plan.h"

#define KIB 1024u
#define TOTAL_MAX_BITS 23 /* 8 MiB */
/* Calls that one direction may take: else one connection takes all the time. */
#define CALLS_MAX 5000
#define WORD sizeof(uint64_t)

uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

uint64_t draw(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15ULL;
	return mix(*state);
}

uint64_t draw_up_to(uint64_t *state, uint64_t max)
{
	return draw(state) % max + 1;
}

/* True once in so many times. */
static bool one_in(uint64_t *state, uint64_t times)
{
	return draw(state) % times == 0;
}

/* Each order of magnitude is as likely as any other. */
static uint64_t draw_size(uint64_t *state, unsigned bits)
{
	uint64_t power = 1ULL << (draw(state) % (bits + 1));

	return draw_up_to(state, power);
}

static void plan_side(struct plan *plan, enum side side, uint64_t *state)
{
	static const uint32_t buffers[] = {64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB};

	plan->key[side] = draw(state);
	plan->total[side] = draw_size(state, TOTAL_MAX_BITS);
	plan->message_max[side] = (uint32_t)draw_size(state, 18);
	plan->read_max[side] = (uint32_t)draw_size(state, 17) + 15;
	plan->stall_at[side] = one_in(state, 4) ? draw(state) % (1ULL << (draw(state) % 22)) : UINT64_MAX;
	plan->stall_ms[side] = (uint32_t)draw_up_to(state, one_in(state, 10) ? 3000 : 200);
	plan->receive_buffer[side] = one_in(state, 4) ? buffers[draw(state) % 4] : 0;
	plan->send_buffer[side] = one_in(state, 4) ? buffers[draw(state) % 4] : 0;
	plan->way[side] = one_in(state, 2) ? WAY_LEVEL : (enum way)(draw(state) % WAYS);
	plan->splices[side] = one_in(state, 8);
}

static void raise_to_share(uint32_t *size_max, uint64_t total)
{
	if (*size_max < total / CALLS_MAX)
		*size_max = (uint32_t)(total / CALLS_MAX);
}

struct plan plan_make(uint64_t seed)
{
	uint64_t state = mix(seed);
	struct plan plan = {};

	plan_side(&plan, CLIENT, &state);
	plan_side(&plan, SERVER, &state);
	for (int side = CLIENT; side <= SERVER; side++) {
		raise_to_share(&plan.message_max[side], plan.total[side]);
		raise_to_share(&plan.read_max[side], plan.total[!side]);
	}
	plan.ahead_max = (uint32_t)draw_size(&state, one_in(&state, 2) ? 14 : 24);
	plan.ender = (enum side)(draw(&state) % 2);
	plan.ending_at = draw_up_to(&state, plan.total[CLIENT] + plan.total[SERVER]) / 2;
	/* A thread cannot close what another one waits on. */
	if (plan.way[plan.ender] == WAY_BLOCKING)
		return plan;
	plan.ending = one_in(&state, 8) ? ENDING_RESET : one_in(&state, 8) ? ENDING_ABANDON : ENDING_ORDERLY;
	return plan;
}

void stream_fill(uint64_t key, uint64_t offset, unsigned char *bytes, uint32_t size)
{
	while (size) {
		uint64_t word = mix(key + offset / WORD), skip = offset % WORD;
		uint32_t part = (uint32_t)(WORD - skip) < size ? (uint32_t)(WORD - skip) : size;

		memcpy(bytes, (unsigned char *)&word + skip, part);
		bytes += part;
		offset += part;
		size -= part;
	}
}

bool stream_check(uint64_t key, uint64_t offset, const unsigned char *bytes, uint32_t size)
{
	static _Thread_local unsigned char expected[STREAM_CHECK_MAX];

	stream_fill(key, offset, expected, size);
	return !memcmp(bytes, expected, size);
}
