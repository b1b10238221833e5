/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The only layouts that BPF programs and user space share. src/generated/abi.ts is generated from the
 * objects' BTF. Change a layout or a meaning: raise SHUNT_ABI_VERSION here and ABI_VERSION in src/instance.ts
 * (a test holds them equal); the pin directory carries it, so that two versions never share a map.
 *
 * Conventions: fixed-width types, no implicit padding, units and byte order in names (`_be`: network order,
 * none: host order), a comment says what zero means. IPv4 addresses inside 16-byte fields are v4-mapped
 * (::ffff:a.b.c.d).
 */
#ifndef SHUNT_ABI_H
#define SHUNT_ABI_H

#define SHUNT_ABI_VERSION 14

/* Map `settings`, ARRAY[1]. All zero: nothing is promoted, captured destinations are refused. */
struct shunt_settings {
	__u32 paused; /* 1: every message goes by TCP, nothing is promoted; first in all versions: down */
	__u32 promote_after_segments; /* segments received before promotion; 0: never promote */
	__u32 max_queued_bytes;	      /* credit a direction; 0: never redirect */
	__u32 outbound_port; /* the proxy's listener on 127.0.0.1; 0: captured destinations are refused */
	__u32 workload_cgroup_level; /* depth of a workload's cgroup below the cgroup2 root */
	__u32 epoch; /* raised after each change of `members` or `verdicts`: linked sockets look at them again
		      */
	__u32 refresh_jiffies; /* so often a message goes by TCP; 0: never */
	__u32 reserved;
};
_Static_assert(sizeof(struct shunt_settings) == 32, "shunt_settings");

/* How the readers in a cgroup are treated. */
enum shunt_reader {
	SHUNT_READER_AUTO = 0,	 /* looks how the socket waits; refuses edge-triggered and unknown */
	SHUNT_READER_GREEDY = 1, /* known to read until EAGAIN: edge-triggered is safe too */
	SHUNT_READER_NEVER = 2,	 /* never redirect towards it; it may send */
	SHUNT_READER_OFF = 3,	 /* never promoted, not even as a sender */
};

/* Map `members`, HASH: cgroup id -> member. A socket whose cgroup is not in it is left alone. */
struct shunt_member {
	__u32 reader; /* enum shunt_reader */
	__u32 paused; /* 1: what its sockets send and receive goes by TCP, and none is promoted */
};
_Static_assert(sizeof(struct shunt_member) == 8, "shunt_member");

/* Key of `destinations`, HASH. */
struct shunt_destination_key {
	__u32 ip_be;
	__u16 port_be;
	__u16 reserved; /* 0 */
};
_Static_assert(sizeof(struct shunt_destination_key) == 8, "shunt_destination_key");

enum shunt_destination_kind {
	SHUNT_DESTINATION_SERVICE = 1,	/* a Service's address */
	SHUNT_DESTINATION_WORKLOAD = 2, /* a workload's own address and targetPort: only through the proxy */
};

enum shunt_destination_flag {
	SHUNT_DESTINATION_L4 = 1, /* a TCP destination: connect needs an entry in `verdicts` */
};

struct shunt_destination {
	__u32 kind;  /* enum shunt_destination_kind */
	__u32 flags; /* enum shunt_destination_flag */
};
_Static_assert(sizeof(struct shunt_destination) == 8, "shunt_destination");

/* Map `verdicts`, HASH: may this workload connect to this TCP destination? No entry: no. */
struct shunt_verdict_key {
	__u64 cgroup_id;
	struct shunt_destination_key destination;
};
_Static_assert(sizeof(struct shunt_verdict_key) == 16, "shunt_verdict_key");

enum shunt_verdict {
	SHUNT_VERDICT_ALLOW = 1,
};

/* One end of a connection as the socket hash sees it. `scope` keeps equal addresses of different networks
 * apart. */
struct shunt_flow_key {
	__u64 scope; /* cookie of the namespace for loopback and link-local addresses, else 0 */
	__u32 local_ip_be[4];
	__u32 remote_ip_be[4];
	__u32 local_port;
	__u32 remote_port;
};
_Static_assert(sizeof(struct shunt_flow_key) == 48, "shunt_flow_key");

/* What happened to a message that a promoted socket sent. The first is the fast path, all others went by TCP,
 * in order. */
enum shunt_outcome {
	SHUNT_OUTCOME_REDIRECTED = 0,
	SHUNT_OUTCOME_BEFORE_PROMOTION = 1, /* bytes only: written before the socket was promoted */
	SHUNT_OUTCOME_PAUSED = 2,   /* for all, or for one of the two members; or one of them is OFF by now */
	SHUNT_OUTCOME_UNLINKED = 3, /* the peer is not promoted (yet) */
	SHUNT_OUTCOME_STALE_PEER = 4, /* the peer's socket is gone */
	SHUNT_OUTCOME_HANDOVER = 5,   /* the peer has not read all that was sent by TCP */
	SHUNT_OUTCOME_CREDIT = 6,     /* the peer's queue is full enough, or memory for it short */
	SHUNT_OUTCOME_READER_BLOCKING = 7,
	SHUNT_OUTCOME_READER_EDGE = 8,	   /* waits edge-triggered and is not known to be greedy */
	SHUNT_OUTCOME_READER_UNKNOWN = 9,  /* how it waits cannot be seen */
	SHUNT_OUTCOME_READER_REFUSED = 10, /* its cgroup says never */
	SHUNT_OUTCOME_FAILED = 11,   /* the kernel refused the redirect, or the sender had ended its stream */
	SHUNT_OUTCOME_OPTION = 12,   /* one end set an option after promotion that redirects would break */
	SHUNT_OUTCOME_POLICY = 13,   /* the connection would be refused by now */
	SHUNT_OUTCOME_REFRESH = 14,  /* so that who watches the packets sees that the connection lives */
	SHUNT_OUTCOME_TCP_ONLY = 15, /* its sender asked for what TCP alone does: MSG_MORE, TCP_CORK, … */
	SHUNT_OUTCOME_COUNT = 16,
};

/*
 * Map `flows`, HASH: cookie of the sending socket -> what it sent. For people only: no verdict depends on it,
 * and when it is full a flow is counted in `counters` alone. Entries go when the socket closes.
 */
struct shunt_flow {
	struct shunt_flow_key key;
	__u64 cgroup_id;
	__u64 peer_cookie;    /* 0: not linked */
	__u64 peer_cgroup_id; /* 0: not known; may be known of a peer that is refused, and so not linked */
	__u64 promoted_ns;    /* CLOCK_MONOTONIC */
	__u32 last_outcome;   /* enum shunt_outcome, of the last message */
	__u32 next_seq; /* write_seq that the next message should find, if what went by TCP was taken whole */
	__u32 queued_peak_bytes; /* the most that waited to be read, as seen when a message was added; or
				    more, where the kernel does not count a queue's bytes */
	__u32 reserved;
	__u64 messages[SHUNT_OUTCOME_COUNT];
	__u64 bytes[SHUNT_OUTCOME_COUNT];
	__u64 ended_messages; /* redirected to it by a peer that closed, and has no entry any more */
	__u64 ended_bytes;
};
_Static_assert(sizeof(struct shunt_flow) == 368, "shunt_flow");

/*
 * Map `pairs`, LRU_HASH: what closed connections sent, added up when each closes. With the open ones of
 * `flows` it is all that was sent. For people only. LRU: the pair that was added to longest ago gives way.
 */
struct shunt_pair_key {
	__u64 cgroup_id;      /* the sender's member */
	__u64 peer_cgroup_id; /* 0: was never known */
};
_Static_assert(sizeof(struct shunt_pair_key) == 16, "shunt_pair_key");

struct shunt_pair {
	__u64 messages[SHUNT_OUTCOME_COUNT];
	__u64 bytes[SHUNT_OUTCOME_COUNT];
};
_Static_assert(sizeof(struct shunt_pair) == 256, "shunt_pair");

enum shunt_phase {
	SHUNT_PHASE_NEW = 0,	  /* looked at, or only an option noted */
	SHUNT_PHASE_PROMOTED = 1, /* in `sockets`; the peer is not proven */
	SHUNT_PHASE_LINKED = 2,	  /* the peer is proven */
	SHUNT_PHASE_REFUSED = 3,  /* never to be promoted */
	SHUNT_PHASE_WANTED = 4,	  /* may be promoted; waits for user space to enter it in `sockets` */
};

/*
 * Map `states`, SK_STORAGE: what is known of a socket; the kernel frees it with the socket. No entry: no
 * member's, or not looked at yet. User space reads it, with a descriptor of the socket as key, to explain.
 *
 * promote (softirq) and redirect (the sender, under the socket's lock) may run at once: `vetoed` is
 * socket_options', `queued_bytes`, `peer_seen_level`, `writer`, `crowded`, `behind`, `standing`,
 * `peer_reader`, `peer_blocking`, `epoch`, `option_epoch`, `refreshed_jiffies`, `queued_messages`,
 * `marked_*` and `small_pause` are redirect's, all else is promote's. A torn view of peer_* is harmless: a
 * cookie that is not the one found at the address makes the message go by TCP.
 */
struct shunt_socket_state {
	struct shunt_flow_key peer_key;
	__u64 cookie;
	__u64 cgroup_id; /* the member that the socket belongs to */
	__u64 peer;	 /* address of the peer's struct sock, proven by peer_cookie at every use */
	__u64 peer_cookie;
	__u64 peer_cgroup_id; /* as in shunt_flow */
	__u64 since_ns; /* CLOCK_MONOTONIC: of the promotion, or of the first look that was refused for the
			   reason in `refusal`; 0: never looked at */
	__u64 client_cgroup_id;		       /* the member that connected; 0: not captured */
	__u64 option_epoch;		       /* of the map of that name, when `standing` was found */
	struct shunt_destination_key original; /* what it connected to; zero: not captured */
	__u64 writer;  /* thread whose message was redirected last, as of bpf_get_current_pid_tgid(); 0: none
			  that can still be under way */
	__u32 phase;   /* enum shunt_phase */
	__u32 refusal; /* enum shunt_counter, REFUSED_*: why the last look did not promote or link */
	__u32 vetoed;  /* number of the option that was set last and that a promoted socket would break; 0:
			  none */
	__u32 look_again_segments;
	__u32 seen_level;      /* 1: was waiting level-triggered when it was promoted */
	__u32 peer_seen_level; /* 1: the peer was last seen waiting level-triggered */
	__u32 peer_refusal;    /* enum shunt_outcome: why the peer is not promoted (OPTION: for good); 0: not
				  known, or it may be */
	__u32 queued_bytes;    /* in the peer's queue with the message that was redirected last; no less where
				  the kernel does not count: what was redirected since it was seen empty */
	__u32 linked_seq;      /* the peer's copied_seq when it was linked; while it is still that, nothing is
				  redirected */
	__u32 crowded;	       /* 1: messages of more threads than `writer` may be under way */
	__u32 behind;	       /* messages in a row that went by TCP because the reader was behind; at
				  SEND_BUFFER_MESSAGES, where it stays, this is a stream */
	__u32 epoch;	       /* of settings when `standing` was found, and 1; 0: never */
	__u32 standing;	       /* enum shunt_outcome: what becomes of messages as far as members, policy and
				  options go */
	__u32 peer_reader;     /* enum shunt_reader, found with `standing` */
	__u32 peer_blocking;   /* 1: the peer's O_NONBLOCK was found cleared after its promotion, last time */
	__u32 refreshed_jiffies; /* low bits: of the last REFRESH, or of linking */
	__u32 queued_messages;	 /* in the peer's queue, or more: all since the mark before the last */
	/* Redirected since the last mark. A mark is set when all that was redirected before it has been read.
	 */
	__u32 marked_messages;
	__u32 marked_bytes;
	__u32 small_pause; /* messages that are still to go by TCP because too many small ones were queued */
};
_Static_assert(sizeof(struct shunt_socket_state) == 208, "shunt_socket_state");

/* Indices of map `counters`, PERCPU_ARRAY of u64. Never reset; survive the supervisor. */
enum shunt_counter {
	/* 0..15: messages by enum shunt_outcome, 16..31: bytes by enum shunt_outcome */
	SHUNT_COUNTER_MESSAGES = 0,
	SHUNT_COUNTER_BYTES = 16,
	/* fast path: promotion */
	SHUNT_COUNTER_PROMOTED = 32,
	SHUNT_COUNTER_LINKED = 33,
	SHUNT_COUNTER_CLOSED = 34,
	SHUNT_COUNTER_REFUSED_BLOCKING = 35,
	SHUNT_COUNTER_REFUSED_MPTCP = 36,
	SHUNT_COUNTER_REFUSED_ULP = 37,
	SHUNT_COUNTER_REFUSED_OPTION = 38,   /* RCVLOWAT, ZEROCOPY, a filter, …: docs/fastpath.md */
	SHUNT_COUNTER_REFUSED_SEQUENCE = 39, /* the two ends did not prove to be one connection */
	SHUNT_COUNTER_REFUSED_FULL = 40,
	SHUNT_COUNTER_REFUSED_COOKIE = 41,
	SHUNT_COUNTER_REFUSED_EDGE = 42,    /* waits edge-triggered and is not known to be greedy */
	SHUNT_COUNTER_REFUSED_WAITING = 43, /* not accepted yet, or not seen waiting in a known way */
	SHUNT_COUNTER_BECAME_BLOCKING =
	    44,				/* promoted, and O_NONBLOCK cleared since: its recv may say EAGAIN */
	SHUNT_COUNTER_OPTION_LATE = 45, /* an option of REFUSED_OPTION, or a ULP, set after promotion */
	SHUNT_COUNTER_REFUSED_PEER =
	    46, /* the other end is no member's of this node, was not looked at yet, or is refused */
	/* capture */
	SHUNT_COUNTER_CONNECT_CAPTURED = 48,
	SHUNT_COUNTER_CONNECT_PASSED = 49,
	SHUNT_COUNTER_CONNECT_DENIED = 50, /* L4 policy */
	SHUNT_COUNTER_CONNECT_NO_PROXY = 51,
	SHUNT_COUNTER_ORIGINAL_ANSWERED = 52,
	SHUNT_COUNTER_ORIGINAL_UNKNOWN = 53,
	SHUNT_COUNTER_GUARD_DROPPED = 54, /* packets to a guarded port that did not come through the proxy */
	SHUNT_COUNTER_COUNT = 64,
};

enum shunt_event_kind {
	SHUNT_EVENT_CONNECT_DENIED = 1,
	SHUNT_EVENT_GUARD_DROPPED = 2,
	SHUNT_EVENT_BECAME_BLOCKING = 3, /* cgroup and destination are the socket's own */
};

/* Record of map `events`, RINGBUF of 256 KiB. Lost when full; the counters are not. */
struct shunt_event {
	__u64 time_ns;	    /* CLOCK_MONOTONIC */
	__u64 cgroup_id;    /* 0: unknown */
	__u32 kind;	    /* enum shunt_event_kind */
	__u32 pid;	    /* 0: unknown */
	__u32 source_ip_be; /* 0: unknown */
	__u32 destination_ip_be;
	__u16 destination_port_be;
	__u16 reserved;
	char comm[16];
	__u32 reserved2;
};
_Static_assert(sizeof(struct shunt_event) == 56, "shunt_event");

/*
 * Map `queues`, HASH: cookie of the sending socket -> what waits in its peer's queue, as `look` saw it. Each
 * look adds: the sums grow by what happened since the one before it, if that is not long ago.
 */
struct shunt_queue {
	__u64 cgroup_id;      /* the sender's member */
	__u64 peer_cgroup_id; /* 0: not known */
	__u64 looked_ns;      /* CLOCK_MONOTONIC, of the last look; an older one than the newest: it closed */
	__u64 redirected_bytes; /* at the last look */
	__u64 byte_ns;		/* sum of: bytes that waited, times nanoseconds since the look before */
	__u64 measured_bytes;	/* redirected while that was summed up */
	__u32 queued_bytes;	/* at the last look */
	__u32 reserved;
};
_Static_assert(sizeof(struct shunt_queue) == 56, "shunt_queue");

/* What `mirror` copies: map `mirrored`, HASH: key -> 1. Nothing in it: nothing is copied. */
enum shunt_mirror_kind {
	SHUNT_MIRROR_COOKIE = 1, /* one connection, both directions: cookie of either socket */
	SHUNT_MIRROR_CGROUP = 2, /* all connections that a member is an end of: its cgroup id */
};

struct shunt_mirror_key {
	__u64 id;
	__u32 kind; /* enum shunt_mirror_kind */
	__u32 reserved;
};
_Static_assert(sizeof(struct shunt_mirror_key) == 16, "shunt_mirror_key");

/* Map `mirror_control`, ARRAY[1]. */
struct shunt_mirror_control {
	__u32 snap_bytes; /* of each piece that are copied; 0: none, headers alone */
	__u32 reserved;
	__u64 lost_redirected; /* pieces that found the ring full */
	__u64 lost_tcp;
};
_Static_assert(sizeof(struct shunt_mirror_control) == 24, "shunt_mirror_control");

/* Record of map `mirror_ring`, RINGBUF of 8 MiB: one piece of a message, followed by `copied_bytes` of it. */
struct shunt_mirrored {
	struct shunt_flow_key key; /* of the sender */
	__u64 cookie;		   /* of the sender */
	__u64 time_ns;		   /* CLOCK_MONOTONIC */
	__u32 position;	    /* of the piece's first byte in what the sender sent, by TCP and past it: as a
			       sequence number of TCP, which it is until the first redirect */
	__u32 outcome;	    /* enum shunt_outcome, of the message */
	__u32 piece_bytes;  /* at most 4096 */
	__u32 copied_bytes; /* at most piece_bytes */
};
_Static_assert(sizeof(struct shunt_mirrored) == 80, "shunt_mirrored");

#endif
