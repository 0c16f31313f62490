import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Direction, Status } from '../../src/conntrack/index.ts';
import { Bench, ends4, ends6, play, tcp } from './script.ts';

const handshake = `
  0 > S   | NEW SYN_SENT 120 [NEW]
  0 < SA  | ESTABLISHED SYN_RECV 60 [UPDATE]
  0 > A   | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`;

const closedByClient = `
  5 > FA  | ESTABLISHED FIN_WAIT 120 [UPDATE]ASSURED
  5 < A   | ESTABLISHED CLOSE_WAIT 60 [UPDATE]ASSURED
  6 < FA  | ESTABLISHED LAST_ACK 30 [UPDATE]ASSURED
  6 > A   | ESTABLISHED TIME_WAIT 120 [UPDATE]ASSURED`;

const refused = 'INVALID invalid-tcp-new';

/** Scripts over IPv4 with the default settings, each on a fresh tracker. */
const scripts: readonly (readonly [string, string])[] = [
  [
    'data both ways say nothing, and keep the five days where they are acknowledged',
    `${handshake}
      10 > PA seq=0 ack=0 len=100     | ESTABLISHED ESTABLISHED 300
      20 < A seq=0 ack=100            | ESTABLISHED ESTABLISHED 432000
      400 < PA seq=0 ack=100 len=1460 | ESTABLISHED ESTABLISHED 300
      401 > A seq=100 ack=1460        | ESTABLISHED ESTABLISHED 432000
      402 < AU seq=1460 ack=100 len=1 | ESTABLISHED ESTABLISHED 300`,
  ],
  ['orderly close by the client', `${handshake} ${closedByClient}`],
  [
    'orderly close by the server',
    `${handshake}
      5 < FA | ESTABLISHED FIN_WAIT 120 [UPDATE]ASSURED
      5 > A  | ESTABLISHED CLOSE_WAIT 60 [UPDATE]ASSURED
      5 > PA | ESTABLISHED CLOSE_WAIT 60
      6 > FA | ESTABLISHED LAST_ACK 30 [UPDATE]ASSURED
      6 < A  | ESTABLISHED TIME_WAIT 120 [UPDATE]ASSURED`,
  ],
  [
    'close in three segments, and the last two again',
    `${handshake}
      5 > FA | ESTABLISHED FIN_WAIT 120 [UPDATE]ASSURED
      5 < FA | ESTABLISHED LAST_ACK 30 [UPDATE]ASSURED
      5 > A  | ESTABLISHED TIME_WAIT 120 [UPDATE]ASSURED
      7 < FA | ESTABLISHED TIME_WAIT 120
      7 > A  | ESTABLISHED TIME_WAIT 120`,
  ],
  [
    'simultaneous open',
    `
      0 > S  | NEW SYN_SENT 120 [NEW]
      0 < S  | ESTABLISHED SYN_SENT2 120 [UPDATE]
      0 > SA | ESTABLISHED SYN_RECV 60 [UPDATE]
      1 < SA | ESTABLISHED SYN_RECV 59
      1 > A  | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
  [
    'reset by the client',
    `${handshake}
      5 > R  | ESTABLISHED CLOSE 10 [UPDATE]ASSURED
      7 < PA | ESTABLISHED CLOSE 10
      8 > R  | ESTABLISHED CLOSE 10`,
  ],
  [
    'reset by the server',
    `${handshake}
      5 < RA | ESTABLISHED CLOSE 10 [UPDATE]ASSURED
      9 > PA | ESTABLISHED CLOSE 10`,
  ],
  [
    'reset during the handshake, after an answer: remembered for 10 s',
    `
      0 > S  | NEW SYN_SENT 120 [NEW]
      0 < SA | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > R  | ESTABLISHED CLOSE 10 [UPDATE]`,
  ],
  [
    'a lone reset to a SYN deletes the connection',
    `
      0 > S  | NEW SYN_SENT 120 [NEW]
      0 < RA | ESTABLISHED CLOSE 0
      0 > S  | NEW SYN_SENT 120 [DESTROY] [NEW]
      1 > R  | NEW CLOSE 0
      1 < SA | INVALID invalid-tcp-new [DESTROY]`,
  ],
  [
    'a retransmitted SYN does not refresh, however often it comes',
    `
      0 > S   | NEW SYN_SENT 120 [NEW]
      1 > S   | NEW SYN_SENT 119
      3 > S   | NEW SYN_SENT 117
      119 > S | NEW SYN_SENT 1
      120 > S | NEW SYN_SENT 120 [DESTROY] [NEW]`,
  ],
  [
    'a SYN reopens TIME_WAIT, from the client',
    `${handshake} ${closedByClient}
      9 > S  | NEW SYN_SENT 120 [DESTROY] [NEW]
      9 < SA | ESTABLISHED SYN_RECV 60 [UPDATE]`,
  ],
  [
    'a SYN reopens TIME_WAIT, from the server, which is the client then',
    `${handshake} ${closedByClient}
      9 < S  | NEW SYN_SENT 120 [DESTROY] [NEW]
      9 > SA | ESTABLISHED SYN_RECV 60 [UPDATE]
      9 < A  | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
  [
    'a SYN reopens CLOSE after a reset from its own side',
    `${handshake}
      5 > R  | ESTABLISHED CLOSE 10 [UPDATE]ASSURED
      6 > S  | NEW SYN_SENT 120 [DESTROY] [NEW]`,
  ],
  [
    'a SYN reopens CLOSE after a FIN and a reset from the other side',
    `${handshake}
      5 > FA | ESTABLISHED FIN_WAIT 120 [UPDATE]ASSURED
      5 < R  | ESTABLISHED CLOSE 10 [UPDATE]ASSURED
      6 > S  | NEW SYN_SENT 120 [DESTROY] [NEW]`,
  ],
  [
    'a SYN after a bare reset from the other side is let pass and changes nothing',
    `${handshake}
      5 < R  | ESTABLISHED CLOSE 10 [UPDATE]ASSURED
      6 > S  | ESTABLISHED CLOSE 9
      7 > S  | ESTABLISHED CLOSE 8`,
  ],
  [
    'a SYN/ACK that answers an ignored SYN brings the connection back into step',
    `${handshake}
      5 < R                    | ESTABLISHED CLOSE 10 [UPDATE]ASSURED
      6 > S seq=4294967295     | ESTABLISHED CLOSE 9
      6 < SA seq=7000 ack=0    | ESTABLISHED SYN_RECV 60 [UPDATE]ASSURED
      6 > A                    | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
  [
    'a SYN on ESTABLISHED is ignored, and so is a SYN/ACK that does not answer it',
    `${handshake}
      5 > S seq=100           | ESTABLISHED ESTABLISHED 431995
      6 < SA ack=100          | ESTABLISHED ESTABLISHED 431994
      7 < A                   | ESTABLISHED ESTABLISHED 432000`,
  ],
  [
    'a client that has forgotten the connection may open it anew through ESTABLISHED',
    `${handshake}
      5 > S seq=100           | ESTABLISHED ESTABLISHED 431995
      5 < SA ack=101          | ESTABLISHED SYN_RECV 60 [UPDATE]ASSURED
      5 > A                   | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
  [
    'opened anew, it has forgotten the close of before',
    `${handshake}
      5 > FA         | ESTABLISHED FIN_WAIT 120 [UPDATE]ASSURED
      5 > S seq=100  | ESTABLISHED FIN_WAIT 120
      5 < SA ack=101 | ESTABLISHED SYN_RECV 60 [UPDATE]ASSURED
      5 > A          | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      6 < R          | ESTABLISHED CLOSE 10 [UPDATE]ASSURED
      7 > S          | ESTABLISHED CLOSE 9`,
  ],
  [
    'a SYN/ACK from the side that sent the ignored SYN is no answer to it',
    `${handshake}
      5 > S seq=100           | ESTABLISHED ESTABLISHED 431995
      5 > SA ack=101          | INVALID invalid-tcp-state`,
  ],
  [
    'a challenge ACK to a SYN is ignored; the reset and the next SYN work (RFC 5961)',
    `
      0 > S | NEW SYN_SENT 120 [NEW]
      1 < A | ESTABLISHED SYN_SENT 119 [UPDATE]
      1 > R | ESTABLISHED CLOSE 10 [UPDATE]
      2 > S | NEW SYN_SENT 120 [DESTROY] [NEW]`,
  ],
  [
    'picked up in mid-stream: 300 s until it is answered',
    `
      0 > PA   | NEW ESTABLISHED 300 [NEW]
      200 > PA | NEW ESTABLISHED 300
      210 < PA | ESTABLISHED ESTABLISHED 300 [UPDATE]
      220 > A  | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
  [
    'picked up in mid-stream from the side of the server',
    `
      0 < PA | NEW ESTABLISHED 300 [NEW]
      1 > A  | ESTABLISHED ESTABLISHED 300 [UPDATE]
      2 < PA | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
  [
    'picked up, and the only answer is a reset: deleted',
    `
      0 > PA | NEW ESTABLISHED 300 [NEW]
      1 < R  | ESTABLISHED CLOSE 0
      1 < PA | NEW ESTABLISHED 300 [DESTROY] [NEW]`,
  ],
  [
    'nothing but a SYN or an ACK starts a connection',
    `
      0 < SA | ${refused}
      0 > SA | ${refused}
      0 > FA | ${refused}
      0 > R  | ${refused}
      0 > RA | ${refused}`,
  ],
  [
    'flags that no honest segment has, new or within a connection',
    `
      0 > SF  | INVALID invalid-tcp-flags
      0 > -   | INVALID invalid-tcp-flags
      0 > FPU | INVALID invalid-tcp-flags
      ${handshake}
      1 > SR  | INVALID invalid-tcp-flags
      1 < F   | INVALID invalid-tcp-flags
      1 > A   | ESTABLISHED ESTABLISHED 432000`,
  ],
  [
    'PSH, ECE and CWR are set aside',
    `
      0 > SEC  | NEW SYN_SENT 120 [NEW]
      0 < SAE  | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > APEC | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
  [
    'a segment that does not fit the state is INVALID and leaves it alone',
    `
      0 > S  | NEW SYN_SENT 120 [NEW]
      1 > A  | INVALID invalid-tcp-state
      1 < FA | INVALID invalid-tcp-state
      2 < SA | ESTABLISHED SYN_RECV 60 [UPDATE]
      3 < S  | INVALID invalid-tcp-state
      4 > A  | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
];

describe('TCP', () => {
  for (const [name, ends] of [
    ['IPv4', ends4],
    ['IPv6', ends6],
  ] as const) {
    test(`handshake, data and close over ${name}`, () => {
      play(tcp, `${handshake} ${closedByClient}`, new Bench(), ends);
    });
  }

  for (const [name, script] of scripts) {
    test(name, () => {
      play(tcp, script);
    });
  }

  test('not loose: a connection starts with a SYN or not at all', () => {
    const bench = play(
      tcp,
      `
        0 > PA  | ${refused}
        0 < A   | ${refused}
        0 < SA  | ${refused}
        ${handshake}
        1 < PA  | ESTABLISHED ESTABLISHED 432000`,
      new Bench({ tcpLoose: false }),
    );
    assert.deepEqual([bench.table.count, bench.conntrack.stats.invalid], [1, 3]);
  });

  test('after a lone reset the sweep, too, removes the connection', () => {
    const bench = play(tcp, '0 > S | NEW SYN_SENT 120 [NEW]\n 0 < R | ESTABLISHED CLOSE 0');
    assert.equal(bench.conntrack.sweep(64), 1);
    assert.deepEqual(bench.takeEvents(), ['[DESTROY]']);
    assert.equal(bench.table.count, 0);
  });

  test('the direction of each packet, whoever opened the connection', () => {
    const bench = play(tcp, handshake);
    play(tcp, '1 > A | ESTABLISHED ESTABLISHED 432000', bench);
    assert.equal(bench.conntrack.direction, Direction.Original);
    play(tcp, '1 < A | ESTABLISHED ESTABLISHED 432000', bench);
    assert.equal(bench.conntrack.direction, Direction.Reply);
  });

  test('ASSURED stays through the close; SEEN_REPLY from the first answer on', () => {
    const bench = play(tcp, '0 > S | NEW SYN_SENT 120 [NEW]');
    const { row } = bench.conntrack;
    assert.equal(bench.table.hasStatus(row, Status.SeenReply), false);
    play(tcp, '0 < SA | ESTABLISHED SYN_RECV 60 [UPDATE]', bench);
    assert.ok(bench.table.hasStatus(row, Status.SeenReply));
    assert.equal(bench.table.hasStatus(row, Status.Assured), false);
    play(tcp, `0 > A | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED ${closedByClient}`, bench);
    assert.ok(bench.table.hasStatus(row, Status.Assured));
  });

  test('connections that differ in one port are two', () => {
    const bench = play(
      tcp,
      `${handshake}
      1 > S sport=50941  | NEW SYN_SENT 120 [NEW]
      1 < SA sport=50941 | ESTABLISHED SYN_RECV 60 [UPDATE]
      1 < PA             | ESTABLISHED ESTABLISHED 432000`,
    );
    assert.equal(bench.table.count, 2);
  });
});
