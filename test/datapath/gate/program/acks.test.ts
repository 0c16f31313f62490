/**
 * Directions of which only bare acknowledgements pass (`FlowAction.Acks`): the way back of a
 * connection whose data the engine keeps to itself.
 */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import {
  BYTES_TO_COLLECT,
  FlowAction,
  FlowFlag,
  FlowWord,
  SIDE_WORDS,
  SideWord,
} from '../../../../src/datapath/gate/layout.ts';
import { buildTcp, buildUdp, type TcpOptions } from '../../../support/packets.ts';
import {
  ACKED,
  anotherStamp,
  back,
  connections,
  type Direction,
  isPunted,
  isTranslated,
  type Lab,
  machine,
  maxAckOf,
  narrow,
  OWN,
  passes,
  routed4,
  SENT,
  STAMP,
  sidesAt,
  sidesOf,
  skip,
  stampsOf,
  takeOver,
  timestamp,
  WINDOW,
} from './acks-lab.ts';
import { NOW_MS, OUR_MAC, Verdict } from './machine.ts';

after(() => {
  if (skip === false) machine.close();
});

for (const connection of connections) {
  for (const direction of [0, 1] as const) {
    const way = direction === 0 ? 'original' : 'reply';
    describe(`acknowledgements pass: ${connection.name}, ${way} direction`, { skip }, () => {
      let lab: Lab;
      beforeEach(() => {
        machine.reset();
        machine.hop(1);
        lab = takeOver(connection, direction);
      });

      test('without options, one after the other', () => {
        const first = lab.segment({ ack: ACKED + 1, ttl: 33 });
        const second = lab.segment({ ttl: 2 });
        isTranslated(lab, passes(first), 33);
        assert.equal(maxAckOf(lab), ACKED + 1);
        isTranslated(lab, passes(second), 2);
        assert.equal(maxAckOf(lab), SENT);
        const bytes = first.length + second.length - 28;
        assert.deepEqual(machine.counted(lab.at, direction), { packets: 2, bytes });
        const other = (1 - direction) as Direction;
        assert.deepEqual(machine.counted(lab.at, other), { packets: 0, bytes: 0 });
        assert.equal(machine.maps.flows.words[lab.at + FlowWord.LastSeenMs], NOW_MS);
        assert.deepEqual(stampsOf(lab), [0, 0]);
      });

      test('with a timestamp, which is noted', () => {
        isTranslated(lab, passes(lab.segment({ ack: ACKED + 1, options: timestamp })), 64);
        const wanted = direction === 0 ? [STAMP, 0] : [0, STAMP];
        assert.deepEqual(stampsOf(lab), wanted);
        passes(lab.segment({ options: anotherStamp }));
        assert.deepEqual(
          stampsOf(lab),
          wanted.map((stamp) => (stamp === 0 ? 0 : stamp + 1)),
        );
        assert.equal(maxAckOf(lab), SENT);
      });

      test('filled up to the shortest Ethernet frame: without what fills it up', () => {
        const bare = lab.segment();
        const left = passes(lab.segment({ padTo: 90 }));
        assert.equal(left.length, bare.length);
        isTranslated(lab, left, 64);
        const bytes = bare.length - 14;
        assert.deepEqual(machine.counted(lab.at, direction), { packets: 1, bytes });
      });

      const sack = [5, 10, 0, 0, 0x0f, 0xa0, 0, 0, 0x13, 0x88];
      const others: Record<string, Partial<TcpOptions>> = {
        'with data': { payload: 'x' },
        'with data and a timestamp': { payload: 'x', options: timestamp },
        'with data that is pushed': { payload: 'abc', flags: 'PA' },
        FIN: { flags: 'FA' },
        RST: { flags: 'R' },
        'RST with ACK': { flags: 'RA' },
        'SYN with ACK': { flags: 'SA' },
        SYN: { flags: 'S' },
        URG: { flags: 'UA' },
        'without ACK': { flags: 0 },
        'the acknowledgement once more': { ack: ACKED },
        'the acknowledgement once more, with a timestamp': { ack: ACKED, options: timestamp },
        'a window update': { ack: ACKED, window: 1000 },
        'an older acknowledgement': { ack: ACKED - 1 },
        'a keep-alive': { ack: ACKED, seq: OWN - 1 },
        'with SACK': { options: Uint8Array.of(1, 1, ...sack) },
        'with SACK behind a timestamp': { options: Uint8Array.of(...timestamp, 1, 1, ...sack) },
        'with a timestamp that stands elsewhere': {
          options: Uint8Array.of(...timestamp.subarray(2), 1, 1),
        },
        'with other options of that length': { options: new Uint8Array(12).fill(1) },
        'with an unknown option': { options: Uint8Array.of(254, 4, 0xf9, 0x89) },
        'with one hop to live': { ttl: 1 },
        'of what was never sent': { ack: SENT + 1 },
        'of what was never sent, with a timestamp': { ack: SENT + 1, options: timestamp },
        'beyond the window': { seq: OWN + WINDOW + 1, options: timestamp },
        'below the window': { seq: OWN - WINDOW - 1, options: timestamp },
      };
      for (const [name, changes] of Object.entries(others)) {
        test(`not those ${name}`, () => isPunted(lab, lab.segment(changes)));
      }

      test('not those that are longer than the way out takes', () => {
        const bytes = lab.segment({ options: timestamp }).length - 14;
        machine.hop(1, { mtu: bytes - 1 });
        isPunted(lab, lab.segment({ options: timestamp }));
        machine.hop(1, { mtu: bytes });
        passes(lab.segment({ options: timestamp }));
      });

      test('the other direction stays with the engine, whatever it sends', () => {
        const ends = direction === 0 ? back(connection.beyond) : connection.before;
        const from = { ...ends, dstMac: OUR_MAC, seq: SENT, ack: OWN };
        isPunted(lab, buildTcp({ ...from, payload: 'data' }));
        isPunted(lab, buildTcp(from));
      });
    });
  }
}

describe('bare acknowledgements', { skip }, () => {
  beforeEach(() => {
    machine.reset();
    machine.hop(1);
  });

  test('beyond the end of sequence numbers', () => {
    // What was acknowledged last is 0xffff_fff0.
    const lab = takeOver(routed4, 1, { base: 0xffff_fff0 - ACKED });
    isPunted(lab, lab.segment({ ack: 0xffff_ffef }));
    isPunted(lab, lab.segment({ ack: 0xffff_fff0 }));
    passes(lab.segment({ ack: 0x10 }));
    assert.equal(maxAckOf(lab), 0x10);
    isPunted(lab, lab.segment({ ack: 0xffff_fff8 }));
  });

  test('outside of the window: counted there, and one without a timestamp leaves the last', () => {
    const lab = takeOver(routed4, 0);
    passes(lab.segment({ ack: ACKED + 1, options: timestamp }));
    const before = machine.counters();
    isPunted(lab, lab.segment({ ack: SENT + 1, options: anotherStamp }));
    const now = machine.counters();
    assert.equal(now.outOfWindow! - before.outOfWindow!, 1);
    passes(lab.segment());
    assert.deepEqual(stampsOf(lab), [STAMP, 0]);
  });

  test('without options, and with data behind the datagram that is none: no stamp', () => {
    const lab = takeOver(routed4, 1);
    const frame = new Uint8Array(80).fill(0xee);
    frame.set(lab.segment());
    isTranslated(lab, passes(frame), 64);
    assert.deepEqual(stampsOf(lab), [0, 0]);
  });

  test('where segments outside of the windows pass: each once all the same', () => {
    const lab = takeOver(routed4, 0, { flags: 0 });
    passes(lab.segment({ ack: ACKED + 1, options: timestamp }));
    assert.equal(maxAckOf(lab), ACKED + 1);
    isPunted(lab, lab.segment({ ack: ACKED + 1, options: anotherStamp }));
    isPunted(lab, lab.segment({ ack: ACKED + 1, window: 1000 }));
    passes(lab.segment());
    isPunted(lab, lab.segment());
    assert.deepEqual(stampsOf(lab), [STAMP, 0]);
  });

  test('who spoke last', () => {
    const others = FlowFlag.CheckWindow | FlowFlag.OriginalNoSack | FlowFlag.ReplyNoSack;
    for (const direction of [0, 1] as const) {
      const spoke = direction === 0 ? 0 : FlowFlag.ReplySpokeLast;
      for (const before of [0, 1, 2, 3].map((n) => others | (n << 3))) {
        const lab = takeOver(routed4, direction, { flags: before });
        const flags = () => machine.maps.flows.words[lab.at + FlowWord.Meta]! >>> 24;
        isPunted(lab, lab.segment({ payload: 'x' }));
        assert.equal(flags(), before);
        passes(lab.segment());
        assert.equal(flags(), others | spoke);
        machine.reset();
        machine.hop(1);
      }
    }
  });

  test('what a window allows is learnt from them', () => {
    const lab = takeOver(routed4, 1);
    passes(lab.segment({ window: 65_535 }));
    const wanted = sidesOf(1);
    wanted[SIDE_WORDS + SideWord.MaxAck] = SENT;
    wanted[SIDE_WORDS + SideWord.MaxWindow] = 65_535;
    wanted[SideWord.MaxEnd] = SENT + 65_535;
    assert.deepEqual(sidesAt(lab), wanted);
  });

  test('with much to collect: to the engine', () => {
    const lab = takeOver(routed4, 0, { bytes: BYTES_TO_COLLECT | 0 });
    isPunted(lab, lab.segment());
  });

  test('of a side that nothing is known of: to the engine', () => {
    const lab = takeOver(routed4, 0);
    machine.maps.flows.words[lab.at + FlowWord.Sides + SideWord.MaxWindow] = 0;
    isPunted(lab, lab.segment({ options: timestamp }));
  });

  test('both directions at once: each has its stamp', () => {
    const acks = { action: FlowAction.Acks, hop: 1 };
    const sides = sidesOf(0);
    sides[SIDE_WORDS + SideWord.MaxAck] = OWN - 1;
    const at = machine.install({
      original: buildTcp(narrow),
      reply: buildTcp(back(narrow)),
      directions: [acks, acks],
      flags: FlowFlag.CheckWindow,
      sides,
    });
    const common = { dstMac: OUR_MAC };
    passes(buildTcp({ ...narrow, ...common, seq: OWN, ack: SENT, options: timestamp }));
    passes(buildTcp({ ...back(narrow), ...common, seq: SENT, ack: OWN, options: anotherStamp }));
    const stamps = machine.maps.flows.unsigned.slice(
      at + FlowWord.Stamps,
      at + FlowWord.Stamps + 2,
    );
    assert.deepEqual([...stamps], [STAMP, STAMP + 1]);
  });

  test('nothing is noted of those that are forwarded with their data', () => {
    const forward = { action: FlowAction.Forward, hop: 1 };
    const at = machine.install({
      original: buildTcp(narrow),
      reply: buildTcp(back(narrow)),
      directions: [forward, forward],
      flags: FlowFlag.CheckWindow,
      sides: sidesOf(0),
    });
    passes(buildTcp({ ...narrow, dstMac: OUR_MAC, seq: OWN, ack: SENT, options: timestamp }));
    assert.equal(machine.maps.flows.words[at + FlowWord.Stamps], 0);
  });

  test('of another protocol: to the engine', () => {
    const acks = { action: FlowAction.Acks, hop: 1 };
    const original = buildUdp({ ...narrow, dstMac: OUR_MAC });
    machine.install({
      original,
      reply: buildUdp(back(narrow)),
      directions: [acks, null],
    });
    assert.equal(machine.run('ingress', original).verdict, Verdict.Stolen);
    assert.equal(machine.records('known').length, 1);
  });
});
