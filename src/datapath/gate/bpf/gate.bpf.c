/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate's program: docs/gate.md. One section a program:
 *
 *     entry_ingress, entry_egress   at the hooks of every managed interface; they call the next two
 *                                   through a map of programs, which the kernel empties when its
 *                                   last owner ends: then everything passes
 *     ingress, egress               what comes in, and what this host sends
 *     entry_loopback, loopback      at the egress of lo
 *     reentry                       at the ingress of punt0: frames with the engine's instruction
 *     segments                      at the ingress of punt1: what super-frames were cut into
 *
 * Needs Linux 5.10 (bpf_redirect_neigh() with a next hop). Attached by clsact as direct action: tcx
 * does not know TC_ACT_STOLEN.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include "helpers.h"
#include "layout.h"
#include "leave.h"
#include "loopback.h"
#include "maps.h"
#include "packet.h"
#include "pass.h"
#include "punt.h"
#include "reenter.h"
#include "table.h"

/* A section and a function of one name would be one symbol: hence the prefix of the functions. */
char licence[] SECTION("license") = "Apache-2.0";

/* For the loader: a program that knows the shared memory otherwise than the daemon is not loaded. */
const __u32 layout_version SECTION("layout") = LAYOUT_VERSION;

/* Of a tag: IEEE 802.1Q section 9.6. */
#define VLAN_ID 0x0fff

/* What goes on to the rest of the hook, and to the kernel. */
#define PASS TC_ACT_UNSPEC

/* Marked by the program itself or by reentry: it has been decided on. */
static __always_inline int was_decided(struct __sk_buff *skb, const struct config *config)
{
	if (config->mark == 0 || skb->mark != config->mark)
		return 0;
	skb->mark = 0;
	return 1;
}

/*
 * Looks a packet up; returns ACTION_NONE where the engine has to look at it as at a stranger's.
 * What is not plain is looked up too: a reset of a known connection goes ahead of strangers.
 */
static __always_inline __u32 look_up(const struct config *config, const struct packet *packet,
				     struct match *match, __u32 ifindex, int family)
{
	if (!packet->is_keyed)
		return ACTION_NONE;
	find(config, packet, match, family);
	if (!match->flow)
		return ACTION_NONE;
	return action_of(config, match, ifindex);
}

/* True of packets that the engine does not want, for now. */
static __always_inline int may_pass(const struct packet *packet, const struct match *match)
{
	if (!packet->is_plain || direction_of(match)->bytes >= BYTES_TO_COLLECT)
		return 0;
	return (packet->is_fin & ~may_close(match)) == 0;
}

/* ff00::/8 and fe80::/10 (RFC 4291 section 2.4): the kernel forwards none of it. */
static __always_inline int is_for_link(const struct packet *packet)
{
	const __u32 first = net32(packet->destination[0]);

	return first >> 24 == 0xff || first >> 22 == 0xfe80 >> 6;
}

static __always_inline int receive(struct __sk_buff *skb, const struct config *config, int family)
{
	struct packet packet = {};
	struct match match = {};
	const struct hop *hop = 0;
	__u32 event = COUNT_DELIVERED;
	__u32 action;

	read_packet(skb, &packet, family);
	/* To an address of wider scope the engine has to say whether it is for this host. */
	if (packet.is_neighbour_discovery && is_for_link(&packet))
		return PASS;
	/* Broadcast and multicast are nobody's flow. */
	if (skb->pkt_type != PACKET_HOST)
		return TO_ENGINE_STRANGER;
	action = look_up(config, &packet, &match, skb->ifindex, family);
	if (action == ACTION_NONE)
		return TO_ENGINE_STRANGER;
	if (action == ACTION_PUNT || action == ACTION_OUT || !may_pass(&packet, &match))
		return TO_ENGINE;
	if (action == ACTION_ACKS && !is_bare_acknowledgement(skb, &packet, &match, family))
		return TO_ENGINE;
	if (action != ACTION_LOCAL) {
		event = COUNT_FORWARDED;
		hop = way_out(skb, &match, &packet, family);
		if (!hop)
			return TO_ENGINE;
	}
	return pass(skb, config, &match, &packet, hop, event, family);
}

/* What was decided for packets of one mark says nothing of those of another one. */
static __always_inline int is_marked_as(struct __sk_buff *skb, const struct match *match)
{
	return skb->mark == (direction_of(match)->hop & 0xffff);
}

static __always_inline int send(struct __sk_buff *skb, const struct config *config, int family)
{
	struct packet packet = {};
	struct match match = {};
	__u32 action;

	read_packet(skb, &packet, family);
	if (packet.is_neighbour_discovery)
		return PASS;
	action = look_up(config, &packet, &match, skb->ifindex, family);
	if (action == ACTION_NONE)
		return TO_ENGINE_STRANGER;
	if (action != ACTION_OUT || !is_marked_as(skb, &match) || !may_pass(&packet, &match))
		return TO_ENGINE;
	return pass(skb, config, &match, &packet, 0, COUNT_SENT, family);
}

static __always_inline int settle(struct __sk_buff *skb, const struct config *config, int is_output,
				  int verdict)
{
	if (verdict == TO_ENGINE || verdict == TO_ENGINE_STRANGER)
		return punt(skb, config, is_output, verdict == TO_ENGINE);
	return verdict;
}

/* Packet sockets write frames past the kernel's hooks, and past ours. */
static __always_inline int is_from_packet_socket(struct __sk_buff *skb)
{
	struct bpf_sock *socket = skb->sk;

	return socket && socket->family == AF_PACKET;
}

static __always_inline int is_priority_tagged(struct __sk_buff *skb)
{
	return skb->vlan_present && (skb->vlan_tci & VLAN_ID) == 0;
}

/*
 * A tag of VLAN 0 tells a priority, and the frame belongs to the interface itself (IEEE 802.1Q section
 * 6.9): the kernel would take it as without (__netif_receive_skb_core), past every rule. Two of them
 * are taken off; nobody sends more.
 */
static __always_inline int untag_priority(struct __sk_buff *skb)
{
	if (likely(!is_priority_tagged(skb)))
		return 0;
	if (bpf_skb_vlan_pop(skb))
		return -1;
	if (!is_priority_tagged(skb))
		return 0;
	return bpf_skb_vlan_pop(skb) || is_priority_tagged(skb) ? -1 : 0;
}

SECTION("entry_ingress")
int gate_entry_ingress(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &programs, PROGRAM_INGRESS);
	return PASS;
}

SECTION("entry_egress")
int gate_entry_egress(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &programs, PROGRAM_EGRESS);
	return PASS;
}

/*
 * At the egress of lo: what answers connections of this host that OUTPUT has turned back to it goes to
 * the engine, and everything else passes.
 */
SECTION("loopback")
int gate_loopback(struct __sk_buff *skb)
{
	const struct config *config = configuration();
	int is_ours = 0;

	if (likely(!config || config->watched == 0))
		return PASS;
	if (skb->protocol == net16(ETH_P_IP))
		is_ours = is_watched(skb, FAMILY_V4);
	else if (skb->protocol == net16(ETH_P_IPV6))
		is_ours = is_watched(skb, FAMILY_V6);
	return is_ours ? punt(skb, config, 1, 1) : PASS;
}

SECTION("entry_loopback")
int gate_entry_loopback(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &programs, PROGRAM_LOOPBACK);
	return PASS;
}

SECTION("ingress")
int gate_ingress(struct __sk_buff *skb)
{
	const struct config *config = configuration();
	int verdict = PASS;

	if (!config)
		return TC_ACT_SHOT;
	if (untag_priority(skb))
		return TC_ACT_SHOT;
	/* With a tag it belongs to the VLAN's device, where it comes by again. */
	if (skb->vlan_present || skb->pkt_type == PACKET_OTHERHOST || was_decided(skb, config))
		return PASS;
	if (skb->protocol == net16(ETH_P_IP))
		verdict = receive(skb, config, FAMILY_V4);
	else if (skb->protocol == net16(ETH_P_IPV6))
		verdict = receive(skb, config, FAMILY_V6);
	return settle(skb, config, 0, verdict);
}

SECTION("egress")
int gate_egress(struct __sk_buff *skb)
{
	const struct config *config = configuration();
	int verdict = PASS;

	if (!config)
		return TC_ACT_SHOT;
	if (was_decided(skb, config) || skb->vlan_present || is_from_packet_socket(skb))
		return PASS;
	if (skb->protocol == net16(ETH_P_IP))
		verdict = send(skb, config, FAMILY_V4);
	else if (skb->protocol == net16(ETH_P_IPV6))
		verdict = send(skb, config, FAMILY_V6);
	return settle(skb, config, 1, verdict);
}

SECTION("reentry")
int gate_reentry(struct __sk_buff *skb)
{
	const struct config *config = configuration();
	struct instructions frame;

	if (!config || bpf_skb_load_bytes(skb, 0, &frame, sizeof(frame)))
		return TC_ACT_SHOT;
	/* The kernel sends frames of its own on such a device (IPv6 router solicitations, MLD). */
	if (frame.destination.kind != INSTRUCTION)
		return TC_ACT_SHOT;
	if (frame.destination.op == REENTRY_FORWARD)
		return reenter_forward(skb, config, &frame.source);
	if (frame.destination.op == REENTRY_UP)
		return reenter_up(skb, config, number_of(&frame.destination), &frame.source);
	return bad_instruction();
}

static __always_inline int is_known_segment(struct __sk_buff *skb, const struct config *config,
					    __u32 ifindex, int family)
{
	struct packet packet = {};
	struct match match = {};

	read_packet(skb, &packet, family);
	return look_up(config, &packet, &match, ifindex, family) != ACTION_NONE;
}

SECTION("segments")
int gate_segments(struct __sk_buff *skb)
{
	const struct config *config = configuration();
	struct instructions frame;
	struct punt head = { .length = skb->len, .uid = NO_UID };
	const struct instruction *instruction = &frame.destination;
	__u32 flags = PUNT_SEGMENT;
	__u8 kind = INSTRUCTION;
	__u32 ifindex;
	int is_known = 0;

	if (!config || bpf_skb_load_bytes(skb, 0, &frame, sizeof(frame)))
		return TC_ACT_SHOT;
	if (skb->mark != config->mark) {
		instruction = &frame.source;
		kind = INSTRUCTION_OUTPUT;
		flags |= PUNT_OUTPUT;
		head.uid = owner(skb);
		head.mark = skb->mark;
	}
	if (instruction->kind != kind || instruction->op != REENTRY_SEGMENT)
		return TC_ACT_SHOT;
	ifindex = number_of(instruction);
	head.way = way_of(ifindex, flags);
	if (skb->protocol == net16(ETH_P_IP))
		is_known = is_known_segment(skb, config, ifindex, FAMILY_V4);
	else if (skb->protocol == net16(ETH_P_IPV6))
		is_known = is_known_segment(skb, config, ifindex, FAMILY_V6);
	return record(skb, &head, is_known);
}
