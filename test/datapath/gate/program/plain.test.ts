/** Which packets pass without the engine, and how the others come to it. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { BYTES_TO_COLLECT, ConfigWord, FlowAction } from '../../../../src/datapath/gate/layout.ts';
import {
  buildIcmp,
  buildIcmpv6,
  buildIp,
  buildIpv4Fragment,
  buildTcp,
  buildUdp,
  fragmentHeader,
  hopByHop,
  tcpSegment,
} from '../../../support/packets.ts';
import { type DirectionSpec, MARK, Machine, OUR_MAC, Verdict } from './machine.ts';

const opened = await Machine.open();
const machine = opened as Machine;
const skip = typeof opened === 'string' ? `the gate's program: ${opened}` : false;

const dstMac = OUR_MAC;
const ends = { src: '10.0.0.2', dst: '203.0.113.21', sport: 40_000, dport: 21, dstMac };
const wide = { ...ends, src: 'fd00::2', dst: 'fd00::21' };
const forward: DirectionSpec = { action: FlowAction.Forward, hop: 1 };

type Flip = typeof ends;
const back = (e: Flip): Flip => ({ ...e, src: e.dst, dst: e.src, sport: e.dport, dport: e.sport });

/** Changes bytes of a frame. The IPv4 header checksum is not mended. */
function patched(frame: Uint8Array, changes: Readonly<Record<number, number>>): Uint8Array {
  const copy = Uint8Array.from(frame);
  for (const [at, byte] of Object.entries(changes)) copy[Number(at)] = byte;
  return copy;
}

function takeOver(...protocols: ('tcp' | 'udp' | 'icmp')[]): void {
  for (const e of [ends, wide]) {
    const way = [forward, null] as const;
    if (protocols.includes('tcp')) {
      machine.install({ original: buildTcp(e), reply: buildTcp(back(e)), directions: way });
    }
    if (protocols.includes('udp')) {
      machine.install({ original: buildUdp(e), reply: buildUdp(back(e)), directions: way });
    }
    if (!protocols.includes('icmp')) continue;
    const build = e === wide ? buildIcmpv6 : buildIcmp;
    const type = e === wide ? 129 : 0;
    const original = build({ ...e, id16: 7 });
    machine.install({ original, reply: build({ ...back(e), id16: 7, type }), directions: way });
  }
}

/** 'passes', or the ring that it comes by. */
function fate(frame: Uint8Array, gsoSize?: number): string {
  const options = gsoSize === undefined ? {} : { gsoSize };
  const { verdict } = machine.run('ingress', frame, options);
  const known = machine.records('known');
  const other = machine.records('other');
  if (verdict === Verdict.Redirect) return gsoSize === undefined ? 'passes' : 'redirected';
  if (verdict === Verdict.Pass) return 'kernel';
  assert.equal(verdict, Verdict.Stolen);
  assert.equal(known.length + other.length, 1);
  const [record] = [...known, ...other];
  assert.deepEqual(record!.frame, frame, 'the frame as it came');
  return known.length === 1 ? 'known' : 'other';
}

after(() => {
  if (skip === false) machine.close();
});

describe('plain packets', { skip }, () => {
  beforeEach(() => {
    machine.reset();
    machine.hop(1);
    takeOver('tcp', 'udp', 'icmp');
  });

  const cases: Record<string, [string, () => Uint8Array]> = {
    'TCP with ACK': ['passes', () => buildTcp(ends)],
    'TCP with ACK, PSH, ECE and CWR': ['passes', () => buildTcp({ ...ends, flags: 'APEC' })],
    'TCP over IPv6': ['passes', () => buildTcp(wide)],
    UDP: ['passes', () => buildUdp(ends)],
    'UDP over IPv6': ['passes', () => buildUdp(wide)],
    'echo request': ['passes', () => buildIcmp({ ...ends, id16: 7 })],
    'ICMPv6 echo request': ['passes', () => buildIcmpv6({ ...wide, id16: 7 })],
    'not told to keep it whole': ['passes', () => buildTcp({ ...ends, dontFragment: false })],
    SYN: ['known', () => buildTcp({ ...ends, flags: 'S' })],
    'SYN and ACK': ['known', () => buildTcp({ ...ends, flags: 'SA' })],
    FIN: ['known', () => buildTcp({ ...ends, flags: 'FA' })],
    'FIN over IPv6': ['known', () => buildTcp({ ...wide, flags: 'FA' })],
    RST: ['known', () => buildTcp({ ...ends, flags: 'R' })],
    URG: ['known', () => buildTcp({ ...ends, flags: 'UA' })],
    'no flags': ['known', () => buildTcp({ ...ends, flags: 0 })],
    'TCP data offset of 4 words': ['known', () => patched(buildTcp(ends), { 46: 0x40 })],
    'TCP header beyond the datagram': ['known', () => patched(buildTcp(ends), { 46: 0x60 })],
    'one hop to live': ['known', () => buildTcp({ ...ends, ttl: 1 })],
    'two hops to live': ['passes', () => buildTcp({ ...ends, ttl: 2 })],
    'hop limit of 1': ['known', () => buildTcp({ ...wide, ttl: 1 })],
    'UDP length of 7': ['known', () => patched(buildUdp(ends), { 39: 7 })],
    'UDP length beyond the datagram': ['known', () => patched(buildUdp(ends), { 39: 9 })],
    'UDP length below the datagram': [
      'passes',
      () => patched(buildUdp({ ...ends, payload: 'ab' }), { 39: 9 }),
    ],
    'another port': ['other', () => buildTcp({ ...ends, sport: 1 })],
    'another address': ['other', () => buildTcp({ ...ends, src: '10.0.0.3' })],
    'another address, in its last word': ['other', () => buildTcp({ ...wide, src: 'fd00::3' })],
    'another protocol': ['other', () => buildIp(ends, 132, tcpSegment(ends))],
    'another echo id': ['other', () => buildIcmp({ ...ends, id16: 8 })],
    'echo reply the wrong way': ['other', () => buildIcmp({ ...ends, id16: 7, type: 0 })],
    'an ICMP error': [
      'other',
      () => buildIcmp({ ...ends, type: 3, code: 1, inner: buildUdp({ ...ends, link: 'raw' }) }),
    ],
    'the reply direction, not taken over': ['other', () => buildTcp(back(ends))],
    'IPv4 header checksum wrong': ['other', () => buildTcp({ ...ends, badIpChecksum: true })],
    'IPv4 options': ['other', () => buildTcp({ ...ends, ipOptions: Uint8Array.of(1, 1, 1, 0) })],
    'IPv4 version 5': ['other', () => patched(buildTcp(ends), { 14: 0x55 })],
    'IPv4 length beyond the frame': [
      'other',
      () => buildTcp({ ...ends, payload: 'abc' }).subarray(0, 55),
    ],
    'a first fragment': [
      'other',
      () =>
        buildIpv4Fragment({
          ...ends,
          protocol: 6,
          offsetBytes: 0,
          more: true,
          payload: tcpSegment(ends),
        }),
    ],
    'a last fragment': [
      'other',
      () =>
        buildIpv4Fragment({
          ...ends,
          protocol: 6,
          offsetBytes: 8,
          more: false,
          payload: tcpSegment(ends),
        }),
    ],
    'an IPv6 extension header': ['other', () => buildTcp({ ...wide, extensions: [hopByHop()] })],
    'an IPv6 fragment': [
      'other',
      () =>
        buildTcp({ ...wide, extensions: [fragmentHeader({ offsetBytes: 0, more: true, id: 1 })] }),
    ],
    'IPv6 length beyond the frame': [
      'other',
      () => buildTcp({ ...wide, payload: 'abc' }).subarray(0, 75),
    ],
    'a datagram cut short': ['other', () => buildTcp(ends).subarray(0, 36)],
    'neighbour solicitation on the link': [
      'kernel',
      () => buildIcmpv6({ ...wide, dst: 'fe80::1', type: 135, ttl: 255 }),
    ],
    'redirect of a router to all nodes': [
      'kernel',
      () => buildIcmpv6({ ...wide, dst: 'ff02::1', type: 137, ttl: 255 }),
    ],
    // The engine knows whether that is this host.
    'neighbour solicitation to a global address': [
      'other',
      () => buildIcmpv6({ ...wide, type: 135, ttl: 255 }),
    ],
    'neighbour solicitation from afar': [
      'other',
      () => buildIcmpv6({ ...wide, type: 135, ttl: 254 }),
    ],
    'multicast listener query': ['other', () => buildIcmpv6({ ...wide, type: 130, ttl: 1 })],
    'for another host': ['kernel', () => buildTcp({ ...ends, dstMac: '02:00:00:00:00:99' })],
    broadcast: ['other', () => buildTcp({ ...ends, dstMac: 'ff:ff:ff:ff:ff:ff' })],
    multicast: ['other', () => buildUdp({ ...ends, dstMac: '01:00:5e:00:00:01' })],
    'not IP': ['kernel', () => patched(buildUdp(ends), { 12: 0x08, 13: 0x06 })],
    'with a VLAN tag': ['kernel', () => buildTcp({ ...ends, vlan: 7 })],
  };
  for (const [name, [wanted, build]] of Object.entries(cases)) {
    test(`${name}: ${wanted}`, () => assert.equal(fate(build()), wanted));
  }

  test('counters name what happened', () => {
    const before = machine.counters();
    fate(buildTcp(ends));
    fate(buildTcp({ ...ends, flags: 'F' }));
    fate(buildTcp({ ...ends, sport: 9 }));
    const now = machine.counters();
    const gained = Object.keys(now).filter((name) => now[name] !== before[name]);
    assert.deepEqual(gained, ['forwarded', 'punted', 'puntedKnown']);
    assert.equal(now.punted! - before.punted!, 2);
  });

  test('marked by the gate itself: left to the kernel, and the mark is taken off', () => {
    for (const program of ['ingress', 'egress'] as const) {
      const outcome = machine.run(program, buildTcp({ ...ends, sport: 9 }), { mark: MARK });
      assert.deepEqual([outcome.verdict, outcome.mark], [Verdict.Pass, 0]);
    }
    assert.equal(
      machine.run('ingress', buildTcp({ ...ends, sport: 9 }), { mark: 5 }).verdict,
      Verdict.Stolen,
    );
    machine.set(ConfigWord.Mark, 0);
    assert.equal(machine.run('ingress', buildTcp({ ...ends, sport: 9 })).verdict, Verdict.Stolen);
  });

  test('entries call the programs, and let everything pass where there are none', () => {
    assert.equal(machine.run('entry_ingress', buildTcp(ends)).verdict, Verdict.Redirect);
    const slot = Buffer.alloc(4);
    machine.bpf.delete(machine.maps.fds.programs, slot);
    assert.equal(machine.run('entry_ingress', buildTcp(ends)).verdict, Verdict.Pass);
    const fd = Buffer.alloc(4);
    fd.writeInt32LE(machine.programs.ingress);
    machine.bpf.update(machine.maps.fds.programs, slot, fd);
  });
});

describe('flows', { skip }, () => {
  beforeEach(() => {
    machine.reset();
    machine.hop(1, { mtu: 1000 });
  });

  const install = (direction: DirectionSpec): number =>
    machine.install({
      original: buildTcp(ends),
      reply: buildTcp(back(ends)),
      directions: [direction, null],
    });

  const cases: Record<string, [string, DirectionSpec]> = {
    'of another generation': ['other', { ...forward, generation: 6 }],
    'in by another interface': ['other', { ...forward, ifindex: 99 }],
    'not taken over': ['other', { ...forward, action: FlowAction.None }],
    "of this host's own": ['known', { ...forward, action: FlowAction.Out }],
    'kept by the engine': ['known', { ...forward, action: FlowAction.Punt }],
    'with much to collect': ['known', { ...forward, bytes: BYTES_TO_COLLECT | 0 }],
    'with almost enough to collect': ['passes', { ...forward, bytes: (BYTES_TO_COLLECT - 1) | 0 }],
    'by a hop that cannot be': ['known', { ...forward, hop: 4096 }],
  };
  for (const [name, [wanted, direction]] of Object.entries(cases)) {
    test(`${name}: ${wanted}`, () => {
      install(direction);
      assert.equal(fate(buildTcp(ends)), wanted);
    });
  }

  test("of this host's own: those with the mark that was decided on", () => {
    install({ action: FlowAction.Out, mark: 0xca6c });
    const run = (mark: number) => machine.run('egress', buildTcp(ends), { mark });
    const kept = run(0xca6c);
    assert.deepEqual([kept.verdict, kept.mark], [Verdict.Pass, 0xca6c]);
    for (const mark of [0, 0xca6d, 0x1_ca6c]) {
      assert.equal(run(mark).verdict, Verdict.Stolen);
      assert.equal(machine.records('known')[0]!.mark, mark);
    }
  });

  test('in the next bucket, and behind others of the same tag', () => {
    const at = install(forward);
    const { buckets, config } = machine.maps;
    const slot = buckets.words.findIndex((word) => word !== 0);
    const mask = config.words[ConfigWord.BucketMask]!;
    const value = buckets.words[slot]!;
    // Every other slot refers to a unit that holds something else.
    const bucket = slot >> 4;
    buckets.words.fill((value & ~511) | 100, bucket * 16, bucket * 16 + 16);
    const next = (bucket + 1) & mask;
    buckets.words.fill((value & ~511) | 511, next * 16, next * 16 + 16);
    buckets.words[next * 16 + ((slot + 15) & 15)] = value;
    assert.equal(fate(buildTcp(ends)), 'passes');
    assert.equal(machine.counted(at, 0).packets, 1);
  });

  test('frames above the MTU of the way out; of super-frames what is cut from them counts', () => {
    install(forward);
    const before = machine.counters().tooBig!;
    assert.equal(fate(buildTcp({ ...ends, payload: new Uint8Array(960) })), 'passes');
    assert.equal(fate(buildTcp({ ...ends, payload: new Uint8Array(961) })), 'known');
    const large = buildTcp({ ...ends, payload: new Uint8Array(2500) });
    assert.equal(machine.run('ingress', large, { gsoSize: 960 }).mark, 0);
    assert.equal(machine.counters().tooBig! - before, 1);
    machine.run('ingress', large, { gsoSize: 961 });
    assert.equal(machine.counters().tooBig! - before, 2);
  });
});
