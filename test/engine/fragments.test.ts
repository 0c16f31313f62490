/** Fragments are put together before anything looks at them, and cut again on the way out. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../src/engine/index.ts';
import { type Left, makeGateway, type TestGateway } from '../support/gateway.ts';
import {
  buildIcmpv6,
  buildTcp,
  buildUdp,
  destinationOptions,
  hopByHop,
} from '../support/packets.ts';
import { buildSctp } from '../support/sctp.ts';
import { TcpSession } from '../support/tcp-session.ts';
import { cutAt, fragmentOf, hasFragmentHeader, joined, placeOf } from './fragment-support.ts';

const client = '192.168.1.10';
const server = '198.51.100.9';
const out4 = { src: client, dst: server, sport: 5000, dport: 53 };
const out6 = { src: 'fd00:1::10', dst: '2001:db8:9::9', sport: 5000, dport: 53 };
const masquerade = '*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n';
const payload = Uint8Array.from({ length: 2992 }, (_, i) => (i * 7) & 255);

function udp4(extra: object = {}): Uint8Array {
  return buildUdp({ ...out4, payload, dontFragment: false, ...extra });
}

function udp6(extra: object = {}): Uint8Array {
  return buildUdp({ ...out6, payload, ...extra });
}

/** Sends all in from inside; what became of the last one. */
function last(gateway: TestGateway, frames: readonly Uint8Array[]): Left {
  return frames.map((frame) => gateway.inject('lan', frame)).at(-1)!;
}

const lengths = (frames: readonly Uint8Array[]): number[] => frames.map((f) => f.length - 14);

describe('put together', () => {
  test('the first fragments wait, the last one brings the whole through the rules', () => {
    const gateway = makeGateway({
      rules: '*filter\n-A FORWARD -p udp --dport 53 -m length --length 3020 -j ACCEPT\nCOMMIT\n',
    });
    const [a, b, c] = cutAt(udp4(), [1000, 2000]);
    const held = gateway.inject('lan', b!);
    assert.deepEqual([held.outcome, held.frames, held.reason], [Outcome.Hold, [], '']);
    assert.equal(gateway.inject('lan', c!).outcome, Outcome.Hold);
    assert.equal(gateway.inject('lan', a!).outcome, Outcome.Forward);
    assert.equal(gateway.count('filter', 'FORWARD', 1), 1);
    assert.equal(gateway.connections, 1);
    const { packets, forwarded, held: waited, reassembled, dropped } = gateway.engine.counters;
    assert.deepEqual([packets, forwarded, waited, reassembled, dropped], [3, 1, 2, 1, 0]);
    assert.equal(gateway.engine.assembly.pending, 0);
  });

  test('before the raw table, and without tracking, too', () => {
    const rules = '*raw\n-A PREROUTING -p udp --dport 53 -j NOTRACK\nCOMMIT\n';
    const gateway = makeGateway({ rules });
    assert.equal(last(gateway, cutAt(udp4(), [1000])).outcome, Outcome.Forward);
    assert.equal(gateway.count('raw', 'PREROUTING', 1), 1);
    assert.equal(gateway.connections, 0);
  });

  test('the transport checksum is that of the whole', () => {
    const rules = '*filter\n-A FORWARD -m state --state INVALID -j DROP\nCOMMIT\n';
    const frames = cutAt(udp4(), [1000, 2000]);
    frames[1]![500]! ^= 1;
    assert.equal(last(makeGateway({ rules }), frames).reason, 'rule-drop');
  });

  test('to this host: whole', () => {
    const left = last(makeGateway(), cutAt(udp4({ dst: '192.168.1.1' }), [1000, 2000]));
    assert.equal(left.outcome, Outcome.Deliver);
    assert.equal(left.frames.length, 1);
    assert.equal(left.seen!.payload.length, 2992);
  });

  test('this host’s own fragments are tracked, and kept apart from those that come in', () => {
    const gateway = makeGateway();
    const frames = cutAt(udp4({ src: '203.0.113.1' }), [1000]);
    assert.equal(gateway.output('wan', frames[0]!).outcome, Outcome.Hold);
    assert.equal(gateway.inject('wan', frames[1]!).outcome, Outcome.Hold);
    assert.equal(gateway.connections, 0);
    assert.equal(gateway.output('wan', frames[1]!).outcome, Outcome.Forward);
    assert.equal(gateway.connections, 1);
  });

  test('what differs in identification, protocol or address is not mixed', () => {
    const gateway = makeGateway();
    const whole = udp4();
    const other = udp4({ src: '192.168.1.11' });
    const [a1, a2] = cutAt(whole, [1000], { id: 1 });
    const [b1] = cutAt(whole, [1000], { id: 2 });
    const [c1] = cutAt(other, [1000], { id: 1 });
    for (const frame of [b1!, c1!, a2!]) assert.equal(last(gateway, [frame]).outcome, Outcome.Hold);
    assert.deepEqual(
      joined(last(gateway, [a1!]).frames).subarray(34),
      Buffer.from(whole).subarray(34),
    );
    assert.equal(gateway.engine.assembly.pending, 2);
  });

  test('ECN: congestion met by one is met by all; senders with and without are not mixed', () => {
    const tos = (fields: number[]) => (i: number) => 0x10 | fields[i]!;
    const met = last(makeGateway(), cutAt(udp4(), [1000, 2000], { tos: tos([2, 3, 2]) }));
    assert.deepEqual(
      met.frames.map((f) => f[15]),
      [0x13, 0x13, 0x13],
    );
    const met6 = last(makeGateway(), cutAt(udp6(), [1000, 2000], { tos: tos([1, 1, 3]) }));
    assert.equal(((met6.frames[0]![14]! & 15) << 4) | (met6.frames[0]![15]! >> 4), 0x13);
    const mixed = last(makeGateway(), cutAt(udp4(), [1000, 2000], { tos: tos([0, 3, 2]) }));
    assert.equal(mixed.reason, 'fragment-invalid');
  });

  test('FTP control lines in fragments are read, and rewritten', () => {
    const gateway = makeGateway({ rules: masquerade });
    const session = new TcpSession(gateway, { server: { port: 21 } }).connect().greet();
    const frame = session.client.segment({ payload: 'PORT 192,168,1,10,200,10\r\n' });
    const left = last(gateway, cutAt(frame, [24, 32]));
    assert.equal(left.seen!.text, 'PORT 203,0,113,1,200,10\r\n');
    assert.equal(gateway.expectations, 1);
    assert.ok(joined(left.frames).toString('latin1').includes('PORT 203,0,113,1,200,10\r\n'));
  });
});

describe('cut again as Linux 6.18 does', () => {
  test('where it had been cut, sizes kept, identification kept; never with DF', () => {
    const places = [1000, 1200, 2600];
    for (const dontFragment of [() => false, () => true, (i: number) => i === 2]) {
      const { frames } = last(makeGateway(), cutAt(udp4(), places, { id: 77, dontFragment }));
      assert.deepEqual(lengths(frames), [1020, 220, 1420, 420]);
      assert.deepEqual(
        frames.map((f) => placeOf(f).offset),
        [0, ...places],
      );
      assert.ok(frames.every((f) => placeOf(f).id === 77 && (f[20]! & 0x40) === 0));
    }
  });

  test('evenly where the way out takes less; DF kept, or refused where the largest had it', () => {
    const gateway = makeGateway();
    gateway.datapath.routes.setMtu(gateway.datapath.interfaces.id('wan'), 1300);
    const even = last(gateway, cutAt(udp4(), [1400, 2800]));
    assert.deepEqual(lengths(even.frames), [1300, 1300, 460]);
    const small = last(gateway, cutAt(udp4(), [1400, 2800], { dontFragment: (i) => i === 2 }));
    assert.deepEqual(lengths(small.frames), [1300, 1300, 460]);
    const refused = last(gateway, cutAt(udp4(), [1400, 2800], { dontFragment: () => true }));
    assert.equal(refused.reason, 'too-big');
    const [answer] = refused.answers;
    assert.deepEqual([answer!.seen.icmpType, answer!.seen.icmpCode], [3, 4]);
    // It quotes the whole: total length 3020, flag set.
    assert.deepEqual([...answer!.datagram.slice(30, 36)], [0x0b, 0xcc, 0, 1, 0x40, 0]);
  });

  test('IPv6: a new identification, the sizes kept', () => {
    const gateway = makeGateway();
    const { frames } = last(gateway, cutAt(udp6(), [1000, 1200, 2600], { id: 7 }));
    assert.deepEqual(lengths(frames), [1048, 248, 1448, 448]);
    assert.notEqual(placeOf(frames[0]!).id, 7);
    const again = last(gateway, cutAt(udp6(), [1000, 1200, 2600], { id: 7 }));
    assert.notEqual(placeOf(again.frames[0]!).id, placeOf(frames[0]!).id);
  });

  test('IPv6: what no longer fits its fragments’ size goes whole, what is too large is refused', () => {
    const gateway = makeGateway();
    const whole = last(gateway, cutAt(udp6({ payload: payload.slice(0, 1000) }), [1000]));
    assert.deepEqual(lengths(whole.frames), [1048]);
    assert.ok(!hasFragmentHeader(whole.frames[0]!));
    gateway.datapath.routes.setMtu(gateway.datapath.interfaces.id('wan'), 1300);
    const refused = last(gateway, cutAt(udp6(), [1400, 2800]));
    assert.equal(refused.reason, 'too-big');
    assert.deepEqual([...refused.answers[0]!.datagram.slice(40, 48)].slice(4), [0, 0, 0x05, 0x14]);
    assert.deepEqual(lengths(last(gateway, cutAt(udp6(), [1200, 2400])).frames), [1248, 1248, 648]);
  });

  test('IPv6: an atomic fragment loses its header', () => {
    const frame = udp6({ payload: 'abc' });
    const left = last(makeGateway(), cutAt(frame, []));
    assert.equal(left.frames[0]!.length, frame.length);
    assert.ok(!hasFragmentHeader(left.frames[0]!));
  });

  test('IPv6 extension headers: those before the fragment header are in every fragment', () => {
    const gateway = makeGateway({ rules6: masquerade });
    const frame = udp6({ extensions: [hopByHop(), destinationOptions()] });
    const left = last(gateway, cutAt(frame, [1000, 2000], { unfragmentable: 8 }));
    assert.equal(left.seen!.src, '2001:db8:1::1');
    const whole = joined(left.frames);
    assert.deepEqual(Buffer.from(left.frame), whole);
    assert.ok(
      left.frames.every((f) => f[20] === 0),
      'hop-by-hop header first',
    );
  });

  test('a TCP header spread over fragments: cut anew', () => {
    const segment = buildTcp({ ...out4, dport: 80, flags: 'S', payload: payload.slice(0, 1000) });
    const places = [8, 16, 520];
    const plain = last(makeGateway(), cutAt(segment, places));
    assert.deepEqual(lengths(plain.frames), [524, 524, 32]);
    const translated = last(makeGateway({ rules: masquerade }), cutAt(segment, places));
    assert.equal(translated.seen!.src, '203.0.113.1');
    assert.deepEqual(lengths(translated.frames), [524, 524, 32]);
  });
});

describe('an SCTP header spread over fragments', () => {
  const data = { type: 0, body: payload.slice(0, 980) };
  const packet = buildSctp({ ...out4, chunks: [data], dontFragment: false });
  const places = [8, 16, 520];

  test('cut anew where its checksum is verified', () => {
    assert.deepEqual(lengths(last(makeGateway(), cutAt(packet, places)).frames), [524, 512]);
  });

  test('as it came where nobody looks at it', () => {
    const asItCame = [28, 28, 524, 496];
    const notrack = '*raw\n-A PREROUTING -j NOTRACK\nCOMMIT\n';
    const untracked = last(makeGateway({ rules: notrack }), cutAt(packet, places));
    assert.deepEqual(lengths(untracked.frames), asItCame);
    const careless = makeGateway();
    careless.engine.tracking.conntrack.settings.checksum = false;
    assert.deepEqual(lengths(last(careless, cutAt(packet, places)).frames), asItCame);
  });
});

describe('what is no datagram', () => {
  const [a, b, c] = [0, 1000, 2000];
  const piece = (from: number, to: number, more = true) => ({ from, to, more });

  test('overlaps take all of them away; a piece that is here already is ignored', () => {
    for (const whole of [udp4(), udp6()]) {
      const cut = (from: number, to: number, more = true) =>
        fragmentOf(whole, piece(from, to, more));
      const end = 3000;
      const gateway = makeGateway();
      assert.equal(last(gateway, [cut(a, b), cut(b - 8, c)]).reason, 'fragment-overlap');
      assert.deepEqual(gateway.engine.dropCounts(), { 'fragment-overlap': 2 });
      assert.equal(gateway.engine.assembly.pending, 0);
      assert.equal(
        last(gateway, [cut(a, b), cut(b, c), cut(504, 1504)]).reason,
        'fragment-duplicate',
      );
      assert.equal(last(gateway, [cut(c, end, false)]).outcome, Outcome.Forward);
      // Two pieces that came apart are not one: what lies across them is an overlap.
      const across = [cut(c, end, false), cut(b, c), cut(a, 504), cut(b - 8, c + 8)];
      assert.equal(last(gateway, across).reason, 'fragment-overlap');
    }
  });

  test('lengths that contradict each other', () => {
    const four = (from: number, to: number, more = true) =>
      fragmentOf(udp4(), piece(from, to, more));
    for (const frames of [
      [four(c, 3000, false), four(c, 2504, false)],
      [four(c, 2504, false), four(2504, 2600)],
      [four(b, b, false)],
    ]) {
      const gateway = makeGateway();
      assert.equal(last(gateway, frames).reason, 'fragment-invalid');
      assert.equal(gateway.engine.assembly.pending, 0);
    }
    // In IPv6 the contradiction goes, and what was there stays.
    const six = (from: number, to: number, more = true) =>
      fragmentOf(udp6(), piece(from, to, more));
    const gateway = makeGateway();
    assert.equal(
      last(gateway, [six(c, 3000, false), six(c, 2504, false)]).reason,
      'fragment-invalid',
    );
    assert.equal(last(gateway, [six(a, b), six(b, c)]).outcome, Outcome.Forward);
  });

  test('IPv4 fragments are cut to eight bytes, IPv6 ones of odd length go on as INVALID', () => {
    const frames = [piece(a, 1003), piece(b, c), piece(c, 3000, false)];
    const four = last(
      makeGateway(),
      frames.map((p) => fragmentOf(udp4(), p)),
    );
    assert.deepEqual(lengths(four.frames), [1020, 1020, 1020]);
    const gateway = makeGateway();
    gateway.inject('lan', fragmentOf(udp6(), piece(b, c)));
    const six = last(gateway, [fragmentOf(udp6(), piece(a, 1003))]);
    assert.equal(six.outcome, Outcome.Forward);
    assert.equal(gateway.engine.flight.trackReason, 2);
    assert.equal(gateway.engine.assembly.pending, 0);
    assert.deepEqual(gateway.engine.dropCounts(), { 'fragment-invalid': 1 });
  });

  test('an IPv6 first fragment without its transport header goes on as INVALID', () => {
    const gateway = makeGateway({ rules6: masquerade });
    const echo = buildIcmpv6({ src: out6.src, dst: out6.dst, payload });
    for (const [frame, to] of [
      [buildTcp({ ...out6, dport: 80, payload }), 16],
      [echo, 0],
    ] as const) {
      const fragment = fragmentOf(frame, { from: 0, to, more: true });
      const left = gateway.datapath.inject('lan', fragment);
      assert.equal(left.outcome, Outcome.Forward);
      assert.equal(gateway.engine.assembly.pending, 0);
      assert.equal(gateway.connections, 0);
    }
  });

  test('more than 65,535 bytes', () => {
    const at = (whole: Uint8Array, from: number) => {
      const frame = fragmentOf(whole, { from: 0, to: 1000, more: false });
      const view = new DataView(frame.buffer);
      if (frame[14] === 0x45) {
        view.setUint16(20, from >> 3);
        const sum = view.getUint16(24) + 0xffff - (from >> 3);
        view.setUint16(24, (sum & 0xffff) + (sum >> 16));
      } else view.setUint16(56, from);
      return frame;
    };
    const six = makeGateway().inject('lan', at(udp6(), 65_000));
    assert.equal(six.reason, 'fragment-invalid');
    const gateway = makeGateway();
    gateway.inject('lan', at(udp4(), 65_000));
    assert.equal(gateway.engine.assembly.pending, 1);
    assert.equal(gateway.engine.counters.reassembled, 0);
  });
});
