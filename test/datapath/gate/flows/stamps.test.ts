/** Directions of which only acknowledgements pass: their hop, and the timestamps that come back. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DirectionCode } from '../../../../src/conntrack/index.ts';
import {
  bucketsFor,
  type FlowMemory,
  flowsOf,
  initialise,
  SharedFlows,
} from '../../../../src/datapath/gate/flows/index.ts';
import {
  BUCKET_SLOTS,
  CONFIG_WORDS,
  DIRECTION_WORDS,
  DirectionWord,
  FLOW_WORDS,
  FlowAction,
  FlowWord,
  HOP_WORDS,
  HOPS,
  HopWord,
  WAY_CLOSES,
} from '../../../../src/datapath/gate/layout.ts';
import { GateAction, type GateActionCode } from '../../../../src/engine/index.ts';
import { keysOf, type Lab, labParts, Notebook, type Offer, offerOf } from './flow-lab.ts';

/** What was in the memory before: a stamp that is forgotten shows. */
const DIRT = 0x5a5a_5a5a;

function newLab(units: number): Lab {
  const words = (length: number) => new Int32Array(length).fill(DIRT);
  const memory: FlowMemory = {
    config: words(CONFIG_WORDS),
    flows: words(FLOW_WORDS * units),
    buckets: words(BUCKET_SLOTS * bucketsFor(units)),
    hops: words(HOP_WORDS * HOPS),
  };
  initialise(memory, { seed: 0x5eed_1234, mark: 0x77, puntIfindex: 9, units });
  const ledger = new Notebook();
  return { memory, ledger, flows: new SharedFlows(labParts(memory, ledger)) };
}

type Family = 4 | 6;

function install(
  { flows }: Lab,
  row: number,
  direction: DirectionCode,
  action: GateActionCode,
  { family = 4, ...changes }: Partial<Offer> & { family?: Family } = {},
): boolean {
  return flows.install(offerOf(row, direction, keysOf(row, family), { action, ...changes }));
}

/** First word of the only flow's unit, or of the one of a row. */
function unitAt({ memory }: Lab, row: number): number {
  const { flows } = memory;
  for (let at = 0; at < flows.length; at += FLOW_WORDS) {
    if (flows[at + FlowWord.Connection] === row) return at;
  }
  throw new Error(`row ${row} is not there`);
}

/** As the program does when an acknowledgement passes. */
function stamp(lab: Lab, row: number, direction: DirectionCode, value: number): void {
  lab.memory.flows[unitAt(lab, row) + FlowWord.Stamps + direction] = value;
}

function directionOf(lab: Lab, row: number, direction: DirectionCode, word: number): number {
  const from = unitAt(lab, row) + FlowWord.Directions + direction * DIRECTION_WORDS;
  return lab.memory.flows[from + word]!;
}

/** The hop that a direction leaves by. */
function hopWords(lab: Lab, row: number, direction: DirectionCode): number[] {
  const hop = directionOf(lab, row, direction, DirectionWord.Hop) & 0xffff;
  return [...lab.memory.hops.slice(hop * HOP_WORDS, (hop + 1) * HOP_WORDS)];
}

const stampsOf = ({ flows }: Lab, row: number) => [flows.stampOf(row, 0), flows.stampOf(row, 1)];

for (const family of [4, 6] as const) {
  describe(`stamps, IPv${family}`, () => {
    test('none before, then what the program has noted by direction', () => {
      const lab = newLab(8);
      install(lab, 0, 0, GateAction.Known, { family });
      install(lab, 0, 1, GateAction.Acks, { family });
      assert.deepEqual(stampsOf(lab, 0), [0, 0]);
      stamp(lab, 0, 1, 0x0123_4567);
      assert.deepEqual(stampsOf(lab, 0), [0, 0x0123_4567]);
      stamp(lab, 0, 0, 77);
      assert.deepEqual(stampsOf(lab, 0), [77, 0x0123_4567]);
    });

    test('a stamp of 32 bits keeps them all', () => {
      const lab = newLab(8);
      install(lab, 0, 0, GateAction.Acks, { family });
      stamp(lab, 0, 0, 0xfedc_ba98 | 0);
      assert.equal(lab.flows.stampOf(0, 0) >>> 0, 0xfedc_ba98);
    });

    test('each connection has its own', () => {
      const lab = newLab(8);
      for (const row of [0, 1]) install(lab, row, 0, GateAction.Acks, { family });
      stamp(lab, 0, 0, 11);
      stamp(lab, 1, 0, 22);
      assert.deepEqual([lab.flows.stampOf(0, 0), lab.flows.stampOf(1, 0)], [11, 22]);
    });

    test('a new connection in the unit of a former one has none', () => {
      const lab = newLab(2);
      install(lab, 0, 0, GateAction.Acks, { family });
      install(lab, 0, 1, GateAction.Acks, { family });
      const unit = unitAt(lab, 0);
      stamp(lab, 0, 0, 11);
      stamp(lab, 0, 1, 12);
      lab.flows.withdrawAll();
      for (let row = 1; row <= (family === 4 ? 2 : 1); row++) {
        assert.ok(install(lab, row, 0, GateAction.Acks, { family }));
        assert.deepEqual(stampsOf(lab, row), [0, 0]);
      }
      assert.equal(lab.memory.flows[unit + FlowWord.Stamps], 0, 'the unit is in use again');
    });

    test('what a former connection has left elsewhere stays where the flow goes on', () => {
      const lab = newLab(8);
      install(lab, 0, 0, GateAction.Acks, { family });
      stamp(lab, 0, 0, 33);
      // Said once more, and the other direction comes.
      install(lab, 0, 0, GateAction.Acks, { family });
      install(lab, 0, 1, GateAction.Known, { family });
      assert.deepEqual(stampsOf(lab, 0), [33, 0]);
    });
  });
}

describe('stamps of what is not there', () => {
  test('a row that was never there, nor can be', () => {
    const lab = newLab(4);
    install(lab, 0, 0, GateAction.Acks);
    stamp(lab, 0, 0, 9);
    for (const row of [1, 15, 16, 100_000]) assert.deepEqual(stampsOf(lab, row), [0, 0]);
  });

  test('a connection that was given back', () => {
    const lab = newLab(4);
    install(lab, 0, 0, GateAction.Acks);
    stamp(lab, 0, 0, 9);
    lab.flows.withdraw(0);
    assert.deepEqual(stampsOf(lab, 0), [0, 0]);
    install(lab, 1, 0, GateAction.Acks);
    stamp(lab, 1, 0, 9);
    lab.flows.withdrawAll();
    assert.deepEqual(stampsOf(lab, 1), [0, 0]);
  });
});

describe('directions of acknowledgements', () => {
  test('have a way in, the action, and a hop as forwarded ones', () => {
    const lab = newLab(8);
    assert.ok(install(lab, 0, 0, GateAction.Acks, { mtu: 1400, hop0: 0x0a00_0001 }));
    assert.ok(install(lab, 1, 0, GateAction.Forward, { mtu: 1400, hop0: 0x0a00_0001 }));
    assert.equal(
      directionOf(lab, 0, 0, DirectionWord.Way),
      (1001 << 8) | WAY_CLOSES | FlowAction.Acks,
    );
    const words = hopWords(lab, 0, 0);
    assert.equal(words[HopWord.Ifindex], 1002);
    assert.equal(words[HopWord.Mtu], 1400);
    assert.equal(words[HopWord.Address], 0x0100_000a, 'as in the packet');
    assert.equal(
      directionOf(lab, 0, 0, DirectionWord.Hop),
      directionOf(lab, 1, 0, DirectionWord.Hop),
      'the same way out is one hop',
    );
  });

  test('are refused where the way out has no number', () => {
    const lab = newLab(8);
    // The lab's interface that the kernel does not know any more.
    assert.equal(install(lab, 0, 0, GateAction.Acks, { outIf: 100 }), false);
    assert.equal(install(lab, 0, 0, GateAction.Acks, { inIf: 100 }), false);
    assert.equal(lab.flows.narrowFlows, 0);
  });

  test('are settled as all others', () => {
    const lab = newLab(8);
    install(lab, 0, 1, GateAction.Acks);
    const from = unitAt(lab, 0) + FlowWord.Directions + DIRECTION_WORDS;
    lab.memory.flows[from + DirectionWord.Packets] = 3;
    lab.memory.flows[from + DirectionWord.Bytes] = 120;
    lab.flows.withdraw(0);
    const [{ row, direction, packets, bytes } = assert.fail('nothing was settled')] =
      lab.ledger.take();
    assert.deepEqual([row, direction, packets, bytes], [0, 1, 3, 120]);
  });
});

describe('what a former process has left', () => {
  const { Acks, Forward, Known } = GateAction;
  const cases: [string, GateActionCode | null, GateActionCode | null, boolean][] = [
    ['data kept, acknowledgements passed', Known, Acks, true],
    ['acknowledgements passed, data kept', Acks, Known, true],
    ['acknowledgements passed both ways', Acks, Acks, true],
    ['acknowledgements one way, all the other', Acks, Forward, false],
    ['all one way, acknowledgements the other', Forward, Acks, false],
    ['acknowledgements one way', null, Acks, true],
  ];
  for (const family of [4, 6] as const) {
    for (const [name, original, reply, isKept] of cases) {
      test(`IPv${family}: ${name}`, () => {
        const lab = newLab(8);
        if (original !== null) assert.ok(install(lab, 0, 0, original, { family }));
        if (reply !== null) assert.ok(install(lab, 0, 1, reply, { family }));
        const found = [...flowsOf(lab.memory)];
        assert.deepEqual(
          found.map((flow) => [flow.unit * FLOW_WORDS, flow.directions, flow.isKept]),
          [[unitAt(lab, 0), [original !== null, reply !== null], isKept]],
        );
      });
    }
  }

  test('a direction of acknowledgements whose hop leads nowhere is not there', () => {
    const lab = newLab(8);
    install(lab, 0, 0, Known);
    install(lab, 0, 1, Acks);
    lab.memory.hops.fill(0);
    const [flow] = [...flowsOf(lab.memory)];
    assert.deepEqual(flow?.directions, [true, false]);
  });
});
