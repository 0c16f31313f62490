/**
 * The classic BPF programs that `tc` runs behind the tap on the ingress of a managed interface, so
 * that the kernel neither forwards nor answers what the gateway has taken over. `tc` takes them as
 * numbers: no compiler is needed. Offsets count from the Ethernet header (cls_bpf.c pushes it back).
 *
 * Only frames for this host's MAC are dropped: broadcast, multicast and what was overheard in
 * promiscuous mode are left to the kernel.
 */
import { EtherType } from '../../wire/index.ts';

/** One instruction: code, jump if true, jump if false, constant (struct sock_filter). */
export type Instruction = readonly [code: number, jt: number, jf: number, k: number];

const LD_W_ABS = 0x20;
const LD_H_ABS = 0x28;
const LD_B_ABS = 0x30;
const JEQ = 0x15;
const JGE = 0x35;
const JGT = 0x25;
const AND = 0x54;
const RET = 0x06;

/** linux/filter.h: SKF_AD_OFF + SKF_AD_PKTTYPE; PACKET_HOST is 0. */
const PACKET_TYPE = 0xfffff004;
/** SKF_AD_OFF + SKF_AD_VLAN_TAG: the outer tag, which the kernel has taken off the frame by then. */
const VLAN_TAG = 0xfffff02c;
const VLAN_ID = 0x0fff;
/** TC_ACT_SHOT and TC_ACT_UNSPEC ("no verdict: go on with the next filter") of pkt_cls.h. */
const SHOT = 2;
const UNSPEC = 0xffffffff;

const TYPE_AT = 12;
const INNER_TAG_AT = 14;
const IPV6_AT = 14;
const ICMPV6 = 58;
/** At most so many own addresses get a clause of their own. */
export const MAX_OWN_ADDRESSES = 64;

/** Unicast IPv4: dropped. */
export function ipv4Program(): Instruction[] {
  return [
    [LD_W_ABS, 0, 0, PACKET_TYPE],
    [JEQ, 0, 1, 0],
    [RET, 0, 0, SHOT],
    [RET, 0, 0, UNSPEC],
  ];
}

/**
 * Unicast IPv6: dropped, except neighbour discovery (RFC 4861: ICMPv6 types 133 to 137 with hop
 * limit 255) to a link-local address or to one of `own`, as address words. The destination is
 * checked because a kernel that forwards would let such a packet through to anybody else.
 */
export function ipv6Program(own: readonly (readonly number[])[]): Instruction[] {
  const program: Instruction[] = [
    [LD_W_ABS, 0, 0, PACKET_TYPE],
    [JEQ, 1, 0, 0],
    [RET, 0, 0, UNSPEC],
    ...unless([LD_B_ABS, 0, 0, IPV6_AT + 6], [JEQ, 1, 0, ICMPV6]),
    ...unless([LD_B_ABS, 0, 0, IPV6_AT + 7], [JEQ, 1, 0, 255]),
    ...unless([LD_B_ABS, 0, 0, IPV6_AT + 40], [JGE, 1, 0, 133]),
    [JGT, 0, 1, 137],
    [RET, 0, 0, SHOT],
    [LD_W_ABS, 0, 0, IPV6_AT + 24],
    [AND, 0, 0, 0xffc00000],
    [JEQ, 0, 1, 0xfe800000],
    [RET, 0, 0, UNSPEC],
  ];
  for (const words of own.slice(0, MAX_OWN_ADDRESSES)) program.push(...passTo(words));
  program.push([RET, 0, 0, SHOT]);
  return program;
}

/**
 * Frames with a tag. One of VLAN 0 says a priority and nothing else (IEEE 802.1Q section 6.9): the
 * kernel takes such a frame as without (__netif_receive_skb_core), so what is dropped is the same.
 * All others belong to a VLAN interface, and are left to it.
 */
export function taggedProgram(own: readonly (readonly number[])[]): Instruction[] {
  // Two tags of VLAN 0 are taken off as well; the tap does not see these.
  const within = [...unlessZeroVlan([LD_H_ABS, 0, 0, INNER_TAG_AT]), ...ipv4Program()];
  return [
    ...unlessZeroVlan([LD_W_ABS, 0, 0, VLAN_TAG]),
    [LD_H_ABS, 0, 0, TYPE_AT],
    ...where(EtherType.Ipv4, ipv4Program()),
    ...where(EtherType.Vlan, within),
    ...where(EtherType.QinQ, within),
    [JEQ, 1, 0, EtherType.Ipv6],
    [RET, 0, 0, UNSPEC],
    ...ipv6Program(own),
  ];
}

/** Leaves a frame to the kernel whose tag is not of VLAN 0; else falls through. */
function unlessZeroVlan(loadTag: Instruction): Instruction[] {
  return [loadTag, [AND, 0, 0, VLAN_ID], [JEQ, 1, 0, 0], [RET, 0, 0, UNSPEC]];
}

/** Instructions for one EtherType, which has been loaded. They come to a verdict by themselves. */
function where(etherType: number, program: readonly Instruction[]): Instruction[] {
  return [[JEQ, 0, program.length, etherType], ...program];
}

/** Load, then a jump over the drop that follows where the condition holds. */
function unless(load: Instruction, condition: Instruction): Instruction[] {
  return [load, condition, [RET, 0, 0, SHOT]];
}

/** Leaves the packet to the kernel where the destination is this address; else falls through. */
function passTo(words: readonly number[]): Instruction[] {
  const program: Instruction[] = [];
  for (let i = 0; i < 4; i++) {
    program.push([LD_W_ABS, 0, 0, IPV6_AT + 24 + 4 * i]);
    // Over the remaining loads and comparisons, and over the pass at the end.
    program.push([JEQ, 0, 2 * (3 - i) + 1, words[i]! >>> 0]);
  }
  program.push([RET, 0, 0, UNSPEC]);
  return program;
}

/** `4,32 0 0 4294963204,21 0 1 0,…`: how `tc … bpf bytecode` and `iptables -m bpf` write programs. */
export function bytecode(program: readonly Instruction[]): string {
  return [program.length, ...program.map((instruction) => instruction.join(' '))].join(',');
}

/**
 * What the filters are for, in words of `tc`, with their preference numbers: before any other but
 * the gate's, which has 3. A preference holds filters of one protocol.
 */
const PREFERENCES = { ip: '1', ipv6: '2', '802.1Q': '4', '802.1ad': '5' } as const;

export type FilterProtocol = keyof typeof PREFERENCES;

export const filterProtocols = Object.keys(PREFERENCES) as readonly FilterProtocol[];

/** The program of one of our filters; `own` as for `ipv6Program`. */
export function programFor(
  protocol: FilterProtocol,
  own: readonly (readonly number[])[],
): Instruction[] {
  if (protocol === 'ip') return ipv4Program();
  return protocol === 'ipv6' ? ipv6Program(own) : taggedProgram(own);
}

/** Arguments of `tc` that add our filter for one protocol. */
export function addFilter(
  ifName: string,
  protocol: FilterProtocol,
  program: readonly Instruction[],
): string[] {
  return filterCommand('add', ifName, protocol, program);
}

/** Arguments that put another program in the place of ours. */
export function replaceFilter(
  ifName: string,
  protocol: FilterProtocol,
  program: readonly Instruction[],
): string[] {
  return filterCommand('replace', ifName, protocol, program);
}

/** Arguments that take our filter away. */
export function deleteFilter(ifName: string, protocol: FilterProtocol): string[] {
  return ['tc', 'filter', 'del', 'dev', ifName, 'ingress', ...filterKey(protocol)];
}

function filterCommand(
  verb: 'add' | 'replace',
  ifName: string,
  protocol: FilterProtocol,
  program: readonly Instruction[],
): string[] {
  const place = ['tc', 'filter', verb, 'dev', ifName, 'ingress', ...filterKey(protocol)];
  return [...place, 'bytecode', bytecode(program), 'direct-action'];
}

function filterKey(protocol: FilterProtocol): string[] {
  return ['protocol', protocol, 'pref', PREFERENCES[protocol], 'handle', '1', 'bpf'];
}
