/** Every table is bounded, and one more than the limit is a refusal that leaves nothing behind. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bucketsFor, HopTable } from '../../../../src/datapath/gate/flows/index.ts';
import { holds, installBoth, keysOf, newLab, offerOf, SEED } from './flow-lab.ts';
import { find, type PacketKey, pass, slowHash } from './twin.ts';

describe('units', () => {
  test('IPv4 alone: all, and one more', () => {
    const lab = newLab(5);
    for (let n = 0; n < 5; n++) assert.ok(installBoth(lab, n));
    assert.equal(installBoth(lab, 5), false);
    assert.equal(installBoth(lab, 6, 6), false);
    assert.deepEqual([lab.flows.narrowFlows, lab.flows.wideFlows, lab.flows.refused], [5, 0, 2]);
    lab.flows.withdraw(2);
    assert.ok(installBoth(lab, 5));
    assert.equal(find(lab.memory, keysOf(5)[0])!.unit, 2);
  });

  test('IPv6 alone takes pairs from the top; an odd unit at the bottom stays', () => {
    const lab = newLab(5);
    assert.ok(installBoth(lab, 0, 6));
    assert.equal(find(lab.memory, keysOf(0, 6)[0])!.unit, 3);
    assert.ok(installBoth(lab, 1, 6));
    assert.equal(find(lab.memory, keysOf(1, 6)[0])!.unit, 1);
    assert.equal(installBoth(lab, 2, 6), false);
    assert.ok(installBoth(lab, 3));
    assert.equal(installBoth(lab, 4), false);
    lab.flows.withdraw(1);
    assert.equal(installBoth(lab, 4), false, 'what IPv6 gave back is kept for IPv6');
    assert.ok(installBoth(lab, 5, 6));
  });

  test('after everything was withdrawn the families share anew', () => {
    const lab = newLab(4);
    for (let n = 0; n < 4; n++) installBoth(lab, n);
    lab.flows.withdrawAll();
    assert.ok(installBoth(lab, 0, 6));
    assert.ok(installBoth(lab, 1, 6));
    assert.equal(installBoth(lab, 2), false);
  });

  test('few units that were withdrawn with all others rest', () => {
    const lab = newLab(16);
    installBoth(lab, 0);
    installBoth(lab, 1, 6);
    lab.flows.withdrawAll();
    installBoth(lab, 0);
    installBoth(lab, 1, 6);
    const unitOf = (n: number, family: 4 | 6) => find(lab.memory, keysOf(n, family)[0])!.unit;
    assert.deepEqual([unitOf(0, 4), unitOf(1, 6)], [1, 12]);
  });

  test('a unit that was given back rests, if there is another', () => {
    const lab = newLab(4);
    const unitOf = (n: number) => find(lab.memory, keysOf(n)[0])!.unit;
    installBoth(lab, 0);
    installBoth(lab, 1);
    lab.flows.withdraw(0);
    installBoth(lab, 2);
    assert.equal(unitOf(2), 2);
    lab.flows.setNow(10);
    installBoth(lab, 3);
    assert.equal(unitOf(3), 3, 'given back just before the clock was set');
    lab.flows.setNow(10);
    assert.ok(installBoth(lab, 4), 'no other is left');
    assert.equal(unitOf(4), 0);
    lab.flows.withdraw(1);
    lab.flows.setNow(20);
    lab.flows.withdraw(2);
    lab.flows.setNow(30);
    installBoth(lab, 5);
    assert.equal(unitOf(5), 1);
  });

  test('a count that comes too late does not reach the next flow', () => {
    const lab = newLab(1);
    installBoth(lab, 0);
    const late = find(lab.memory, keysOf(0)[0])!;
    lab.flows.withdraw(0);
    pass(lab.memory, late, 1500);
    assert.equal(lab.flows.collectSome(10), 0);
    assert.ok(installBoth(lab, 1));
    lab.flows.collect(1);
    assert.equal(lab.flows.collectSome(10), 0);
    assert.deepEqual(lab.ledger.entries, []);
  });

  test('none is lost, however they are given back', () => {
    const lab = newLab(12);
    for (let n = 0; n < 12; n++) installBoth(lab, n);
    for (let n = 0; n < 12; n++) {
      lab.flows.withdraw(n);
      if (n % 2 === 1) lab.flows.setNow(n);
    }
    for (let n = 0; n < 12; n++) assert.ok(installBoth(lab, n));
    assert.equal(installBoth(lab, 12), false);
  });

  test('more rows than were announced', () => {
    const lab = newLab(4);
    assert.equal(holds(lab.flows, 1_000_000), false);
    assert.ok(lab.flows.install(offerOf(1_000_000, 0, keysOf(1))));
    assert.ok(lab.flows.install(offerOf(17, 0, keysOf(2))));
    assert.ok(holds(lab.flows, 1_000_000) && holds(lab.flows, 17) && !holds(lab.flows, 18));
  });
});

describe('slots', () => {
  const UNITS = 256;
  const HOME = 5;

  /** Keys whose packets belong in one bucket. */
  function keysOfBucket(bucket: number, count: number): PacketKey[] {
    const keys: PacketKey[] = [];
    for (let n = 0; keys.length < count; n++) {
      const key = keysOf(n, 4, 17)[0];
      if ((slowHash(key, SEED) & (bucketsFor(UNITS) - 1)) === bucket) keys.push(key);
    }
    return keys;
  }

  for (const home of [HOME, bucketsFor(UNITS) - 1]) {
    test(`bucket ${home} and the next one, and one more`, () => {
      const lab = newLab(UNITS);
      const keys = keysOfBucket(home, 33);
      const offers = keys.map((key, n) => offerOf(n, 0, [key, keysOf(40_000 + n)[1]]));
      for (const offer of offers.slice(0, 32)) {
        offer.reply.meta = offer.original.meta;
        assert.ok(lab.flows.install(offer));
      }
      const last = offers[32]!;
      last.reply.meta = last.original.meta;
      assert.equal(lab.flows.install(last), false);
      assert.equal(lab.flows.refused, 1);
      assert.equal(holds(lab.flows, 32), false);
      assert.equal(lab.flows.narrowFlows, 32);
      for (const [n, key] of keys.slice(0, 32).entries()) {
        assert.equal(find(lab.memory, key)?.unit, n);
      }
      // One of the first bucket goes; those in the second one are still found, and its slot is used.
      lab.flows.withdraw(3);
      assert.ok(lab.flows.install(last));
      for (const [n, key] of keys.entries()) assert.equal(find(lab.memory, key) === null, n === 3);
    });
  }

  test('the first slot is the one that the hash names', () => {
    const lab = newLab(UNITS);
    const [key] = keysOf(7);
    lab.flows.install(offerOf(7, 0, keysOf(7)));
    const hash = slowHash(key, SEED);
    const slot = 16 * (hash & (bucketsFor(UNITS) - 1)) + Math.floor(hash / 2 ** 28);
    assert.notEqual(lab.memory.buckets[slot], 0);
  });

  test('no slot for one direction leaves the other as it is', () => {
    const lab = newLab(UNITS);
    for (const [n, key] of keysOfBucket(HOME, 33).entries()) {
      const offer = offerOf(n, 0, [key, keysOf(40_000 + n, 4, 17)[1]]);
      if (n < 32) assert.ok(lab.flows.install(offer));
      else {
        const pair = [key, keysOf(50_000, 4, 17)[1]] as const;
        assert.ok(lab.flows.install(offerOf(n, 1, pair)));
        assert.equal(lab.flows.install(offerOf(n, 0, pair)), false);
        assert.ok(holds(lab.flows, n));
        assert.notEqual(find(lab.memory, pair[1]), null);
      }
    }
  });
});

describe('hops', () => {
  const hop = (table: HopTable, n: number) => table.intern(n, 1500, 4, 0x0a000001, 0, 0, 0, true);

  test('4096 of them, and one more; each is known again', () => {
    const table = new HopTable(new Int32Array(4096 * 8).fill(0xa5a5a5a5));
    const numbers = new Set<number>();
    for (let n = 1; n <= 4096; n++) numbers.add(hop(table, n));
    assert.equal(numbers.size, 4096);
    assert.equal(hop(table, 4097), -1);
    const again = new Set<number>();
    for (let n = 1; n <= 4096; n++) again.add(hop(table, n));
    assert.deepEqual(again, numbers);
    table.recycle();
    for (let n = 4097; n <= 8192; n++) assert.ok(hop(table, n) >= 0);
    assert.equal(hop(table, 1), -1);
  });

  test('what differs in anything is another hop', () => {
    const memory = new Int32Array(4096 * 8).fill(0xa5a5a5a5);
    const table = new HopTable(memory);
    const numbers = [
      table.intern(3, 1500, 4, 0x0a000001, 0, 0, 0, true),
      table.intern(4, 1500, 4, 0x0a000001, 0, 0, 0, true),
      table.intern(3, 1400, 4, 0x0a000001, 0, 0, 0, true),
      table.intern(3, 1500, 4, 0x0a000002, 0, 0, 0, true),
      table.intern(3, 1500, 4, 0x0a000001, 0, 0, 0, false),
      table.intern(3, 1500, 6, 0x0a000001, 0, 0, 0, true),
      table.intern(3, 1500, 6, 0x0a000001, 1, 2, 3, true),
      table.intern(3, 1500, 0, 0x0a000001, 1, 2, 3, true),
    ];
    assert.equal(new Set(numbers).size, numbers.length);
    assert.equal(table.intern(3, 1500, 0, 7, 8, 9, 10, true), numbers.at(-1));
    assert.deepEqual([...memory.subarray(0, 8)], [3, 1500, 2, 1, 0x0100000a, 0, 0, 0]);
    assert.deepEqual(
      [...memory.subarray(8 * numbers[6]!, 8 * numbers[6]! + 8)],
      [3, 1500, 10, 1, 0x0100000a, 1 << 24, 2 << 24, 3 << 24],
    );
  });

  test('numbers that were just given back are the last to be used again', () => {
    const table = new HopTable(new Int32Array(4096 * 8));
    const first = hop(table, 1);
    table.recycle();
    assert.notEqual(hop(table, 2), first);
  });

  test('a neighbour on the link is left to the packet, a gateway is written down', () => {
    const lab = newLab(8);
    for (const n of [1, 2, 3]) assert.ok(installBoth(lab, n));
    const ways = [1, 2, 3].flatMap((n) => keysOf(n).map((key) => find(lab.memory, key)!.hop));
    assert.equal(new Set(ways).size, 2, 'one each way for all neighbours');
    const keys = keysOf(4);
    assert.ok(lab.flows.install(offerOf(4, 0, keys, { hop0: 0x0a00_0001 })));
    const found = find(lab.memory, keys[0])!;
    const words = [...lab.memory.hops.subarray(8 * found.hop, 8 * found.hop + 8)];
    assert.deepEqual(words, [1002, 1500, 2, 0, 0x0100_000a, 0, 0, 0]);
    // RFC 8950: an IPv6 next hop, whose words happen to be those of the packet's destination.
    assert.ok(lab.flows.install(offerOf(5, 0, keysOf(5), { hopFamily: 6 })));
    const wide = find(lab.memory, keysOf(5)[0])!;
    assert.equal(lab.memory.hops[8 * wide.hop + 2], 10);
  });

  test('no hop is left: the flow is refused and leaves nothing', () => {
    const lab = newLab(8);
    for (let n = 0; n < 4096; n++) hop(lab.flows.hops, n + 1);
    assert.equal(installBoth(lab, 1), false);
    assert.deepEqual([lab.flows.refused, lab.flows.narrowFlows], [1, 0]);
  });
});
