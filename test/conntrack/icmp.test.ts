import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { anyProtocol, Bench, ends4, ends6, icmp, play } from './script.ts';

const noQuery = 'INVALID invalid-icmp-no-query';
const unasked = 'INVALID invalid-icmp-unasked';
const unreadable = 'INVALID invalid-icmp-error-unreadable';

describe('ICMP', () => {
  for (const [name, query, answer] of [
    ['echo', 8, 0],
    ['timestamp', 13, 14],
    ['information', 15, 16],
    ['address mask', 17, 18],
  ] as const) {
    test(`${name}: the query opens, the answer belongs to it, 30 s`, () => {
      play(
        icmp,
        `
          0 > ${query}       | NEW - 30 [NEW]
          1 < ${answer}      | ESTABLISHED - 30 [UPDATE]
          2 > ${query}       | ESTABLISHED - 30
          3 > ${query} id=2  | NEW - 30 [NEW]
          3 < ${answer} id=3 | ${unasked}`,
      );
    });
  }

  test('an answer without a query is INVALID, of every kind', () => {
    const bench = play(icmp, [0, 14, 16, 18].map((type) => `0 < ${type} | ${unasked}`).join('\n'));
    assert.deepEqual([bench.table.count, bench.conntrack.stats.invalid], [0, 4]);
  });

  test('an answer of another kind does not fit the query', () => {
    play(icmp, `0 > 8 | NEW - 30 [NEW]\n 0 < 14 | ${unasked}`);
  });

  test('the code belongs to it', () => {
    play(
      icmp,
      `
        0 > 8 code=1 | NEW - 30 [NEW]
        0 < 0        | ${unasked}
        0 < 0 code=1 | ESTABLISHED - 30 [UPDATE]`,
    );
  });

  test('a query of the other side is a connection of its own', () => {
    play(
      icmp,
      '0 > 8 | NEW - 30 [NEW]\n 0 < 8 | NEW - 30 [NEW]\n 0 > 0 | ESTABLISHED - 30 [UPDATE]',
    );
  });

  test('types that are neither query nor answer, all of them', () => {
    const paired = [0, 8, 13, 14, 15, 16, 17, 18];
    const errors = [3, 4, 5, 11, 12];
    const lines = Array.from({ length: 256 }, (_, type) => type)
      .filter((type) => !paired.includes(type))
      .map((type) => `0 > ${type} | ${errors.includes(type) ? unreadable : noQuery}`);
    assert.equal(play(icmp, lines.join('\n')).table.count, 0);
  });
});

describe('ICMPv6', () => {
  test('echo', () => {
    play(
      icmp,
      `
        0 > 128 | NEW - 30 [NEW]
        1 < 129 | ESTABLISHED - 30 [UPDATE]
        2 > 128 | ESTABLISHED - 30`,
      new Bench(),
      ends6,
    );
  });

  test('node information', () => {
    play(
      icmp,
      `
        0 > 139 | NEW - 30 [NEW]
        1 < 140 | ESTABLISHED - 30 [UPDATE]`,
      new Bench(),
      ends6,
    );
  });

  test('an echo reply without a request is INVALID', () => {
    play(icmp, `0 < 129 | ${unasked}`, new Bench(), ends6);
  });

  test('router, neighbour and listener discovery and multicast routers are left UNTRACKED', () => {
    const types = [130, 131, 132, 133, 134, 135, 136, 143, 151, 152];
    const lines = types.map((type) => `0 > ${type} | UNTRACKED`);
    const bench = play(icmp, lines.join('\n'), new Bench(), ends6);
    assert.deepEqual([bench.table.count, bench.conntrack.stats.invalid], [0, 0]);
  });

  test('errors without a connection, and messages nobody asked for', () => {
    const lines = [1, 2, 3, 4, 127].map((type) => `0 > ${type} | ${unreadable}`);
    const others = [138, 141, 142, 144, 153, 200, 255].map((type) => `0 > ${type} | ${noQuery}`);
    play(icmp, [...lines, ...others].join('\n'), new Bench(), ends6);
  });

  test('neither ICMP inside IPv6 nor ICMPv6 inside IPv4 opens anything', () => {
    const wrong = new Bench();
    play(anyProtocol, `0 > 58 | ${noQuery}`, wrong, ends4);
    play(anyProtocol, `0 > 1 | ${noQuery}`, wrong, ends6);
    assert.equal(wrong.table.count, 0);
  });
});
