/** Both the engine and the program move the words of a TCP connection on; neither loses the other's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Direction, Spoke } from '../../../../src/conntrack/index.ts';
import { Closing, FLOW_WORDS, FlowFlag, FlowWord } from '../../../../src/datapath/gate/layout.ts';
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
  assert.equal(
    lab.flows.readSides(1, into) & Spoke.NoneSince,
    Spoke.NoneSince,
    'its offer came last',
  );
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
    assert.equal(lab.flows.readSides(1, into), direction | Spoke.NoneSince);
  }
});

test('whether the last was a FIN, which stays where the connection is installed again', () => {
  const { lab } = labWith([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const into = new Int32Array(9);
  speak(lab.memory.flows, Direction.Reply);
  lab.memory.flows[META]! |= FlowFlag.FinLast << 24;
  assert.equal(lab.flows.readSides(1, into), Spoke.Reply | Spoke.Fin);
  lab.flows.install(offerOf(1, 0, keysOf(1), { replySack: false }));
  assert.equal(lab.flows.readSides(1, into), Spoke.Reply | Spoke.Fin);
  const flags = FlowFlag.CheckWindow | FlowFlag.ReplyNoSack;
  const spoken = FlowFlag.ReplySpokeLast | FlowFlag.FinLast;
  assert.equal(lab.memory.flows[META]! >>> 24, flags | spoken);
  lab.flows.writeSides(1, into, into);
  assert.equal(lab.flows.readSides(1, into), Spoke.Reply | Spoke.Fin | Spoke.NoneSince);
});

test('how far it is closed', () => {
  const { Fins, Waits, Over, ByOriginal, ByReply, FinsMask, WaitsMask, OverMask } = Closing;
  const { FinWait, CloseWait, LastAck, TimeWait, ClosedByOriginal, ClosedByReply } = Spoke;
  const cases: [number, number][] = [
    [0, 0],
    [Fins + ByOriginal, FinWait | ClosedByOriginal],
    [Fins + ByReply, FinWait | ClosedByReply],
    [Fins + Waits + ByReply, FinWait | CloseWait | ClosedByReply],
    [2 * Fins + ByOriginal, FinWait | LastAck | ClosedByOriginal],
    [2 * Fins + Over + ByOriginal, FinWait | LastAck | TimeWait | ClosedByOriginal],
    [2 * Fins + Waits + Over + ByReply, FinWait | CloseWait | LastAck | TimeWait | ClosedByReply],
    // Added on several processors at once.
    [2 * Fins + ByOriginal + ByReply, FinWait | LastAck | ClosedByOriginal | ClosedByReply],
    [
      FinsMask + WaitsMask + OverMask + 15 * ByReply,
      FinWait | CloseWait | LastAck | TimeWait | ClosedByReply,
    ],
  ];
  const { lab } = labWith([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  speak(lab.memory.flows, Direction.Original);
  for (const [closing, spoke] of cases) {
    lab.memory.flows[FlowWord.Closing] = closing;
    assert.equal(lab.flows.readSides(1, new Int32Array(9)), spoke, closing.toString(16));
  }
});

test('a FIN that the engine has seen', () => {
  for (const direction of [Direction.Original, Direction.Reply] as const) {
    const { lab } = labWith([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const by = direction === Direction.Original ? Closing.ByOriginal : Closing.ByReply;
    assert.ok(lab.flows.noteFin(1, direction));
    assert.equal(lab.memory.flows[FlowWord.Closing], Closing.Fins + by);
    // Another one has passed meanwhile.
    const passed = Closing.Fins + Closing.ByOriginal + Closing.Waits;
    lab.memory.flows[FlowWord.Closing] = passed;
    assert.ok(lab.flows.noteFin(1, direction));
    assert.equal(lab.memory.flows[FlowWord.Closing], passed + Closing.Fins);
    assert.equal(lab.flows.noteFin(2, direction), false, 'not here');
  }
});

test('a FIN that the engine has seen: nothing is noted where the next would come to it too', () => {
  for (const one of [Direction.Original, Direction.Reply] as const) {
    const lab = newLab(4);
    lab.flows.install(offerOf(1, one, keysOf(1)));
    assert.equal(lab.flows.noteFin(1, one), false, 'the other one is not taken over');
    const other = one === Direction.Original ? Direction.Reply : Direction.Original;
    lab.flows.install(offerOf(1, other, keysOf(1), { closes: false }));
    assert.equal(lab.flows.noteFin(1, one), false, 'its FINs do not pass');
    assert.equal(lab.memory.flows[FlowWord.Closing], 0);
    lab.flows.install(offerOf(1, other, keysOf(1)));
    assert.equal(lab.flows.noteFin(1, one), true);
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
