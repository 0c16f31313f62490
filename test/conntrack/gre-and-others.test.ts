import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Direction, Tuple } from '../../src/conntrack/index.ts';
import { anyProtocol, Bench, ends4, ends6, gre, play } from './script.ts';

/** The keys of the last packet's connection, in both directions. */
function keys(bench: Bench): readonly number[] {
  const tuple = new Tuple();
  bench.table.readTuple(bench.conntrack.row, Direction.Original, tuple);
  const original = [tuple.srcPort, tuple.dstPort];
  bench.table.readTuple(bench.conntrack.row, Direction.Reply, tuple);
  return [...original, tuple.srcPort, tuple.dstPort];
}

const plain = '00000800';
const call7 = '3001880b00040007';

describe('GRE', () => {
  for (const [name, ends] of [
    ['IPv4', ends4],
    ['IPv6', ends6],
  ] as const) {
    test(`over ${name}: 30 s, 180 s and ASSURED with the first packet after an answer`, () => {
      const bench = play(
        gre,
        `
          0 > ${plain}    | NEW - 30 [NEW]
          5 < ${plain}    | ESTABLISHED - 30 [UPDATE]
          6 > ${plain}    | ESTABLISHED - 180 [UPDATE]ASSURED
          7 < 20000800aaaaaaaa | ESTABLISHED - 180`,
        new Bench(),
        ends,
      );
      assert.deepEqual(keys(bench), [0, 0, 0, 0]);
    });
  }

  test('of PPTP: the call id is the destination key, so the ways there and back are two', () => {
    const bench = play(gre, `0 > ${call7} | NEW - 30 [NEW]\n 0 > ${call7} | NEW - 30`);
    assert.deepEqual(keys(bench), [0, 7, 7, 0]);
    play(gre, `0 < ${call7} | NEW - 30 [NEW]\n 0 > 3001880b00040008 | NEW - 30 [NEW]`, bench);
    assert.equal(bench.table.count, 3);
  });

  test('a connection keeps the timeouts it began with', () => {
    const bench = play(gre, `0 > ${plain} | NEW - 30 [NEW]`);
    bench.conntrack.settings.timeouts.gre = 5;
    bench.conntrack.settings.timeouts.greStream = 6;
    play(
      gre,
      `
        1 > ${plain} | NEW - 30
        1 < ${plain} | ESTABLISHED - 30 [UPDATE]
        1 > ${plain} | ESTABLISHED - 180 [UPDATE]ASSURED
        1 > ${call7} | NEW - 5 [NEW]`,
      bench,
    );
  });
});

describe('other protocols', () => {
  test('generic: 600 s, by addresses and protocol number only', () => {
    play(
      anyProtocol,
      `
        0 > 89   | NEW - 600 [NEW]
        10 < 89  | ESTABLISHED - 600 [UPDATE]
        20 > 89  | ESTABLISHED - 600
        20 > 50  | NEW - 600 [NEW]
        619 < 89 | ESTABLISHED - 600`,
    );
  });

  test('DCCP, IP in IP and the numbers that IPv6 takes for headers are among them', () => {
    const lines = [33, 4, 41, 94, 59, 0, 255].map((number) => `0 > ${number} | NEW - 600 [NEW]`);
    play(anyProtocol, lines.join('\n'));
  });

  test('no next header over IPv6 is INVALID', () => {
    play(anyProtocol, '0 > 59 | INVALID invalid-malformed', new Bench(), ends6);
  });
});
