import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  Direction,
  defaultTimeouts,
  TcpState,
  TcpTimeout,
  tcpStateNames,
} from '../../src/conntrack/index.ts';
import {
  TcpIndex,
  tcpFlagsValid,
  tcpIndex,
  tcpTransition,
} from '../../src/conntrack/tcp/states.ts';
import { tcpFlagBits } from '../support/packets.ts';

// New state by current state NO,SS,SR,ES,FW,CW,LA,TW,CL,S2, as read in nf_conntrack_proto_tcp.c
// (Linux 6.12). "CL x9" is nine times CL.
const reference = `
original: SYN SS,SS,IG,IG,IG,IG,IG,SS,SS,S2 | SYNACK IV,IV,SR,IV,IV,IV,IV,IV,IV,SR | FIN IV,IV,FW,FW,LA,LA,LA,TW,CL,IV | ACK ES,IV,ES,ES,CW,CW,TW,TW,CL,IV | RST IV,CL x9 | none IV x10
reply: SYN IV,S2,IV,IV,IV,IV,IV,SS,IV,S2 | SYNACK IV,SR,IG,IG,IG,IG,IG,IG,IG,SR | FIN IV,IV,FW,FW,LA,LA,LA,TW,CL,IV | ACK IV,IG,SR,ES,CW,CW,TW,TW,CL,IG | RST IV,CL x9 | none IV x10`;

const shortNames = ['NO', 'SS', 'SR', 'ES', 'FW', 'CW', 'LA', 'TW', 'CL', 'S2', 'IV', 'IG'];
const kinds = ['SYN', 'SYNACK', 'FIN', 'ACK', 'RST', 'none'];

/** `IV,CL x9` as ten names. */
function expand(cells: string): string[] {
  return cells.split(',').flatMap((cell) => {
    const [name, times] = cell.split(' x');
    return new Array<string>(Number(times ?? 1)).fill(name!);
  });
}

/** A line `original: SYN SS,… | SYNACK …` as rows of names, by kind of segment. */
function parseLine(line: string): Map<string, string[]> {
  const rows = line.slice(line.indexOf(':') + 1).split('|');
  return new Map(
    rows.map((row) => {
      const [kind, ...cells] = row.trim().split(' ');
      return [kind!, expand(cells.join(' '))];
    }),
  );
}

const [originalLine, replyLine] = reference.trim().split('\n');
const directions = [
  ['original', Direction.Original, parseLine(originalLine!)],
  ['reply', Direction.Reply, parseLine(replyLine!)],
] as const;

describe('the TCP transition table', () => {
  test('all 120 cells are those of the reference', () => {
    let cells = 0;
    for (const [name, direction, rows] of directions) {
      for (const [index, kind] of kinds.entries()) {
        const expected = rows.get(kind)!;
        assert.equal(expected.length, 10, `${name} ${kind}: ten states`);
        const actual = expected.map(
          (_, state) => shortNames[tcpTransition(direction, index, state)],
        );
        assert.deepEqual(actual, expected, `${name} ${kind}`);
        cells += actual.length;
      }
    }
    assert.equal(cells, 120);
  });

  test('states and kinds are numbered as the table is laid out', () => {
    assert.deepEqual(Object.values(TcpIndex), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(Object.values(TcpState), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert.equal(tcpStateNames.length, 10);
    assert.equal(tcpStateNames[TcpState.TimeWait], 'TIME_WAIT');
  });
});

describe('TCP flags', () => {
  test('the valid sets, for all 256 values', () => {
    const honest = ['S', 'SU', 'SA', 'R', 'RA', 'FA', 'FAU', 'A', 'AU'].map(tcpFlagBits);
    const aside = tcpFlagBits('PEC');
    for (let flags = 0; flags < 256; flags++) {
      assert.equal(tcpFlagsValid(flags), honest.includes(flags & ~aside), `flags ${flags}`);
    }
  });

  test('the kind of segment: RST before SYN before FIN before ACK, for all 256 values', () => {
    for (let flags = 0; flags < 256; flags++) {
      const has = (letter: string) => (flags & tcpFlagBits(letter)) !== 0;
      let expected: number = TcpIndex.None;
      if (has('A')) expected = TcpIndex.Ack;
      if (has('F')) expected = TcpIndex.Fin;
      if (has('S')) expected = has('A') ? TcpIndex.SynAck : TcpIndex.Syn;
      if (has('R')) expected = TcpIndex.Rst;
      assert.equal(tcpIndex(flags), expected, `flags ${flags}`);
    }
  });
});

describe('default timeouts', () => {
  test('are those of Linux, in seconds', () => {
    const t = defaultTimeouts();
    const byState = Object.fromEntries(tcpStateNames.map((name, state) => [name, t.tcp[state]]));
    assert.deepEqual(byState, {
      NONE: 120,
      SYN_SENT: 120,
      SYN_RECV: 60,
      ESTABLISHED: 432000,
      FIN_WAIT: 120,
      CLOSE_WAIT: 60,
      LAST_ACK: 30,
      TIME_WAIT: 120,
      CLOSE: 10,
      SYN_SENT2: 120,
    });
    assert.deepEqual(
      [
        t.tcp[TcpTimeout.Unacknowledged],
        t.udp,
        t.udpStream,
        t.icmp,
        t.icmpv6,
        t.generic,
        t.expectation,
      ],
      [300, 30, 120, 30, 30, 600, 300],
    );
  });

  test('are a fresh copy for each caller', () => {
    defaultTimeouts().tcp[TcpState.Established] = 1;
    assert.equal(defaultTimeouts().tcp[TcpState.Established], 432000);
  });
});
