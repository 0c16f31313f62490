import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Status, shownSctpTag } from '../../src/conntrack/index.ts';
import { buildSctp, initChunk, type SctpChunk } from '../support/sctp.ts';
import { Bench, describeLast, ends4, ends6, play } from './script.ts';
import { sctp } from './sctp-script.ts';

const invalid = 'INVALID invalid-sctp';

/** A set-up association whose ends are addressed by 2 (client to server) and 1. */
const handshake = `
  0 > INIT init=1          | NEW CLOSED 10 [NEW]
  0 < INIT_ACK tag=1 init=2 | ESTABLISHED COOKIE_WAIT 3 [UPDATE]
  0 > COOKIE_ECHO+DATA tag=2 | ESTABLISHED COOKIE_ECHOED 3 [UPDATE]
  0 < COOKIE_ACK+SACK tag=1 | ESTABLISHED ESTABLISHED 210 [UPDATE]ASSURED`;

function established(): Bench {
  return play(sctp, handshake);
}

/** Sends one packet from the client and says what came out of it. */
function send(bench: Bench, chunks: readonly SctpChunk[], tag = 0, trailing?: Uint8Array): string {
  const packet = { ...ends4, sport: 40000, dport: 7, tag, chunks };
  bench.send(buildSctp(trailing === undefined ? packet : { ...packet, trailing }));
  return describeLast(bench);
}

describe('an association', () => {
  for (const [name, ends] of [
    ['IPv4', ends4],
    ['IPv6', ends6],
  ] as const) {
    test(`over ${name}: from INIT to SHUTDOWN COMPLETE`, () => {
      const closing = `
        9 > DATA tag=2              | ESTABLISHED ESTABLISHED 210
        9 < SACK tag=1              | ESTABLISHED ESTABLISHED 210
        9 > SHUTDOWN tag=2          | ESTABLISHED SHUTDOWN_SENT 3 [UPDATE]ASSURED
        9 < SHUTDOWN_ACK tag=1      | ESTABLISHED SHUTDOWN_ACK_SENT 3 [UPDATE]ASSURED
        9 > SHUTDOWN_COMPLETE tag=2 | ESTABLISHED CLOSED 10 [UPDATE]ASSURED`;
      play(sctp, handshake + closing, new Bench(), ends);
    });
  }

  test('closed from the server, whose SHUTDOWN makes SHUTDOWN_RECD', () => {
    play(
      sctp,
      `
        1 < SHUTDOWN tag=1            | ESTABLISHED SHUTDOWN_RECD 3 [UPDATE]ASSURED
        1 > SHUTDOWN_ACK tag=2        | ESTABLISHED SHUTDOWN_ACK_SENT 3 [UPDATE]ASSURED
        1 < SHUTDOWN_COMPLETE/T tag=2 | ESTABLISHED CLOSED 10 [UPDATE]ASSURED`,
      established(),
    );
  });

  test('ABORT with the own tag, and with T the tag of the other', () => {
    for (const [packet, outcome] of [
      ['> ABORT tag=2', 'CLOSED'],
      ['> ABORT/T tag=1', 'CLOSED'],
      ['< ABORT tag=1', 'CLOSED'],
      ['< ABORT/T tag=2', 'CLOSED'],
      ['> ABORT tag=1', invalid],
      ['> ABORT/T tag=2', invalid],
      ['< ABORT tag=2', invalid],
    ] as const) {
      const right = outcome === invalid ? invalid : 'ESTABLISHED CLOSED 10 [UPDATE]ASSURED';
      play(sctp, `1 ${packet} | ${right}`, established());
    }
  });

  test('packets with a foreign tag are INVALID and refresh nothing', () => {
    const bench = play(
      sctp,
      `
        50 > DATA tag=1        | ${invalid}
        50 < DATA tag=2        | ${invalid}
        50 > SACK tag=0        | ${invalid}
        50 > COOKIE_ECHO tag=1 | ${invalid}
        50 > SHUTDOWN tag=9    | ${invalid}
        60 > DATA tag=2        | ESTABLISHED ESTABLISHED 210`,
      established(),
    );
    assert.ok(bench.table.hasStatus(bench.conntrack.row, Status.Assured));
  });

  test('SHUTDOWN ACK is let pass with any tag: an end without an association sends it', () => {
    play(sctp, '1 > SHUTDOWN_ACK tag=99 | ESTABLISHED ESTABLISHED 210', established());
  });
});

test('tags are shown with their bytes turned, and read back so', () => {
  assert.equal(shownSctpTag(0x0a0b0c0d), 218_893_066);
  assert.equal(shownSctpTag(0x01020304), 67_305_985);
  for (const tag of [0, 1, -1, 0x80, 0x80000000 | 0, 0x12345678]) {
    assert.equal(shownSctpTag(shownSctpTag(tag)), tag >>> 0);
  }
});

describe('INIT', () => {
  test('sent again it keeps the entry, but does not lengthen its life or count', () => {
    const bench = play(
      sctp,
      `
        0 > INIT init=1 | NEW CLOSED 10 [NEW]
        4 > INIT init=1 | NEW CLOSED 6
        8 > INIT init=1 | NEW CLOSED 2`,
    );
    assert.equal(bench.table.packets(bench.conntrack.row, 0), 1);
    play(sctp, '10 > INIT init=1 | NEW CLOSED 10 [DESTROY] [NEW]', bench);
  });

  test('a tag beside it is INVALID, new or not', () => {
    play(sctp, `0 > INIT init=1 tag=1 | ${invalid}`);
    play(sctp, `1 > INIT init=1 tag=2 | ${invalid}`, established());
  });

  test('on a living association it may begin a new one, with new tags', () => {
    play(
      sctp,
      `
        1 > INIT init=11             | ESTABLISHED ESTABLISHED 210
        1 < INIT_ACK tag=11 init=12  | ESTABLISHED ESTABLISHED 210
        1 > COOKIE_ECHO tag=12       | ESTABLISHED ESTABLISHED 210
        1 < COOKIE_ACK tag=11        | ESTABLISHED ESTABLISHED 210
        1 > DATA tag=2               | ${invalid}
        1 > DATA tag=12              | ESTABLISHED ESTABLISHED 210`,
      established(),
    );
  });

  test('from both ends at once: an INIT ACK with another tag loses (scenario A)', () => {
    play(
      sctp,
      `
        0 > INIT init=1             | NEW CLOSED 10 [NEW]
        0 < INIT init=2             | ESTABLISHED CLOSED 10 [UPDATE]
        0 > INIT_ACK tag=2 init=1   | ESTABLISHED CLOSED 10
        0 < INIT_ACK tag=1 init=9   | ${invalid}
        0 < INIT_ACK tag=1 init=2   | ESTABLISHED COOKIE_WAIT 3 [UPDATE]`,
    );
  });

  test('after the handshake a late INIT ACK with another tag is INVALID (scenario B)', () => {
    play(
      sctp,
      `
        1 < INIT_ACK tag=1 init=77  | ${invalid}
        1 < INIT_ACK tag=1 init=2   | ESTABLISHED ESTABLISHED 210`,
      established(),
    );
  });

  test('with the known tag it is an old one and opens nothing; with a new one it does', () => {
    const late = `1 < INIT init=2 | ESTABLISHED ESTABLISHED 210\n`;
    play(sctp, `${late}1 > INIT_ACK tag=2 init=9 | ${invalid}`, established());
    const fresh = `1 < INIT init=3 | ESTABLISHED ESTABLISHED 210\n`;
    play(sctp, `${fresh}1 > INIT_ACK tag=3 init=9 | ESTABLISHED ESTABLISHED 210`, established());
  });

  test('both ends, the first again, then another tag: the collision lasts', () => {
    play(
      sctp,
      `
        0 > INIT init=1            | NEW CLOSED 10 [NEW]
        0 < INIT init=33           | ESTABLISHED CLOSED 10 [UPDATE]
        0 > INIT init=1            | ESTABLISHED CLOSED 10
        0 < INIT_ACK tag=1 init=22 | ${invalid}`,
    );
  });
});

describe('out of the blue', () => {
  test('what may not start anything', () => {
    const chunks = ['ABORT', 'ABORT/T', 'SHUTDOWN_COMPLETE', 'COOKIE_ACK', 'DATA', 'SACK', 'AUTH'];
    const more = ['RE_CONFIG', 'SHUTDOWN_ACK+DATA', 'SHUTDOWN_ACK+ABORT'];
    const lines = [...chunks, ...more].map((chunk) => `0 > ${chunk} tag=5 | ${invalid}`);
    const bench = play(sctp, lines.join('\n'));
    assert.deepEqual([bench.table.count, bench.conntrack.stats.invalid], [0, lines.length]);
  });

  test('chunks whose tag is checked against one that is not known yet', () => {
    for (const chunk of ['SHUTDOWN', 'ERROR', 'COOKIE_ECHO', 'INIT_ACK']) {
      play(sctp, `0 > ${chunk} tag=5 init=1 | ${invalid}`);
      play(sctp, `0 > ${chunk} tag=0 init=1 | NEW CLOSED 10 [NEW]`);
    }
  });

  test('SHUTDOWN ACK is answered by a SHUTDOWN COMPLETE that reflects its tag', () => {
    play(
      sctp,
      `
        0 > SHUTDOWN_ACK tag=5        | NEW SHUTDOWN_ACK_SENT 3 [NEW]
        0 < SHUTDOWN_COMPLETE tag=6   | ${invalid}
        0 < SHUTDOWN_COMPLETE tag=5   | ESTABLISHED CLOSED 10 [UPDATE]`,
    );
  });

  test('HEARTBEAT starts the second path of an association, its answer establishes it', () => {
    play(
      sctp,
      `
        0 > HEARTBEAT tag=5      | NEW HEARTBEAT_SENT 30 [NEW]
        1 < HEARTBEAT_ACK tag=6  | ESTABLISHED ESTABLISHED 210 [UPDATE]ASSURED
        2 > DATA tag=5           | ESTABLISHED ESTABLISHED 210
        2 < DATA tag=6           | ESTABLISHED ESTABLISHED 210
        2 < DATA tag=5           | ${invalid}`,
    );
  });

  test('HEARTBEAT ACK tells the tag of its own direction only', () => {
    play(
      sctp,
      `
        0 > HEARTBEAT_ACK tag=5 | NEW CLOSED 10 [NEW]
        0 < HEARTBEAT tag=9     | ESTABLISHED CLOSED 10 [UPDATE]
        0 < ERROR tag=9         | ESTABLISHED CLOSED 10`,
    );
  });
});

describe('heartbeats with another tag', () => {
  test('pass without effect; their answer from the other side sets the tags anew', () => {
    const bench = play(
      sctp,
      `
        10 > HEARTBEAT tag=22     | ESTABLISHED ESTABLISHED 200
        10 > DATA tag=22          | ${invalid}
        10 < HEARTBEAT_ACK tag=11 | ESTABLISHED ESTABLISHED 210
        10 > HEARTBEAT tag=22     | ESTABLISHED ESTABLISHED 210
        10 > DATA tag=22          | ESTABLISHED ESTABLISHED 210
        10 < DATA tag=11          | ESTABLISHED ESTABLISHED 210
        10 > DATA tag=2           | ${invalid}`,
      established(),
    );
    assert.equal(bench.table.packets(0, 0), 4, 'the stray one is not counted');
  });

  test('an answer nobody asked for, or from the asking side, is INVALID', () => {
    play(sctp, `1 < HEARTBEAT_ACK tag=11 | ${invalid}`, established());
    play(
      sctp,
      `
        1 > HEARTBEAT tag=22     | ESTABLISHED ESTABLISHED 209
        1 > HEARTBEAT_ACK tag=23 | ${invalid}
        1 > HEARTBEAT tag=2      | ESTABLISHED ESTABLISHED 210
        1 < HEARTBEAT_ACK tag=11 | ${invalid}`,
      established(),
    );
  });

  test('together with data, or twice in a packet, they are INVALID', () => {
    play(sctp, `1 > HEARTBEAT+DATA tag=22 | ${invalid}`, established());
    play(sctp, `1 > HEARTBEAT+HEARTBEAT tag=22 | ${invalid}`, established());
    play(sctp, `1 > HEARTBEAT+HEARTBEAT_ACK tag=22 | ${invalid}`, established());
  });
});

describe('chunks of a packet', () => {
  test('INIT, INIT ACK and SHUTDOWN COMPLETE stand alone, cookies stand first', () => {
    const bad = [
      '> INIT+DATA',
      '> DATA+INIT',
      '< INIT_ACK+DATA',
      '< SACK+INIT_ACK',
      '> SHUTDOWN_COMPLETE+SACK',
      '> SACK+SHUTDOWN_COMPLETE',
      '> DATA+COOKIE_ECHO',
      '< SACK+COOKIE_ACK',
    ];
    for (const packet of bad) {
      const tag = packet.includes('INIT+') || packet.endsWith('+INIT') ? 0 : 2;
      const own = packet.startsWith('<') ? 1 : tag;
      play(sctp, `1 ${packet} tag=${own} init=1 | ${invalid}`, established());
    }
  });

  test('none at all, one of length zero, lengths that lie', () => {
    const bench = new Bench();
    assert.equal(send(bench, []), invalid);
    assert.equal(send(bench, [], 0, Uint8Array.of(1, 0, 0)), invalid);
    assert.equal(send(bench, [{ ...initChunk(1, 1), length: 0 }]), invalid);
    // A chunk of 1 to 3 bytes takes four; one beyond the end of the packet is its last.
    assert.equal(
      send(bench, [{ type: 4, length: 3 }, { type: 4 }], 5),
      'NEW HEARTBEAT_SENT 30 [NEW]',
    );
    assert.equal(
      send(bench, [{ type: 4, length: 65_535 }, { type: 1 }], 5),
      'NEW HEARTBEAT_SENT 30',
    );
    // Cut-off headers behind the last chunk are nothing.
    const behind = Uint8Array.of(1, 0, 0);
    assert.equal(send(bench, [{ type: 4 }], 5, behind), 'NEW HEARTBEAT_SENT 30');
  });

  test('INIT and INIT ACK cut short before the end of their fixed part', () => {
    for (const length of [0, 4, 12]) {
      const body = initChunk(1, 1).body!.slice(0, length);
      assert.equal(send(new Bench(), [{ type: 1, body }]), invalid);
      assert.equal(send(established(), [{ type: 2, body }], 2), invalid);
    }
  });

  test('what the chunks before a bad one have changed stays changed', () => {
    play(
      sctp,
      `
        1 > SHUTDOWN+ABORT/T tag=2 | ${invalid}
        1 > DATA tag=2             | ESTABLISHED SHUTDOWN_SENT 3`,
      established(),
    );
  });
});
