/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out what the engine has written into the MACs of a frame that it sends by the punt pair. */
#ifndef PINHOLE_GATE_REENTER_H
#define PINHOLE_GATE_REENTER_H

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include "helpers.h"
#include "layout.h"
#include "leave.h"
#include "maps.h"
#include "packet.h"
#include "punt.h"

/* Of lo, in every network namespace (net/core/dev.c). */
#define LOOPBACK_IFINDEX 1

/* Both MACs of a frame that comes by the punt pair. */
struct instructions {
	struct instruction destination;
	struct instruction source;
};

static __always_inline int bad_instruction(void)
{
	count(COUNT_BAD_INSTRUCTION);
	return TC_ACT_SHOT;
}

/* Out by a hop: the next hop's address, or else where the packet is addressed to. */
static __always_inline int reenter_forward(struct __sk_buff *skb, const struct config *config,
					   const struct instruction *where)
{
	const int is_v4 = skb->protocol == net16(ETH_P_IP);
	__u32 number = number_of(where);
	const struct hop *hop = bpf_map_lookup_elem(&hops, &number);
	__u32 destination[4] = {};
	long failure;

	if (!hop || where->kind != INSTRUCTION || where->op != 0)
		return bad_instruction();
	if (is_v4)
		failure = bpf_skb_load_bytes(skb, ETH_HLEN + 16, destination, 4);
	else
		failure = bpf_skb_load_bytes(skb, ETH_HLEN + 24, destination, 16);
	if (failure || (!is_v4 && skb->protocol != net16(ETH_P_IPV6)))
		return bad_instruction();
	count(COUNT_REENTERED);
	if (is_v4)
		return leave(skb, config, hop, destination, FAMILY_V4);
	return leave(skb, config, hop, destination, FAMILY_V6);
}

/* Up the stack, as received on the interface: so that rp_filter and sockets see it come from there. */
static __always_inline int reenter_up(struct __sk_buff *skb, const struct config *config,
				      __u32 ifindex, const struct instruction *mac)
{
	if (bpf_skb_store_bytes(skb, MAC_DESTINATION, mac, ETH_ALEN, 0))
		return bad_instruction();
	count(COUNT_REENTERED);
	/* At lo nobody takes the mark off, and it is the packet's own where it has one. */
	if (ifindex != LOOPBACK_IFINDEX)
		skb->mark = config->mark;
	else if (skb->mark == config->mark)
		skb->mark = 0;
	return bpf_redirect(ifindex, BPF_F_INGRESS);
}

#endif
