/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Threads that write to one socket.
 *
 * The kernel lets the sender's lock go between the verdict and the reader's queue. What went by TCP meanwhile
 * would be read before it, and a later message of that thread before an earlier one: the reader looks at both
 * queues without a lock. So while a redirect of another thread may be under way, order decides alone: not the
 * credit, not a pause. That must not last, or a socket that several threads write to has no bound and no end.
 *
 * Each call on a socket holds a reference to its psock. The verdict runs under the socket's lock, so a call
 * that sleeps for the lock, or for bytes, a free buffer and then the lock, stays where it is as long as the
 * verdict asks. It is in no other's way: it has no verdict yet, or its message is in the queue. What is left,
 * beside the socket hash and this very call, is taken for a redirect.
 */
#ifndef SHUNT_FASTPATH_THREADS_H
#define SHUNT_FASTPATH_THREADS_H

#include "abi.h"
#include "psock.h"
#include "waiting.h"

#define REFERENCES_ALONE 2 /* to a sender's psock: the socket hash's and the one of the call that sends */
/* Calls that are looked at; more are taken for redirects. */
#define LOCK_WAITERS_MAX 32

/* tcp_msg_wait_data() and sk_stream_wait_memory(). Weak: as in waiting.h; then a sleeping call is taken for a
 * redirect. */
extern const void woken_wake_function __ksym __weak;

static __always_inline __u32 calls_for_lock(struct sock *sk)
{
	const struct list_head *head = &sk->sk_lock.wq.head;
	const struct list_head *link = READ(head, next);
	__u32 calls = 0;

	for (int i = 0; i < LOCK_WAITERS_MAX && link != head; i++) {
		calls++;
		link = READ(link, next);
	}
	return calls;
}

static __always_inline __u32 calls_asleep(struct sock *sk)
{
	const struct socket *socket = READ(sk, sk_socket);
	const struct list_head *head = &socket->wq.wait.head;
	const struct list_head *link = READ(head, next);
	__u32 calls = 0;

	for (int i = 0; i < WAITERS_MAX && link != head; i++) {
		const struct wait_queue_entry *entry = ENCLOSING(link, struct wait_queue_entry, entry);
		const void *wake = READ(entry, func);

		if (wake && wake == &woken_wake_function)
			calls++;
		link = READ(link, next);
	}
	return calls;
}

/*
 * One that was woken waits for the lock in both lists, so those asleep count only where nobody waits for the
 * lock. The lists come before the references: who comes meanwhile adds a reference, and nobody leaves.
 */
static __always_inline __u32 calls_waiting(struct sock *sk)
{
	__u32 calls = calls_for_lock(sk);

	return calls ? calls : calls_asleep(sk);
}

/* Is no redirect of another thread under way? Asked only when another thread redirected since this was last
 * true. */
static __always_inline bool is_alone(struct shunt_socket_state *state, struct sock *sender)
{
	__u32 waiting;

	if (!state->crowded && (!state->writer || state->writer == bpf_get_current_pid_tgid()))
		return true;
	waiting = calls_waiting(sender);
	if (READ(socket_psock(sender), refcnt.refs.counter) > REFERENCES_ALONE + waiting)
		return false;
	state->crowded = 0;
	state->writer = 0;
	return true;
}

#endif
