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
#include "reading.h"

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

/* Not offsetof, container_of: with the compiler's own, which any header may bring in, they are not relocated.
 */
#define OFFSET(type, member) __builtin_preserve_field_info(((type *)0)->member, BPF_FIELD_BYTE_OFFSET)
#define ENCLOSING(pointer, type, member) ((const type *)((const char *)(pointer)-OFFSET(type, member)))
/* A field of a structure that was copied as it is in the kernel. */
#define FIELD(copy, type, member) ((void *)((copy) + OFFSET(type, member)))

/*
 * One waiter, as if it were an epoll's. Where each read is a copy, it is copied in one go: they are what all
 * this costs.
 */
struct waiter {
	const void *wake;
	const struct list_head *next;
	const struct epitem *item; /* of an epoll; else garbage */
};
#define WAITER_BYTES 80 /* struct eppoll_entry has 72 */

static __always_inline void waiter_read(struct waiter *waiter, const struct list_head *link)
{
	const struct wait_queue_entry *entry = ENCLOSING(link, struct wait_queue_entry, entry);
	const struct eppoll_entry *as_epoll = ENCLOSING(entry, struct eppoll_entry, wait);
	char epoll[WAITER_BYTES] = {};
	char *wait = epoll + OFFSET(struct eppoll_entry, wait);

	if (IS_FOLLOWED) {
		waiter->wake = READ(entry, func);
		waiter->next = READ(entry, entry.next);
		waiter->item = READ(as_epoll, base);
		return;
	}
	bpf_probe_read_kernel(epoll, sizeof(epoll), as_epoll);
	waiter->wake = *(void **)FIELD(wait, struct wait_queue_entry, func);
	waiter->next = *(void **)FIELD(wait, struct wait_queue_entry, entry.next);
	waiter->item = *(void **)FIELD(epoll, struct eppoll_entry, base);
}

static __always_inline bool is_epoll(const struct waiter *waiter)
{
	return waiter->wake && waiter->wake == &ep_poll_callback;
}

static __always_inline bool is_poll(const struct waiter *waiter)
{
	return waiter->wake && waiter->wake == &pollwake;
}

static __always_inline bool is_empty(const struct list_head *head)
{
	return READ(head, next) == head;
}

/* How the epoll descriptor itself is waited for, when it is inside another one or polled. Deeper: unknown. */
static __always_inline enum waiting outer_waiting(const struct eventpoll *epoll)
{
	const struct list_head *head = &epoll->poll_wait.head;
	const struct list_head *link = READ(head, next);

	for (int i = 0; i < OUTER_WAITERS_MAX && link != head; i++) {
		struct waiter waiter;

		waiter_read(&waiter, link);
		if (is_epoll(&waiter)) {
			const struct epitem *item = waiter.item;
			const struct eventpoll *outer = READ(item, ep);

			if (READ(item, event.events) & EPOLL_EDGE)
				return WAITING_EDGE;
			if (!is_empty(&outer->poll_wait.head))
				return WAITING_UNKNOWN;
		} else if (!is_poll(&waiter)) {
			return WAITING_UNKNOWN;
		}
		link = waiter.next;
	}
	return link == head ? WAITING_LEVEL : WAITING_UNKNOWN;
}

static __always_inline enum waiting waiter_waiting(const struct waiter *waiter, const struct list_head *link)
{
	if (is_epoll(waiter)) {
		const struct epitem *item = waiter->item;
		__u32 events = READ(item, event.events);

		if (events & EPOLL_EDGE)
			return WAITING_EDGE;
		/* Output only, or a one-shot that fired: says nothing about how input will be waited for. */
		if (!(events & EPOLL_INPUT))
			return WAITING_UNSEEN;
		return outer_waiting(READ(item, ep));
	}
	if (is_poll(waiter)) {
		const struct wait_queue_entry *entry = ENCLOSING(link, struct wait_queue_entry, entry);
		const struct poll_table_entry *poll = ENCLOSING(entry, struct poll_table_entry, wait);

		return READ(poll, key) & EPOLL_INPUT ? WAITING_LEVEL : WAITING_UNSEEN;
	}
	return WAITING_UNKNOWN;
}

/* `socket` may be a bare address, also a stale one: nothing is dereferenced that may fault. */
static __always_inline enum waiting socket_waiting(const struct socket *socket)
{
	const struct list_head *head = &socket->wq.wait.head;
	const struct list_head *link = READ(head, next);
	enum waiting seen = WAITING_UNSEEN;

	for (int i = 0; i < WAITERS_MAX && link != head; i++) {
		struct waiter waiter;
		enum waiting waiting;

		waiter_read(&waiter, link);
		waiting = waiter_waiting(&waiter, link);
		if (waiting > WAITING_LEVEL)
			return waiting;
		if (waiting > seen)
			seen = waiting;
		link = waiter.next;
	}
	return link == head ? seen : WAITING_UNKNOWN;
}

#endif
