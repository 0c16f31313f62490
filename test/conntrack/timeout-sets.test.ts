import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  defaultTimeouts,
  Template,
  type TimeoutOverrides,
  TimeoutSets,
} from '../../src/conntrack/index.ts';
import {
  buildIcmp,
  buildIp,
  buildTcp,
  buildUdp,
  loadPacket,
  udpSegment,
} from '../support/packets.ts';
import { buildSctp, initChunk } from '../support/sctp.ts';
import { Bench, ends4 } from './script.ts';

const back = { src: ends4.dst, dst: ends4.src };

function policy(protocol: number, seconds: Record<string, number>): TimeoutOverrides {
  return { name: 'p', family: 4, protocol, seconds: new Map(Object.entries(seconds)) };
}

/** Sends frames, the first under a policy, and says after each how long the connection has left. */
function lefts(overrides: TimeoutOverrides, frames: readonly Uint8Array[]): number[] {
  const bench = new Bench();
  const { conntrack } = bench;
  const template = new Template();
  template.timeoutSet = conntrack.timeouts.numberOf(overrides);
  return frames.map((frame, i) => {
    conntrack.track(loadPacket(frame), i === 0 ? template : new Template());
    const { row } = conntrack;
    if (!bench.isConfirmed(row)) assert.ok(conntrack.confirm(row));
    return bench.left(row);
  });
}

describe('a policy reaches the connection from its first packet to its last', () => {
  test('tcp: each state its own; what is not named is general', () => {
    const ends = { ...ends4, sport: 1000, dport: 80 };
    const reply = { ...back, sport: 80, dport: 1000 };
    const overrides = policy(6, { syn_sent: 5, established: 100, time_wait: 3, close: 1 });
    const frames = [
      buildTcp({ ...ends, flags: 'S' }),
      buildTcp({ ...reply, flags: 'SA' }),
      buildTcp({ ...ends, flags: 'A' }),
      buildTcp({ ...ends, flags: 'FA' }),
      buildTcp({ ...reply, flags: 'FA' }),
      buildTcp({ ...ends, flags: 'A' }),
    ];
    assert.deepEqual(lefts(overrides, frames), [5, 60, 100, 120, 30, 3]);
  });

  test('tcp: unacknowledged holds back a connection picked up in mid-stream', () => {
    const frame = buildTcp({ ...ends4, sport: 1, dport: 2, flags: 'A' });
    assert.deepEqual(lefts(policy(6, { unacknowledged: 7 }), [frame]), [7]);
  });

  test('udp: unreplied and replied', () => {
    const bench = new Bench();
    const template = new Template();
    template.timeoutSet = bench.conntrack.timeouts.numberOf(
      policy(17, { unreplied: 4, replied: 9 }),
    );
    const query = loadPacket(buildUdp({ ...ends4, sport: 1, dport: 2 }));
    bench.conntrack.track(query, template);
    const { row } = bench.conntrack;
    bench.conntrack.confirm(row);
    assert.equal(bench.left(row), 4);
    bench.at(3);
    bench.conntrack.track(loadPacket(buildUdp({ ...back, sport: 2, dport: 1 })));
    bench.conntrack.track(loadPacket(buildUdp({ ...ends4, sport: 1, dport: 2 })));
    assert.equal(bench.left(row), 9);
  });

  test('icmp and generic', () => {
    const echo = buildIcmp({ ...ends4, type: 8, code: 0, id: 1 });
    assert.deepEqual(lefts(policy(1, { timeout: 2 }), [echo]), [2]);
    const other = buildIp({ ...ends4 }, 99, new Uint8Array(8));
    assert.deepEqual(lefts(policy(255, { timeout: 8 }), [other]), [8]);
  });

  test('udplite is a policy of its own protocol, with the names of udp', () => {
    const segment = udpSegment({ ...ends4, sport: 1, dport: 2 });
    const answer = udpSegment({ ...back, sport: 2, dport: 1 });
    const frames = [
      buildIp(ends4, 136, segment),
      buildIp(back, 136, answer),
      buildIp(ends4, 136, segment),
    ];
    assert.deepEqual(lefts(policy(136, { unreplied: 4, replied: 9 }), frames), [4, 4, 9]);
  });

  test('gre: both at once, from the first packet', () => {
    const frames = [ends4, back, ends4].map((ends) => buildIp(ends, 47, Uint8Array.of(0, 0, 8, 0)));
    assert.deepEqual(lefts(policy(47, { unreplied: 3 }), frames), [3, 3, 180]);
    assert.deepEqual(lefts(policy(47, { replied: 7 }), frames), [30, 30, 7]);
  });

  test('sctp: each state its own; NONE lasts as CLOSED does', () => {
    const from = { ...ends4, sport: 1, dport: 7 };
    const to = { ...back, sport: 7, dport: 1 };
    const frames = [
      buildSctp({ ...from, chunks: [initChunk(1, 1)] }),
      buildSctp({ ...to, tag: 1, chunks: [initChunk(2, 2)] }),
      buildSctp({ ...from, tag: 2, chunks: [{ type: 10 }] }),
      buildSctp({ ...to, tag: 1, chunks: [{ type: 11 }] }),
      buildSctp({ ...from, tag: 2, chunks: [{ type: 7 }] }),
    ];
    const seconds = { closed: 11, cookie_wait: 12, established: 14, shutdown_sent: 15 };
    assert.deepEqual(lefts(policy(132, seconds), frames), [11, 12, 3, 14, 15]);
    const sets = new TimeoutSets(defaultTimeouts());
    assert.equal(sets.of(sets.numberOf(policy(132, seconds))).sctp[0], 11);
    assert.equal(sets.of(sets.numberOf(policy(6, { syn_sent: 9 }))).tcp[0], 9);
  });

  test('what a policy does not name is copied when it is made (nfct add timeout)', () => {
    const general = defaultTimeouts();
    const sets = new TimeoutSets(general);
    const number = sets.numberOf(policy(17, { unreplied: 4 }));
    general.udpStream = 7;
    assert.deepEqual([sets.of(number).udp, sets.of(number).udpStream], [4, 120]);
  });

  test('of another protocol it says nothing', () => {
    const frame = buildUdp({ ...ends4, sport: 1, dport: 2 });
    assert.deepEqual(lefts(policy(6, { established: 1 }), [frame]), [30]);
  });
});

describe('numbers', () => {
  test('the same policy, read again, has the same number; another one has another', () => {
    const sets = new TimeoutSets(defaultTimeouts());
    const first = sets.numberOf(policy(6, { established: 100 }));
    assert.equal(first, 1);
    for (let reload = 0; reload < 10; reload++) {
      assert.equal(sets.numberOf(policy(6, { established: 100 })), first);
    }
    assert.equal(sets.numberOf(policy(6, { established: 101 })), 2);
    assert.equal(sets.numberOf(policy(17, { unreplied: 100 })), 3);
    assert.equal(sets.of(first).tcp[3], 100);
    assert.equal(sets.of(0).tcp[3], 432_000);
  });
});
