/** A process that begins reads what the one before has left, while the program runs on. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Prng } from '../../../../src/base/index.ts';
import { Spoke, type Tuple } from '../../../../src/conntrack/index.ts';
import { type FlowMemory, flowsOf, sidesOf } from '../../../../src/datapath/gate/flows/index.ts';
import { Closing, FlowWord } from '../../../../src/datapath/gate/layout.ts';
import { GateAction } from '../../../../src/engine/index.ts';
import { installBoth, keysOf, type Lab, newLab, offerOf, tupleOf } from './flow-lab.ts';
import { find, type PacketKey } from './twin.ts';

/** Rows 0 to 3 are IPv4, 4 to 6 IPv6; 1 and 5 are gone again. */
function formerProcess(): Lab {
  const lab = newLab(32);
  for (let n = 0; n < 4; n++) installBoth(lab, n);
  for (let n = 4; n < 7; n++) installBoth(lab, n, 6, { hop0: 0x2001_0db8, hop3: 1 });
  lab.flows.withdraw(1);
  lab.flows.withdraw(5);
  return lab;
}

const survivors = [0, 2, 3, 4, 6];
const familyOf = (n: number) => (n < 4 ? 4 : 6);

/** The flows; asserts that reading them leaves the memory as it is. */
function read(memory: FlowMemory) {
  const before = structuredClone(memory);
  const flows = [...flowsOf(memory)];
  assert.deepEqual(memory, before);
  return flows;
}

function write(memory: FlowMemory, other: FlowMemory): void {
  memory.flows.set(other.flows);
  memory.buckets.set(other.buckets);
  memory.hops.set(other.hops);
}

/** The key of a packet that has this tuple. */
function keyOf(tuple: Tuple): PacketKey {
  const family = tuple.family === 6 ? 6 : 4;
  const bytes = (...words: number[]) => {
    const view = new DataView(new ArrayBuffer(4 * words.length));
    for (const [n, word] of words.entries()) view.setInt32(4 * n, word);
    return new Uint8Array(view.buffer);
  };
  const address = (...words: number[]) => bytes(...words.slice(0, family === 6 ? 4 : 1));
  return {
    family,
    protocol: tuple.protocol,
    source: address(tuple.s0, tuple.s1, tuple.s2, tuple.s3),
    destination: address(tuple.d0, tuple.d1, tuple.d2, tuple.d3),
    ports: bytes(tuple.ports),
  };
}

describe('what was installed is read', () => {
  test('both directions, IPv4 and IPv6', () => {
    const lab = formerProcess();
    const flows = read(lab.memory);
    assert.equal(flows.length, survivors.length);
    for (const n of survivors) {
      const keys = keysOf(n, familyOf(n));
      const flow = flows.find((one) => one.original.equals(tupleOf(keys[0])))!;
      assert.ok(flow.reply.equals(tupleOf(keys[1])));
      assert.equal(flow.unit, find(lab.memory, keys[0])!.unit);
      assert.deepEqual([flow.originalScale, flow.replyScale, flow.checkWindow], [7, 14, true]);
      assert.deepEqual(flow.directions, [true, true]);
    }
  });

  test('which ones the engine has kept for itself', () => {
    const lab = newLab(8);
    installBoth(lab, 0, 4, { action: GateAction.Known });
    installBoth(lab, 1);
    // A connection is passed on in one direction before the other.
    lab.flows.install(offerOf(2, 0, keysOf(2), { action: GateAction.Known }));
    lab.flows.install(offerOf(2, 1, keysOf(2)));
    const kept = new Map(read(lab.memory).map((flow) => [flow.unit, flow.isKept]));
    const units = [0, 1, 2].map((n) => find(lab.memory, keysOf(n)[0])!.unit);
    assert.deepEqual(
      units.map((unit) => kept.get(unit)),
      [true, false, false],
    );
  });

  test('one direction only', () => {
    const lab = newLab(4);
    lab.flows.install(
      offerOf(1, 1, keysOf(1), { action: GateAction.Out, inIf: -1, checkWindow: false }),
    );
    const [flow] = read(lab.memory);
    assert.deepEqual(flow!.directions, [false, true]);
    assert.equal(flow!.checkWindow, false);
  });

  test('the sides, as the program moves them on after the flow was read', () => {
    const lab = formerProcess();
    const into = new Int32Array(9).fill(-1);
    for (const { unit } of read(lab.memory)) {
      assert.equal(sidesOf(lab.memory, unit, into) & Spoke.NoneSince, Spoke.NoneSince);
      assert.deepEqual([...into], [100, 200, 300, 400, 500, 600, 700, 800, 900]);
      lab.memory.flows[30 * unit + 18] = 0x7000_0000 + unit;
      lab.memory.flows[30 * unit + 25] = -9 - unit;
      lab.memory.flows[30 * unit + 28] = unit;
      sidesOf(lab.memory, unit, into);
      const last = -9 - unit;
      assert.deepEqual([...into], [0x7000_0000 + unit, 200, 300, 400, 500, 600, 700, last, unit]);
    }
  });

  test('how far it has been closed', () => {
    const lab = newLab(4);
    installBoth(lab, 1);
    const [flow] = read(lab.memory);
    const { unit } = flow!;
    lab.memory.flows[30 * unit + FlowWord.Closing] = Closing.Fins + Closing.ByReply + Closing.Waits;
    const spoke = Spoke.NoneSince | Spoke.FinWait | Spoke.CloseWait | Spoke.ClosedByReply;
    assert.equal(sidesOf(lab.memory, unit, new Int32Array(9)), spoke);
    assert.deepEqual(flow!.directions, [true, true]);
  });

  test('flows of another generation are not there', () => {
    const lab = formerProcess();
    lab.memory.config[2]!++;
    assert.deepEqual(read(lab.memory), []);
  });
});

describe('nonsense is left out', () => {
  /** What a broken process may have written; which directions of the connection are left. */
  const damages: [string, boolean[][], (memory: FlowMemory) => void][] = [
    ['a family of 5', [], (memory) => (memory.flows[0] = (memory.flows[0]! & ~0xff00) | 0x0500)],
    ['another address', [[false, true]], (memory) => memory.flows[3]!++],
    ['no such action', [[false, true]], (memory) => (memory.flows[9] = (1001 << 8) | 6)],
    ['no action', [[false, true]], (memory) => (memory.flows[9] = 0)],
    ['no way in', [[false, true]], (memory) => (memory.flows[9] = 1)],
    ['a hop beyond the last', [[false, true]], (memory) => (memory.flows[10]! |= 0xfff)],
    ['a hop out of range', [[false, true]], (memory) => (memory.flows[10]! |= 0x1000)],
    ['another generation', [[true, false]], (memory) => (memory.flows[14]! ^= 0x10000)],
  ];
  for (const [name, left, damage] of damages) {
    test(name, () => {
      const { memory } = oneFlow(32);
      memory.hops.fill(0, 16);
      damage(memory);
      assert.deepEqual(
        read(memory).map((flow) => flow.directions),
        left,
      );
    });
  }

  test('slots that are doubled, beyond the units, or at the wrong place', () => {
    const { memory } = oneFlow(32);
    const { buckets } = memory;
    const at = buckets.findIndex((slot) => slot !== 0);
    const copies = [at ^ 1, (at + 64) % buckets.length];
    for (const copy of copies) if (buckets[copy] === 0) buckets[copy] = buckets[at]!;
    buckets[(at + 40) % buckets.length] = 65;
    buckets[(at + 41) % buckets.length] = -1;
    assert.ok(buckets.filter((slot) => slot !== 0).length > 4);
    assert.deepEqual(
      read(memory).map((flow) => [flow.unit, flow.directions]),
      [[0, [true, true]]],
    );
  });

  test('a slot that no search comes to', () => {
    const { flows, memory } = newLab(64);
    flows.install(offerOf(0, 0, keysOf(0)));
    const { buckets } = memory;
    const at = buckets.findIndex((slot) => slot !== 0);
    buckets[(at + 5 * 16) % buckets.length] = buckets[at]!;
    buckets[at] = 0;
    assert.deepEqual(read(memory), []);
  });

  test('an IPv4 flow inside of an annex', () => {
    const { memory } = newLab(8);
    const former = newLab(8);
    for (let n = 0; n < 8; n++) installBoth(former, n);
    write(memory, former.memory);
    const other = newLab(8);
    installBoth(other, 0, 6);
    // The IPv6 flow at the top is written over two of the others.
    memory.flows.set(other.memory.flows.subarray(30 * 6), 30 * 6);
    enterSlots(memory, other.memory);
    const read6 = read(memory).filter((flow) => flow.original.family === 6);
    assert.deepEqual(
      read6.map((flow) => flow.unit),
      [6],
    );
    const units = read(memory).map((flow) => flow.unit);
    assert.ok(units.length > 1 && units.every((unit) => unit <= 6), `${units}`);
  });

  test('an IPv4 flow above one of IPv6', () => {
    const former = newLab(8);
    for (let n = 0; n < 3; n++) installBoth(former, n, 6);
    former.flows.withdraw(0);
    const other = newLab(8);
    for (let n = 0; n < 7; n++) installBoth(other, n);
    for (let n = 0; n < 6; n++) other.flows.withdraw(n);
    former.memory.flows.set(other.memory.flows.subarray(30 * 6, 30 * 7), 30 * 6);
    enterSlots(former.memory, other.memory);
    assert.notEqual(find(former.memory, keysOf(6)[0]), null);
    assert.deepEqual(
      read(former.memory).map((flow) => [flow.unit, flow.original.family]),
      [
        [2, 6],
        [4, 6],
      ],
    );
  });

  test('a flow of a family that does not exist, with its slot', () => {
    const { flows, memory } = newLab(8);
    const offer = offerOf(0, 0, keysOf(0));
    for (const tuple of [offer.original, offer.reply]) tuple.meta = (5 << 8) | tuple.protocol;
    assert.ok(flows.install(offer));
    assert.deepEqual(read(memory), []);
  });

  test('an IPv6 flow half in one pair and half in the next, with its slots', () => {
    const { memory } = newLab(8);
    const former = newLab(8);
    installBoth(former, 0, 6);
    memory.flows.set(former.memory.flows.subarray(30 * 6), 30 * 5);
    memory.hops.set(former.memory.hops);
    // The same slots, but of the unit before.
    for (const [n, slot] of former.memory.buckets.entries()) {
      if (slot !== 0) memory.buckets[n] = slot - 2;
    }
    assert.equal(find(memory, keysOf(0, 6)[0])!.unit, 5);
    assert.deepEqual(read(memory), []);
  });

  test('a memory of noise', () => {
    const { memory } = newLab(64);
    const random = new Prng(12345);
    for (const words of [memory.flows, memory.buckets, memory.hops]) {
      for (let n = 0; n < words.length; n++) words[n] = random.next() >> random.below(16);
    }
    assert.deepEqual(read(memory), []);
  });

  test('words of noise among sound ones: the program finds all that is left', () => {
    const { memory } = newLab(32);
    const sound = formerProcess().memory;
    const random = new Prng(777);
    let left = 0;
    for (let round = 0; round < 2000; round++) {
      write(memory, sound);
      for (let damages = 1 + random.below(8); damages > 0; damages--) {
        const words = random.below(3) === 0 ? memory.buckets : memory.flows;
        const at = random.below(words.length);
        words[at] = random.below(2) === 0 ? words[at]! ^ (1 << random.below(32)) : random.next();
      }
      for (const flow of flowsOf(memory)) {
        left++;
        for (const direction of [0, 1] as const) {
          if (!flow.directions[direction]) continue;
          const key = keyOf(direction === 0 ? flow.original : flow.reply);
          const found = find(memory, key);
          assert.deepEqual([found?.unit, found?.direction], [flow.unit, direction]);
        }
      }
    }
    assert.ok(left > 2000 && left < 2000 * survivors.length, `${left}`);
  });
});

function oneFlow(units: number): Lab {
  const lab = newLab(units);
  installBoth(lab, 0);
  return lab;
}

function enterSlots(memory: FlowMemory, other: FlowMemory): void {
  for (const [n, slot] of other.buckets.entries()) if (slot !== 0) memory.buckets[n] = slot;
}
