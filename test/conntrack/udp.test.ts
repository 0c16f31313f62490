import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Status } from '../../src/conntrack/index.ts';
import { buildIp, buildIpv4Fragment, buildUdp, udpSegment } from '../support/packets.ts';
import { Bench, ends4, ends6, play, udp, udpLite } from './script.ts';

describe('UDP', () => {
  for (const [name, ends] of [
    ['IPv4', ends4],
    ['IPv6', ends6],
  ] as const) {
    test(`over ${name}: 30 s, and a stream of 120 s after more than 2 s both ways`, () => {
      play(
        udp,
        `
          0 > query  | NEW - 30 [NEW]
          0 < answer | ESTABLISHED - 30 [UPDATE]
          2 > query  | ESTABLISHED - 30
          3 < answer | ESTABLISHED - 120 [UPDATE]ASSURED
          4 > query  | ESTABLISHED - 120
          100 < late | ESTABLISHED - 120`,
        new Bench(),
        ends,
      );
    });
  }

  test('without an answer it stays NEW and 30 s, however long it lasts', () => {
    const bench = play(
      udp,
      `
        0 > query  | NEW - 30 [NEW]
        20 > query | NEW - 30
        40 > query | NEW - 30`,
    );
    assert.equal(bench.table.hasStatus(bench.conntrack.row, Status.Assured), false);
  });

  test('the first answer after two seconds makes no stream yet', () => {
    play(
      udp,
      `
        0 > query   | NEW - 30 [NEW]
        10 < answer | ESTABLISHED - 30 [UPDATE]
        10 > query  | ESTABLISHED - 120 [UPDATE]ASSURED`,
    );
  });

  test('silence of 30 s ends it: the next packet is NEW, from whichever side', () => {
    play(
      udp,
      `
        0 > query   | NEW - 30 [NEW]
        29 < answer | ESTABLISHED - 30 [UPDATE]
        59 < answer | NEW - 30 [DESTROY] [NEW]
        60 > query  | ESTABLISHED - 30 [UPDATE]`,
    );
  });

  test('a stream older than the clock can count stays one', () => {
    // The moment at which it became one used to lie in the future again after 24 days.
    const bench = play(
      udp,
      `
        0 > query  | NEW - 30 [NEW]
        0 < answer | ESTABLISHED - 30 [UPDATE]
        3 > query  | ESTABLISHED - 120 [UPDATE]ASSURED`,
    );
    bench.at(2_200_000);
    bench.table.refresh(bench.conntrack.row, bench.clock, 60);
    play(udp, '2200001 > query | ESTABLISHED - 120', bench);
  });

  test('the loser of a clash never becomes assured', () => {
    const bench = play(udp, '0 > query | NEW - 30 [NEW]\n 0 < answer | ESTABLISHED - 30 [UPDATE]');
    bench.table.addStatus(bench.conntrack.row, Status.NatClash);
    play(udp, '5 > query | ESTABLISHED - 120\n 6 < answer | ESTABLISHED - 120', bench);
    assert.equal(bench.table.hasStatus(bench.conntrack.row, Status.Assured), false);
  });

  test('a fragment is not tracked here', () => {
    const bench = new Bench();
    const datagram = buildUdp({ ...ends4, sport: 1, dport: 2, payload: 'x'.repeat(24) });
    const head = { protocol: 17, offsetBytes: 0, more: true, payload: datagram.subarray(34) };
    bench.send(buildIpv4Fragment({ ...ends4, ...head }));
    assert.deepEqual([bench.stateName(), bench.reasonName()], ['INVALID', 'invalid-fragment']);
    assert.equal(bench.table.count, 0);
  });
});

describe('UDP-Lite', () => {
  test('is a stream with the first packet after an answer, without the two seconds', () => {
    play(
      udpLite,
      `
        0 > query  | NEW - 30 [NEW]
        1 > query  | NEW - 30
        1 < answer | ESTABLISHED - 30 [UPDATE]
        1 > query  | ESTABLISHED - 120 [UPDATE]ASSURED
        9 < answer | ESTABLISHED - 120`,
    );
  });

  test('without a checksum it is INVALID', () => {
    const segment = udpSegment({ ...ends4, sport: 1, dport: 2, noChecksum: true });
    const bench = new Bench();
    bench.send(buildIp(ends4, 136, segment));
    assert.deepEqual([bench.stateName(), bench.reasonName()], ['INVALID', 'invalid-checksum']);
  });

  test('is told from UDP between the same ports', () => {
    const bench = play(udp, '0 > query | NEW - 30 [NEW]');
    play(udpLite, '0 > query | NEW - 30 [NEW]', bench);
    assert.equal(bench.table.count, 2);
  });
});
