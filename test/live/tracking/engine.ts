/** An engine for a scene, and its connections in the form in which the kernel tells of its own. */
import {
  type DirectionCode,
  Field,
  Status,
  sysctlsOfTracker,
  Tuple,
  writeSysctls,
} from '../../../src/conntrack/index.ts';
import { formatAddress, Proto } from '../../../src/wire/index.ts';
import { addressWords, makeGateway, type TestGateway } from '../../support/gateway.ts';
import type { KernelEntry, TupleTexts, WantedTuple } from './kernel.ts';
import type { Scene } from './scenes.ts';

const interfaces = {
  lan0: ['192.168.77.1/24', 'fd77:1::1/64'],
  wan0: ['203.0.113.1/24', '2001:db8:77::1/64'],
};

export function makeEngine(scene: Scene): TestGateway {
  const { rules, family } = scene;
  const gateway = makeGateway({
    ...(family === 4 ? { rules } : { rules6: rules }),
    interfaces,
    defaultOut: '',
    settings: { answersPerSecond: 1_000_000 },
  });
  const { settings, tracking } = gateway.engine;
  const subject = sysctlsOfTracker(tracking.conntrack, settings.fragments);
  const wanted = Object.entries(scene.sysctls ?? {}).map(([name, value]) => ({
    name: `nf_conntrack_${name}`,
    value: String(value),
  }));
  writeSysctls(subject, wanted);
  return gateway;
}

/** The connection with an original or reply tuple, null for none. */
export function engineEntry(gateway: TestGateway, wanted: WantedTuple): KernelEntry | null {
  const { conntrack } = gateway.engine.tracking;
  const { table } = conntrack;
  const ref = conntrack.lookup(tupleOf(wanted));
  if (ref < 0) return null;
  const row = ref >> 1;
  const counted = (direction: DirectionCode): [number, number] => [
    table.packets(row, direction),
    table.bytes(row, direction),
  ];
  const protocol = protocolInfo(gateway, row);
  return {
    orig: tupleTexts(gateway, row, 0),
    reply: tupleTexts(gateway, row, 1),
    status: table.get(row, Field.Status) & Status.Visible,
    timeout: table.secondsLeft(row, gateway.clock),
    mark: table.get(row, Field.Mark) >>> 0,
    origCount: counted(0),
    replyCount: counted(1),
    ...(protocol === null ? {} : { protocol }),
  };
}

export function tupleOf([family, protocol, src, dst, a, b]: WantedTuple): Tuple {
  const tuple = new Tuple();
  const [s, d] = [addressWords(src), addressWords(dst)];
  tuple.meta = (family << 8) | protocol;
  tuple.setPorts(a, b);
  tuple.s0 = s[0]!;
  tuple.s1 = s[1] ?? 0;
  tuple.s2 = s[2] ?? 0;
  tuple.s3 = s[3] ?? 0;
  tuple.d0 = d[0]!;
  tuple.d1 = d[1] ?? 0;
  tuple.d2 = d[2] ?? 0;
  tuple.d3 = d[3] ?? 0;
  return tuple;
}

const withPorts: readonly number[] = [Proto.Tcp, Proto.Udp, Proto.UdpLite, Proto.Sctp, Proto.Gre];

/** Addresses, protocol, and the numbers that ctnetlink tells of it. */
function tupleTexts(gateway: TestGateway, row: number, direction: DirectionCode): TupleTexts {
  const tuple = new Tuple();
  gateway.engine.tracking.conntrack.table.readTuple(row, direction, tuple);
  const { family, protocol, srcPort, dstPort } = tuple;
  const ends = [
    formatAddress(family, tuple.s0, tuple.s1, tuple.s2, tuple.s3),
    formatAddress(family, tuple.d0, tuple.d1, tuple.d2, tuple.d3),
    protocol,
  ];
  if (protocol === Proto.Icmp || protocol === Proto.Icmpv6) {
    return [...ends, srcPort, dstPort >> 8, dstPort & 255];
  }
  return withPorts.includes(protocol) ? [...ends, srcPort, dstPort] : ends;
}

/** CTA_PROTOINFO: of TCP the state, then scales and flags of both directions; of SCTP the state. */
function protocolInfo(gateway: TestGateway, row: number): [number, ...string[]] | null {
  const { conntrack } = gateway.engine.tracking;
  const { tcp } = conntrack.trackers;
  const protocol = conntrack.table.protocol(row);
  if (protocol !== Proto.Tcp && protocol !== Proto.Sctp) return null;
  const byte = (value: number) => value.toString(16).padStart(2, '0');
  const scales = ([0, 1] as const).map((direction) => byte(tcp.scale(row, direction)));
  // A byte of flags, and their mask, which is always empty.
  const flags = ([0, 1] as const).map((direction) => `${byte(tcp.flags(row, direction))}00`);
  const state = byte(conntrack.table.get(row, Field.State));
  return protocol === Proto.Tcp ? [1, state, ...scales, ...flags] : [3, state];
}
