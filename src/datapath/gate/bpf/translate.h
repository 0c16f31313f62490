/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewrites a packet of a known flow: addresses, ports, hops to live, checksums. Headers are written
 * in place; checksums that may be partial are left to the kernel's helper, which knows.
 */
#ifndef PINHOLE_GATE_TRANSLATE_H
#define PINHOLE_GATE_TRANSLATE_H

#include "packet.h"
#include "table.h"

struct translation {
	__u32 source[4];
	__u32 destination[4];
	__u32 ports;
};

/*
 * What the packet becomes: it leaves as the opposite of what the other direction comes in as. Of an
 * ICMP query only the id can change.
 */
static __always_inline void translation_of(const struct match *match, const struct packet *packet,
					   struct translation *to, int family)
{
	const __u32 other = match->direction ^ 1;
	const struct ends *ends = &match->flow->ends[other];
	const __u32 ports = ends->ports;

	to->source[0] = ends->destination;
	to->destination[0] = ends->source;
	if (family == FAMILY_V6) {
		const struct annex_ends *more = &match->annex->ends[other];

		for (int n = 0; n < 3; n++) {
			to->source[n + 1] = more->destination[n];
			to->destination[n + 1] = more->source[n];
		}
	}
	if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP)
		to->ports = ports << 16 | ports >> 16;
	else
		to->ports = (ports & FIRST_HALF) | (packet->ports & ~FIRST_HALF);
}

/* Ones' complement sum of 32 bits (RFC 1071), as the kernel's __wsum. */
static __always_inline __u32 fold32(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (sum & 0xffffffff) + (sum >> 32);
}

static __always_inline __u32 fold16(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* What a checksum gains when `from` becomes `to` (RFC 1624). */
static __always_inline __u64 difference(__u32 from, __u32 to)
{
	return (__u64)(__u32)~from + to;
}

static __always_inline int words_of(int family)
{
	return family == FAMILY_V4 ? 1 : 4;
}

static __always_inline __u32 address_difference(const struct packet *packet,
						const struct translation *to, int family)
{
	__u64 sum = 0;

	for (int n = 0; n < words_of(family); n++) {
		sum += difference(packet->source[n], to->source[n]);
		sum += difference(packet->destination[n], to->destination[n]);
	}
	return fold32(sum);
}

static __always_inline int is_address_other(const struct packet *packet,
					    const struct translation *to, int family)
{
	__u32 bits = 0;

	for (int n = 0; n < words_of(family); n++) {
		bits |= packet->source[n] ^ to->source[n];
		bits |= packet->destination[n] ^ to->destination[n];
	}
	return bits != 0;
}

static __always_inline void write_ipv4(const struct packet *packet, const struct translation *to,
				       __u32 addresses, __u32 hops)
{
	struct iphdr *ip = packet->data + ETH_HLEN;
	/* Time to live stands in the upper byte of a word of the header: what 1 less adds to the sum. */
	const __u32 ttl = hops ? net16(0xfeff) : 0;

	ip->check = ~fold16((__u16)~ip->check + fold16(addresses) + ttl);
	ip->ttl = packet->ttl - hops;
	ip->saddr = to->source[0];
	ip->daddr = to->destination[0];
}

static __always_inline void write_ipv6(const struct packet *packet, const struct translation *to,
				       __u32 hops)
{
	struct ipv6hdr *ip = packet->data + ETH_HLEN;
	__u32 *words = (void *)&ip->saddr;

	ip->hop_limit = packet->ttl - hops;
	for (int n = 0; n < 4; n++) {
		words[n] = to->source[n];
		words[4 + n] = to->destination[n];
	}
}

static __always_inline void write_ports(const struct packet *packet, const struct translation *to,
					int family)
{
	__u8 *l4 = packet->data + L4_OFFSET(family);

	if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP)
		*(__u32 *)l4 = to->ports;
	else
		*(__u16 *)(l4 + 4) = *(const __u16 *)&to->ports;
}

/*
 * Brings the transport checksum up to date. Addresses and ports go in two calls: where the checksum
 * is partial it stands for the pseudo header only, and ports do not count. From here on the frame
 * cannot be reached by `packet->data` any more.
 */
static __always_inline void mend_transport(struct __sk_buff *skb, const struct packet *packet,
					   __u32 addresses, __u32 ports, int family)
{
	__u32 at = L4_OFFSET(family) + ICMP_CHECKSUM_AT;
	__u64 flags = 0;

	if (packet->protocol == IPPROTO_TCP)
		at = L4_OFFSET(family) + TCP_CHECKSUM_AT;
	if (packet->protocol == IPPROTO_UDP) {
		/* RFC 768: a checksum of 0 is none, and one that becomes 0 is sent as 0xffff. */
		at = L4_OFFSET(family) + UDP_CHECKSUM_AT;
		flags = BPF_F_MARK_MANGLED_0;
	}
	/* ICMP's covers no addresses, ICMPv6's does (RFC 4443 section 2.3). */
	if (addresses != 0 && !(family == FAMILY_V4 && packet->protocol == IPPROTO_ICMP))
		bpf_l4_csum_replace(skb, at, 0, addresses, flags | BPF_F_PSEUDO_HDR);
	if (ports != 0)
		bpf_l4_csum_replace(skb, at, 0, ports, flags);
}

/*
 * Where the device has summed up an IPv6 packet (CHECKSUM_COMPLETE): l4_csum_replace has taken the
 * addresses out of its sum, as if a header checksum made up for them, and nothing has told it of the
 * hop limit. Without effect elsewhere.
 */
static __always_inline void mend_device_sum(struct __sk_buff *skb, __u32 addresses, __u32 hops)
{
	/* The hop limit stands in the lower byte of its word. */
	const __u32 hop_limit = hops ? net16(0xfffe) : 0;

	if (addresses != 0 || hop_limit != 0)
		bpf_csum_update(skb, fold32((__u64)addresses + hop_limit));
}

/* Translates the packet and takes `hops`, 0 or 1, off what it has to live. */
static __always_inline void translate(struct __sk_buff *skb, const struct packet *packet,
				      const struct translation *to, __u32 hops, int family)
{
	const int is_other = is_address_other(packet, to, family);
	const __u32 addresses = is_other ? address_difference(packet, to, family) : 0;
	const __u32 ports = packet->ports == to->ports
				    ? 0
				    : fold32(difference(packet->ports, to->ports));

	if (family == FAMILY_V4)
		write_ipv4(packet, to, addresses, hops);
	else
		write_ipv6(packet, to, hops);
	if (ports != 0)
		write_ports(packet, to, family);
	if ((addresses | ports) != 0)
		mend_transport(skb, packet, addresses, ports, family);
	if (family == FAMILY_V6)
		mend_device_sum(skb, addresses, hops);
}

#endif
