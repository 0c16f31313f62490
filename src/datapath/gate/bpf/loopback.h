/* SPDX-License-Identifier: Apache-2.0 */
/* Finds what answers connections of this host that OUTPUT has turned back to it. */
#ifndef PINHOLE_GATE_LOOPBACK_H
#define PINHOLE_GATE_LOOPBACK_H

#include "maps.h"
#include "packet.h"
#include "table.h"

static __always_inline int is_watched(struct __sk_buff *skb, int family)
{
	struct packet packet = {};
	struct ends_of_packet key = {};

	read_packet(skb, &packet, family);
	if (!packet.is_keyed)
		return 0;
	for (int n = 0; n < (family == FAMILY_V4 ? 1 : 4); n++) {
		key.source[n] = packet.source[n];
		key.destination[n] = packet.destination[n];
	}
	key.ports = packet.ports;
	key.kind = protocol_and_family(&packet, family);
	return bpf_map_lookup_elem(&watched, &key) != 0;
}

#endif
