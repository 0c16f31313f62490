import { type Packet, Proto } from '../../../wire/index.ts';

/** Extension headers of the IPv6 packet in hand, for the matches that ask for one of them. Hot. */

const FIXED_HEADER_LEN = 40;
const NEXT_HEADER_AT = 6;

/**
 * Offset of the first extension header of a kind, -1 where there is none. The decoder has checked
 * that all of them lie within the datagram, and stopped behind the header of a later fragment.
 */
export function findExtension(packet: Packet, kind: number): number {
  const { view, l3Offset } = packet;
  const end = l3Offset + packet.l3HeaderLen;
  let next = view.getUint8(l3Offset + NEXT_HEADER_AT);
  let at = l3Offset + FIXED_HEADER_LEN;
  while (at < end) {
    if (next === kind) return at;
    const length = extensionLen(packet, next, at);
    next = view.getUint8(at);
    at += length;
  }
  return -1;
}

/** Length in bytes of the extension header of a kind at an offset (RFC 8200 section 4, RFC 4302). */
export function extensionLen(packet: Packet, kind: number, at: number): number {
  if (kind === Proto.Fragment) return 8;
  const field = packet.view.getUint8(at + 1);
  return kind === Proto.Ah ? (field + 2) << 2 : (field + 1) << 3;
}
