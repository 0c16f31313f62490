/** Both the engine and the program move the words of a TCP connection on; neither loses the other's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Direction } from '../../../../src/conntrack/index.ts';
import { FLOW_WORDS, FlowFlag, FlowWord } from '../../../../src/datapath/gate/layout.ts';
import { installBoth, keysOf, newLab, offerOf } from './flow-lab.ts';

/** Of the only connection. */
const UNIT = 0;
const SIDES = 18;
const HIGH = 0x7fff_fff0;

/** A connection whose words in memory are `words`. */
function labWith(words: readonly number[]) {
  const lab = newLab(4);
  installBoth(lab, 1);
  lab.memory.flows.set(words, SIDES);
  const read = () => [...lab.memory.flows.subarray(SIDES, SIDES + 8)];
  return { lab, read };
}

test('read: what is there, or nothing', () => {
  const { lab } = labWith([1, 2, 3, 4, 5, 6, 7, 8]);
  const into = new Int32Array(8);
  assert.equal(lab.flows.readSides(1, into), Direction.Reply, 'its offer came last');
  assert.deepEqual([...into], [1, 2, 3, 4, 5, 6, 7, 8]);
  lab.memory.flows[UNIT * FLOW_WORDS + FlowWord.Meta]! &= ~(FlowFlag.ReplySpokeLast << 24);
  assert.equal(lab.flows.readSides(1, into), Direction.Original);
  assert.equal(lab.flows.readSides(2, into), -1);
});

test('written: only what the engine changed', () => {
  const { lab, read } = labWith([1, 2, 3, 4, 5, 6, 7, 8]);
  const before = Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  lab.memory.flows[SIDES + 4] = 55;
  lab.flows.writeSides(1, before, Int32Array.of(1, 20, 3, 4, 5, 6, 70, 8));
  assert.deepEqual(read(), [1, 20, 3, 4, 55, 6, 70, 8]);
  lab.flows.writeSides(3, before, before);
});

test('written: what nobody moved on may go back', () => {
  const { lab, read } = labWith([100, 100, 100, 100, 0, 0, 0, 0]);
  const before = Int32Array.of(100, 100, 100, 100, 0, 0, 0, 0);
  lab.flows.writeSides(1, before, Int32Array.of(90, 90, 90, 90, 0, 0, 0, 0));
  assert.deepEqual(read().slice(0, 4), [90, 90, 90, 90]);
});

test('both changed it: the later sequence number, the larger window', () => {
  // Over the wrap at 2^31 and at 2^32; windows are unsigned.
  const wrapped = HIGH + 0x20;
  const { lab, read } = labWith([HIGH, wrapped, -1, 5, HIGH, wrapped, 6, -5]);
  const before = Int32Array.of(1, 1, 1, 1, 1, 1, 1, 1);
  lab.flows.writeSides(1, before, Int32Array.of(wrapped, HIGH, 5, -5, HIGH - 1, wrapped, 7, 5));
  assert.deepEqual(read(), [wrapped | 0, wrapped | 0, -1, 5, HIGH, wrapped | 0, 7, 5]);
});

test('the second direction does not take back what the first has moved on', () => {
  const lab = newLab(4);
  const keys = keysOf(1);
  lab.flows.install(offerOf(1, 0, keys));
  lab.memory.flows[SIDES] = 1000;
  const sides = Int32Array.of(100, 201, 300, 400, 500, 600, 700, 800);
  lab.flows.install(offerOf(1, 1, keys, { sides }));
  const read = [...lab.memory.flows.subarray(SIDES, SIDES + 8)];
  assert.deepEqual(read, [1000, 201, 300, 400, 500, 600, 700, 800]);
});
