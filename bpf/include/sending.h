/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What the program asked for when it sent: MSG_MORE and TCP_CORK hold bytes back, MSG_OOB makes one urgent,
 * MSG_FASTOPEN is refused on a connection. Only TCP does so. The kernel gives a verdict none of it: flags are
 * read from where the system call left its arguments, and what cannot be told is by TCP.
 *
 * The numbers of system calls are x86-64's and arm64's own. Those of other ABIs of one kernel (i386, x32,
 * arm) that send are none of them, and neither is io_uring_enter: their messages go by TCP.
 */
#ifndef SHUNT_SENDING_H
#define SHUNT_SENDING_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "kernel.h"

#define MSG_OOB 0x1
#define MSG_MORE 0x8000
#define MSG_FASTOPEN 0x20000000
#define MSG_FOR_TCP (MSG_OOB | MSG_MORE | MSG_FASTOPEN)
#define SPLICE_F_MORE 4
#define TCP_NAGLE_CORK 2 /* in nonagle */

/* Of the kernels before 6.1, which have no FRED: pt_regs is at the very end. */
#define STACK_BYTES 16384

enum call {
	CALL_SENDTO,  /* flags: fourth argument, as CALL_SENDMMSG */
	CALL_SENDMSG, /* flags: third */
	CALL_SENDMMSG,
	CALL_SPLICE, /* flags: sixth */
	CALL_WRITE,  /* write, writev, sendfile: none */
	CALL_UNKNOWN,
};

#define CASES(sendto, sendmsg, sendmmsg, splice, write, writev, sendfile)                                    \
	case sendto:                                                                                         \
		return CALL_SENDTO;                                                                          \
	case sendmsg:                                                                                        \
		return CALL_SENDMSG;                                                                         \
	case sendmmsg:                                                                                       \
		return CALL_SENDMMSG;                                                                        \
	case splice:                                                                                         \
		return CALL_SPLICE;                                                                          \
	case write:                                                                                          \
	case writev:                                                                                         \
	case sendfile:                                                                                       \
		return CALL_WRITE

static __always_inline enum call call_of_x86(__u64 number)
{
	switch (number) {
		CASES(44, 46, 307, 275, 1, 20, 40);
	default:
		return CALL_UNKNOWN;
	}
}

static __always_inline enum call call_of_arm64(__u64 number)
{
	switch (number) {
		CASES(206, 211, 269, 76, 64, 66, 71);
	default:
		return CALL_UNKNOWN;
	}
}

struct asked {
	enum call call;
	__u64 third, fourth, sixth; /* arguments of the call; garbage when it is unknown */
};

#define FLAVOUR(registers, name) ((struct pt_regs___##name *)(registers))
/* READ(pointer, field): a load that the verifier follows, or a copy from an address. */
#define ASKED_FILL(asked, registers, READ)                                                                   \
	do {                                                                                                 \
		if (bpf_core_field_exists(FLAVOUR(registers, x86)->orig_ax)) {                               \
			(asked)->call = call_of_x86(READ(FLAVOUR(registers, x86), orig_ax));                 \
			(asked)->third = READ(FLAVOUR(registers, x86), dx);                                  \
			(asked)->fourth = READ(FLAVOUR(registers, x86), r10);                                \
			(asked)->sixth = READ(FLAVOUR(registers, x86), r9);                                  \
		} else {                                                                                     \
			(asked)->call = call_of_arm64(READ(FLAVOUR(registers, arm64), syscallno));           \
			(asked)->third = READ(FLAVOUR(registers, arm64), regs[2]);                           \
			(asked)->fourth = READ(FLAVOUR(registers, arm64), regs[3]);                          \
			(asked)->sixth = READ(FLAVOUR(registers, arm64), regs[5]);                           \
		}                                                                                            \
	} while (0)
#define LOAD(pointer, field) ((pointer)->field)

/* From 6.1 on programs of this type have both helpers for certain, and a load costs a tenth of a copy. */
static __always_inline void asked_by_caller(struct asked *asked)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_ktime_get_tai_ns)) {
		void *registers = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());

		ASKED_FILL(asked, registers, LOAD);
	} else {
		struct task_struct *task = (void *)bpf_get_current_task();
		void *registers =
		    (char *)BPF_CORE_READ(task, stack) + STACK_BYTES - bpf_core_type_size(struct pt_regs);

		ASKED_FILL(asked, registers, BPF_CORE_READ);
	}
}

/* Does what the caller asks of this message take TCP? `tcp` is the sender's. */
static __always_inline bool is_for_tcp(struct tcp_sock *tcp)
{
	struct asked asked = {.call = CALL_UNKNOWN};

	if (BPF_CORE_READ_BITFIELD(tcp, nonagle) & TCP_NAGLE_CORK)
		return true;
	asked_by_caller(&asked);
	switch (asked.call) {
	case CALL_WRITE:
		return false;
	case CALL_SENDTO:
	case CALL_SENDMMSG:
		return asked.fourth & MSG_FOR_TCP;
	case CALL_SENDMSG:
		return asked.third & MSG_FOR_TCP;
	case CALL_SPLICE:
		return asked.sixth & SPLICE_F_MORE;
	default:
		return true;
	}
}

#endif
