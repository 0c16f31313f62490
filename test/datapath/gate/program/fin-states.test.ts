/** How far the program says that a connection is closed: src/conntrack/tcp/states.ts has the table. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { Spoke } from '../../../../src/conntrack/index.ts';
import { TcpIndex, TcpState, tcpTransition } from '../../../../src/conntrack/tcp/states.ts';
import { Closing, FlowWord } from '../../../../src/datapath/gate/layout.ts';
import { type Direction, machine, passes, routed4, skip } from './acks-lab.ts';
import { stateOf } from './closing-state.ts';
import { begin, closingOf, fresh, other, SENT, spoken } from './fin-lab.ts';

after(() => {
  if (skip === false) machine.close();
});

/** By bits: the direction, and whether it is a FIN. */
type Step = 0 | 1 | 2 | 3;
const STEPS = 5;

describe('states', { skip }, () => {
  beforeEach(fresh);

  test('what others have added at the same time is as good as one', () => {
    const talk = begin(routed4);
    const leaves = (closing: number, from: Direction, flags: string) => {
      machine.maps.flows.unsigned[talk.at + FlowWord.Closing] = closing;
      passes(talk.segment(from, { flags }));
      assert.equal(closingOf(talk), closing);
    };
    const bothWays = 2 * Closing.ByOriginal + 3 * Closing.ByReply;
    leaves(bothWays + 5 * Closing.Fins + Closing.OverMask, 0, 'A');
    leaves(bothWays + Closing.FinsMask, 1, 'FA');
    leaves(bothWays + Closing.Fins + 3 * Closing.Waits, 1, 'A');
    leaves(2 * Closing.Fins + 7 * Closing.Over, 0, 'FA');
  });

  test(`every row of ${STEPS} FINs and other segments ends as in the tracker's table`, () => {
    const seenStates = new Set<number>();
    for (let n = 0; n < 4 ** STEPS; n++) {
      fresh();
      const talk = begin(routed4);
      const ended = [0, 0];
      let state: number = TcpState.Established;
      let closer = 0;
      for (let step = 0; step < STEPS; step++) {
        const kind = ((n >> (2 * step)) & 3) as Step;
        const from = (kind & 1) as Direction;
        const isFin = kind >= 2;
        // A second FIN of the same end is a retransmission.
        const seq = SENT[from] + (isFin ? 0 : ended[from]!);
        const ack = SENT[other(from)] + ended[other(from)]!;
        passes(talk.segment(from, { seq, ack, flags: isFin ? 'FA' : 'A' }));
        if (isFin) ended[from] = 1;
        if (isFin && state === TcpState.Established) {
          closer = from === 0 ? Spoke.ClosedByOriginal : Spoke.ClosedByReply;
        }
        state = tcpTransition(from, isFin ? TcpIndex.Fin : TcpIndex.Ack, state);
        seenStates.add(state);
        const spoke = spoken(talk);
        const where = `row ${n}, step ${step}`;
        assert.equal(stateOf(spoke), state, where);
        assert.equal(spoke & (Spoke.ClosedByOriginal | Spoke.ClosedByReply), closer, where);
        assert.equal(spoke & (Spoke.Reply | Spoke.Fin), from | (isFin ? Spoke.Fin : 0), where);
      }
    }
    assert.equal(seenStates.size, 5);
  });
});
