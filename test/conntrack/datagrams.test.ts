import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Status } from '../../src/conntrack/index.ts';
import { buildIpv4Fragment, buildUdp } from '../support/packets.ts';
import { anyProtocol, Bench, ends4, ends6, icmp, play, udp } from './script.ts';

const noQuery = 'INVALID invalid-icmp-no-query';
const unmatched = 'INVALID invalid-icmp-error-unmatched';

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

  test('a fragment is not tracked here', () => {
    const bench = new Bench();
    const datagram = buildUdp({ ...ends4, sport: 1, dport: 2, payload: 'x'.repeat(24) });
    const head = { protocol: 17, offsetBytes: 0, more: true, payload: datagram.subarray(34) };
    bench.send(buildIpv4Fragment({ ...ends4, ...head }));
    assert.deepEqual([bench.stateName(), bench.reasonName()], ['INVALID', 'invalid-fragment']);
    assert.equal(bench.table.count, 0);
  });
});

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
          3 < ${answer} id=3 | ${noQuery}`,
      );
    });
  }

  test('an answer without a query is INVALID, of every kind', () => {
    const bench = play(icmp, [0, 14, 16, 18].map((type) => `0 < ${type} | ${noQuery}`).join('\n'));
    assert.deepEqual([bench.table.count, bench.conntrack.stats.invalid], [0, 4]);
  });

  test('an answer of another kind does not fit the query', () => {
    play(icmp, `0 > 8 | NEW - 30 [NEW]\n 0 < 14 | ${noQuery}`);
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
      .map((type) => `0 > ${type} | ${errors.includes(type) ? unmatched : noQuery}`);
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
    play(icmp, `0 < 129 | ${noQuery}`, new Bench(), ends6);
  });

  test('router, neighbour and listener discovery and redirect are left UNTRACKED', () => {
    const types = [130, 131, 132, 133, 134, 135, 136, 137, 143];
    const lines = types.map((type) => `0 > ${type} | UNTRACKED`);
    const bench = play(icmp, lines.join('\n'), new Bench(), ends6);
    assert.deepEqual([bench.table.count, bench.conntrack.stats.invalid], [0, 0]);
  });

  test('errors without a connection, and messages nobody asked for', () => {
    const lines = [1, 2, 3, 4, 127].map((type) => `0 > ${type} | ${unmatched}`);
    const others = [138, 140, 142, 144, 200, 255].map((type) => `0 > ${type} | ${noQuery}`);
    play(icmp, [...lines, ...others].join('\n'), new Bench(), ends6);
  });

  test('neither ICMP inside IPv6 nor ICMPv6 inside IPv4 opens anything', () => {
    const wrong = new Bench();
    play(anyProtocol, `0 > 58 | ${noQuery}`, wrong, ends4);
    play(anyProtocol, `0 > 1 | ${unmatched}`, wrong, ends6);
    assert.equal(wrong.table.count, 0);
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

  test('GRE 30 s, SCTP 210 s', () => {
    play(anyProtocol, '0 > 47 | NEW - 30 [NEW]\n 0 > 132 | NEW - 210 [NEW]');
  });
});
