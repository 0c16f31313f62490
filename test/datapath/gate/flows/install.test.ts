import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SharedFlows } from '../../../../src/datapath/gate/flows/index.ts';
import {
  Closing,
  DirectionWord,
  FlowAction,
  FlowFlag,
  FlowWord,
  WAY_CLOSES,
} from '../../../../src/datapath/gate/layout.ts';
import { GateAction, type GateActionCode } from '../../../../src/engine/index.ts';
import {
  holds,
  installBoth,
  keysOf,
  labParts,
  Notebook,
  newLab,
  newMemory,
  type Offer,
  offerOf,
} from './flow-lab.ts';
import { find, type PacketKey, pass } from './twin.ts';

for (const family of [4, 6] as const) {
  describe(`IPv${family}`, () => {
    test('each direction is found by its own packets, and translated', () => {
      const lab = newLab(16);
      const [original, reply] = keysOf(5, family);
      assert.ok(lab.flows.install(offerOf(5, 0, [original, reply])));
      assert.equal(find(lab.memory, reply), null);
      assert.ok(lab.flows.install(offerOf(5, 1, [original, reply])));
      const there = find(lab.memory, original)!;
      assert.deepEqual(there.newSource, reply.destination);
      assert.deepEqual(there.newDestination, reply.source);
      assert.deepEqual([there.action, there.ifindex, there.direction], [1, 1001, 0]);
      const back = find(lab.memory, reply)!;
      assert.deepEqual(back.newSource, original.destination);
      assert.deepEqual(back.newDestination, original.source);
      assert.deepEqual([back.action, back.ifindex, back.direction], [1, 1002, 1]);
      assert.equal(back.unit, there.unit);
    });

    test('any other bit makes another flow', () => {
      const lab = newLab(16);
      const keys = keysOf(5, family);
      installBoth(lab, 5, family);
      for (const field of ['source', 'destination', 'ports'] as const) {
        for (let bit = 0; bit < 8 * keys[0][field].length; bit++) {
          const bytes = Uint8Array.from(keys[0][field]);
          bytes[bit >> 3]! ^= 1 << (bit & 7);
          assert.equal(find(lab.memory, { ...keys[0], [field]: bytes }), null, `${field} ${bit}`);
        }
      }
      assert.equal(find(lab.memory, { ...keys[0], protocol: 17 }), null);
      assert.notEqual(find(lab.memory, keys[0]), null);
    });
  });
}

test('an ICMP query is found by identifier, type and code, and its answer too', () => {
  const lab = newLab(4);
  const ask: PacketKey = {
    family: 4,
    protocol: 1,
    source: Uint8Array.of(10, 0, 0, 1),
    destination: Uint8Array.of(198, 51, 100, 7),
    ports: Uint8Array.of(0x12, 0x34, 8, 0),
  };
  const answer: PacketKey = {
    family: 4,
    protocol: 1,
    source: Uint8Array.of(198, 51, 100, 7),
    destination: Uint8Array.of(203, 0, 113, 1),
    ports: Uint8Array.of(0x56, 0x78, 0, 0),
  };
  assert.ok(lab.flows.install(offerOf(0, 0, [ask, answer])));
  assert.ok(lab.flows.install(offerOf(0, 1, [ask, answer])));
  assert.equal(find(lab.memory, ask)!.direction, 0);
  assert.equal(find(lab.memory, answer)!.direction, 1);
});

test('the words of a unit that no packet is compared with', () => {
  const lab = newLab(4);
  lab.flows.setNow(-1234);
  installBoth(lab, 7);
  const unit = lab.memory.flows.subarray(0, 30);
  const flags = FlowFlag.CheckWindow | FlowFlag.EngineSpokeLast;
  assert.equal(unit[FlowWord.Meta], 6 | (4 << 8) | (7 << 16) | (14 << 20) | (flags << 24));
  assert.equal(unit[FlowWord.LastSeenMs], -1234);
  assert.equal(unit[FlowWord.Connection], 7);
  assert.equal(unit[FlowWord.Paths], 3 | (4 << 16));
  assert.deepEqual([...unit.subarray(11, 13)], [0, 0]);
  assert.deepEqual([...unit.subarray(15, 17)], [0, 0]);
  assert.deepEqual([...unit.subarray(18, 26)], [100, 200, 300, 400, 500, 600, 700, 800]);
  assert.deepEqual([...unit.subarray(26, 30)], [0, 0, 900, 0]);
});

test('flags of TCP', () => {
  const keys = keysOf(1);
  const cases = [
    [{ checkWindow: false }, 16],
    [{ checkWindow: true }, 17],
    [{ originalSack: false }, 19],
    [{ replySack: false }, 21],
    [{ checkWindow: false, originalSack: false, replySack: false }, 22],
  ] as const;
  const lab = newLab(4);
  for (const [changes, flags] of cases) {
    lab.flows.install(offerOf(1, 0, keys, changes));
    assert.equal(lab.memory.flows[FlowWord.Meta]! >>> 24, flags);
  }
});

test('FINs pass where the offer says so, of TCP whose windows are checked', () => {
  const ways = (changes: Partial<Offer>, protocol = 6) => {
    const lab = newLab(4);
    const keys = keysOf(1, 4, protocol);
    assert.ok(lab.flows.install(offerOf(1, 0, keys, changes)));
    return lab.memory.flows[FlowWord.Directions + DirectionWord.Way];
  };
  const way = (1001 << 8) | FlowAction.Forward;
  assert.equal(ways({ closes: true }), way | WAY_CLOSES);
  assert.equal(ways({ closes: false }), way);
  assert.equal(ways({ closes: true, checkWindow: false }), way);
  assert.equal(ways({ closes: true }, 17), way);
  const acks = (1001 << 8) | FlowAction.Acks;
  assert.equal(ways({ action: GateAction.Acks }), acks | WAY_CLOSES);
});

test('installed again, how far it is closed stays; another connection begins open', () => {
  const lab = newLab(1);
  installBoth(lab, 1);
  const closing = 2 * Closing.Fins + Closing.ByReply;
  lab.memory.flows[FlowWord.Closing] = closing;
  installBoth(lab, 1);
  assert.equal(lab.memory.flows[FlowWord.Closing], closing);
  lab.flows.withdraw(1);
  for (let ms = 1; ms < 5; ms++) lab.flows.setNow(ms);
  assert.ok(installBoth(lab, 2));
  assert.equal(lab.memory.flows[FlowWord.Connection], 2);
  assert.equal(lab.memory.flows[FlowWord.Closing], 0);
});

describe('actions', () => {
  const cases: [string, GateActionCode, number, number, number, number][] = [
    ['forwarded', GateAction.Forward, 1, 2, FlowAction.Forward, 1001],
    ['for this host', GateAction.Local, 1, -1, FlowAction.Local, 1001],
    ['of this host', GateAction.Out, -1, 2, FlowAction.Out, 1002],
    ['known, passing through', GateAction.Known, 1, 2, FlowAction.Punt, 1001],
    ['known, for this host', GateAction.Known, 1, -1, FlowAction.Punt, 1001],
    ['known, of this host', GateAction.Known, -1, 2, FlowAction.Punt, 1002],
  ];
  for (const [name, action, inIf, outIf, flowAction, ifindex] of cases) {
    test(name, () => {
      const lab = newLab(4);
      const keys = keysOf(1);
      assert.ok(lab.flows.install(offerOf(1, 0, keys, { action, inIf, outIf })));
      const found = find(lab.memory, keys[0], ifindex)!;
      assert.equal(found.action, flowAction);
    });
  }
});

test('packets of this host are told apart by their mark', () => {
  const lab = newLab(4);
  const changes = { action: GateAction.Out, inIf: -1, mark: 0xffff } as const;
  assert.ok(lab.flows.install(offerOf(1, 0, keysOf(1), changes)));
  const hop = lab.memory.flows[FlowWord.Directions + DirectionWord.Hop]!;
  assert.equal(hop & 0xffff, 0xffff);
});

describe('what the memory has no words for is refused, and takes no room', () => {
  const cases = [
    ['a zone', {}],
    ['an interface that is gone', { inIf: 100 }],
    ['a way out that is gone', { outIf: 100 }],
    ['a kernel index of more than 24 bits', { inIf: 101 }],
    ['a path beyond 65535', { path: 65_536 }],
    ['a mark beyond 65535', { action: GateAction.Out, inIf: -1, mark: 65_536 }],
    ['a mark with the highest bit', { action: GateAction.Out, inIf: -1, mark: -1 }],
  ] as const;
  for (const [name, changes] of cases) {
    test(name, () => {
      const lab = newLab(4);
      const offer = offerOf(1, 0, keysOf(1), changes);
      if (name === 'a zone') offer.original.zone = 1;
      assert.equal(lab.flows.install(offer), false);
      assert.equal(holds(lab.flows, 1), false);
      assert.equal(lab.flows.narrowFlows, 0);
      assert.ok(lab.memory.buckets.every((slot) => slot === 0));
    });
  }

  test('the highest path and kernel index that there are words for', () => {
    const memory = newMemory(4);
    const ledger = new Notebook();
    const ifindexOf = () => 0xff_ffff;
    const flows = new SharedFlows({ ...labParts(memory, ledger), ifindexOf });
    assert.ok(flows.install(offerOf(1, 0, keysOf(1), { path: 65_535 })));
    assert.ok(flows.install(offerOf(1, 1, keysOf(1), { path: 65_534 })));
    for (const key of keysOf(1)) pass(memory, find(memory, key, 0xff_ffff)!, 100);
    flows.collect(1);
    assert.deepEqual(
      ledger.entries.map((entry) => entry.path),
      [65_535, 65_534],
    );
  });
});

describe('installed again', () => {
  test('a direction is replaced, after what it counted was settled in the old path', () => {
    const lab = newLab(4);
    const keys = keysOf(1);
    installBoth(lab, 1);
    for (const key of keys) pass(lab.memory, find(lab.memory, key)!, 60);
    const changes = { inIf: 9, outIf: 11, path: 77 };
    assert.ok(lab.flows.install(offerOf(1, 0, keys, changes)));
    assert.deepEqual(
      lab.ledger.take().map((entry) => [entry.direction, entry.path, entry.packets]),
      [[0, 3, 1]],
    );
    assert.equal(find(lab.memory, keys[0], 1001), null);
    pass(lab.memory, find(lab.memory, keys[0], 1009)!, 60);
    lab.flows.collect(1);
    assert.deepEqual(
      lab.ledger.take().map((entry) => [entry.direction, entry.path, entry.packets]),
      [
        [0, 77, 1],
        [1, 4, 1],
      ],
    );
    assert.equal(lab.memory.buckets.filter((slot) => slot !== 0).length, 2);
  });

  test('refused: the direction does not go on as it was', () => {
    const lab = newLab(4);
    const keys = keysOf(1);
    installBoth(lab, 1);
    pass(lab.memory, find(lab.memory, keys[0])!, 60);
    assert.equal(lab.flows.install(offerOf(1, 0, keys, { outIf: 100 })), false);
    assert.equal(find(lab.memory, keys[0]), null);
    assert.notEqual(find(lab.memory, keys[1]), null);
    assert.equal(lab.ledger.take().length, 1);
    assert.equal(lab.flows.install(offerOf(1, 1, keys, { outIf: 100 })), false);
    assert.equal(holds(lab.flows, 1), false);
    assert.ok(lab.memory.buckets.every((slot) => slot === 0));
  });

  test('with other tuples it is another connection', () => {
    const lab = newLab(4);
    installBoth(lab, 1);
    assert.ok(lab.flows.install(offerOf(1, 0, keysOf(2))));
    for (const key of keysOf(1)) assert.equal(find(lab.memory, key), null);
    assert.notEqual(find(lab.memory, keysOf(2)[0]), null);
    assert.equal(find(lab.memory, keysOf(2)[1]), null);
    assert.equal(lab.flows.narrowFlows, 1);
  });

  test('an IPv6 address that differs in its last words makes another connection', () => {
    for (const field of ['source', 'destination'] as const) {
      for (const byte of [4, 8, 15]) {
        const lab = newLab(4);
        installBoth(lab, 1, 6);
        const [original, reply] = keysOf(1, 6);
        const bytes = Uint8Array.from(original[field]);
        bytes[byte]! ^= 1;
        const other = { ...original, [field]: bytes };
        assert.ok(lab.flows.install(offerOf(1, 0, [other, reply])));
        assert.equal(find(lab.memory, original), null);
        assert.notEqual(find(lab.memory, other), null);
      }
    }
  });
});
