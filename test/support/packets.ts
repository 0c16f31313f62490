/**
 * Packet builders for tests: plain and readable, with right lengths and checksums (by the slow
 * twin, so that they can accuse `src/wire`). Addresses are text; the family follows from them.
 *
 *   buildTcp({ src: '10.0.0.2', dst: '192.0.2.1', sport: 40000, dport: 21, flags: 'S' })
 *   loadPacket(buildUdp({ src: 'fd00::1', dst: 'fd00::2', sport: 53, dport: 53, payload: 'x' }))
 */
import assert from 'node:assert/strict';
import { Decode, decodeFrame, decodeName, LinkType, Packet } from '../../src/wire/index.ts';
import { addressBytes, be16, be32, join, macBytes, toBytes } from './bytes.ts';
import { type Ipv6Extension, ipv6Chain } from './ipv6-extensions.ts';
import { slowChecksum, slowL4Checksum } from './slow-checksum.ts';

export {
  authentication,
  destinationOptions,
  fragmentHeader,
  hopByHop,
  type Ipv6Extension,
  routing,
} from './ipv6-extensions.ts';

/** What every builder takes: the addresses and everything below the transport header. */
export interface NetworkOptions {
  /** Follows from `src` where it is not given. */
  family?: 4 | 6;
  src: string;
  dst: string;
  /** Default 64. */
  ttl?: number;
  /** Type of service or traffic class, default 0. */
  tos?: number;
  /** IPv4 identification, default 1. */
  id?: number;
  /** Default true, as TCP senders do. */
  dontFragment?: boolean;
  /** IPv4 options, padded to four bytes with zeros (end of options). */
  ipOptions?: Uint8Array;
  /** IPv6 extension headers in the order of the wire. */
  extensions?: readonly Ipv6Extension[];
  /** Damages the IPv4 header checksum. */
  badIpChecksum?: boolean;
  /** Damages the transport checksum. */
  badChecksum?: boolean;
  /** One 802.1Q tag, or several from the outside in. */
  vlan?: number | readonly number[];
  /** 'ethernet' (default) or 'raw': no link header. */
  link?: 'ethernet' | 'raw';
  srcMac?: string;
  dstMac?: string;
  /** Pads the frame behind the datagram with 0xee to this length, as Ethernet does to 60 bytes. */
  padTo?: number;
}

export interface TcpOptions extends NetworkOptions {
  sport: number;
  dport: number;
  /** Default 0. Signed or unsigned. */
  seq?: number;
  ack?: number;
  /** Bits of `TcpFlag`, or letters as tcpdump prints them: 'S', 'SA', 'PA', 'FA', 'R'. Default 'A'. */
  flags?: number | string;
  /** Default 65535. */
  window?: number;
  urgent?: number;
  /** TCP options, padded to four bytes with zeros (end of options). */
  options?: Uint8Array;
  payload?: string | Uint8Array;
}

export interface UdpOptions extends NetworkOptions {
  sport: number;
  dport: number;
  payload?: string | Uint8Array;
  /** Sends the checksum field as zero: "none" (RFC 768). */
  noChecksum?: boolean;
}

export interface IcmpOptions extends NetworkOptions {
  /** Default: echo request (8, or 128 for ICMPv6). */
  type?: number;
  code?: number;
  /** Echo identifier and sequence number: the second word of the header. */
  id16?: number;
  seq16?: number;
  /** The second word as a whole, for errors: next-hop MTU, gateway address, pointer. */
  rest?: number;
  payload?: string | Uint8Array;
  /** The datagram an error speaks about: built with `link: 'raw'`; cut it yourself if wanted. */
  inner?: Uint8Array;
}

export interface FragmentOptions extends NetworkOptions {
  protocol: number;
  /** Place of this piece in bytes, a multiple of 8. */
  offsetBytes: number;
  /** More fragments follow. */
  more: boolean;
  /** This piece of the transport segment: cut it from `tcpSegment` or `udpSegment`. */
  payload: string | Uint8Array;
}

const flagLetters = 'FSRPAUEC';

/** Bits of flag letters: 'SA' is SYN and ACK. Bit n of the TCP flags byte is letter n. */
export function tcpFlagBits(flags: number | string): number {
  if (typeof flags === 'number') return flags;
  return [...flags].reduce((bits, letter) => {
    const bit = flagLetters.indexOf(letter);
    if (bit < 0) throw new Error(`unknown TCP flag letter: ${letter}`);
    return bits | (1 << bit);
  }, 0);
}

/** A TCP segment without IP header, checksum right for the addresses. */
export function tcpSegment(o: TcpOptions): Uint8Array {
  const options = padToFour(o.options);
  const dataOffset = ((20 + options.length) / 4) << 4;
  const segment = join(
    be16(o.sport),
    be16(o.dport),
    be32(o.seq ?? 0),
    be32(o.ack ?? 0),
    Uint8Array.of(dataOffset, tcpFlagBits(o.flags ?? 'A')),
    be16(o.window ?? 65535),
    be16(0),
    be16(o.urgent ?? 0),
    options,
    toBytes(o.payload),
  );
  return withChecksum(segment, 16, transportChecksum(o, 6, segment), o);
}

/** A UDP datagram without IP header, checksum right for the addresses. */
export function udpSegment(o: UdpOptions): Uint8Array {
  const payload = toBytes(o.payload);
  const segment = join(be16(o.sport), be16(o.dport), be16(8 + payload.length), be16(0), payload);
  if (o.noChecksum) return segment;
  // RFC 768: a computed zero is sent as all ones.
  return withChecksum(segment, 6, transportChecksum(o, 17, segment) || 0xffff, o);
}

/** A TCP packet, over IPv4 or IPv6. */
export function buildTcp(o: TcpOptions): Uint8Array {
  return buildIp(o, 6, tcpSegment(o));
}

/** A UDP packet, over IPv4 or IPv6. */
export function buildUdp(o: UdpOptions): Uint8Array {
  return buildIp(o, 17, udpSegment(o));
}

/** An ICMP packet: an echo request unless `type` says otherwise, an error where `inner` is given. */
export function buildIcmp(o: IcmpOptions): Uint8Array {
  const message = icmpMessage(o, o.type ?? 8);
  return buildIp(o, 1, withChecksum(message, 2, slowChecksum(message), o));
}

/** The same for ICMPv6, whose checksum covers the pseudo header (RFC 4443 section 2.3). */
export function buildIcmpv6(o: IcmpOptions): Uint8Array {
  const message = icmpMessage(o, o.type ?? 128);
  return buildIp(o, 58, withChecksum(message, 2, transportChecksum(o, 58, message), o));
}

/** One fragment of an IPv4 datagram. For IPv6 use `extensions: [fragmentHeader({…})]`. */
export function buildIpv4Fragment(o: FragmentOptions): Uint8Array {
  const word = (o.more ? 0x2000 : 0) | (o.offsetBytes >> 3);
  return buildLink(o, 4, buildIpv4(o, o.protocol, toBytes(o.payload), word));
}

/** Any protocol: a frame around ready-made transport bytes. */
export function buildIp(o: NetworkOptions, protocol: number, segment: Uint8Array): Uint8Array {
  const family = familyOf(o);
  if (family === 6) return buildLink(o, 6, buildIpv6(o, protocol, segment));
  const word = (o.dontFragment ?? true) ? 0x4000 : 0;
  return buildLink(o, 4, buildIpv4(o, protocol, segment, word));
}

/** A cursor over a buffer full of 0xa5, so that a read of a byte nobody wrote shows. */
export function dirtyPacket(): Packet {
  const packet = new Packet();
  packet.bytes.fill(0xa5);
  return packet;
}

/**
 * The frame in a cursor, taken apart; fails the test where decoding does. `link` must match what the
 * builder was told. A cursor may be given for reuse.
 */
export function loadPacket(
  frame: Uint8Array,
  link: 'ethernet' | 'raw' = 'ethernet',
  into: Packet = dirtyPacket(),
): Packet {
  assert.ok(into.load(frame, link === 'raw' ? LinkType.RawIp : LinkType.Ethernet), 'frame fits');
  const code = decodeFrame(into);
  assert.equal(decodeName(code), decodeName(Decode.Ok));
  return into;
}

function familyOf(o: NetworkOptions): 4 | 6 {
  return o.family ?? (o.src.includes(':') ? 6 : 4);
}

function icmpMessage(o: IcmpOptions, type: number): Uint8Array {
  const rest = o.rest ?? ((o.id16 ?? 0) << 16) | (o.seq16 ?? 0);
  const body = o.inner ?? toBytes(o.payload);
  return join(Uint8Array.of(type, o.code ?? 0, 0, 0), be32(rest), body);
}

function transportChecksum(o: NetworkOptions, protocol: number, segment: Uint8Array): number {
  return slowL4Checksum(addressBytes(o.src), addressBytes(o.dst), protocol, segment);
}

function withChecksum(
  segment: Uint8Array,
  at: number,
  good: number,
  o: NetworkOptions,
): Uint8Array {
  segment.set(be16(o.badChecksum ? wrong(good) : good), at);
  return segment;
}

function wrong(checksum: number): number {
  return checksum === 0x1234 ? 0x4321 : 0x1234;
}

function padToFour(options: Uint8Array | undefined): Uint8Array {
  if (options === undefined) return new Uint8Array(0);
  if (options.length > 40) throw new Error('at most 40 bytes of options fit');
  const padded = new Uint8Array((options.length + 3) & ~3);
  padded.set(options);
  return padded;
}

function buildIpv4(
  o: NetworkOptions,
  protocol: number,
  payload: Uint8Array,
  fragmentWord: number,
): Uint8Array {
  const options = padToFour(o.ipOptions);
  const headerLen = 20 + options.length;
  const header = join(
    Uint8Array.of(0x40 | (headerLen / 4), o.tos ?? 0),
    be16(headerLen + payload.length),
    be16(o.id ?? 1),
    be16(fragmentWord),
    Uint8Array.of(o.ttl ?? 64, protocol, 0, 0),
    addressBytes(o.src),
    addressBytes(o.dst),
    options,
  );
  const good = slowChecksum(header);
  header.set(be16(o.badIpChecksum ? wrong(good) : good), 10);
  return join(header, payload);
}

function buildIpv6(o: NetworkOptions, protocol: number, segment: Uint8Array): Uint8Array {
  const { firstHeader, chain } = ipv6Chain(o.extensions ?? [], protocol);
  const header = join(
    be32(0x60000000 | ((o.tos ?? 0) << 20)),
    be16(chain.length + segment.length),
    Uint8Array.of(firstHeader, o.ttl ?? 64),
    addressBytes(o.src),
    addressBytes(o.dst),
  );
  return join(header, chain, segment);
}

function buildLink(o: NetworkOptions, family: 4 | 6, datagram: Uint8Array): Uint8Array {
  const frame = o.link === 'raw' ? datagram : join(ethernetHeader(o, family), datagram);
  const padding = Math.max(0, (o.padTo ?? 0) - frame.length);
  return padding === 0 ? frame : join(frame, new Uint8Array(padding).fill(0xee));
}

function ethernetHeader(o: NetworkOptions, family: 4 | 6): Uint8Array {
  const vlans = o.vlan === undefined ? [] : typeof o.vlan === 'number' ? [o.vlan] : o.vlan;
  return join(
    macBytes(o.dstMac ?? '02:00:00:00:00:02'),
    macBytes(o.srcMac ?? '02:00:00:00:00:01'),
    ...vlans.map((vlan) => join(be16(0x8100), be16(vlan))),
    be16(family === 4 ? 0x0800 : 0x86dd),
  );
}
