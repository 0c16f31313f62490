import { addressSum, foldSum, sumBytes } from './checksum.ts';
import { Proto } from './codes.ts';
import type { Packet } from './packet.ts';
import { completeSctpChecksum, sctpChecksumHolds } from './sctp.ts';

/** What `verifyL4Checksum` finds. */
export const L4Checksum = {
  Good: 0,
  Bad: 1,
  /** The protocol has none, UDP sent none, or the packet is a fragment. */
  None: 2,
  /**
   * The field holds the pseudo-header sum only: the sender left the rest to its network card. Seen
   * on virtual links (veth, tap), where no card ever fills it in.
   */
  Partial: 3,
} as const;
export type L4ChecksumCode = (typeof L4Checksum)[keyof typeof L4Checksum];

/**
 * Offset of the 16-bit transport checksum field within the transport header; -1 where there is none
 * (that of SCTP is of another kind).
 */
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
  if (packet.protocol === Proto.Sctp) return verifySctp(packet);
  const fieldAt = fieldOffset(packet);
  if (fieldAt < 0) return L4Checksum.None;
  const field = packet.view.getUint16(fieldAt);
  // RFC 768; over IPv6 tunnels may send none (RFC 6935), and nf_conntrack_proto_udp.c lets it pass.
  if (packet.protocol === Proto.Udp && field === 0) return L4Checksum.None;
  const sum = sumBytes(packet.view, packet.l4Offset, coveredEnd(packet)) + pseudoSum(packet);
  if (foldSum(sum) === 0xffff) return L4Checksum.Good;
  return hasPartialChecksum(packet) ? L4Checksum.Partial : L4Checksum.Bad;
}

/**
 * The same as the kernel's tracker sees it: UDP is summed to the end of the IP datagram, whatever its
 * own length says, so that bytes behind it make its checksum bad (nf_ip_checksum, net/netfilter/utils.c).
 */
export function verifyTrackedChecksum(packet: Packet): L4ChecksumCode {
  const found = verifyL4Checksum(packet);
  const isChecked = found === L4Checksum.Good || found === L4Checksum.Bad;
  if (packet.protocol !== Proto.Udp || !isChecked || coveredEnd(packet) === packet.l3End) {
    return found;
  }
  const length = packet.l3End - packet.l4Offset;
  const pseudo = addressesSum(packet) + packet.protocol + length;
  const sum = sumBytes(packet.view, packet.l4Offset, packet.l3End) + pseudo;
  return foldSum(sum) === 0xffff ? L4Checksum.Good : L4Checksum.Bad;
}

function verifySctp(packet: Packet): L4ChecksumCode {
  if (packet.isFragment) return L4Checksum.None;
  return sctpChecksumHolds(packet) ? L4Checksum.Good : L4Checksum.Bad;
}

/**
 * True where the checksum field holds only the pseudo-header sum. Cheap: reads no payload. One
 * honest packet in 65,536 looks the same; completing its checksum gives the value it had.
 */
export function hasPartialChecksum(packet: Packet): boolean {
  if (packet.protocol !== Proto.Tcp && packet.protocol !== Proto.Udp) return false;
  const fieldAt = fieldOffset(packet);
  return fieldAt >= 0 && packet.view.getUint16(fieldAt) === foldSum(pseudoSum(packet));
}

/** Computes the transport checksum of a whole packet and writes it. Fragments are left alone. */
export function completeL4Checksum(packet: Packet): void {
  if (packet.protocol === Proto.Sctp && !packet.isFragment) {
    completeSctpChecksum(packet);
    return;
  }
  const at = fieldOffset(packet);
  if (at < 0) return;
  packet.view.setUint16(at, 0);
  const sum = sumBytes(packet.view, packet.l4Offset, coveredEnd(packet)) + pseudoSum(packet);
  let field = ~foldSum(sum) & 0xffff;
  // RFC 768, RFC 3828: a computed zero is sent as all ones, zero means "none".
  if (field === 0 && isUdpKind(packet.protocol)) field = 0xffff;
  packet.view.setUint16(at, field);
}

/**
 * Where the checksum field lies in the buffer; -1 where the cursor has none that can be checked:
 * fragments, and the ICMP of the other family, whose header `decodeFrame` did not look at.
 */
function fieldOffset(packet: Packet): number {
  const { protocol } = packet;
  if (packet.isFragment) return -1;
  if (protocol === Proto.Icmp && packet.family !== 4) return -1;
  if (protocol === Proto.Icmpv6 && packet.family !== 6) return -1;
  const offset = l4ChecksumOffset(protocol);
  return offset < 0 ? -1 : packet.l4Offset + offset;
}

function isUdpKind(protocol: number): boolean {
  return protocol === Proto.Udp || protocol === Proto.UdpLite;
}

/** End of the bytes the checksum covers: UDP ends by its own length, UDP-Lite by its coverage. */
function coveredEnd(packet: Packet): number {
  if (!isUdpKind(packet.protocol)) return packet.l3End;
  const length = packet.view.getUint16(packet.l4Offset + 4);
  return length === 0 ? packet.l3End : packet.l4Offset + length;
}

/**
 * Sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1); 0 for ICMP, which has none in IPv4. The
 * length is that of the datagram: UDP's own, and for UDP-Lite what IP says (RFC 3828 3.2).
 */
function pseudoSum(packet: Packet): number {
  if (packet.protocol === Proto.Icmp) return 0;
  const end = packet.protocol === Proto.Udp ? coveredEnd(packet) : packet.l3End;
  const length = end - packet.l4Offset;
  return addressesSum(packet) + packet.protocol + length;
}

function addressesSum(packet: Packet): number {
  const sum = addressSum(packet.src0) + addressSum(packet.dst0);
  if (packet.family === 4) return sum;
  return (
    sum +
    addressSum(packet.src1) +
    addressSum(packet.src2) +
    addressSum(packet.src3) +
    addressSum(packet.dst1) +
    addressSum(packet.dst2) +
    addressSum(packet.dst3)
  );
}
