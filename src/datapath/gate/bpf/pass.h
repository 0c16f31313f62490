/* SPDX-License-Identifier: Apache-2.0 */
/* Passes packets of flows that the engine has handed over, or says that they are for the engine. */
#ifndef PINHOLE_GATE_PASS_H
#define PINHOLE_GATE_PASS_H

#include <linux/pkt_cls.h>

#include "leave.h"
#include "maps.h"
#include "table.h"
#include "translate.h"
#include "window.h"

/* No TC_ACT_*: the engine shall have it, as a stranger's or as one of a connection that it knows. */
#define TO_ENGINE_STRANGER (-2)
#define TO_ENGINE (-3)

static __always_inline struct direction *direction_of(const struct match *match)
{
	return &match->flow->directions[match->direction];
}

/*
 * The action of a flow that was found; ACTION_NONE where the packet's direction was not taken over,
 * came in elsewhere, or was decided by older rules or routes.
 */
static __always_inline __u32 action_of(const struct config *config, const struct match *match,
				       __u32 ifindex)
{
	const struct direction *direction = direction_of(match);

	if (direction->way >> 8 != ifindex || direction->hop >> 16 != config->generation)
		return ACTION_NONE;
	return direction->way & ACTION_MASK;
}

/* 1 where FINs of this direction pass. By arithmetic: see is_fin. */
static __always_inline __u32 may_close(const struct match *match)
{
	const __u32 way = direction_of(match)->way;
	const __u32 flags = match->flow->meta >> 24;

	return (way / WAY_CLOSES) & (flags / FLOW_CHECK_WINDOW) & 1;
}

/*
 * A reset is judged by who spoke before (nf_conntrack_proto_tcp.c, last_dir), and other segments out of
 * step by whether that was a FIN (last_index).
 */
static __always_inline void note_speaker(const struct match *match, const struct packet *packet)
{
	const __u32 reply = (__u32)FLOW_REPLY_SPOKE_LAST << 24;
	const __u32 fin = (__u32)FLOW_FIN_LAST << 24;
	const __u32 engine = (__u32)FLOW_ENGINE_SPOKE_LAST << 24;
	const __u32 before = match->flow->meta;
	__u32 now = before & ~(reply | fin | engine);

	if (match->direction)
		now |= reply;
	now |= packet->is_fin * fin;
	if (now != before)
		match->flow->meta = now;
}

/* What a FIN adds to `closing`: two of them, of whichever side, are all that matters. */
static __always_inline __u32 closing_of_fin(__u32 before, __u32 direction)
{
	const __u32 fins = before & CLOSING_FINS_MASK;

	if (fins == 0)
		return CLOSING_FINS + (direction ? CLOSING_BY_REPLY : CLOSING_BY_ORIGINAL);
	return fins < 2 ? CLOSING_FINS : 0;
}

/* What any other segment adds behind the first FIN, and behind the second. */
static __always_inline __u32 closing_of_plain(__u32 before)
{
	if ((before & CLOSING_FINS_MASK) < 2)
		return (before & CLOSING_WAITS_MASK) == 0 ? CLOSING_WAITS : 0;
	return (before & CLOSING_OVER_MASK) == 0 ? CLOSING_OVER : 0;
}

/*
 * How far the connection is closed: the rows FIN and ACK of the table of states, from ESTABLISHED on
 * (nf_conntrack_proto_tcp.c, tcp_conntracks), in which both directions are the same. Others may add at
 * the same time, and Linux 5.10 cannot compare and exchange.
 */
static __always_inline void note_closing(const struct match *match, const struct packet *packet)
{
	struct flow *flow = match->flow;
	const __u32 before = flow->closing;
	__u32 more;

	if (likely((before | packet->is_fin) == 0))
		return;
	more = packet->is_fin ? closing_of_fin(before, match->direction) : closing_of_plain(before);
	if (more != 0)
		__sync_fetch_and_add(&flow->closing, more);
}

/* True of a FIN that answers one of the other direction, which the engine has seen: nothing is missing. */
static __always_inline int answers_fin(const struct packet *packet, const struct match *match)
{
	const __u32 closing = match->flow->closing;
	const __u32 others = match->direction ? CLOSING_BY_ORIGINAL_MASK : CLOSING_BY_REPLY_MASK;

	return (closing & CLOSING_FINS_MASK) == 1 && (closing & others) != 0 &&
	       packet->seq == match->flow->sides[match->direction].end;
}

/*
 * A TCP segment without data that acknowledges more than any before it of its direction; or a FIN
 * without data that answers one. Of options it has none, or the timestamps that most have.
 */
static __always_inline int is_bare_acknowledgement(struct __sk_buff *skb, const struct packet *packet,
						   const struct match *match, int family)
{
	const struct side *sender = &match->flow->sides[match->direction];

	if (packet->length != IP_HEADER(family) + packet->header)
		return 0;
	if (packet->is_fin) {
		if (!answers_fin(packet, match) || is_before(packet->ack, sender->max_ack))
			return 0;
	} else if (!is_after(packet->ack, sender->max_ack)) {
		return 0;
	}
	return packet->header == TCP_HEADER || is_plain_timestamp(skb, packet, family);
}

/* The engine may have to speak in the name of whoever sent it, and not with an older timestamp. */
static __always_inline void note_stamp(struct __sk_buff *skb, const struct packet *packet,
				       const struct match *match, int family)
{
	const void *value = packet->data + L4_OFFSET(family) + TCP_HEADER + TIMESTAMP_VALUE;

	if (packet->header != TCP_HEADER && value + 4 <= CONTEXT_POINTER(skb, data_end))
		match->flow->stamps[match->direction] = net32(*(const __u32 *)value);
}

/* Counts as nf_conntrack_acct.c does: a super-frame is one packet. */
static __always_inline void account(const struct config *config, const struct match *match,
				    const struct packet *packet)
{
	struct direction *direction = direction_of(match);
	const __u32 now = config->now_ms;

	__sync_fetch_and_add(&direction->packets, 1);
	__sync_fetch_and_add(&direction->bytes, packet->length);
	if (match->flow->last_seen_ms != now)
		match->flow->last_seen_ms = now;
}

/* RFC 1122 section 3.3.3; of a super-frame what counts is a frame cut from it. */
static __always_inline int is_too_big(struct __sk_buff *skb, const struct packet *packet,
				      const struct hop *hop, int family)
{
	const __u32 segment = skb->gso_size;
	__u32 header = L4_SHORTEST;

	if (likely(segment == 0))
		return packet->length > hop->mtu;
	if (packet->protocol == IPPROTO_TCP)
		header = packet->header;
	return IP_HEADER(family) + header + segment > hop->mtu;
}

static __always_inline int is_in_window(struct __sk_buff *skb, const struct match *match,
					const struct packet *packet, int family)
{
	if (packet->protocol != IPPROTO_TCP)
		return 1;
	if (fits_windows(skb, packet, match->flow, match->direction, family))
		return 1;
	count(COUNT_OUT_OF_WINDOW);
	return 0;
}

/* Bytes behind the datagram fill a frame up (IEEE 802.3), and end here, as in ip_rcv_core(). */
static __always_inline int cut_padding(struct __sk_buff *skb, const struct packet *packet)
{
	const __u32 length = ETH_HLEN + packet->length;

	if (likely(skb->len == length))
		return 0;
	return bpf_skb_change_tail(skb, length, 0);
}

/* The hop of a flow that is forwarded, where this packet can take it; else NULL. */
static __always_inline const struct hop *way_out(struct __sk_buff *skb, const struct match *match,
						 const struct packet *packet, int family)
{
	__u32 number = direction_of(match)->hop & 0xffff;
	const struct hop *hop = bpf_map_lookup_elem(&hops, &number);

	if (!hop || packet->ttl <= 1)
		return 0;
	if (is_too_big(skb, packet, hop, family)) {
		count(COUNT_TOO_BIG);
		return 0;
	}
	return hop;
}

/*
 * Passes a plain packet of a known flow: by the hop, or on to the kernel where that is NULL. What is
 * TO_ENGINE then has not been touched.
 */
static __always_inline int pass(struct __sk_buff *skb, const struct config *config,
				const struct match *match, const struct packet *packet,
				const struct hop *hop, __u32 event, int family)
{
	struct translation to;

	if (packet->ttl == 0 || !is_in_window(skb, match, packet, family))
		return TO_ENGINE;
	if ((direction_of(match)->way & ACTION_MASK) == ACTION_ACKS)
		note_stamp(skb, packet, match, family);
	/* Before it counts: whoever finds it counted finds what it has changed as well. */
	if (packet->protocol == IPPROTO_TCP) {
		note_speaker(match, packet);
		note_closing(match, packet);
	}
	account(config, match, packet);
	translation_of(match, packet, &to, family);
	translate(skb, packet, &to, hop != 0, family);
	count(event);
	if (!hop)
		return TC_ACT_UNSPEC;
	if (cut_padding(skb, packet))
		return TC_ACT_SHOT;
	return leave(skb, config, hop, to.destination, family);
}

#endif
