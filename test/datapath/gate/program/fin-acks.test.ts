/** FINs of directions of which else only bare acknowledgements pass (`FlowAction.Acks`). */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { Closing, FlowFlag, FlowWord, SideWord } from '../../../../src/datapath/gate/layout.ts';
import type { TcpOptions } from '../../../support/packets.ts';
import {
  ACKED,
  connections,
  isPunted,
  isTranslated,
  type Lab,
  machine,
  maxAckOf,
  OWN,
  passes,
  routed4,
  SENT,
  STAMP,
  skip,
  stampsOf,
  takeOver,
  timestamp,
} from './acks-lab.ts';
import { closingOf, flagsOf, lastEndOf, sideWord } from './fin-lab.ts';

const FIN = { flags: 'FA' };
const BY = [Closing.ByOriginal, Closing.ByReply] as const;

function setClosing({ at }: Lab, closing: number): void {
  machine.maps.flows.words[at + FlowWord.Closing] = closing;
}

after(() => {
  if (skip === false) machine.close();
});

for (const connection of connections) {
  for (const direction of [0, 1] as const) {
    const way = direction === 0 ? 'original' : 'reply';
    describe(`bare FINs: ${connection.name}, ${way} direction`, { skip }, () => {
      let lab: Lab;
      beforeEach(() => {
        machine.reset();
        machine.hop(1);
        lab = takeOver(connection, direction, { closes: true });
        setClosing(lab, answered);
      });

      // The engine has seen the first one, of the other direction.
      const [mine, theirs] = direction === 0 ? [BY[0], BY[1]] : [BY[1], BY[0]];
      const answered = Closing.Fins + theirs;
      const closed = answered + Closing.Fins;
      const passing: Record<string, Partial<TcpOptions>> = {
        'acknowledging all': FIN,
        'acknowledging nothing new': { ...FIN, ack: ACKED },
        'with a timestamp': { ...FIN, ack: ACKED, options: timestamp },
        'pushed, with another window': { ...FIN, flags: 'FPA', window: 1000 },
      };
      for (const [name, changes] of Object.entries(passing)) {
        test(`pass ${name}`, () => {
          const frame = lab.segment({ ...changes, ttl: 2 });
          isTranslated(lab, passes(frame), 2);
          assert.equal(closingOf(lab), closed);
          assert.equal(sideWord(lab, direction, SideWord.End), OWN + 1);
          assert.equal(lastEndOf(lab), OWN + 1);
          assert.equal(maxAckOf(lab), changes.ack ?? SENT);
          const spoke = direction === 0 ? 0 : FlowFlag.ReplySpokeLast;
          assert.equal(flagsOf(lab), FlowFlag.CheckWindow | FlowFlag.FinLast | spoke);
          const stamp = changes.options === undefined ? 0 : STAMP;
          assert.deepEqual(stampsOf(lab), direction === 0 ? [stamp, 0] : [0, stamp]);
          const bytes = frame.length - 14;
          assert.deepEqual(machine.counted(lab.at, direction), { packets: 1, bytes });
        });
      }

      const sack = [5, 10, 0, 0, 0x0f, 0xa0, 0, 0, 0x13, 0x88];
      const others: Record<string, Partial<TcpOptions>> = {
        'with data': { ...FIN, payload: 'x' },
        'with data and a timestamp': { ...FIN, payload: 'x', options: timestamp },
        'before which something is missing': { ...FIN, seq: OWN + 1 },
        'of what was sent already': { ...FIN, seq: OWN - 1 },
        'with an older acknowledgement': { ...FIN, ack: ACKED - 1 },
        'with SACK': { ...FIN, options: Uint8Array.of(1, 1, ...sack) },
        'with an unknown option': { ...FIN, options: Uint8Array.of(254, 4, 0xf9, 0x89) },
        'of what was never sent': { ...FIN, ack: SENT + 1 },
        'with URG': { flags: 'FUA' },
        'without ACK': { flags: 'F' },
        'with one hop to live': { ...FIN, ttl: 1 },
      };
      for (const [name, changes] of Object.entries(others)) {
        test(`not those ${name}`, () => isPunted(lab, lab.segment(changes)));
      }

      test('not once more: the engine judges what is retransmitted', () => {
        passes(lab.segment({ ...FIN, ack: ACKED }));
        isPunted(lab, lab.segment({ ...FIN, ack: ACKED }));
        isPunted(lab, lab.segment(FIN));
      });

      test('not the first one, nor a second one of the same direction', () => {
        setClosing(lab, 0);
        isPunted(lab, lab.segment(FIN));
        setClosing(lab, Closing.Fins + mine);
        isPunted(lab, lab.segment(FIN));
        setClosing(lab, closed);
        isPunted(lab, lab.segment(FIN));
      });

      test('behind one acknowledgements pass as before', () => {
        passes(lab.segment({ ...FIN, ack: ACKED }));
        isPunted(lab, lab.segment({ seq: OWN + 1, ack: ACKED }));
        passes(lab.segment({ seq: OWN + 1, ack: ACKED + 1 }));
        assert.equal(closingOf(lab), closed + Closing.Over);
      });
    });
  }
}

describe('bare FINs', { skip }, () => {
  beforeEach(() => {
    machine.reset();
    machine.hop(1);
  });

  test('are for the engine where it has not said otherwise, or windows are not checked', () => {
    const lab = takeOver(routed4, 0);
    setClosing(lab, Closing.Fins + Closing.ByReply);
    isPunted(lab, lab.segment(FIN));
    machine.reset();
    machine.hop(1);
    const unchecked = takeOver(routed4, 0, { closes: true, flags: 0 });
    setClosing(unchecked, Closing.Fins + Closing.ByReply);
    isPunted(unchecked, unchecked.segment(FIN));
  });

  test('are for the engine where data of before has not been judged yet', () => {
    const lab = takeOver(routed4, 0, { closes: true });
    setClosing(lab, Closing.Fins + Closing.ByReply);
    const data = { payload: 'QUIT\r\n', flags: 'PA' };
    isPunted(lab, lab.segment(data));
    isPunted(lab, lab.segment({ ...FIN, seq: OWN + 6 }));
    machine.maps.flows.words[lab.at + FlowWord.Sides + SideWord.End] = OWN + 6;
    passes(lab.segment({ ...FIN, seq: OWN + 6 }));
  });
});
