/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Reads what the kernel keeps behind a bare address, also a stale one: what faults reads as 0.
 *
 * A copy by bpf_probe_read_kernel() costs 20 to 25 ns, and a verdict takes about 20 values. From 6.2 on the
 * verifier follows an address that is given a type (bpf_rdonly_cast(), which is no call in the end), and a
 * load by it costs what a load costs.
 */
#ifndef SHUNT_READING_H
#define SHUNT_READING_H

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

extern void *bpf_rdonly_cast(const void *pointer, __u32 type_id) __ksym __weak;

/* A helper of the same version; the name behind the underscores is that of this file alone. */
enum bpf_func_id___reading {
	BPF_FUNC_cgrp_storage_get___reading = 210,
};
#ifdef SHUNT_TEST_COPIED /* a test shows that it works without, too */
#define IS_FOLLOWED 0
#else
#define IS_FOLLOWED                                                                                          \
	bpf_core_enum_value_exists(enum bpf_func_id___reading, BPF_FUNC_cgrp_storage_get___reading)
#endif

/* The comma takes a `const` away, under which the type would not be found. */
#define FOLLOWED(pointer)                                                                                    \
	((typeof(pointer))bpf_rdonly_cast((pointer), bpf_core_type_id_kernel(typeof((void)0, *(pointer)))))

/* As BPF_CORE_READ: READ(socket, file, f_flags) is socket->file->f_flags. */
#define READ(pointer, ...)                                                                                   \
	({                                                                                                   \
		typeof((void)0, ___arrow((pointer), __VA_ARGS__)) read_value;                                \
		if (IS_FOLLOWED)                                                                             \
			read_value = ___arrow(FOLLOWED(pointer), __VA_ARGS__);                               \
		else                                                                                         \
			read_value = BPF_CORE_READ((pointer), __VA_ARGS__);                                  \
		read_value;                                                                                  \
	})

#define READ_BITFIELD(pointer, field)                                                                        \
	({                                                                                                   \
		__u64 read_bits;                                                                             \
		if (IS_FOLLOWED) {                                                                           \
			typeof(pointer) read_followed = FOLLOWED(pointer);                                   \
			read_bits = BPF_CORE_READ_BITFIELD(read_followed, field);                            \
		} else {                                                                                     \
			read_bits = BPF_CORE_READ_BITFIELD_PROBED((pointer), field);                         \
		}                                                                                            \
		read_bits;                                                                                   \
	})

/* A number of 64 bits that is in no structure is read as if it were the first field of one. */
struct timespec64 {
	__s64 tv_sec;
} __attribute__((preserve_access_index));
static __always_inline __u64 word_read(const void *address)
{
	struct timespec64 *word = (void *)address;

	return READ(word, tv_sec);
}

#endif
