import { type Packet, Proto } from '../../wire/index.ts';
import type { RuleContext } from '../context.ts';

/**
 * The integers by which the index over a long chain tells rules apart. Only what stays the same for
 * the whole walk may stand here: marks, TOS and TTL may be changed by a target in mid-walk.
 *
 * For steady walks (trail.ts) only what is the same for all plain packets of one direction of a
 * connection may stand here: these all are, ICMP's type and code included, which are part of its
 * tuple. A row is left out where its header or the bounds of a match keep the packet out, which is
 * then so for good; bounds stand for no match behind a stateful one, so that what is left out is
 * never asked anything that counts. So rows that the index leaves out need no judging.
 */
export const Dimension = {
  /** Four words; IPv4 uses the first. */
  Source: 0,
  Destination: 4,
  Protocol: 8,
  SourcePort: 9,
  /** For ICMP (type << 8 | code). */
  DestinationPort: 10,
  InInterface: 11,
  OutInterface: 12,
} as const;
export const DIMENSIONS = 13;

/** Unsigned words as signed ones of the same order. */
export const SIGN_BIT = -0x8000_0000;
export const LOWEST = -0x8000_0000;
export const HIGHEST = 0x7fff_ffff;

const DCCP = 33;
/** SCTP and DCCP (RFC 9260 section 3.1, RFC 4340 section 5.1): ports, and 8 bytes more at least. */
const PORTS_HEADER_LEN = 12;

/** Writes what a packet is in each dimension. Hot. */
export function fillKey(key: Int32Array, ctx: RuleContext): void {
  const { packet } = ctx;
  const { protocol } = packet;
  key[Dimension.Source] = packet.src0 ^ SIGN_BIT;
  key[Dimension.Destination] = packet.dst0 ^ SIGN_BIT;
  if (packet.family === 6) {
    key[Dimension.Source + 1] = packet.src1 ^ SIGN_BIT;
    key[Dimension.Source + 2] = packet.src2 ^ SIGN_BIT;
    key[Dimension.Source + 3] = packet.src3 ^ SIGN_BIT;
    key[Dimension.Destination + 1] = packet.dst1 ^ SIGN_BIT;
    key[Dimension.Destination + 2] = packet.dst2 ^ SIGN_BIT;
    key[Dimension.Destination + 3] = packet.dst3 ^ SIGN_BIT;
  }
  key[Dimension.Protocol] = protocol;
  key[Dimension.InInterface] = ctx.inIf;
  key[Dimension.OutInterface] = ctx.outIf;
  if ((protocol === Proto.Sctp || protocol === DCCP) && packet.fragmentOffset === 0) {
    // The decoder leaves these headers to their matches; `isOdd` has seen that they are there.
    key[Dimension.SourcePort] = packet.view.getUint16(packet.l4Offset);
    key[Dimension.DestinationPort] = packet.view.getUint16(packet.l4Offset + 2);
    return;
  }
  key[Dimension.SourcePort] = packet.srcPortOrIcmpId;
  key[Dimension.DestinationPort] = packet.dstPortOrIcmpTypeCode;
}

/** False where a target has rewritten an address since the key was filled (SNPT, DNPT). Hot. */
export function keyHolds(key: Int32Array, packet: Packet): boolean {
  if (key[Dimension.Source] !== (packet.src0 ^ SIGN_BIT)) return false;
  if (key[Dimension.Destination] !== (packet.dst0 ^ SIGN_BIT)) return false;
  return (
    packet.family === 4 ||
    (key[Dimension.Source + 1] === (packet.src1 ^ SIGN_BIT) &&
      key[Dimension.Source + 2] === (packet.src2 ^ SIGN_BIT) &&
      key[Dimension.Source + 3] === (packet.src3 ^ SIGN_BIT) &&
      key[Dimension.Destination + 1] === (packet.dst1 ^ SIGN_BIT) &&
      key[Dimension.Destination + 2] === (packet.dst2 ^ SIGN_BIT) &&
      key[Dimension.Destination + 3] === (packet.dst3 ^ SIGN_BIT))
  );
}

/**
 * Packets that a match may drop at once whatever ports its rule asks for, so that no rule may be
 * left out: a fragment at offset 8 (RFC 3128), and transport headers that are cut short or lie. Hot.
 */
export function isOdd(packet: Packet): boolean {
  // Later fragments have no ports: no match with ports holds for them, and none drops them.
  if (packet.fragmentOffset !== 0) return packet.fragmentOffset === 8;
  switch (packet.protocol) {
    case Proto.Tcp:
      return packet.tcpHeaderLen === 0;
    case Proto.Udp:
    case Proto.UdpLite:
      // The decoder moves the start of the payload only behind a whole header.
      return packet.payloadOffset === packet.l4Offset;
    case Proto.Icmp:
      return packet.family === 4 && packet.payloadOffset === packet.l4Offset;
    case Proto.Icmpv6:
      return packet.family === 6 && packet.payloadOffset === packet.l4Offset;
    case Proto.Sctp:
    case DCCP:
      return packet.l4Offset + PORTS_HEADER_LEN > packet.l3End;
    default:
      return false;
  }
}
