/** What the TCP tracker leaves in the row: offers, counters, what commands write, translated numbers. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  Direction,
  defaultTimeouts,
  Field,
  Status,
  TcpState,
  TcpTimeout,
} from '../../src/conntrack/index.ts';
import { isAfter, isBefore, SideFlag } from '../../src/conntrack/tcp/words.ts';
import { buildTcp } from '../support/packets.ts';
import { Bench, ends4, play, tcp } from './script.ts';

const { Original, Reply } = Direction;
const handshake = `
  0 > S seq=100          | NEW SYN_SENT 120 [NEW]
  0 < SA seq=500 ack=101 | ESTABLISHED SYN_RECV 60 [UPDATE]
  0 > A seq=101 ack=501  | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`;

function sides(bench: Bench): readonly number[] {
  const { row, trackers } = bench.conntrack;
  const { tcp: tracker } = trackers;
  return [
    tracker.scale(row, Original),
    tracker.scale(row, Reply),
    tracker.flags(row, Original),
    tracker.flags(row, Reply),
  ];
}

/** Scales and flags after a SYN with these option bytes. */
function offerOf(...options: number[]): readonly number[] {
  const bench = new Bench();
  const frame = buildTcp({
    ...ends4,
    sport: 40000,
    dport: 21,
    flags: 'S',
    seq: 100,
    options: Uint8Array.from(options),
  });
  bench.send(frame);
  const [scale, , flags] = sides(bench);
  return [scale!, flags!];
}

describe('what a SYN offers', () => {
  const { WindowScale, SackPermitted } = SideFlag;

  test('nothing, each, and both among others', () => {
    assert.deepEqual(offerOf(), [0, 0]);
    assert.deepEqual(offerOf(2, 4, 5, 0xb4), [0, 0]);
    assert.deepEqual(offerOf(3, 3, 7, 1), [7, WindowScale]);
    assert.deepEqual(offerOf(4, 2, 1, 1), [0, SackPermitted]);
    const others = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 9];
    assert.deepEqual(offerOf(...others), [9, WindowScale | SackPermitted]);
  });

  test('a scale above 14 is 14, and of two the last counts', () => {
    assert.deepEqual(offerOf(3, 3, 15, 1), [14, WindowScale]);
    assert.deepEqual(offerOf(3, 3, 255, 1), [14, WindowScale]);
    assert.deepEqual(offerOf(3, 3, 2, 3, 3, 5, 1, 1), [5, WindowScale]);
  });

  test('of the wrong length it does not count', () => {
    assert.deepEqual(offerOf(3, 4, 7, 7), [0, 0]);
    assert.deepEqual(offerOf(4, 3, 0, 1), [0, 0]);
  });

  test('behind damage or the end of the list nothing counts, before it all does', () => {
    assert.deepEqual(offerOf(0, 3, 3, 7), [0, 0]);
    for (const length of [0, 1, 40])
      assert.deepEqual(offerOf(4, 2, 8, length, 3, 3, 7, 1), [0, SackPermitted]);
    assert.deepEqual(offerOf(4, 2, 1, 3), [0, SackPermitted]);
    assert.deepEqual(offerOf(4, 2, 3, 3), [0, SackPermitted]);
  });
});

describe('SACK blocks', () => {
  /** What becomes of an acknowledgement of 501 with these options, of data up to 1501. */
  function fate(...options: number[]): string {
    const bench = play(
      tcp,
      `0 > S seq=100 sackperm          | NEW SYN_SENT 120 [NEW]
       0 < SA seq=500 ack=101 sackperm | ESTABLISHED SYN_RECV 60 [UPDATE]
       0 > A seq=101 ack=501           | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
       0 < PA seq=501 ack=101 len=1000 | ESTABLISHED ESTABLISHED 300`,
    );
    const numbers = { sport: 50940, dport: 21, seq: 101, ack: 501 };
    bench.send(buildTcp({ ...ends4, ...numbers, options: Uint8Array.from(options) }));
    return bench.stateName();
  }
  const sent = [0, 0, 5, 0xdd];
  const unsent = [0, 0, 5, 0xde];
  const left = [0, 0, 2, 0];

  test('the highest right edge of them all counts', () => {
    assert.equal(fate(5, 10, ...left, ...sent), 'ESTABLISHED');
    assert.equal(fate(5, 10, ...left, ...unsent), 'INVALID');
    assert.equal(fate(5, 18, ...left, ...sent, ...left, ...unsent), 'INVALID');
    assert.equal(fate(5, 18, ...left, ...unsent, ...left, ...sent), 'INVALID');
    assert.equal(fate(1, 5, 10, ...left, ...unsent, 1), 'INVALID');
  });

  test('in pieces, damaged or behind the end they are passed over', () => {
    assert.equal(fate(5, 9, ...left, ...unsent), 'ESTABLISHED');
    assert.equal(fate(5, 2, 1, 1), 'ESTABLISHED');
    assert.equal(fate(5, 40, ...left, ...unsent), 'ESTABLISHED');
    assert.equal(fate(5, 1, ...left, ...unsent), 'ESTABLISHED');
    assert.equal(fate(0, 5, 10, ...left, ...unsent), 'ESTABLISHED');
    assert.equal(fate(8, 10, 5, 10, ...left, ...unsent), 'ESTABLISHED');
  });
});

describe('the row of a TCP connection', () => {
  test('what is let pass is not counted, and does not refresh; INVALID neither', () => {
    const bench = play(
      tcp,
      `${handshake}
        9 < SA seq=500 ack=101         | ESTABLISHED ESTABLISHED 431991
        9 > S seq=700000               | ESTABLISHED ESTABLISHED 431991
        9 > PA seq=65637 ack=501 len=9 | ESTABLISHED ESTABLISHED 431991
        9 > PA seq=900000 ack=501      | INVALID invalid-tcp-seq-over
        9 < SA seq=500 ack=101         | ESTABLISHED ESTABLISHED 431991`,
    );
    const { row } = bench.conntrack;
    assert.deepEqual([bench.table.packets(row, Original), bench.table.packets(row, Reply)], [2, 1]);
  });

  test('out of its window a goodbye of both ends leaves 300 s, unless the timeout is fixed', () => {
    const goodbye = `
      5 > FA seq=900000 ack=501 | INVALID invalid-tcp-seq-over
      6 < RA seq=900000 ack=101 | INVALID invalid-tcp-seq-over`;
    const late = '6 < SA seq=500 ack=101 | ESTABLISHED ESTABLISHED';
    play(tcp, `${handshake} ${goodbye}\n ${late} 300`);
    play(tcp, `${handshake} ${goodbye.split('\n').slice(0, 2).join('\n')}\n ${late} 431994`);
    const bench = play(tcp, handshake);
    bench.table.addStatus(bench.conntrack.row, Status.FixedTimeout);
    play(tcp, `${goodbye}\n ${late} 431994`, bench);
  });

  test('a goodbye leaves alone what has less than two minutes, or less than the 300 s', () => {
    for (const [sec, unacknowledged, left] of [
      [431_800, 300, 200],
      [431_900, 50, 100],
    ] as const) {
      const timeouts = defaultTimeouts();
      timeouts.tcp[TcpTimeout.Unacknowledged] = unacknowledged;
      play(
        tcp,
        `${handshake}
          ${sec} > FA seq=900000 ack=501 | INVALID invalid-tcp-seq-over
          ${sec} < FA seq=900000 ack=101 | INVALID invalid-tcp-seq-over
          ${sec} < SA seq=500 ack=101    | ESTABLISHED ESTABLISHED ${left}`,
        new Bench({ timeouts }),
      );
    }
  });

  test('an end that is believed anyway is so after a new SYN/ACK, too', () => {
    const bench = play(
      tcp,
      `0 > PA seq=5000 ack=90000 len=10         | NEW ESTABLISHED 300 [NEW]
       0 < A seq=90000 ack=5010                 | ESTABLISHED ESTABLISHED 300 [UPDATE]
       0 > S seq=700000                         | ESTABLISHED ESTABLISHED 300
       0 < SA seq=4000000 ack=700001 sackperm   | ESTABLISHED SYN_RECV 60 [UPDATE]`,
    );
    const believed = SideFlag.BeLiberal | SideFlag.SackPermitted | SideFlag.AckKnown;
    assert.deepEqual(sides(bench), [0, 0, 0, believed]);
  });

  test('at half the number space one number is before and after the other', () => {
    const half = 0x80000000 | 0;
    assert.deepEqual([isBefore(half, 0), isAfter(half, 0)], [true, true]);
    assert.deepEqual([isBefore(half + 1, 0), isAfter(half + 1, 0)], [true, false]);
    assert.deepEqual([isBefore(half - 1, 0), isAfter(half - 1, 0)], [false, true]);
    assert.deepEqual([isBefore(7, 7), isAfter(7, 7)], [false, false]);
  });

  test('the count of retransmissions has eight bits', () => {
    const again = '0 > A seq=101 ack=501 | ESTABLISHED ESTABLISHED';
    const short = `${again} 300\n`.repeat(253);
    play(tcp, `${handshake}\n${again} 432000\n${again} 432000\n${short}${again} 432000`);
  });

  test('max_retrans is read as it is', () => {
    const again = '0 > A seq=101 ack=501 | ESTABLISHED ESTABLISHED';
    play(tcp, `${handshake}\n${again} 300`, new Bench({ tcpMaxRetrans: 1 }));
  });

  test('an entry made by command has no windows: each side begins with its next segment', () => {
    const bench = play(tcp, '0 > S seq=5 | NEW SYN_SENT 120 [NEW]');
    const { row, trackers } = bench.conntrack;
    for (let word = Field.Track; word < Field.Track + 14; word++) bench.table.set(row, word, 0);
    trackers.tcp.setState(row, TcpState.Established);
    bench.table.addStatus(row, Status.SeenReply | Status.Assured);
    play(
      tcp,
      `0 > PA seq=5000 ack=90000 len=10 win=100 | ESTABLISHED ESTABLISHED 432000
       0 < A seq=90000 ack=5010 win=1000        | ESTABLISHED ESTABLISHED 432000
       0 > PA seq=700000 ack=90000              | INVALID invalid-tcp-seq-over
       0 > PA seq=5010 ack=90000 len=10         | ESTABLISHED ESTABLISHED 300`,
      bench,
    );
  });

  test('flags and scales by command: only what the mask names, scales where both have the flag', () => {
    const bench = play(tcp, '0 > S seq=5 | NEW SYN_SENT 120 [NEW]');
    const { row, trackers } = bench.conntrack;
    const both = SideFlag.SackPermitted | SideFlag.BeLiberal;
    trackers.tcp.setFlags(row, Original, 0xff, both);
    trackers.tcp.setFlags(row, Reply, SideFlag.WindowScale, 0xff);
    trackers.tcp.setScales(row, 3, 4);
    assert.deepEqual(sides(bench), [0, 0, both, SideFlag.WindowScale]);
    trackers.tcp.setFlags(row, Original, SideFlag.WindowScale, SideFlag.WindowScale);
    trackers.tcp.setFlags(row, Original, 0, SideFlag.BeLiberal);
    trackers.tcp.setScales(row, 3, 4);
    const left = SideFlag.SackPermitted | SideFlag.WindowScale;
    assert.deepEqual(sides(bench), [3, 4, left, SideFlag.WindowScale]);
  });

  test('acknowledgements and SACK edges are taken back to the numbers of the other end', () => {
    const bench = play(
      tcp,
      `0 > S seq=100 sackperm                | NEW SYN_SENT 120 [NEW]
       0 < SA seq=500 ack=101 sackperm       | ESTABLISHED SYN_RECV 60 [UPDATE]
       0 > A seq=101 ack=501                 | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
       0 > PA seq=101 ack=501 len=20         | ESTABLISHED ESTABLISHED 300`,
    );
    // Its twenty bytes went on as twenty-five.
    bench.conntrack.trackers.tcp.offsets = {
      ackOffset: (_row, direction, ack) => (direction === Reply && ack > 101 ? 5 : 0),
    };
    play(
      tcp,
      `0 < A seq=501 ack=127                 | INVALID invalid-tcp-ack-over
       0 < A seq=501 ack=101 sack=127        | INVALID invalid-tcp-ack-over
       0 < A seq=501 ack=101 sack=126        | ESTABLISHED ESTABLISHED 300
       0 < A seq=501 ack=126                 | ESTABLISHED ESTABLISHED 432000
       0 < R seq=501 ack=0                   | ESTABLISHED CLOSE 10 [UPDATE]ASSURED`,
      bench,
    );
  });
});
