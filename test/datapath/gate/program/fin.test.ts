/** FINs that pass without the engine, and those that come to it. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { Spoke } from '../../../../src/conntrack/index.ts';
import {
  BYTES_TO_COLLECT,
  Closing,
  FlowAction,
  FlowFlag,
  FlowWord,
  SideWord,
} from '../../../../src/datapath/gate/layout.ts';
import type { TcpOptions } from '../../../support/packets.ts';
import {
  connections,
  isPunted,
  isTranslated,
  machine,
  passes,
  routed4,
  skip,
  timestamp,
} from './acks-lab.ts';
import {
  begin,
  closingOf,
  flagsOf,
  fresh,
  lastEndOf,
  other,
  SENT,
  sideWord,
  spoken,
  type Talk,
  type TalkOptions,
  WINDOW,
} from './fin-lab.ts';
import { NOW_MS, Verdict } from './machine.ts';

const FIN = { flags: 'FA' };
const directions = [0, 1] as const;

after(() => {
  if (skip === false) machine.close();
});

for (const connection of connections) {
  for (const from of directions) {
    const way = from === 0 ? 'original' : 'reply';
    describe(`FINs: ${connection.name}, ${way} direction`, { skip }, () => {
      let talk: Talk;
      beforeEach(() => {
        fresh();
        talk = begin(connection);
      });

      const closedBy = from === 0 ? Closing.ByOriginal : Closing.ByReply;

      test('pass, translated, and count', () => {
        const frame = talk.segment(from, { ...FIN, ttl: 33 });
        isTranslated({ connection, direction: from }, passes(frame), 33);
        assert.deepEqual(machine.counted(talk.at, from), { packets: 1, bytes: frame.length - 14 });
        assert.deepEqual(machine.counted(talk.at, other(from)), { packets: 0, bytes: 0 });
        assert.equal(machine.maps.flows.words[talk.at + FlowWord.LastSeenMs], NOW_MS);
        assert.equal(closingOf(talk), Closing.Fins + closedBy);
        const closer = from === 0 ? Spoke.ClosedByOriginal : Spoke.ClosedByReply;
        assert.equal(spoken(talk), from | Spoke.Fin | Spoke.FinWait | closer);
      });

      test('take a number: the next segment stands behind them', () => {
        passes(talk.segment(from, FIN));
        assert.equal(sideWord(talk, from, SideWord.End), SENT[from] + 1);
        assert.equal(lastEndOf(talk), SENT[from] + 1);
        passes(talk.segment(other(from), { ack: SENT[from] + 1 }));
        isPunted(talk, talk.segment(other(from), { ack: SENT[from] + 2 }));
      });

      test('with data, and with options', () => {
        const options = { payload: 'the rest', options: timestamp, flags: 'FPA' };
        isTranslated(
          { connection, direction: from },
          passes(talk.segment(from, { ...options, ttl: 2 })),
          2,
        );
        assert.equal(sideWord(talk, from, SideWord.End), SENT[from] + 9);
        assert.equal(lastEndOf(talk), SENT[from] + 9);
        assert.equal(closingOf(talk), Closing.Fins + closedBy);
      });

      const others: Record<string, Partial<TcpOptions>> = {
        'without ACK': { flags: 'F' },
        'with RST': { flags: 'FRA' },
        'with SYN': { flags: 'FSA' },
        'with URG': { flags: 'FUA' },
        'with one hop to live': { ...FIN, ttl: 1 },
        'beyond the window': { ...FIN, seq: SENT[from] + WINDOW + 1 },
        'below the window': { ...FIN, seq: SENT[from] - WINDOW - 2 },
        'below the window, with data': { ...FIN, seq: SENT[from] - WINDOW - 5, payload: 'abc' },
        'of what was never sent': { ...FIN, ack: SENT[other(from)] + 1 },
        'that acknowledge what was acknowledged long ago': {
          ...FIN,
          ack: SENT[other(from)] - 66_001,
        },
      };
      for (const [name, changes] of Object.entries(others)) {
        test(`not those ${name}`, () => isPunted(talk, talk.segment(from, changes)));
      }

      test('at the bounds of the window', () => {
        passes(talk.segment(from, { ...FIN, seq: SENT[from] - WINDOW - 1 }));
        passes(talk.segment(from, { ...FIN, seq: SENT[from] + WINDOW }));
        assert.equal(sideWord(talk, from, SideWord.End), SENT[from] + WINDOW + 1);
      });

      test('not those whose header is too short, or longer than the datagram', () => {
        for (const words of [4, 6]) {
          const frame = talk.segment(from, FIN);
          frame[frame.length - 8] = words << 4;
          isPunted(talk, frame);
        }
      });

      test('RST and SYN are for the engine while it closes, and leave nothing', () => {
        passes(talk.segment(from, FIN));
        for (const flags of ['R', 'RA', 'S', 'SA', 'UA']) {
          isPunted(talk, talk.segment(from, { flags, seq: SENT[from] + 1 }));
          isPunted(talk, talk.segment(other(from), { flags }));
        }
      });
    });
  }
}

describe('FINs are for the engine', { skip }, () => {
  beforeEach(fresh);

  const cases: Record<string, TalkOptions> = {
    'where it has not said otherwise': { closes: false },
    'where windows are not checked': { flags: 0 },
    'with much to collect': { bytes: BYTES_TO_COLLECT | 0 },
    'where it keeps the connection': { action: FlowAction.Punt },
    'where they leave by a hop that cannot be': { hop: 4096 },
    "of this host's own, that come in": { action: FlowAction.Out },
  };
  for (const [name, options] of Object.entries(cases)) {
    test(name, () => {
      for (const connection of connections) {
        const talk = begin(connection, options);
        for (const from of directions) isPunted(talk, talk.segment(from, FIN));
        fresh();
      }
    });
  }

  test('longer than the way out takes', () => {
    const talk = begin(routed4);
    machine.hop(1, { mtu: 100 });
    isPunted(talk, talk.segment(0, { ...FIN, payload: new Uint8Array(61) }));
    passes(talk.segment(0, { ...FIN, payload: new Uint8Array(60) }));
  });

  test('of a side that nothing is known of', () => {
    const talk = begin(routed4);
    machine.maps.flows.words[talk.at + FlowWord.Sides + SideWord.MaxWindow] = 0;
    isPunted(talk, talk.segment(0, FIN));
  });

  test('out of window: as such they are counted', () => {
    const talk = begin(routed4);
    const before = machine.counters().outOfWindow!;
    isPunted(talk, talk.segment(0, { ...FIN, ack: SENT[1] + 1 }));
    assert.equal(machine.counters().outOfWindow! - before, 1);
  });
});

describe('FINs that pass', { skip }, () => {
  beforeEach(fresh);

  test('to this host, and of this host', () => {
    const local = begin(routed4, { action: FlowAction.Local });
    assert.equal(machine.run('ingress', local.segment(0, FIN)).verdict, Verdict.Pass);
    assert.equal(closingOf(local), Closing.Fins + Closing.ByOriginal);
    fresh();
    const own = begin(routed4, { action: FlowAction.Out, hop: 0, mark: 0 });
    isPunted(own, own.segment(1, FIN));
    const { verdict } = machine.run('egress', own.segment(1, FIN));
    assert.equal(verdict, Verdict.Pass);
    assert.equal(closingOf(own), Closing.Fins + Closing.ByReply);
    assert.equal(machine.counted(own.at, 1).packets, 1);
  });

  test('at the end of a super-frame', () => {
    const talk = begin(routed4);
    const frame = talk.segment(0, { ...FIN, payload: new Uint8Array(2500) });
    assert.equal(machine.run('ingress', frame, { gsoSize: 1000 }).verdict, Verdict.Redirect);
    assert.equal(sideWord(talk, 0, SideWord.End), SENT[0] + 2501);
    assert.equal(closingOf(talk), Closing.Fins + Closing.ByOriginal);
    assert.deepEqual(machine.counted(talk.at, 0), { packets: 1, bytes: 2540 });
  });

  test('beyond the end of sequence numbers', () => {
    const talk = begin(routed4, { base: 0xffff_ffff - SENT[0] });
    passes(talk.segment(0, FIN));
    assert.equal(sideWord(talk, 0, SideWord.End), 0);
    passes(talk.segment(1, { ack: 0 }));
  });

  test('one side closed, the other goes on sending', () => {
    const talk = begin(routed4);
    passes(talk.segment(0, FIN));
    for (let n = 0; n < 5; n++) {
      const payload = new Uint8Array(1000);
      passes(talk.segment(1, { seq: SENT[1] + 1000 * n, ack: SENT[0] + 1, payload }));
      passes(talk.segment(0, { seq: SENT[0] + 1, ack: SENT[1] + 1000 * (n + 1) }));
    }
    assert.equal(closingOf(talk), Closing.Fins + Closing.ByOriginal + Closing.Waits);
    assert.equal(sideWord(talk, 1, SideWord.End), SENT[1] + 5000);
    passes(talk.segment(1, { ...FIN, seq: SENT[1] + 5000, ack: SENT[0] + 1 }));
    passes(talk.segment(0, { seq: SENT[0] + 1, ack: SENT[1] + 5001 }));
    const wanted = 2 * Closing.Fins + Closing.Waits + Closing.Over + Closing.ByOriginal;
    assert.equal(closingOf(talk), wanted);
  });

  test('are remembered as the last that spoke, until another segment passes', () => {
    const kept = FlowFlag.CheckWindow | FlowFlag.OriginalNoSack | FlowFlag.ReplyNoSack;
    const { ReplySpokeLast, EngineSpokeLast, FinLast } = FlowFlag;
    for (let bits = 0; bits < 8; bits++) {
      const before = [ReplySpokeLast, EngineSpokeLast, FinLast].filter((_, n) => bits & (1 << n));
      const flags = before.reduce((sum, flag) => sum | flag, kept);
      for (const from of directions) {
        const spoke = from === 0 ? 0 : ReplySpokeLast;
        fresh();
        const talk = begin(routed4, { flags });
        isPunted(talk, talk.segment(from, { flags: 'FUA' }));
        passes(talk.segment(from, FIN));
        assert.equal(flagsOf(talk), kept | spoke | FinLast);
        passes(talk.segment(from, { seq: SENT[from] + 1 }));
        assert.equal(flagsOf(talk), kept | spoke);
      }
    }
  });

  test('nothing is noted of other protocols, nor of a connection that is open', () => {
    const talk = begin(routed4);
    for (const from of directions) passes(talk.segment(from));
    assert.equal(closingOf(talk), 0);
    assert.equal(spoken(talk), 1);
  });
});
