/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maps, by name: `mapNames` of ../layout.ts. They are made by the loader; here are only symbols
 * for it to put descriptors in the place of, so the object needs no BTF.
 */
#ifndef PINHOLE_GATE_MAPS_H
#define PINHOLE_GATE_MAPS_H

#include "helpers.h"
#include "layout.h"

struct map {
	__u32 unused;
};

struct map config SECTION(".maps");
struct map flows SECTION(".maps");
struct map buckets SECTION(".maps");
struct map hops SECTION(".maps");
struct map counters SECTION(".maps");
struct map known_ring SECTION(".maps");
struct map other_ring SECTION(".maps");
struct map programs SECTION(".maps");
struct map watched SECTION(".maps");

static __always_inline struct config *configuration(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&config, &only);
}

static __always_inline void count(__u32 event)
{
	__u64 *counter = bpf_map_lookup_elem(&counters, &event);

	if (counter)
		*counter += 1;
}

#endif
