/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The windows of a TCP connection: what tcp_in_window() of nf_conntrack_proto_tcp.c checks and
 * learns of segments with ACK and without SYN and RST, once both sides are known. The twin of
 * src/conntrack/tcp/window.ts, where the bounds are explained; it goes on from what was learnt here.
 *
 * Two processors may carry the two directions at once. Words are written without a lock, only where
 * they change: a word of the one may for a moment be older than the other knows. All of them but
 * last_end only grow, and the next segment brings them up again.
 */
#ifndef PINHOLE_GATE_WINDOW_H
#define PINHOLE_GATE_WINDOW_H

#include "helpers.h"
#include "layout.h"
#include "packet.h"

/* MAXACKWINCONST: how far back an acknowledgement may lie where the window is smaller. */
#define ACK_WINDOW_BYTES 66000u

#define TCP_OPTIONS_LONGEST 40
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_SACK 5
#define SACK_BLOCK 8
#define SACK_BLOCKS_MOST 4
/* Two NOPs and a timestamp: all the options that most segments have (RFC 7323 appendix A). */
#define PLAIN_TIMESTAMP_LENGTH 12
#define PLAIN_TIMESTAMP net32(0x0101080a)
#define TIMESTAMP_VALUE 4

static __always_inline int is_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

static __always_inline int is_after(__u32 a, __u32 b)
{
	return (__s32)(b - a) < 0;
}

/* The highest right edge of `blocks` blocks, or `ack` where none lies above it (RFC 2018 section 3). */
static __always_inline __u32 highest_edge(const __u8 *block, __u32 blocks, __u32 ack)
{
	__u32 highest = ack;

	for (__u32 n = 0; n < SACK_BLOCKS_MOST; n++) {
		const __u8 *right = block + n * SACK_BLOCK + 4;
		__u32 edge;

		if (n >= blocks)
			break;
		edge = (__u32)right[0] << 24 | right[1] << 16 | right[2] << 8 | right[3];
		if (is_after(edge, highest))
			highest = edge;
	}
	return highest;
}

/*
 * Walks a list of options for SACK. A damaged list, and a SACK option that is no whole number of
 * blocks, are treated as tcp_sack() treats them. The walk looks at every place and asks whether an
 * option begins there: an index that is a constant to the verifier keeps its work small.
 */
static __always_inline __u32 edge_in_options(const __u8 *options, __u32 length, __u32 ack)
{
	__u32 next = 0;

#pragma clang loop unroll(disable)
	for (__u32 at = 0; at < TCP_OPTIONS_LONGEST - 1; at++) {
		__u32 size;

		if (at != next)
			continue;
		if (at >= length || options[at] == OPTION_END)
			break;
		next++;
		if (options[at] == OPTION_NOP)
			continue;
		size = options[at + 1];
		if (size < 2 || at + size > length)
			break;
		if (options[at] == OPTION_SACK && size > 2 && (size - 2) % SACK_BLOCK == 0)
			return highest_edge(options + at + 2, (size - 2) / SACK_BLOCK, ack);
		next = at + size;
	}
	return ack;
}

/* True of the options that most segments have; where they are not at hand, it does not matter. */
static __always_inline int is_plain_timestamp(struct __sk_buff *skb, const struct packet *packet,
					      int family)
{
	const void *options = packet->data + L4_OFFSET(family) + TCP_HEADER;

	return packet->header == TCP_HEADER + PLAIN_TIMESTAMP_LENGTH &&
	       options + 4 <= CONTEXT_POINTER(skb, data_end) &&
	       *(const __u32 *)options == PLAIN_TIMESTAMP;
}

static __always_inline __u32 sack_of(struct __sk_buff *skb, const struct packet *packet, int family)
{
	/* Room for the blocks of a SACK option that begins at the last place. */
	__u8 options[TCP_OPTIONS_LONGEST + SACK_BLOCKS_MOST * SACK_BLOCK] = {};
	__u32 length = packet->header - TCP_HEADER;

	if (is_plain_timestamp(skb, packet, family))
		return packet->ack;
	opaque(length);
	if (length < 4)
		return packet->ack;
	opaque(length);
	if (length > TCP_OPTIONS_LONGEST)
		return packet->ack;
	if (bpf_skb_load_bytes(skb, L4_OFFSET(family) + TCP_HEADER, options, length))
		return packet->ack;
	return edge_in_options(options, length, packet->ack);
}

/* How far back an acknowledgement may lie. */
static __always_inline __u32 ack_window(const struct side *sender)
{
	return sender->max_window > ACK_WINDOW_BYTES ? sender->max_window : ACK_WINDOW_BYTES;
}

/* All bounds of tcp_in_window() but the upper one of the sequence number. */
static __always_inline int is_within_but_over(const struct side *sender, const struct side *receiver,
					      __u32 end, __u32 sack)
{
	if (!is_before(sack, receiver->end + 1))
		return 0;
	if (receiver->max_window != 0 && !is_after(end, sender->end - receiver->max_window - 1))
		return 0;
	return is_after(sack, receiver->end - ack_window(sender) - 1);
}

static __always_inline int is_over(const struct side *sender, __u32 seq)
{
	return !is_before(seq, sender->max_end + 1);
}

static __always_inline void learn(struct side *sender, struct side *receiver,
				  const struct packet *packet, __u32 end, __u32 sack, __u32 window)
{
	/* What SACK covers lies within the window that begins at the acknowledgement. */
	const __u32 announced = window + (sack - packet->ack);
	const __u32 room = sack + window;

	if (sender->max_window < announced)
		sender->max_window = announced;
	if (is_after(end, sender->end))
		sender->end = end;
	if (is_after(packet->ack, sender->max_ack))
		sender->max_ack = packet->ack;
	if (receiver->max_window != 0 && is_after(end, sender->max_end))
		receiver->max_window += end - sender->max_end;
	/* A closed window is probed with one byte. */
	if (is_after(room, receiver->max_end - 1) && receiver->max_end != room + (window == 0))
		receiver->max_end = room + (window == 0);
}

/*
 * Holds a segment against the windows and learns from it where it fits: returns 0 where it does not.
 * One of a side that nothing is known of (td_maxwin of 0) does not: the engine begins it. Where the
 * windows are not to be checked, because the connection was picked up in mid-stream, they are still
 * learnt, as tcp_in_window() does with IP_CT_TCP_FLAG_BE_LIBERAL: resets are judged by them.
 */
static __always_inline int fits_windows(struct __sk_buff *skb, const struct packet *packet,
					struct flow *flow, __u32 direction, int family)
{
	struct side *sender = &flow->sides[direction];
	struct side *receiver = &flow->sides[direction ^ 1];
	const __u32 flags = flow->meta >> 24;
	const __u32 scale = flow->meta >> (16 + 4 * direction) & 0xf;
	const int is_checked = (flags & FLOW_CHECK_WINDOW) != 0;
	const __u32 seq = packet->seq;
	/* A FIN has a number of its own: segment_seq_plus_len(). */
	const __u32 end =
		seq + packet->length - IP_HEADER(family) - packet->header + packet->is_fin;
	__u32 sack = packet->ack;

	if (sender->max_window == 0)
		return !is_checked;
	if (packet->header > TCP_HEADER && (flags & (FLOW_ORIGINAL_NO_SACK << (direction ^ 1))) == 0)
		sack = sack_of(skb, packet, family);
	if (!is_within_but_over(sender, receiver, end, sack))
		return !is_checked;
	if (!is_over(sender, seq)) {
		learn(sender, receiver, packet, end, sack, packet->window << scale);
		/* A reset right behind it will be believed. */
		if (flow->last_end != end)
			flow->last_end = end;
		return 1;
	}
	if (is_checked)
		return 0;
	/* Over by no more than the window: the receiver may have it, and acknowledge it. */
	if (receiver->max_window != 0 && end - sender->max_end + 1 <= receiver->max_window)
		sender->end = end;
	return 1;
}

#endif
