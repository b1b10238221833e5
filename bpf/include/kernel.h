/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The few fields of the kernel's own structures that programs read, by CO-RE: names count, offsets and order
 * do not. Each exists from 5.10 on, unless a comment says otherwise (then ask bpf_core_field_exists first).
 * Include after <linux/bpf.h>; nothing here may clash with the kernel's uapi headers.
 */
#ifndef SHUNT_KERNEL_H
#define SHUNT_KERNEL_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next;
};

typedef struct {
	__s64 counter;
} atomic64_t;

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	atomic_t refs;
} refcount_t;

struct wait_queue_head {
	struct list_head head;
};

struct wait_queue_entry {
	void *func;
	struct list_head entry;
};

struct socket_wq {
	struct wait_queue_head wait;
};

/* poll(2) and select(2): one entry for each file that a thread waits for, on that thread's stack. */
struct poll_table_entry {
	__u32 key; /* the events that are waited for; an unsigned long on old kernels */
	struct wait_queue_entry wait;
};

struct epoll_event {
	__u32 events;
};

struct eventpoll {
	struct wait_queue_head poll_wait; /* who waits for the epoll descriptor itself */
};

struct epitem {
	struct eventpoll *ep;
	struct epoll_event event;
};

struct eppoll_entry {
	struct epitem *base;
	struct wait_queue_entry wait;
};

struct ns_common {
	unsigned int inum;
};

struct netns_ipv4 {
	int sysctl_tcp_rmem[3]; /* of sk_rcvbuf: least, at first, most */
};

struct net {
	__u64 net_cookie; /* absent before 5.12 */
	struct ns_common ns;
	struct netns_ipv4 ipv4;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct inode {
	unsigned short i_mode;
};

struct file {
	unsigned int f_flags;
	struct inode *f_inode;
	void *private_data;
};

struct socket {
	struct file *file;
	struct sock *sk;
	struct socket_wq wq;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
	int level;
	struct cgroup *ancestors[0]; /* by level, itself last; from 6.1 on */
};

/* Before 6.1. */
struct cgroup___ids {
	__u64 ancestor_ids[0];
};

struct sock_cgroup_data {
	struct cgroup *cgroup; /* from 5.15 on */
};

/* Before 5.15: the cgroup's address, or an odd number when cgroup v1 uses the place. */
struct sock_cgroup_data___tagged {
	__u64 val;
};

struct proto {
	unsigned long *memory_pressure;	 /* not 0: TCP holds more than the middle value of net.ipv4.tcp_mem */
	unsigned long *memory_allocated; /* pages that TCP holds, without what processors took of late */
	unsigned long *sysctl_mem;	 /* the three values of net.ipv4.tcp_mem, in pages */
};

struct sock_common {
	struct proto *skc_prot;
	__u32 skc_portpair;
	possible_net_t skc_net;
	unsigned long skc_flags; /* bits: enum sock_flags */
	atomic64_t skc_cookie;	 /* 0: nobody asked for it yet */
};

/* In pages. */
struct page_counter {
	atomic64_t usage;
	unsigned long max;
	struct page_counter *parent; /* NULL: the root's */
};

struct mem_cgroup {
	struct page_counter memory;
};

/* A socket's lock; who sleeps for it waits here. */
typedef struct {
	struct wait_queue_head wq;
} socket_lock_t;

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	struct sock_cgroup_data sk_cgrp_data;
	__u16 sk_protocol;
	__s32 sk_peek_off; /* negative: off */
	int sk_rcvlowat;
	__u32 sk_tsflags;		  /* SO_TIMESTAMPING; a __u16 on old kernels */
	void *sk_filter;		  /* SO_ATTACH_FILTER, SO_ATTACH_BPF */
	unsigned long sk_max_pacing_rate; /* SO_MAX_PACING_RATE, bytes a second; all ones: none */
	int sk_rcvbuf;
	int sk_sndbuf;
	__u8 sk_userlocks : 4;	     /* SOCK_RCVBUF_LOCK: SO_RCVBUF was set, and sk_rcvbuf does not grow; as
					SOCK_SNDBUF_LOCK */
	struct mem_cgroup *sk_memcg; /* NULL: counts nowhere */
	struct socket *sk_socket;    /* NULL: not accepted yet, or closed */
	void *sk_user_data; /* of a socket in a sockmap: struct sk_psock *, flags in the low three bits */
};

struct inet_connection_sock {
	const void *icsk_ulp_ops;
};

struct tcp_sock {
	__u32 segs_in;
	__u32 rcv_nxt;
	__u32 rcv_wup; /* rcv_nxt when the window was told last */
	__u32 rcv_wnd; /* the window as it was told */
	__u32 copied_seq;
	__u32 write_seq;
	__u32 snd_una;
	__u32 snd_nxt;
	__u64 bytes_acked; /* a SYN counts as one */
	__u64 bytes_sent;  /* payload, retransmissions too */
	__u64 bytes_retrans;
	__u8 nonagle : 4;
	__u8 repair : 1;
	__u8 recvmsg_inq : 1; /* TCP_INQ */
	__u8 is_mptcp;	      /* absent without CONFIG_MPTCP */
	__u8 bpf_sock_ops_cb_flags;
};

struct sk_psock {
	refcount_t refcnt;	      /* one for the socket hash, one for each call that sends or receives */
	struct list_head ingress_msg; /* redirected messages that were not read yet */
	__u32 msg_tot_len;	      /* their bytes; absent on older kernels */
};

struct sk_msg_sg {
	__u32 size; /* bytes that were not read yet */
};

struct sk_msg {
	struct sk_msg_sg sg;
	struct list_head list;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	struct files_struct *files;
	void *stack; /* its lowest address */
};

struct pt_regs {
	__u64 ignored; /* its size is the kernel's */
};

/* What a system call found in the registers; of the two architectures. */
struct pt_regs___x86 {
	unsigned long r10, r9, dx, orig_ax;
};

struct pt_regs___arm64 {
	__u64 regs[31];
	__s32 syscallno;
};

struct bpf_iter__bpf_sk_storage_map {
	struct sock *sk; /* NULL once, after the last entry; so is `value` */
	void *value;
};

#pragma clang attribute pop

/* Values are the kernel's: ask bpf_core_enum_value. */
enum sock_flags {
	SOCK_URGINLINE,
	SOCK_RCVTSTAMP,
	SOCK_ZEROCOPY,
};

#endif
