/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * How a socket's reader waits for bytes, read from the socket's wait queue. It matters because a reader that
 * is woken by edges and stops at a short read loses the rest when both of its queues, TCP's and the
 * redirected one, hold data.
 *
 * The queue is read without its lock. An entry that goes away meanwhile reads as garbage: it then has neither
 * of the two known wake functions and makes the answer WAITING_UNKNOWN, which is safe.
 */
#ifndef SHUNT_WAITING_H
#define SHUNT_WAITING_H

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "kernel.h"

enum waiting {
	WAITING_UNSEEN,	 /* nobody waits for input right now */
	WAITING_LEVEL,	 /* everybody who waits is told again as long as there is something to read */
	WAITING_EDGE,	 /* somebody is told only once */
	WAITING_UNKNOWN, /* somebody waits in a way not known here (io_uring), or too many wait */
};

/* Waiters looked at: of a socket (one epoll is the rule), and of an epoll descriptor inside another. */
#define WAITERS_MAX 4
#define OUTER_WAITERS_MAX 2

#define EPOLL_INPUT 0x41 /* EPOLLIN | EPOLLRDNORM */
#define EPOLL_EDGE (1u << 31)

/*
 * Wake functions tell kinds of waiters apart. Weak: where the kernel hides their addresses (kptr_restrict =
 * 2) or renamed them, they are 0, equal to nobody's, and every reader is WAITING_UNKNOWN.
 */
extern const void ep_poll_callback __ksym __weak;
extern const void pollwake __ksym __weak;

/* Not container_of: with the compiler's own offsetof, which any header may bring in, that is not relocated.
 */
#define ENCLOSING(pointer, type, member)                                                                     \
	((const type *)((const char *)(pointer)-__builtin_preserve_field_info(((type *)0)->member,           \
									      BPF_FIELD_BYTE_OFFSET)))

static __always_inline void *wake_function(const struct list_head *link)
{
	return BPF_CORE_READ(ENCLOSING(link, struct wait_queue_entry, entry), func);
}

static __always_inline bool is_epoll(const void *wake)
{
	return wake && wake == &ep_poll_callback;
}

static __always_inline bool is_poll(const void *wake)
{
	return wake && wake == &pollwake;
}

static __always_inline const struct epitem *epoll_item(const struct list_head *link)
{
	const struct wait_queue_entry *entry = ENCLOSING(link, struct wait_queue_entry, entry);

	return BPF_CORE_READ(ENCLOSING(entry, struct eppoll_entry, wait), base);
}

static __always_inline bool is_empty(const struct list_head *head)
{
	return BPF_CORE_READ(head, next) == head;
}

/* How the epoll descriptor itself is waited for, when it is inside another one or polled. Deeper nesting:
 * unknown. */
static __always_inline enum waiting outer_waiting(const struct eventpoll *epoll)
{
	const struct list_head *head = &epoll->poll_wait.head;
	const struct list_head *link = BPF_CORE_READ(head, next);

	for (int i = 0; i < OUTER_WAITERS_MAX && link != head; i++) {
		const void *wake = wake_function(link);

		if (is_epoll(wake)) {
			const struct epitem *item = epoll_item(link);
			const struct eventpoll *outer = BPF_CORE_READ(item, ep);

			if (BPF_CORE_READ(item, event.events) & EPOLL_EDGE)
				return WAITING_EDGE;
			if (!is_empty(&outer->poll_wait.head))
				return WAITING_UNKNOWN;
		} else if (!is_poll(wake)) {
			return WAITING_UNKNOWN;
		}
		link = BPF_CORE_READ(link, next);
	}
	return link == head ? WAITING_LEVEL : WAITING_UNKNOWN;
}

static __always_inline enum waiting waiter_waiting(const struct list_head *link)
{
	const void *wake = wake_function(link);

	if (is_epoll(wake)) {
		const struct epitem *item = epoll_item(link);
		__u32 events = BPF_CORE_READ(item, event.events);

		if (events & EPOLL_EDGE)
			return WAITING_EDGE;
		/* Output only, or a one-shot that fired: says nothing about how input will be waited for. */
		if (!(events & EPOLL_INPUT))
			return WAITING_UNSEEN;
		return outer_waiting(BPF_CORE_READ(item, ep));
	}
	if (is_poll(wake)) {
		const struct wait_queue_entry *entry = ENCLOSING(link, struct wait_queue_entry, entry);
		const struct poll_table_entry *poll = ENCLOSING(entry, struct poll_table_entry, wait);

		return BPF_CORE_READ(poll, key) & EPOLL_INPUT ? WAITING_LEVEL : WAITING_UNSEEN;
	}
	return WAITING_UNKNOWN;
}

/* `sk` may be a bare address, also a stale one: nothing is dereferenced that may fault. */
static __always_inline enum waiting socket_waiting(const struct sock *sk)
{
	const struct socket_wq *queue = BPF_CORE_READ(sk, sk_wq);
	const struct list_head *head = &queue->wait.head;
	const struct list_head *link = BPF_CORE_READ(head, next);
	enum waiting seen = WAITING_UNSEEN;

	for (int i = 0; i < WAITERS_MAX && link != head; i++) {
		enum waiting waiting = waiter_waiting(link);

		if (waiting > WAITING_LEVEL)
			return waiting;
		if (waiting > seen)
			seen = waiting;
		link = BPF_CORE_READ(link, next);
	}
	return link == head ? seen : WAITING_UNKNOWN;
}

#endif
