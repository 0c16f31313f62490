/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives packets to the engine: as records in one of two rings, and super-frames by the punt pair,
 * where they are cut and come in again as frames.
 */
#ifndef PINHOLE_GATE_PUNT_H
#define PINHOLE_GATE_PUNT_H

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include "helpers.h"
#include "layout.h"
#include "maps.h"

/* No socket, or one that has no owner. */
#define NO_UID 0xffffffffu
/* include/net/tcp_states.h: what is left of a connection, and no process's. */
#define SOCKET_TIME_WAIT 6

/*
 * First bytes of an instruction in a MAC: locally administered; in the source MAC of super-frames of
 * this host a group's, which is no source of any frame.
 */
#define INSTRUCTION 0x02
#define INSTRUCTION_OUTPUT 0x07
#define MAC_DESTINATION 0
#define MAC_SOURCE ETH_ALEN

struct instruction {
	__u8 kind;
	__u8 op;
	/* Network order. */
	__u8 number[4];
};

static __always_inline __u32 number_of(const struct instruction *instruction)
{
	return (__u32)instruction->number[0] << 24 | instruction->number[1] << 16 |
	       instruction->number[2] << 8 | instruction->number[3];
}

/* Bytes of frame in a record of `size`: constants, as the verifier wants them. */
#define ROOM(size) ((size) - (__u32)sizeof(struct punt))
#define RECORD_SMALL 120
#define RECORD_MIDDLE 504
#define RECORD_FRAME 1608
#define RECORD_JUMBO 9264

/*
 * Writes a record of a constant size. The length is checked again here, in two steps that the
 * compiler cannot join: verifiers before Linux 5.11 lose what they know of a number on the stack.
 */
static __always_inline int write_record(struct __sk_buff *skb, void *ring, const struct punt *head,
					const __u32 size)
{
	struct punt *record = bpf_ringbuf_reserve(ring, size, 0);
	__u32 length = head->length;

	if (!record) {
		count(COUNT_RING_FULL);
		return TC_ACT_SHOT;
	}
	*record = *head;
	opaque(length);
	if (length < ETH_HLEN)
		goto discard;
	opaque(length);
	if (length > ROOM(size) || bpf_skb_load_bytes(skb, 0, record + 1, length))
		goto discard;
	bpf_ringbuf_submit(record, 0);
	return TC_ACT_STOLEN;
discard:
	bpf_ringbuf_discard(record, 0);
	return TC_ACT_SHOT;
}

static __always_inline int write_smallest(struct __sk_buff *skb, void *ring,
					  const struct punt *head)
{
	if (head->length <= ROOM(RECORD_SMALL))
		return write_record(skb, ring, head, RECORD_SMALL);
	if (head->length <= ROOM(RECORD_MIDDLE))
		return write_record(skb, ring, head, RECORD_MIDDLE);
	if (head->length <= ROOM(RECORD_FRAME))
		return write_record(skb, ring, head, RECORD_FRAME);
	if (head->length <= ROOM(RECORD_JUMBO))
		return write_record(skb, ring, head, RECORD_JUMBO);
	count(COUNT_OVERSIZED);
	return TC_ACT_SHOT;
}

/* Strangers never take room from known connections, nor the other way round. */
static __always_inline int record(struct __sk_buff *skb, const struct punt *head, int is_known)
{
	int verdict = write_smallest(skb, is_known ? (void *)&known_ring : (void *)&other_ring, head);

	if (verdict == TC_ACT_STOLEN) {
		count(COUNT_PUNTED);
		if (is_known)
			count(COUNT_PUNTED_KNOWN);
	}
	return verdict;
}

/*
 * Sends a super-frame through the punt pair. One that came in bears the gate's mark there, one of this
 * host its own: the MACs alone cannot tell them apart, a neighbour's may look like an instruction. A
 * mark lives until the other end of a pair within one namespace (skb_scrub_packet()).
 */
static __always_inline int cut(struct __sk_buff *skb, const struct config *config, __u32 ifindex,
			       int is_output)
{
	const struct instruction instruction = {
		.kind = is_output ? INSTRUCTION_OUTPUT : INSTRUCTION,
		.op = REENTRY_SEGMENT,
		.number = { ifindex >> 24, ifindex >> 16, ifindex >> 8, ifindex },
	};
	const __u32 at = is_output ? MAC_SOURCE : MAC_DESTINATION;

	if (config->punt_ifindex == 0 ||
	    bpf_skb_store_bytes(skb, at, &instruction, sizeof(instruction), 0))
		return TC_ACT_SHOT;
	count(COUNT_SUPER_FRAMES);
	if (!is_output)
		skb->mark = config->mark;
	return bpf_redirect(config->punt_ifindex, 0);
}

/* Owner of the socket that sent the packet. */
static __always_inline __u32 owner(struct __sk_buff *skb)
{
	struct bpf_sock *socket = skb->sk;

	if (!socket || socket->state == SOCKET_TIME_WAIT)
		return NO_UID;
	return bpf_get_socket_uid(skb);
}

static __always_inline __u32 way_of(__u32 ifindex, __u32 flags)
{
	return ifindex << 8 | flags;
}

/* Gives a packet that came in, or is to leave, to the engine. */
static __always_inline int punt(struct __sk_buff *skb, const struct config *config, int is_output,
				int is_known)
{
	struct punt head = {
		.length = skb->len,
		.way = way_of(skb->ifindex, is_output ? PUNT_OUTPUT : 0),
		.uid = NO_UID,
	};

	if (skb->gso_size != 0 || skb->gso_segs > 1)
		return cut(skb, config, skb->ifindex, is_output);
	if (is_output) {
		head.uid = owner(skb);
		head.mark = skb->mark;
	}
	return record(skb, &head, is_known);
}

#endif
