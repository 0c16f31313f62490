/** Translated connections, their datagrams, and ICMP errors about these on the way through. */
import { Arena } from '../../src/base/index.ts';
import { ConntrackTable, type DirectionCode, Status, Tuple } from '../../src/conntrack/index.ts';
import { ErrorNat, IcmpErrorNat, Manip } from '../../src/nat/index.ts';
import { addressBytes } from '../support/bytes.ts';
import { addressWords } from '../support/gateway.ts';
import {
  buildIcmp,
  buildIcmpv6,
  buildIp,
  buildTcp,
  buildUdp,
  loadPacket,
  udpSegment,
} from '../support/packets.ts';
import { slowL4Checksum } from '../support/slow-checksum.ts';

export const raw = { link: 'raw' } as const;
export const places = {
  4: {
    inside: '192.168.1.10',
    outside: '203.0.113.1',
    server: '198.51.100.9',
    router: '192.168.1.254',
  },
  6: {
    inside: 'fd00:1::10',
    outside: '2001:db8:1::1',
    server: '2001:db8:9::9',
    router: 'fd00:1::fe',
  },
} as const;
const protocolNumbers = {
  tcp: 6,
  udp: 17,
  udplite: 136,
  sctp: 132,
  icmp: 1,
  icmpv6: 58,
  gre: 47,
  other: 99,
};
export type Kind = keyof typeof protocolNumbers;
export const kindsOf = {
  4: ['tcp', 'udp', 'udplite', 'sctp', 'icmp', 'gre', 'other'],
  6: ['tcp', 'udp', 'udplite', 'sctp', 'icmpv6', 'gre', 'other'],
} as const satisfies Record<number, readonly Kind[]>;

export interface Hop {
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
}

/** A datagram of a kind between two ends; for ICMP the source port is the id. */
export function datagram(kind: Kind, hop: Hop, extra = {}): Uint8Array {
  const { src, dst, sport, dport } = hop;
  const net = { src, dst, ...raw, ...extra };
  switch (kind) {
    case 'tcp':
      return buildTcp({ ...net, sport, dport, seq: 7, ack: 9, payload: 'some bytes of a segment' });
    case 'udp':
      return buildUdp({ ...net, sport, dport, payload: 'some bytes of a datagram' });
    case 'udplite': {
      const segment = udpSegment({ ...net, sport, dport, payload: 'lite' });
      segment.set([0, 0, 0, 0], 4);
      const sum = slowL4Checksum(addressBytes(src), addressBytes(dst), 136, segment);
      segment.set([sum >> 8, sum & 255], 6);
      return buildIp(net, 136, segment);
    }
    case 'icmp':
      return buildIcmp({ ...net, type: 8, id16: sport, seq16: 3, payload: 'ping' });
    case 'icmpv6':
      return buildIcmpv6({ ...net, type: 128, id16: sport, seq16: 3, payload: 'ping' });
    case 'sctp': {
      const segment = new Uint8Array(24);
      segment.set([sport >> 8, sport & 255, dport >> 8, dport & 255]);
      new DataView(segment.buffer).setUint32(8, slowCrc32c(segment), true);
      return buildIp(net, 132, segment);
    }
    case 'gre':
      return buildIp(net, 47, new Uint8Array(24));
    case 'other':
      return buildIp(net, 99, new Uint8Array(24).fill(3));
  }
}

/** CRC32c bit by bit (RFC 9260 appendix A). */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

export function tupleOf(family: 4 | 6, kind: Kind, hop: Hop): Tuple {
  const tuple = new Tuple();
  tuple.meta = (family << 8) | protocolNumbers[kind];
  const hasPorts = kind === 'tcp' || kind === 'udp' || kind === 'udplite' || kind === 'sctp';
  if (hasPorts) tuple.setPorts(hop.sport, hop.dport);
  else if (kind === 'icmp') tuple.setPorts(hop.sport, 8 << 8);
  else if (kind === 'icmpv6') tuple.setPorts(hop.sport, 128 << 8);
  else tuple.setPorts(0, 0);
  const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = addressWords(hop.src);
  const [d0 = 0, d1 = 0, d2 = 0, d3 = 0] = addressWords(hop.dst);
  Object.assign(tuple, { s0, s1, s2, s3, d0, d1, d2, d3 });
  return tuple;
}

/** A connection that came in as one hop and went out as another. */
export function connection(family: 4 | 6, kind: Kind, cameIn: Hop, wentOut: Hop, status: number) {
  const table = new ConntrackTable(new Arena(), 4, 1);
  const row = table.allocate();
  const original = tupleOf(family, kind, cameIn);
  const reply = new Tuple();
  reply.invertFrom(tupleOf(family, kind, wentOut));
  table.writeTuple(row, 0, original);
  table.writeTuple(row, 1, reply);
  table.addStatus(row, status | Status.SrcNatDone | Status.DstNatDone);
  return { row, table, reply, errors: new IcmpErrorNat(table) };
}

/** Runs an error through a pair of hooks and gives the datagram as it leaves, null if dropped. */
export function through(
  { row, errors }: ReturnType<typeof connection>,
  direction: DirectionCode,
  error: Uint8Array,
): Uint8Array | null {
  const packet = loadPacket(error, 'raw');
  for (const manip of [Manip.Destination, Manip.Source]) {
    if (errors.translate(packet, row, direction, manip) === ErrorNat.Refused) return null;
  }
  return packet.bytes.slice(packet.l3Offset, packet.l3End);
}

/** True where the bytes of an address stand anywhere. */
export function shows(bytes: Uint8Array, address: string): boolean {
  return Buffer.from(bytes).includes(Buffer.from(addressBytes(address)));
}
