/* SPDX-License-Identifier: Apache-2.0 */
/* Memory shared with the daemon: the twin of ../layout.ts, where everything is explained. */
#ifndef PINHOLE_GATE_LAYOUT_H
#define PINHOLE_GATE_LAYOUT_H

#include <linux/types.h>

#define LAYOUT_VERSION 4
#define CONFIG_MAGIC 0x31474850

struct direction {
	__u32 way;
	__u32 hop;
	__u32 packets;
	__u32 bytes;
};

struct side {
	__u32 end;
	__u32 max_end;
	__u32 max_window;
	__u32 max_ack;
};

struct ends {
	__u32 source;
	__u32 destination;
	__u32 ports;
};

struct flow {
	__u32 meta;
	__u32 last_seen_ms;
	__u32 connection;
	struct ends ends[2];
	struct direction directions[2];
	__u32 paths;
	struct side sides[2];
	__u32 stamps[2];
	__u32 last_end;
	__u32 closing;
};

struct annex_ends {
	__u32 source[3];
	__u32 destination[3];
};

struct annex {
	struct annex_ends ends[2];
	__u32 unused[18];
};

#define ACTION_MASK 0x0f
#define WAY_CLOSES 0x10
enum flow_action { ACTION_NONE, ACTION_FORWARD, ACTION_LOCAL, ACTION_OUT, ACTION_PUNT, ACTION_ACKS };
enum flow_flag {
	FLOW_CHECK_WINDOW = 1,
	FLOW_ORIGINAL_NO_SACK = 2,
	FLOW_REPLY_NO_SACK = 4,
	FLOW_REPLY_SPOKE_LAST = 8,
	FLOW_ENGINE_SPOKE_LAST = 16,
	FLOW_FIN_LAST = 32
};

#define CLOSING_FINS 0x1
#define CLOSING_FINS_MASK 0xff
#define CLOSING_WAITS 0x100
#define CLOSING_WAITS_MASK 0xff00
#define CLOSING_OVER 0x10000
#define CLOSING_OVER_MASK 0xff0000
#define CLOSING_BY_ORIGINAL 0x1000000
#define CLOSING_BY_ORIGINAL_MASK 0xf000000
#define CLOSING_BY_REPLY 0x10000000
#define CLOSING_BY_REPLY_MASK 0xf0000000
#define BYTES_TO_COLLECT 0xc0000000u

#define BUCKET_SLOTS 16
struct bucket {
	__u32 slots[BUCKET_SLOTS];
};

enum hop_flag { HOP_MANAGED = 1 };
#define HOPS 4096
struct hop {
	__u32 ifindex;
	__u32 mtu;
	__u32 family;
	__u32 flags;
	__u32 address[4];
};

struct config {
	__u32 magic;
	__u32 version;
	__u32 generation;
	__u32 now_ms;
	__u32 seed;
	__u32 bucket_mask;
	__u32 ref_bits;
	__u32 punt_ifindex;
	__u32 mark;
	__u32 units;
	__u32 watched;
	__u32 unused[21];
};

enum program_slot { PROGRAM_INGRESS, PROGRAM_EGRESS, PROGRAM_LOOPBACK, PROGRAM_SLOTS };

struct ends_of_packet {
	__u32 source[4];
	__u32 destination[4];
	__u32 ports;
	__u32 kind;
};

struct punt {
	__u32 length;
	__u32 way;
	__u32 uid;
	__u32 mark;
};
enum punt_flag { PUNT_OUTPUT = 1, PUNT_SEGMENT = 2 };

enum reentry_op { REENTRY_FORWARD = 1, REENTRY_UP = 2, REENTRY_SEGMENT = 3 };

enum counter {
	COUNT_FORWARDED,
	COUNT_DELIVERED,
	COUNT_SENT,
	COUNT_PUNTED,
	COUNT_PUNTED_KNOWN,
	COUNT_RING_FULL,
	COUNT_OVERSIZED,
	COUNT_OUT_OF_WINDOW,
	COUNT_TOO_BIG,
	COUNT_SUPER_FRAMES,
	COUNT_REENTERED,
	COUNT_BAD_INSTRUCTION,
	COUNTERS
};

#endif
