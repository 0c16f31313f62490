import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { FlowAction, FlowWord, HopFlag } from '../../../../src/datapath/gate/layout.ts';
import { buildIcmp, buildIcmpv6, buildTcp, buildUdp } from '../../../support/packets.ts';
import { seen } from '../../../support/seen.ts';
import { LOOPBACK, MARK, Machine, NOW_MS, OUR_MAC, Verdict } from './machine.ts';

const opened = await Machine.open();
const machine = opened as Machine;
const skip = typeof opened === 'string' ? `the gate's program: ${opened}` : false;

interface Ends {
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
}

/** Client to server; as sent, and as it leaves. */
const wide = {
  client: 'fd00:1::2',
  server: '2001:db8::21',
  outside: '2001:db8::1',
  inside: 'fd00:2::9',
};
const narrow = {
  client: '10.0.0.2',
  server: '203.0.113.21',
  outside: '203.0.113.1',
  inside: '10.9.9.9',
};

type Addresses = typeof wide;
const translations: Record<string, (a: Addresses) => readonly [Ends, Ends]> = {
  none: (a) => pair(a.client, a.server, 40_000, 21, a.client, a.server, 40_000, 21),
  'source, same port': (a) => pair(a.client, a.server, 40_000, 21, a.outside, a.server, 40_000, 21),
  'source and port': (a) => pair(a.client, a.server, 40_000, 21, a.outside, a.server, 65_535, 21),
  destination: (a) => pair(a.client, a.outside, 40_000, 2121, a.client, a.inside, 40_000, 21),
  both: (a) => pair(a.client, a.outside, 40_000, 2121, a.server, a.inside, 1024, 21),
  'port only': (a) => pair(a.client, a.server, 40_000, 8021, a.client, a.server, 40_000, 21),
};

function pair(...n: [string, string, number, number, string, string, number, number]) {
  const [src, dst, sport, dport] = n;
  const [newSrc, newDst, newSport, newDport] = n.slice(4) as [string, string, number, number];
  const before = { src, dst, sport, dport };
  return [before, { src: newSrc, dst: newDst, sport: newSport, dport: newDport }] as const;
}

const back = ({ src, dst, sport, dport }: Ends): Ends => ({
  src: dst,
  dst: src,
  sport: dport,
  dport: sport,
});

type Build = (ends: Ends, isReply: boolean) => Uint8Array;
const common = { dstMac: OUR_MAC, payload: 'some odd payload.', ttl: 33 };
const protocols: Record<string, Build> = {
  tcp: (ends) => buildTcp({ ...ends, ...common, seq: 1, ack: 2, flags: 'PA' }),
  udp: (ends) => buildUdp({ ...ends, ...common }),
  'udp without checksum': (ends) => buildUdp({ ...ends, ...common, noChecksum: true }),
  icmp: ({ src, dst, sport, dport }, isReply) => {
    const id16 = isReply ? dport : sport;
    const wideType = isReply ? 129 : 128;
    return src.includes(':')
      ? buildIcmpv6({ src, dst, id16, type: wideType, ...common })
      : buildIcmp({ src, dst, id16, type: isReply ? 0 : 8, ...common });
  },
};

after(() => {
  if (skip === false) machine.close();
});

describe('translation', { skip }, () => {
  beforeEach(() => {
    machine.reset();
    machine.hop(3, { flags: HopFlag.Managed });
  });

  for (const [family, addresses] of Object.entries({ IPv4: narrow, IPv6: wide })) {
    for (const [protocol, build] of Object.entries(protocols)) {
      for (const [name, ends] of Object.entries(translations)) {
        if (family === 'IPv6' && protocol === 'udp without checksum') continue;
        test(`${family} ${protocol}: ${name}, both ways`, () => {
          const [before, beyond] = ends(addresses);
          both(build, before, protocol === 'icmp' ? { ...beyond, dport: before.dport } : beyond);
        });
      }
    }
  }

  /** Sends a packet each way through a flow and looks at what leaves. */
  function both(build: Build, before: Ends, beyond: Ends): void {
    const original = build(before, false);
    const reply = build(back(beyond), true);
    const way = { action: FlowAction.Forward, hop: 3 };
    const at = machine.install({ original, reply, directions: [way, way] });
    assertForwarded(original, build(beyond, false));
    assertForwarded(reply, build(back(before), true));
    const bytes = original.length - 14;
    assert.deepEqual(machine.counted(at, 0), { packets: 1, bytes });
    assert.deepEqual(machine.counted(at, 1), { packets: 1, bytes });
    assert.equal(machine.maps.flows.words[at + FlowWord.LastSeenMs], NOW_MS);
  }

  function assertForwarded(sent: Uint8Array, wanted: Uint8Array): void {
    const { verdict, frame, mark } = machine.run('ingress', sent);
    assert.equal(verdict, Verdict.Redirect);
    assert.equal(mark, MARK);
    const left = seen(frame);
    const { datagram: _, ttl, ...rest } = seen(wanted);
    const { datagram, ttl: leftTtl, ...leftRest } = left;
    assert.equal(leftTtl, ttl - 1);
    assert.deepEqual(leftRest, rest);
    // Behind the checksum everything is as it was; both are canonical, so they can be compared.
    assert.deepEqual(
      datagram.subarray(rest.l3HeaderLen),
      seen(wanted).datagram.subarray(rest.l3HeaderLen),
    );
  }

  test('checksums hold for every time to live, and where they wrap', () => {
    const before = { src: '10.0.0.2', dst: '203.0.113.21', sport: 40_000, dport: 21 };
    const beyond = { ...before, src: '255.255.255.254', sport: 65_535 };
    const way = { action: FlowAction.Forward, hop: 3 };
    const build = (ttl: number, id: number): Uint8Array =>
      buildUdp({ ...before, dstMac: OUR_MAC, ttl, id, payload: Uint8Array.of(id >> 8, id) });
    const reply = buildUdp({ ...back(beyond), dstMac: OUR_MAC });
    machine.install({ original: build(64, 0), reply, directions: [way, null] });
    for (let n = 2; n < 256; n++) {
      const { frame } = machine.run('ingress', build(n, (n * 257) & 0xffff));
      assert.equal(seen(frame).ttl, n - 1);
    }
  });

  test('delivered to this host: translated, time to live kept, and on to the kernel', () => {
    const before = { src: '10.0.0.2', dst: '10.0.0.1', sport: 40_000, dport: 80 };
    const beyond = { ...before, dst: '127.0.0.1', dport: 8080 };
    const original = buildTcp({ ...before, dstMac: OUR_MAC, ttl: 1, padTo: 60 });
    const reply = buildTcp({ ...back(beyond) });
    const way = { action: FlowAction.Local };
    machine.install({ original, reply, directions: [way, null] });
    const { verdict, frame, mark } = machine.run('ingress', original);
    assert.equal(verdict, Verdict.Pass);
    assert.equal(mark, 0);
    const { dst, dport, ttl } = seen(frame);
    assert.deepEqual({ dst, dport, ttl }, { dst: '127.0.0.1', dport: 8080, ttl: 1 });
  });

  test("this host's own: translated at the way out", () => {
    const before = { src: '10.0.0.1', dst: '203.0.113.21', sport: 40_000, dport: 80 };
    const beyond = { ...before, src: '203.0.113.1', sport: 4000 };
    const original = buildUdp({ ...before });
    const way = { action: FlowAction.Out, ifindex: LOOPBACK };
    const at = machine.install({
      original,
      reply: buildUdp(back(beyond)),
      directions: [way, null],
    });
    const { verdict, frame } = machine.run('egress', original);
    assert.equal(verdict, Verdict.Pass);
    const { src, sport, ttl } = seen(frame);
    assert.deepEqual({ src, sport, ttl }, { src: '203.0.113.1', sport: 4000, ttl: 64 });
    assert.equal(machine.counted(at, 0).packets, 1);
  });

  test('padding behind the datagram is cut off', () => {
    const ends = { src: '10.0.0.2', dst: '203.0.113.21', sport: 40_000, dport: 21 };
    const original = buildTcp({ ...ends, dstMac: OUR_MAC, padTo: 60 });
    const way = { action: FlowAction.Forward, hop: 3 };
    const at = machine.install({ original, reply: buildTcp(back(ends)), directions: [way, null] });
    const { verdict, frame } = machine.run('ingress', original);
    assert.equal(verdict, Verdict.Redirect);
    assert.equal(frame.length, 54);
    assert.deepEqual(machine.counted(at, 0), { packets: 1, bytes: 40 });
  });

  test('a UDP checksum that becomes zero is sent as all ones', () => {
    const before = { src: '10.0.0.2', dst: '203.0.113.21', sport: 40_000, dport: 21 };
    const beyond = { ...before, src: '203.0.113.1' };
    const plain = buildUdp({ ...beyond, payload: Uint8Array.of(0, 0) });
    // The payload that makes up for the rest: the sum of all is 0xffff then, its complement 0.
    const payload = plain.subarray(40, 42);
    const wanted = buildUdp({ ...beyond, payload });
    assert.deepEqual([...wanted.subarray(40, 42)], [0xff, 0xff]);
    const original = buildUdp({ ...before, dstMac: OUR_MAC, payload });
    const way = { action: FlowAction.Forward, hop: 3 };
    machine.install({ original, reply: buildUdp(back(beyond)), directions: [way, null] });
    const { frame } = machine.run('ingress', original);
    assert.deepEqual([...frame.subarray(40, 42)], [0xff, 0xff]);
  });
});
