import type { Packet } from '../wire/index.ts';

/** What `ipOptionsFault` says beside the offset of what is wrong. */
export const IpOptions = { Fine: -1, SourceRoute: -2 } as const;

const IPV4_HEADER = 20;

/** Option types: RFC 791 section 3.1, RFC 2113. */
const END = 0;
const NOP = 1;
const RECORD_ROUTE = 7;
const TIMESTAMP = 68;
const LOOSE_ROUTE = 131;
const STRICT_ROUTE = 137;
const ROUTER_ALERT = 148;

/**
 * Looks at the options of an IPv4 header as __ip_options_compile() of the kernel does: returns the
 * offset from the header's beginning of what is wrong with them, to be told to the sender (RFC 792,
 * parameter problem), else one of `IpOptions`. What may choose its own way is not let through: it is
 * how a sender reaches what the rules believe to be out of its reach (RFC 7126 section 4.3).
 */
export function ipOptionsFault(packet: Packet): number {
  const { view, l3Offset } = packet;
  const end = packet.l3HeaderLen;
  let isSourceRouted = false;
  for (let at = IPV4_HEADER; at < end; ) {
    const type = view.getUint8(l3Offset + at);
    if (type === END) break;
    if (type === NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? view.getUint8(l3Offset + at + 1) : 0;
    if (length < 2 || at + length > end) return at;
    const isRoute = type === LOOSE_ROUTE || type === STRICT_ROUTE;
    // A second one.
    if (isRoute && isSourceRouted) return at;
    if (isRoute) isSourceRouted = true;
    const fault = faultOfOption(packet, type, l3Offset + at, length);
    if (fault > 0) return at + fault;
    at += length;
  }
  return isSourceRouted ? IpOptions.SourceRoute : IpOptions.Fine;
}

/** Offset within the option of what is wrong, 0 where nothing is. */
function faultOfOption(packet: Packet, type: number, at: number, length: number): number {
  switch (type) {
    case LOOSE_ROUTE:
    case STRICT_ROUTE:
      return faultOfPointer(packet, at, length, 4, 0);
    case RECORD_ROUTE:
      return faultOfPointer(packet, at, length, 4, 4);
    case TIMESTAMP:
      return length < 4 ? 1 : faultOfPointer(packet, at, length, 5, 4);
    case ROUTER_ALERT:
      return length < 4 ? 1 : 0;
    default:
      return 0;
  }
}

/** `room`: bytes that an entry takes, where there is to be room for one that begins. */
function faultOfPointer(
  packet: Packet,
  at: number,
  length: number,
  lowest: number,
  room: number,
): number {
  if (length < 3) return 1;
  const pointer = packet.view.getUint8(at + 2);
  if (pointer < lowest) return 2;
  return pointer <= length && pointer + room - 1 > length ? 2 : 0;
}
