/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what a flow is found by, and whether the packet is plain: one that may pass without the
 * engine. Only packets whose transport header stands right behind a fixed IP header are read; so
 * all offsets are constants, and nothing has to be searched.
 */
#ifndef PINHOLE_GATE_PACKET_H
#define PINHOLE_GATE_PACKET_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stddef.h>

#include "helpers.h"

#define FAMILY_V4 4
#define FAMILY_V6 6
#define IP_HEADER(family) ((family) == FAMILY_V4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr))
#define L4_OFFSET(family) (ETH_HLEN + IP_HEADER(family))
/* A UDP header, and of ICMP what names a query. */
#define L4_SHORTEST 8
#define TCP_HEADER 20
#define TCP_CHECKSUM_AT 16
#define UDP_CHECKSUM_AT 6
#define ICMP_CHECKSUM_AT 2

/* RFC 791 section 3.1: more fragments, or not the first. Kernel: ip_is_fragment(). */
#define FRAGMENT_MASK net16(0x3fff)

/* TCP flags that decide (RFC 9293 section 3.1): URG, ACK, RST, SYN, FIN. */
#define TCP_DECIDING 0x37
#define TCP_FIN 0x01
#define TCP_ACK 0x10

struct packet {
	/* Begin of the frame; headers can be read and written up to the transport header's end. */
	void *data;
	/* As in the packet; of IPv4 only the first word. */
	__u32 source[4];
	__u32 destination[4];
	__u32 ports;
	__u32 protocol;
	/* Of the IP datagram: a super-frame's whole one. */
	__u32 length;
	__u32 ttl;
	/* TCP only, in the order of the machine. */
	__u32 seq;
	__u32 ack;
	__u32 window;
	__u32 header;
	/* The fields that a flow is found by were read. */
	__u8 is_keyed;
	__u8 is_plain;
	/* TCP: 1 of a FIN, which passes only where its flow says so, else 0. */
	__u8 is_fin;
	__u8 is_neighbour_discovery;
};

/*
 * Begin and end of what can be read in place. The kernel puts pointers where the context has 32 bits;
 * the load is spelled out, since the compiler may put a truncation behind one that it makes itself,
 * and a truncated pointer is none to the verifier.
 */
#define CONTEXT_POINTER(skb, field)                                                               \
	({                                                                                        \
		void *pointer;                                                                    \
		__asm__ volatile("%0 = *(u32 *)(%1 + %2)"                                         \
				 : "=r"(pointer)                                                  \
				 : "r"(skb), "i"(offsetof(struct __sk_buff, field)));             \
		pointer;                                                                          \
	})

/*
 * Begin of the frame with `length` bytes that can be read, or NULL. Headers are nearly always there;
 * where they are in page fragments they are pulled, and no more than they: pulling payload would
 * make the kernel copy a header that is shared with a clone (skb_clone_writable()).
 */
static __always_inline void *reach(struct __sk_buff *skb, __u32 length)
{
	void *data = CONTEXT_POINTER(skb, data);

	if (likely(data + length <= CONTEXT_POINTER(skb, data_end)))
		return data;
	if (bpf_skb_pull_data(skb, length))
		return 0;
	data = CONTEXT_POINTER(skb, data);
	return data + length <= CONTEXT_POINTER(skb, data_end) ? data : 0;
}

/* The header's 16-bit words and its checksum add up to 0xffff: RFC 1071. */
static __always_inline int is_header_sum_right(const struct iphdr *ip)
{
	const __u32 *words = (const void *)ip;
	__u64 sum = (__u64)words[0] + words[1] + words[2] + words[3] + words[4];

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* Queries and their answers that the tracker makes connections of: nf_conntrack_proto_icmp.c. */
static __always_inline int is_query(int family, __u32 type)
{
	if (family == FAMILY_V4)
		return type == 8 || type == 0 || (type >= 13 && type <= 18);
	return type == 128 || type == 129;
}

static __always_inline void read_icmp(struct packet *packet, const __u8 *l4, int family)
{
	__u32 ports;
	__u8 *bytes = (void *)&ports;

	bytes[0] = l4[4];
	bytes[1] = l4[5];
	bytes[2] = l4[0];
	bytes[3] = l4[1];
	packet->ports = ports;
	packet->is_keyed = packet->is_plain = is_query(family, l4[0]);
	/* RFC 4861 section 6.1 and 7.1: 255 tells that no router has passed it on. */
	packet->is_neighbour_discovery =
		family == FAMILY_V6 && packet->ttl == 255 && l4[0] >= 133 && l4[0] <= 137;
}

/* nf_conntrack_proto_udp.c, udp_error(): the length covers the header, and no more than there is. */
static __always_inline void read_udp(struct packet *packet, const __u8 *l4, __u32 l4_length)
{
	__u32 length = net16(*(const __u16 *)(l4 + 4));

	packet->ports = *(const __u32 *)l4;
	packet->is_keyed = 1;
	packet->is_plain = length >= L4_SHORTEST && length <= l4_length;
}

static __always_inline void read_tcp(struct __sk_buff *skb, struct packet *packet, int family)
{
	const __u32 ip_header = IP_HEADER(family);
	const __u8 *l4;
	void *data = reach(skb, L4_OFFSET(family) + TCP_HEADER);
	__u32 flags;

	if (!data)
		return;
	packet->data = data;
	l4 = data + L4_OFFSET(family);
	packet->ports = *(const __u32 *)l4;
	packet->seq = net32(*(const __u32 *)(l4 + 4));
	packet->ack = net32(*(const __u32 *)(l4 + 8));
	packet->window = net16(*(const __u16 *)(l4 + 14));
	packet->header = (l4[12] >> 4) * 4;
	packet->is_keyed = 1;
	flags = l4[13] & TCP_DECIDING;
	/* A bit of the packet, never compared: the verifier follows one path for both. */
	packet->is_fin = flags & TCP_FIN;
	packet->is_plain = (flags | TCP_FIN) == (TCP_FIN | TCP_ACK) &&
			   packet->header >= TCP_HEADER &&
			   ip_header + packet->header <= packet->length;
}

/* Reads the transport header of a datagram whose IP header is in order. */
static __always_inline void read_transport(struct __sk_buff *skb, struct packet *packet, int family)
{
	const __u32 icmp = family == FAMILY_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	const __u32 l4_length = packet->length - IP_HEADER(family);
	const __u8 *l4 = packet->data + L4_OFFSET(family);

	if (packet->protocol == IPPROTO_TCP)
		read_tcp(skb, packet, family);
	else if (packet->protocol == IPPROTO_UDP)
		read_udp(packet, l4, l4_length);
	else if (packet->protocol == icmp)
		read_icmp(packet, l4, family);
}

/*
 * True of a length that the frame holds. A super-frame has no padding: one whose length field does
 * not say all of it is longer than the field can say (BIG TCP).
 */
static __always_inline int fits_frame(struct __sk_buff *skb, __u32 length, int family)
{
	const __u32 there = skb->len - ETH_HLEN;

	if (length < IP_HEADER(family) + L4_SHORTEST || length > there)
		return 0;
	return skb->gso_size == 0 || length == there;
}

static __always_inline void read_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	const struct iphdr *ip;
	void *data = reach(skb, L4_OFFSET(FAMILY_V4) + L4_SHORTEST);

	if (!data)
		return;
	ip = data + ETH_HLEN;
	/* Version 4 and five words of header. */
	if (*(const __u8 *)ip != 0x45 || !is_header_sum_right(ip))
		return;
	if ((ip->frag_off & FRAGMENT_MASK) != 0)
		return;
	packet->length = net16(ip->tot_len);
	if (!fits_frame(skb, packet->length, FAMILY_V4))
		return;
	packet->data = data;
	packet->source[0] = ip->saddr;
	packet->destination[0] = ip->daddr;
	packet->protocol = ip->protocol;
	packet->ttl = ip->ttl;
	read_transport(skb, packet, FAMILY_V4);
}

static __always_inline void read_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	const __u32 *words;
	const struct ipv6hdr *ip;
	void *data = reach(skb, L4_OFFSET(FAMILY_V6) + L4_SHORTEST);

	if (!data)
		return;
	ip = data + ETH_HLEN;
	if (*(const __u8 *)ip >> 4 != 6)
		return;
	packet->length = sizeof(*ip) + net16(ip->payload_len);
	if (!fits_frame(skb, packet->length, FAMILY_V6))
		return;
	words = (const void *)&ip->saddr;
	packet->data = data;
	for (int n = 0; n < 4; n++) {
		packet->source[n] = words[n];
		packet->destination[n] = words[4 + n];
	}
	packet->protocol = ip->nexthdr;
	packet->ttl = ip->hop_limit;
	read_transport(skb, packet, FAMILY_V6);
}

static __always_inline void read_packet(struct __sk_buff *skb, struct packet *packet, int family)
{
	if (family == FAMILY_V4)
		read_ipv4(skb, packet);
	else
		read_ipv6(skb, packet);
}

#endif
