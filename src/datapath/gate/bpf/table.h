/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the flow of a packet in the shared memory. What is found was written by the daemon without
 * a lock: the flow first, then the slot that refers to it; so everything is compared again here.
 */
#ifndef PINHOLE_GATE_TABLE_H
#define PINHOLE_GATE_TABLE_H

#include "maps.h"
#include "packet.h"

#define META_PROTOCOL_MASK 0xffffu

struct match {
	/* NULL: not known. */
	struct flow *flow;
	/* IPv6 only. */
	struct annex *annex;
	/* 0: original, 1: reply. */
	__u32 direction;
};

static __always_inline __u32 mix(__u32 hash, __u32 word)
{
	hash = (hash ^ word) * 0x85ebca6bu;
	return hash ^ (hash >> 15);
}

static __always_inline __u32 protocol_and_family(const struct packet *packet, int family)
{
	return packet->protocol | family << 8;
}

/* The twin of the hash in flows/: multipliers of MurmurHash3's final mixer (public domain). */
static __always_inline __u32 hash_of(const struct packet *packet, __u32 seed, int family)
{
	__u32 hash = mix(seed, packet->source[0]);

	hash = mix(hash, packet->destination[0]);
	hash = mix(hash, packet->ports);
	hash = mix(hash, protocol_and_family(packet, family));
	if (family == FAMILY_V6) {
		for (int n = 1; n < 4; n++)
			hash = mix(hash, packet->source[n]);
		for (int n = 1; n < 4; n++)
			hash = mix(hash, packet->destination[n]);
	}
	hash ^= hash >> 13;
	hash *= 0xc2b2ae35u;
	return hash ^ (hash >> 16);
}

static __always_inline int is_annex_same(const struct packet *packet, const struct annex_ends *ends)
{
	__u32 difference = 0;

	for (int n = 0; n < 3; n++) {
		difference |= ends->source[n] ^ packet->source[n + 1];
		difference |= ends->destination[n] ^ packet->destination[n + 1];
	}
	return difference == 0;
}

/* Takes the flow that a slot refers to, where it is the packet's. */
static __always_inline int take(struct match *match, const struct packet *packet, __u32 reference,
				int family)
{
	__u32 direction = reference & 1;
	__u32 unit = reference >> 1;
	struct flow *flow = bpf_map_lookup_elem(&flows, &unit);
	const struct ends *ends;

	if (!flow)
		return 0;
	ends = &flow->ends[direction];
	if (ends->source != packet->source[0] || ends->destination != packet->destination[0] ||
	    ends->ports != packet->ports)
		return 0;
	if ((flow->meta & META_PROTOCOL_MASK) != protocol_and_family(packet, family))
		return 0;
	if (family == FAMILY_V6) {
		unit++;
		match->annex = bpf_map_lookup_elem(&flows, &unit);
		if (!match->annex || !is_annex_same(packet, &match->annex->ends[direction]))
			return 0;
	}
	match->flow = flow;
	match->direction = direction;
	return 1;
}

/*
 * Searches the bucket that the hash names and the next one, sixteen slots each. Not unrolled: the
 * first slot is nearly always the one.
 */
static __always_inline void find(const struct config *config, const struct packet *packet,
				 struct match *match, int family)
{
	const __u32 hash = hash_of(packet, config->seed, family);
	const __u32 low = (1u << (config->ref_bits & 31)) - 1;
	__u32 index = hash & config->bucket_mask;
	const struct bucket *bucket = bpf_map_lookup_elem(&buckets, &index);

#pragma clang loop unroll(disable)
	for (__u32 n = 0; n < 2 * BUCKET_SLOTS; n++) {
		__u32 slot;

		if (n == BUCKET_SLOTS) {
			index = (index + 1) & config->bucket_mask;
			bucket = bpf_map_lookup_elem(&buckets, &index);
		}
		if (!bucket)
			return;
		slot = bucket->slots[((hash >> 28) + n) & (BUCKET_SLOTS - 1)];
		if (((slot ^ hash) & ~low) != 0 || (slot & low) == 0)
			continue;
		if (take(match, packet, (slot & low) - 1, family))
			return;
	}
}

#endif
