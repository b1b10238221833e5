/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* What the kernel keeps about a socket that is in a socket hash. */
#ifndef SHUNT_PSOCK_H
#define SHUNT_PSOCK_H

#include <bpf/bpf_core_read.h>
#include "kernel.h"
#include "reading.h"

#define PSOCK_FLAGS 7UL /* flag bits in sk_user_data */

static __always_inline struct sk_psock *socket_psock(struct sock *sk)
{
	return (struct sk_psock *)((unsigned long)READ(sk, sk_user_data) & ~PSOCK_FLAGS);
}

#endif
