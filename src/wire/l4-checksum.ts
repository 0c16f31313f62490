import { addressSum, foldSum, sumBytes } from './checksum.ts';
import { Proto } from './codes.ts';
import type { Packet } from './packet.ts';

/** What `verifyL4Checksum` finds. */
export const L4Checksum = {
  Good: 0,
  Bad: 1,
  /** The protocol has none, UDP/IPv4 sent none, or the packet is a fragment. */
  None: 2,
  /**
   * The field holds the pseudo-header sum only: the sender left the rest to its network card. Seen
   * on virtual links (veth, tap), where no card ever fills it in.
   */
  Partial: 3,
} as const;
export type L4ChecksumCode = (typeof L4Checksum)[keyof typeof L4Checksum];

/** Offset of the transport checksum field within the transport header; -1 where there is none. */
export function l4ChecksumOffset(protocol: number): number {
  switch (protocol) {
    case Proto.Tcp:
      return 16;
    case Proto.Udp:
    case Proto.UdpLite:
      return 6;
    case Proto.Icmp:
    case Proto.Icmpv6:
      return 2;
    default:
      return -1;
  }
}

/** Checks the transport checksum of a whole (not fragmented) packet. */
export function verifyL4Checksum(packet: Packet): L4ChecksumCode {
  const fieldAt = l4ChecksumOffset(packet.protocol);
  if (fieldAt < 0 || packet.isFragment || packet.protocol === Proto.UdpLite) return L4Checksum.None;
  const field = packet.view.getUint16(packet.l4Offset + fieldAt);
  if (packet.protocol === Proto.Udp && packet.family === 4 && field === 0) return L4Checksum.None;
  const pseudo = pseudoSum(packet);
  const total = foldSum(sumBytes(packet.view, packet.l4Offset, packet.l3End) + pseudo);
  if (total === 0xffff) return L4Checksum.Good;
  return pseudo !== 0 && field === foldSum(pseudo) ? L4Checksum.Partial : L4Checksum.Bad;
}

/**
 * True where the checksum field holds only the pseudo-header sum. Cheap: reads no payload. One
 * honest packet in 65,536 looks the same; completing its checksum gives the value it had.
 */
export function hasPartialChecksum(packet: Packet): boolean {
  if (packet.protocol !== Proto.Tcp && packet.protocol !== Proto.Udp) return false;
  const fieldAt = packet.l4Offset + (packet.protocol === Proto.Tcp ? 16 : 6);
  return packet.view.getUint16(fieldAt) === foldSum(pseudoSum(packet));
}

/** Computes the transport checksum over the whole packet and writes it. */
export function completeL4Checksum(packet: Packet): void {
  const fieldAt = l4ChecksumOffset(packet.protocol);
  if (fieldAt < 0) return;
  const at = packet.l4Offset + fieldAt;
  packet.view.setUint16(at, 0);
  const sum = sumBytes(packet.view, packet.l4Offset, packet.l3End) + pseudoSum(packet);
  let field = ~foldSum(sum) & 0xffff;
  // RFC 768: a computed zero is sent as all ones, zero means "none".
  if (field === 0 && packet.protocol === Proto.Udp) field = 0xffff;
  packet.view.setUint16(at, field);
}

/** Sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1); 0 for ICMP, which has none in IPv4. */
function pseudoSum(packet: Packet): number {
  if (packet.protocol === Proto.Icmp) return 0;
  const length = packet.l3End - packet.l4Offset;
  const addresses =
    packet.family === 4
      ? addressSum(packet.src0) + addressSum(packet.dst0)
      : addressSum(packet.src0) +
        addressSum(packet.src1) +
        addressSum(packet.src2) +
        addressSum(packet.src3) +
        addressSum(packet.dst0) +
        addressSum(packet.dst1) +
        addressSum(packet.dst2) +
        addressSum(packet.dst3);
  return addresses + packet.protocol + length;
}
