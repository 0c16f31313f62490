/** Reassembly is bounded in time and memory, and costs nothing to what is no fragment. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultFragmentSettings, Outcome } from '../../src/engine/index.ts';
import { LinkType } from '../../src/wire/index.ts';
import { bytesPerRound } from '../support/allocation.ts';
import { makeGateway, type TestGateway } from '../support/gateway.ts';
import { buildUdp } from '../support/packets.ts';
import { cutAt, fragmentOf, joined } from './fragment-support.ts';

const out4 = { src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport: 53 };
const out6 = { src: 'fd00:1::10', dst: '2001:db8:9::9', sport: 5000, dport: 53 };
const payload = Uint8Array.from({ length: 1992 }, (_, i) => (i * 7) & 255);
const whole4 = buildUdp({ ...out4, payload, dontFragment: false });
const whole6 = buildUdp({ ...out6, payload });

const limits = (extra: object) => ({
  settings: { fragments: { ...defaultFragmentSettings(), ...extra } },
});
const first = { from: 0, to: 1000, more: true };
const pending = (gateway: TestGateway) => gateway.engine.assembly.pending;

describe('time', () => {
  for (const [name, whole, seconds] of [
    ['IPv4', whole4, 30],
    ['IPv6', whole6, 60],
  ] as const) {
    test(`${name}: ${seconds} s from the first that came, by sweep or by the next fragment`, () => {
      const gateway = makeGateway();
      const [a, b, c] = cutAt(whole, [504, 1000]);
      gateway.inject('lan', a!);
      gateway.clock.set(seconds - 1, 0);
      gateway.inject('lan', b!);
      gateway.engine.sweep(100);
      assert.equal(pending(gateway), 1);
      gateway.clock.set(seconds, 0);
      assert.equal(gateway.inject('lan', c!).outcome, Outcome.Hold);
      assert.deepEqual(gateway.engine.dropCounts(), { 'fragment-timeout': 2 });
      gateway.now(2 * seconds);
      assert.equal(pending(gateway), 0);
      assert.deepEqual(gateway.engine.dropCounts(), { 'fragment-timeout': 3 });
    });
  }

  test('IPv4: only the destination says that the time is over, and only if the first one came', () => {
    const mine = buildUdp({ ...out4, dst: '192.168.1.1', payload, dontFragment: false });
    const gateway = makeGateway();
    for (const [frame, id] of [
      [mine, 1],
      [whole4, 2],
    ] as const) {
      gateway.inject('lan', fragmentOf(frame, first, { id }));
    }
    gateway.inject('lan', fragmentOf(mine, { from: 1000, to: 2000, more: false }, { id: 3 }));
    gateway.datapath.sent.length = 0;
    gateway.now(31);
    const [answer, ...others] = gateway.datapath.sent;
    assert.equal(others.length, 0);
    assert.equal(answer!.interfaceName, 'lan');
    // Time exceeded, reassembly; it quotes the first fragment, 576 bytes in all.
    assert.deepEqual([...answer!.datagram.slice(20, 22)], [11, 1]);
    assert.equal(answer!.datagram.length, 576);
    const quoted = fragmentOf(mine, first, { id: 1 }).slice(14, 14 + 548);
    assert.deepEqual(answer!.datagram.slice(28), quoted);
  });

  test('IPv6: said on the way, too', () => {
    const gateway = makeGateway();
    gateway.inject('lan', fragmentOf(whole6, first, { id: 9 }));
    gateway.datapath.sent.length = 0;
    gateway.now(61);
    const { datagram } = gateway.datapath.sent[0]!;
    assert.deepEqual([...datagram.slice(40, 42)], [3, 1]);
    assert.deepEqual(datagram.slice(48), fragmentOf(whole6, first, { id: 9 }).slice(14));
  });

  test('64 fragments of the same source in between: the identification may have come round', () => {
    for (const [others, outcome] of [
      [63, Outcome.Forward],
      [64, Outcome.Hold],
    ] as const) {
      const gateway = makeGateway();
      const [a, b] = cutAt(whole4, [1000], { id: 1 });
      gateway.inject('lan', a!);
      const one = { from: 0, to: 16, more: true };
      for (let i = 0; i < others; i++) {
        gateway.inject('lan', fragmentOf(whole4, one, { id: 100 + i }));
      }
      assert.equal(gateway.inject('lan', b!).outcome, outcome);
      if (outcome === Outcome.Forward) continue;
      assert.deepEqual(gateway.engine.dropCounts(), { 'fragment-stale': 1 });
      assert.equal(gateway.inject('lan', a!).outcome, Outcome.Forward);
    }
  });
});

describe('memory', () => {
  test('a flood of first fragments: so many and no more, the known ones go on', () => {
    for (const whole of [whole4, whole6]) {
      const gateway = makeGateway(limits({ memoryBytes: 64 * 1024, ipv4MaxDistance: 0 }));
      const [a, b, c] = cutAt(whole, [8 * 20, 1000], { id: 1 });
      gateway.inject('lan', a!);
      let held = 0;
      for (let i = 0; i < 1000; i++) {
        const frame = fragmentOf(whole, { from: 0, to: 160, more: true }, { id: 2 + i });
        held += gateway.inject('lan', frame).outcome === Outcome.Hold ? 1 : 0;
      }
      assert.equal(held, 63);
      assert.equal(pending(gateway), 64);
      assert.deepEqual(gateway.engine.dropCounts(), { 'fragment-overflow': 937 });
      assert.equal(gateway.inject('lan', b!).outcome, Outcome.Hold);
      assert.equal(gateway.inject('lan', c!).outcome, Outcome.Forward);
      gateway.now(61);
      assert.equal(pending(gateway), 0);
      assert.equal(gateway.engine.counters.dropped, 1000);
      assert.equal(gateway.inject('lan', a!).outcome, Outcome.Hold);
    }
  });

  test('large fragments fill it, too; the largest datagram fits', () => {
    const big = buildUdp({ ...out4, payload: new Uint8Array(65_507), dontFragment: false });
    const fragments = cutAt(
      big,
      Array.from({ length: 44 }, (_, i) => (i + 1) * 1480),
    );
    const gateway = makeGateway();
    const left = fragments.map((fragment) => gateway.inject('lan', fragment)).at(-1)!;
    assert.equal(left.outcome, Outcome.Forward);
    assert.equal(left.frames.length, 45);
    assert.equal(joined(left.frames).length, big.length);
    const small = makeGateway(limits({ memoryBytes: 32 * 1024 }));
    const outcomes = fragments.map((fragment) => small.inject('lan', fragment).reason);
    assert.equal(outcomes.filter((reason) => reason === 'fragment-overflow').length, 23);
    small.now(31);
    assert.equal(small.engine.counters.dropped, 45);
  });

  test('a datagram in too many pieces that do not touch', () => {
    const big = buildUdp({ ...out4, payload: new Uint8Array(65_000), dontFragment: false });
    const gateway = makeGateway();
    for (let i = 0; i < 1024; i++) {
      const piece = { from: i * 16, to: i * 16 + 8, more: true };
      assert.equal(gateway.inject('lan', fragmentOf(big, piece)).outcome, Outcome.Hold);
    }
    const one = fragmentOf(big, { from: 1024 * 16, to: 1024 * 16 + 8, more: true });
    assert.equal(gateway.inject('lan', one).reason, 'fragment-overflow');
    assert.deepEqual(gateway.engine.dropCounts(), { 'fragment-overflow': 1025 });
    assert.equal(pending(gateway), 0);
  });

  test('nothing is lost over many rounds of all that can happen', () => {
    const gateway = makeGateway(limits({ memoryBytes: 64 * 1024 }));
    for (let i = 0; i < 1000; i++) {
      const whole = i % 2 === 0 ? whole4 : whole6;
      const [a, b, c] = cutAt(whole, [504, 1000], { id: i & 0xffff });
      const sent = [[a, b, c], [c, a, b, b], [a, a], [b], [c, c, a, b]][i % 5]!;
      for (const frame of sent) gateway.inject('lan', frame!);
      if (i % 100 === 99) gateway.now(Math.floor(i / 100) * 61);
    }
    gateway.now(10_000);
    const { packets, forwarded, held, dropped, reassembled } = gateway.engine.counters;
    assert.equal(pending(gateway), 0);
    assert.equal(forwarded, reassembled);
    // Each packet was the last one of a datagram, was kept, or was dropped at once.
    const late = gateway.engine.dropCounts()['fragment-timeout'] ?? 0;
    assert.equal(packets, forwarded + held + dropped - late);
    assert.ok(forwarded > 500);
    // All memory is free again: as many fit as at the start.
    for (let i = 0; i < 64; i++) {
      const frame = fragmentOf(whole6, { from: 0, to: 160, more: true }, { id: 100_000 + i });
      assert.equal(gateway.inject('lan', frame).outcome, Outcome.Hold);
    }
  });
});

test('fragments allocate nothing: kept, put together, cut again, given up', () => {
  // Short ones: nothing else is done with their bytes than to copy them.
  const short = payload.slice(0, 72);
  for (const whole of [
    buildUdp({ ...out4, payload: short, dontFragment: false }),
    buildUdp({ ...out6, payload: short }),
  ]) {
    const gateway = makeGateway(limits({ memoryBytes: 256 * 1024, ipv4MaxDistance: 0 }));
    const { engine, datapath, clock } = gateway;
    const [a, b, c] = cutAt(whole, [24, 48], { id: 1 });
    const [lost] = cutAt(whole, [24], { id: 2 });
    const frames = [b!, lost!, a!, b!, c!];
    const lan = datapath.interfaces.id('lan');
    let at = 0;
    let out = 0;
    let rounds = 0;
    const perRound = bytesPerRound(() => {
      const frame = frames[at]!;
      datapath.packet.loadRange(frame, 0, frame.length, LinkType.Ethernet);
      if (engine.process(datapath.packet, lan) === Outcome.Forward) {
        const { fragmenter } = engine.assembly;
        if (fragmenter.mustCut(datapath.packet, 1500)) fragmenter.begin(datapath.packet, 1500);
        while (fragmenter.next()) out++;
      }
      at = (at + 1) % frames.length;
      rounds++;
      if (rounds % 100 === 0) clock.set((rounds / 100) | 0, 0);
    }, 50_000);
    assert.ok(perRound < 0.1, `${perRound} bytes per fragment`);
    assert.ok(out >= (rounds / 5 - 1) * 3, 'every datagram became whole');
    assert.ok((engine.dropCounts()['fragment-timeout'] ?? 0) > 0);
  }
});
