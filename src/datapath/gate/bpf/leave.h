/* SPDX-License-Identifier: Apache-2.0 */
/* How packets leave by a hop: the way out and the neighbour are the engine's choice, not a lookup's. */
#ifndef PINHOLE_GATE_LEAVE_H
#define PINHOLE_GATE_LEAVE_H

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include "helpers.h"
#include "layout.h"
#include "maps.h"
#include "packet.h"

/* Values of sockaddr's family: linux/socket.h is not among the uapi headers. */
#define AF_INET 2
#define AF_INET6 10
#define AF_PACKET 17

/*
 * Sends the packet to the hop, or to `destination` where the hop has no address. The kernel resolves
 * the neighbour and writes the MACs; given an address it makes no routing decision of its own.
 */
static __always_inline int leave(struct __sk_buff *skb, const struct config *config,
				 const struct hop *hop, const __u32 *destination, int family)
{
	struct bpf_redir_neigh neighbour = {};
	const __u32 *address = hop->family ? hop->address : destination;

	neighbour.nh_family = hop->family ? hop->family : family == FAMILY_V4 ? AF_INET : AF_INET6;
	neighbour.ipv6_nh[0] = address[0];
	if (hop->family || family == FAMILY_V6) {
		for (int n = 1; n < 4; n++)
			neighbour.ipv6_nh[n] = address[n];
	}
	/* Elsewhere nobody takes the mark off that frames of the punt pair bear. */
	if (hop->flags & HOP_MANAGED)
		skb->mark = config->mark;
	else if (skb->mark == config->mark)
		skb->mark = 0;
	return bpf_redirect_neigh(hop->ifindex, &neighbour, sizeof(neighbour), 0);
}

#endif
