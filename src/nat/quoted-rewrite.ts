import type { Tuple } from '../conntrack/index.ts';
import {
  completeQuotedSctp,
  isEnhancedGre,
  type Packet,
  Proto,
  type QuotedDatagram,
  updateChecksum16,
  updateChecksum32,
} from '../wire/index.ts';
import { Manip, type ManipCode } from './ranges.ts';

/** What every translatable transport header shows of itself in a quote (RFC 792). */
const QUOTED_L4_LEN = 8;
const TCP_HEADER_LEN = 20;

/**
 * Makes one side of the datagram that `packet` quotes that of `tuple`, with its own checksums as far
 * as they are quoted; that of `packet` is left to the caller. False, and nothing changed, where the
 * quote is too short for it: sent on as it is, it would show an inside address or port.
 */
export function rewriteQuote(
  packet: Packet,
  quoted: QuotedDatagram,
  tuple: Tuple,
  manip: ManipCode,
): boolean {
  if (showsPorts(quoted.protocol) && quoted.l4Len < QUOTED_L4_LEN) return false;
  const { view } = packet;
  if (isUnknownGre(view, quoted) && manip === Manip.Destination) return false;
  const sumAt = pseudoSumAt(view, quoted);
  rewriteAddress(view, quoted, tuple, manip, sumAt);
  const portAt = portPlace(view, quoted, manip);
  if (portAt > 0) {
    const isId = quoted.protocol === Proto.Icmp || quoted.protocol === Proto.Icmpv6;
    const port = isId || manip === Manip.Source ? tuple.srcPort : tuple.dstPort;
    replaceHalf(view, portAt, port, quoted.protocol === Proto.Icmp ? quoted.l4Offset + 2 : sumAt);
  }
  // A computed zero is sent as all ones: zero means "no checksum" (RFC 768, RFC 3828).
  if (isUdpKind(quoted.protocol) && sumAt > 0 && view.getUint16(sumAt) === 0) {
    view.setUint16(sumAt, 0xffff);
  }
  if (quoted.protocol === Proto.Sctp) completeQuotedSctp(packet, quoted);
  return true;
}

/** Protocols of which something behind the IP header is translated; ICMP is read whole or not. */
function showsPorts(protocol: number): boolean {
  return (
    protocol === Proto.Tcp ||
    protocol === Proto.Sctp ||
    protocol === Proto.Gre ||
    isUdpKind(protocol)
  );
}

/** There are two versions of GRE, and what stands in a third nobody knows (gre_manip_pkt). */
function isUnknownGre(view: DataView, quoted: QuotedDatagram): boolean {
  return quoted.protocol === Proto.Gre && (view.getUint16(quoted.l4Offset) & 7) > 1;
}

function isUdpKind(protocol: number): boolean {
  return protocol === Proto.Udp || protocol === Proto.UdpLite;
}

/** Where the quoted checksum stands that covers the addresses too; 0 where none is quoted. */
function pseudoSumAt(view: DataView, quoted: QuotedDatagram): number {
  const { l4Offset: at } = quoted;
  switch (quoted.protocol) {
    case Proto.Tcp:
      return quoted.l4Len < TCP_HEADER_LEN ? 0 : at + 16;
    case Proto.Udp:
      // RFC 768: zero means that the sender computed none.
      return view.getUint16(at + 6) === 0 ? 0 : at + 6;
    case Proto.UdpLite:
      return at + 6;
    case Proto.Icmpv6:
      return quoted.family === 6 ? at + 2 : 0;
    default:
      return 0;
  }
}

/** Where the port, id or key of one side stands; 0 where the protocol shows none of that side. */
function portPlace(view: DataView, quoted: QuotedDatagram, manip: ManipCode): number {
  const { l4Offset: at } = quoted;
  switch (quoted.protocol) {
    case Proto.Tcp:
    case Proto.Udp:
    case Proto.UdpLite:
    case Proto.Sctp:
      return manip === Manip.Source ? at : at + 2;
    case Proto.Icmp:
      return quoted.family === 4 ? at + 4 : 0;
    case Proto.Icmpv6:
      // Node information (RFC 4620) has no identifier that could be translated.
      return quoted.family === 6 && view.getUint8(at) < 139 ? at + 4 : 0;
    case Proto.Gre:
      return manip === Manip.Destination && isEnhancedGre(view, at) ? at + 6 : 0;
    default:
      return 0;
  }
}

function rewriteAddress(
  view: DataView,
  quoted: QuotedDatagram,
  tuple: Tuple,
  manip: ManipCode,
  sumAt: number,
): void {
  const { offset } = quoted;
  const isSource = manip === Manip.Source;
  if (quoted.family === 4) {
    const at = offset + (isSource ? 12 : 16);
    replaceWord(view, at, isSource ? tuple.s0 : tuple.d0, sumAt, offset + 10);
    return;
  }
  const at = offset + (isSource ? 8 : 24);
  replaceWord(view, at, isSource ? tuple.s0 : tuple.d0, sumAt, 0);
  replaceWord(view, at + 4, isSource ? tuple.s1 : tuple.d1, sumAt, 0);
  replaceWord(view, at + 8, isSource ? tuple.s2 : tuple.d2, sumAt, 0);
  replaceWord(view, at + 12, isSource ? tuple.s3 : tuple.d3, sumAt, 0);
}

/** Writes a word into the bytes that two checksums cover; 0 for one that is not there. */
function replaceWord(
  view: DataView,
  at: number,
  word: number,
  sumAt: number,
  headerSumAt: number,
): void {
  const before = view.getInt32(at);
  if (before === word) return;
  view.setInt32(at, word);
  if (sumAt > 0) view.setUint16(sumAt, updateChecksum32(view.getUint16(sumAt), before, word));
  if (headerSumAt > 0) {
    view.setUint16(headerSumAt, updateChecksum32(view.getUint16(headerSumAt), before, word));
  }
}

function replaceHalf(view: DataView, at: number, half: number, sumAt: number): void {
  const before = view.getUint16(at);
  if (before === half) return;
  view.setUint16(at, half);
  if (sumAt > 0) view.setUint16(sumAt, updateChecksum16(view.getUint16(sumAt), before, half));
}
