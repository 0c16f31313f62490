/** Both the engine and the program move the words of a TCP connection on; neither loses the other's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Direction, NONE_SINCE } from '../../../../src/conntrack/index.ts';
import { FLOW_WORDS, FlowFlag, FlowWord } from '../../../../src/datapath/gate/layout.ts';
import { installBoth, keysOf, newLab, offerOf } from './flow-lab.ts';

/** Of the only connection. */
const UNIT = 0;
const SIDES = 18;
const LAST_END = 28;
const META = UNIT * FLOW_WORDS + FlowWord.Meta;
const HIGH = 0x7fff_fff0;

/** A connection whose words in memory are `words`: both sides, then where the last segment ended. */
function labWith(words: readonly number[]) {
  const lab = newLab(4);
  installBoth(lab, 1);
  const { flows } = lab.memory;
  flows.set(words.slice(0, 8), SIDES);
  flows[LAST_END] = words[8]!;
  return { lab, read: () => seen(flows) };
}

const seen = (flows: Int32Array) => [...flows.subarray(SIDES, SIDES + 8), flows[LAST_END]!];

/** As the program notes it when a segment passes. */
function speak(flows: Int32Array, direction: number): void {
  const others = flows[META]! & ~((FlowFlag.EngineSpokeLast | FlowFlag.ReplySpokeLast) << 24);
  flows[META] = others | (direction === Direction.Reply ? FlowFlag.ReplySpokeLast << 24 : 0);
}

test('read: what is there, or nothing', () => {
  const { lab } = labWith([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const into = new Int32Array(9);
  assert.equal(lab.flows.readSides(1, into) & NONE_SINCE, NONE_SINCE, 'its offer came last');
  assert.deepEqual([...into], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(lab.flows.readSides(2, into), -1);
});

test('who spoke last: the direction that the program has noted, until the engine has judged one', () => {
  const { lab } = labWith([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const into = new Int32Array(9);
  for (const direction of [Direction.Original, Direction.Reply]) {
    speak(lab.memory.flows, direction);
    assert.equal(lab.flows.readSides(1, into), direction);
    lab.flows.writeSides(1, into, into);
    assert.equal(lab.flows.readSides(1, into), direction | NONE_SINCE);
  }
});

test('written: only what the engine changed', () => {
  const { lab, read } = labWith([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const before = Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
  lab.memory.flows[SIDES + 4] = 55;
  lab.flows.writeSides(1, before, Int32Array.of(1, 20, 3, 4, 5, 6, 70, 8, 4));
  assert.deepEqual(read(), [1, 20, 3, 4, 55, 6, 70, 8, 4]);
  lab.flows.writeSides(3, before, before);
});

test('written: what nobody moved on may go back', () => {
  const { lab, read } = labWith([100, 100, 100, 100, 0, 0, 0, 0, 0]);
  const before = Int32Array.of(100, 100, 100, 100, 0, 0, 0, 0, 0);
  lab.flows.writeSides(1, before, Int32Array.of(90, 90, 90, 90, 0, 0, 0, 0, 0));
  assert.deepEqual(read().slice(0, 4), [90, 90, 90, 90]);
});

test('both changed it: the later sequence number, the larger window', () => {
  // Over the wrap at 2^31 and at 2^32; windows are unsigned.
  const wrapped = HIGH + 0x20;
  const { lab, read } = labWith([HIGH, wrapped, -1, 5, HIGH, wrapped, 6, -5, 3]);
  const before = Int32Array.of(1, 1, 1, 1, 1, 1, 1, 1, 1);
  const after = Int32Array.of(wrapped, HIGH, 5, -5, HIGH - 1, wrapped, 7, 5, 2);
  lab.flows.writeSides(1, before, after);
  // Where the last segment ended the program knows better: it has seen one since.
  assert.deepEqual(read(), [wrapped | 0, wrapped | 0, -1, 5, HIGH, wrapped | 0, 7, 5, 3]);
});

test('the second direction does not take back what the first has moved on', () => {
  const lab = newLab(4);
  const keys = keysOf(1);
  const { flows } = lab.memory;
  lab.flows.install(offerOf(1, 0, keys));
  flows[SIDES] = 1000;
  flows[LAST_END] = 1000;
  speak(flows, Direction.Original);
  const sides = Int32Array.of(100, 201, 300, 400, 500, 600, 700, 800, 900);
  lab.flows.install(offerOf(1, 1, keys, { sides, replySack: false }));
  assert.deepEqual(seen(flows), [1000, 201, 300, 400, 500, 600, 700, 800, 1000]);
  assert.equal(lab.flows.readSides(1, new Int32Array(9)), Direction.Original);
  assert.equal(flows[META]! >>> 24, FlowFlag.CheckWindow | FlowFlag.ReplyNoSack);
});
