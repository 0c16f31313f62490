/** A process that begins takes over what the one before has left, while the program runs on. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type FlowMemory, flowsOf } from '../../../../src/datapath/gate/flows/index.ts';
import { GateAction } from '../../../../src/engine/index.ts';
import { installBoth, keysOf, type Lab, labOver, newLab, offerOf, tupleOf } from './flow-lab.ts';
import { find, pass } from './twin.ts';

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

function isThere(memory: FlowMemory, n: number): boolean[] {
  return keysOf(n, familyOf(n)).map((key) => find(memory, key) !== null);
}

describe('flowsOf', () => {
  test('gives back what was installed', () => {
    const lab = formerProcess();
    lab.memory.flows[1] = -9;
    const flows = [...flowsOf(lab.memory)];
    assert.equal(flows.length, survivors.length);
    for (const n of survivors) {
      const keys = keysOf(n, familyOf(n));
      const flow = flows.find((one) => one.original.equals(tupleOf(keys[0])))!;
      assert.ok(flow.reply.equals(tupleOf(keys[1])));
      assert.equal(flow.unit, find(lab.memory, keys[0])!.unit);
      assert.deepEqual([...flow.sides], [100, 200, 300, 400, 500, 600, 700, 800]);
      assert.deepEqual([flow.originalScale, flow.replyScale, flow.checkWindow], [7, 14, true]);
      assert.equal(flow.lastSeenMs, flow.unit === 0 ? -9 : 0);
      const hop = { mtu: 1500, family: n < 4 ? 0 : 6 };
      assert.deepEqual(
        flow.directions.map((one) => [one!.action, one!.ifindex, one!.path, one!.hop!.ifindex]),
        [
          [GateAction.Forward, 1001, 3, 1002],
          [GateAction.Forward, 1002, 4, 1001],
        ],
      );
      const first = flow.directions[0]!.hop!;
      assert.deepEqual({ mtu: first.mtu, family: first.family }, hop);
      assert.deepEqual(first.managed, false);
      assert.deepEqual(flow.directions[1]!.hop!.managed, true);
      if (n >= 4) assert.deepEqual([first.address[0], first.address[3]], [0x2001_0db8, 1]);
    }
  });

  test('one direction only, and an action without a hop', () => {
    const lab = newLab(4);
    lab.flows.install(
      offerOf(1, 1, keysOf(1), { action: GateAction.Out, inIf: -1, checkWindow: false }),
    );
    const [flow] = [...flowsOf(lab.memory)];
    assert.equal(flow!.directions[0], null);
    assert.deepEqual(flow!.directions[1], {
      action: GateAction.Out,
      ifindex: 1001,
      hop: null,
      path: 4,
    });
    assert.equal(flow!.checkWindow, false);
  });

  test('flows of another generation are not there', () => {
    const lab = formerProcess();
    lab.memory.config[2]!++;
    assert.deepEqual([...flowsOf(lab.memory)], []);
  });
});

describe('adopted', () => {
  test('goes on without a stop, and counts for its new row', () => {
    const former = formerProcess();
    pass(former.memory, find(former.memory, keysOf(2)[0])!, 999);
    const before = former.memory.buckets.slice();
    const lab = labOver(former.memory);
    assert.deepEqual(lab.memory.buckets, before);
    assert.deepEqual(
      [...lab.flows.unclaimed()].sort((a, b) => a.unit - b.unit),
      [...flowsOf(lab.memory)],
    );
    for (const flow of lab.flows.unclaimed()) {
      assert.ok(lab.flows.adopt(flow.unit, 100 + flow.unit, 8, 9));
      assert.equal(lab.flows.adopt(flow.unit, 200 + flow.unit, 8, 9), false, 'twice');
    }
    assert.deepEqual([...lab.flows.unclaimed()], []);
    assert.equal(lab.flows.releaseRest(), 0);
    assert.deepEqual(lab.memory.buckets, before);
    assert.deepEqual([lab.flows.narrowFlows, lab.flows.wideFlows], [3, 2]);
    assert.equal(lab.flows.collectSome(100), 1);
    const { unit } = find(lab.memory, keysOf(2)[0])!;
    const settled = { row: 100 + unit, direction: 0, path: 8, packets: 1, bytes: 999, seenMs: 0 };
    assert.deepEqual(lab.ledger.take(), [settled]);
    lab.flows.withdraw(100 + unit);
    assert.deepEqual(isThere(lab.memory, 2), [false, false]);
  });

  test('a row that has a flow already adopts no other', () => {
    const lab = labOver(formerProcess().memory);
    const [first, second] = [...flowsOf(lab.memory)];
    assert.ok(lab.flows.adopt(first!.unit, 5, 0, 0));
    assert.equal(lab.flows.adopt(second!.unit, 5, 0, 0), false);
    assert.equal(lab.flows.releaseRest(), survivors.length - 1);
  });

  test('what is not a flow cannot be adopted or released', () => {
    const lab = labOver(formerProcess().memory);
    for (const unit of [-1, 1, 10, 31, 32, 1000]) {
      assert.equal(lab.flows.adopt(unit, 1, 0, 0), false);
      lab.flows.release(unit);
    }
    assert.equal(lab.flows.releaseRest(), survivors.length);
  });

  test('new flows find the room that is left, exactly', () => {
    const lab = labOver(formerProcess().memory);
    lab.flows.releaseRest();
    const other = labOver(formerProcess().memory);
    // 32 units: 4 of IPv4 at the bottom (one given back), 3 pairs at the top (one given back).
    let narrow = 0;
    while (installBoth(other, 1000 + narrow)) narrow++;
    let wide = 0;
    while (installBoth(other, 2000 + wide, 6)) wide++;
    assert.deepEqual([narrow, wide], [32 - 6 - 3, 1]);
    for (const n of survivors) assert.deepEqual(isThere(other.memory, n), [true, true]);
  });

  test('flows that nobody wants are ended, and their room is free', () => {
    const lab = labOver(formerProcess().memory);
    const flows = [...flowsOf(lab.memory)];
    lab.flows.release(flows[0]!.unit);
    assert.ok(lab.flows.adopt(flows[1]!.unit, 7, 0, 0));
    assert.equal(lab.flows.releaseRest(), survivors.length - 2);
    assert.deepEqual(
      survivors.map((n) => isThere(lab.memory, n)[0]),
      [false, true, false, false, false],
    );
    assert.equal(lab.memory.buckets.filter((slot) => slot !== 0).length, 2);
    assert.deepEqual([lab.flows.narrowFlows, lab.flows.wideFlows], [1, 0]);
    assert.deepEqual(lab.ledger.take(), []);
  });

  test('withdrawAll before the rest was released ends those too', () => {
    const lab = labOver(formerProcess().memory);
    const [flow] = [...flowsOf(lab.memory)];
    lab.flows.withdrawAll();
    assert.equal(lab.flows.adopt(flow!.unit, 1, 0, 0), false);
    assert.equal(lab.flows.releaseRest(), 0);
    for (const n of survivors) assert.deepEqual(isThere(lab.memory, n), [false, false]);
  });

  test('hops in use keep their numbers', () => {
    const lab = labOver(formerProcess().memory);
    assert.equal(lab.flows.hops.count, 4);
    const hop = find(lab.memory, keysOf(0)[0])!.hop;
    assert.equal(lab.flows.hops.intern(1002, 1500, 0, 0, 0, 0, 0, false), hop);
    const others = new Set([...flowsOf(lab.memory)].map((flow) => flow.directions[0]!.hop));
    for (let n = 0; n < 4092; n++) {
      assert.ok(lab.flows.hops.intern(n + 5000, 1500, 0, 0, 0, 0, 0, true) >= 0);
    }
    assert.equal(lab.flows.hops.intern(1, 1, 0, 0, 0, 0, 0, true), -1);
    assert.equal(others.size, survivors.length);
    assert.equal(find(lab.memory, keysOf(0)[0])!.hop, hop);
  });
});

describe('nonsense is left out, and taken out of the index', () => {
  /** What a broken process may have written; the connection that it hits. */
  const damages: [string, (memory: FlowMemory) => void][] = [
    ['a family of 5', (memory) => (memory.flows[0] = (memory.flows[0]! & ~0xff00) | 0x0500)],
    ['another address', (memory) => memory.flows[3]!++],
    ['an action that does not exist', (memory) => (memory.flows[9] = (1001 << 8) | 5)],
    ['no action', (memory) => (memory.flows[9] = 0)],
    ['no way in', (memory) => (memory.flows[9] = 1)],
    ['a hop beyond the last', (memory) => (memory.flows[10]! |= 0xfff)],
    ['a hop out of range', (memory) => (memory.flows[10]! |= 0x1000)],
    ['another generation', (memory) => (memory.flows[10]! ^= 0x10000)],
  ];
  for (const [name, damage] of damages) {
    test(name, () => {
      const former = newLab(32);
      installBoth(former, 0);
      former.memory.hops.fill(0, 16);
      damage(former.memory);
      const lab = labOver(former.memory);
      assert.equal(find(lab.memory, keysOf(0)[0]), null);
      const flows = [...lab.flows.unclaimed()];
      assert.deepEqual(flows, [...flowsOf(lab.memory)]);
      assert.ok(flows.every((flow) => flow.directions[0] === null));
      const slots = lab.memory.buckets.filter((slot) => slot !== 0).length;
      assert.equal(slots, flows.length);
    });
  }

  test('slots that are doubled, beyond the units, or at the wrong place', () => {
    const former = newLab(32);
    installBoth(former, 0);
    const { buckets } = former.memory;
    const at = buckets.findIndex((slot) => slot !== 0);
    const copies = [at ^ 1, (at + 64) % buckets.length];
    for (const copy of copies) if (buckets[copy] === 0) buckets[copy] = buckets[at]!;
    buckets[(at + 40) % buckets.length] = 65;
    buckets[(at + 41) % buckets.length] = -1;
    const lab = labOver(former.memory);
    assert.equal(buckets.filter((slot) => slot !== 0).length, 2);
    assert.equal([...flowsOf(lab.memory)].length, 1);
    assert.deepEqual(isThere(lab.memory, 0), [true, true]);
  });

  test('a slot that no search comes to', () => {
    const former = newLab(64);
    former.flows.install(offerOf(0, 0, keysOf(0)));
    const { buckets } = former.memory;
    const at = buckets.findIndex((slot) => slot !== 0);
    buckets[(at + 5 * 16) % buckets.length] = buckets[at]!;
    buckets[at] = 0;
    assert.deepEqual([...flowsOf(former.memory)], []);
    labOver(former.memory);
    assert.ok(buckets.every((slot) => slot === 0));
  });

  test('an IPv4 flow inside of an annex', () => {
    const former = newLab(8);
    for (let n = 0; n < 8; n++) installBoth(former, n);
    const other = newLab(8);
    installBoth(other, 0, 6);
    // The IPv6 flow at the top is written over two of the others.
    former.memory.flows.set(other.memory.flows.subarray(26 * 6), 26 * 6);
    former.memory.hops.set(other.memory.hops.subarray(0, 16));
    for (const [n, slot] of other.memory.buckets.entries()) {
      if (slot !== 0) former.memory.buckets[n] = slot;
    }
    const lab = labOver(former.memory);
    assert.equal(lab.flows.wideFlows, 1);
    assert.ok(lab.flows.narrowFlows <= 6);
    const inUse = lab.flows.narrowFlows + 1;
    assert.equal([...flowsOf(lab.memory)].length, inUse);
    assert.equal(lab.flows.releaseRest(), inUse);
    assert.ok(lab.memory.buckets.every((slot) => slot === 0));
  });

  test('an IPv4 flow above one of IPv6', () => {
    const former = newLab(8);
    for (let n = 0; n < 3; n++) installBoth(former, n, 6);
    former.flows.withdraw(0);
    const other = newLab(8);
    for (let n = 0; n < 7; n++) installBoth(other, n);
    for (let n = 0; n < 6; n++) other.flows.withdraw(n);
    former.memory.flows.set(other.memory.flows.subarray(26 * 6, 26 * 7), 26 * 6);
    for (const [n, slot] of other.memory.buckets.entries()) {
      if (slot !== 0) former.memory.buckets[n] = slot;
    }
    assert.notEqual(find(former.memory, keysOf(6)[0]), null);
    const lab = labOver(former.memory);
    assert.equal(find(lab.memory, keysOf(6)[0]), null);
    assert.deepEqual([lab.flows.narrowFlows, lab.flows.wideFlows], [0, 2]);
  });

  test('a memory of noise', () => {
    const former = newLab(64);
    let noise = 12345;
    for (const words of [former.memory.flows, former.memory.buckets, former.memory.hops]) {
      for (let n = 0; n < words.length; n++) {
        noise = (Math.imul(noise, 1664525) + 1013904223) | 0;
        words[n] = noise >> (noise & 15);
      }
    }
    const lab = labOver(former.memory);
    lab.flows.releaseRest();
    assert.ok(lab.memory.buckets.every((slot) => slot === 0));
    for (let n = 0; n < 64; n++) assert.ok(installBoth(lab, n));
  });
});
