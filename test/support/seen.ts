/** What a test sees of a packet on the wire: text and numbers, checksums tested by the slow twin. */
import assert from 'node:assert/strict';
import {
  Decode,
  decodeFrame,
  formatAddress,
  LinkType,
  type Packet,
  Proto,
} from '../../src/wire/index.ts';
import { dirtyPacket, loadPacket } from './packets.ts';
import { pseudoHeader, slowSum, slowVerify } from './slow-checksum.ts';

export interface SeenPacket {
  readonly family: number;
  readonly protocol: number;
  readonly src: string;
  readonly dst: string;
  readonly ttl: number;
  /** Ports; for ICMP queries the id and type<<8|code. */
  readonly sport: number;
  readonly dport: number;
  readonly icmpType: number;
  readonly icmpCode: number;
  readonly tcpFlags: number;
  /** Unsigned. */
  readonly seq: number;
  readonly ack: number;
  /** The payload as Latin-1 text, and as bytes. */
  readonly text: string;
  readonly payload: Uint8Array;
  /** TCP options as they stand. */
  readonly options: Uint8Array;
  /** The whole IP datagram, without link header and padding. */
  readonly datagram: Uint8Array;
  readonly l3HeaderLen: number;
}

/** Takes a frame apart and fails where a checksum in it is wrong. */
export function seen(frame: Uint8Array, link: 'ethernet' | 'raw' = 'ethernet'): SeenPacket {
  const p = loadPacket(frame, link);
  assertChecksums(p);
  return describePacket(p);
}

/** The same of a frame that may have wrong checksums; null where its transport header is cut off. */
export function glimpsed(frame: Uint8Array): SeenPacket | null {
  const p = dirtyPacket();
  p.load(frame, LinkType.Ethernet);
  return decodeFrame(p) === Decode.Ok ? describePacket(p) : null;
}

function describePacket(p: Packet): SeenPacket {
  const { bytes, family } = p;
  return {
    family,
    protocol: p.protocol,
    src: formatAddress(family, p.src0, p.src1, p.src2, p.src3),
    dst: formatAddress(family, p.dst0, p.dst1, p.dst2, p.dst3),
    ttl: p.ttl,
    sport: p.srcPortOrIcmpId,
    dport: p.dstPortOrIcmpTypeCode,
    icmpType: p.icmpType,
    icmpCode: p.icmpCode,
    tcpFlags: p.tcpFlags,
    seq: p.seq >>> 0,
    ack: p.ack >>> 0,
    text: Buffer.from(bytes.slice(p.payloadOffset, p.payloadOffset + p.payloadLen)).toString(
      'latin1',
    ),
    payload: bytes.slice(p.payloadOffset, p.payloadOffset + p.payloadLen),
    options: bytes.slice(p.l4Offset + 20, p.payloadOffset),
    datagram: bytes.slice(p.l3Offset, p.l3End),
    l3HeaderLen: p.l3HeaderLen,
  };
}

/** IPv4 header and transport checksum, with the slow twin. Fragments have only the former. */
export function assertChecksums(p: Packet): void {
  const { bytes, l3Offset, l4Offset, l3End } = p;
  if (p.family === 4)
    assert.ok(slowVerify(bytes.slice(l3Offset, l4Offset)), 'IPv4 header checksum');
  if (p.isFragment) return;
  const segment = bytes.slice(l4Offset, l3End);
  if (p.protocol === Proto.Icmp) {
    assert.ok(slowVerify(segment), 'ICMP checksum');
    return;
  }
  const isCovered = [Proto.Tcp, Proto.Udp, Proto.Icmpv6].some((known) => known === p.protocol);
  if (!isCovered) return;
  if (p.protocol === Proto.Udp && segment[6] === 0 && segment[7] === 0) return;
  const length = p.family === 4 ? 4 : 16;
  const from = l3Offset + (p.family === 4 ? 12 : 8);
  const pseudo = pseudoHeader(
    bytes.slice(from, from + length),
    bytes.slice(from + length, from + 2 * length),
    p.protocol,
    segment.length,
  );
  const sum = slowSum(Uint8Array.from([...pseudo, ...segment]));
  assert.equal(sum, 0xffff, `transport checksum of protocol ${p.protocol}`);
}
