import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  bucketsFor,
  FlowMemoryError,
  flowsOf,
  initialise,
  MOST_UNITS,
} from '../../../../src/datapath/gate/flows/index.ts';
import {
  type FlowMemoryCode,
  mustBeLittleEndian,
} from '../../../../src/datapath/gate/flows/memory.ts';
import { ConfigWord, LAYOUT_VERSION } from '../../../../src/datapath/gate/layout.ts';
import { dirtyMemory, newMemory } from './flow-lab.ts';

function refuses(code: FlowMemoryCode, act: () => void): void {
  assert.throws(act, (error) => error instanceof FlowMemoryError && error.code === code);
}

describe('initialise', () => {
  test('writes the configuration over whatever was there', () => {
    const memory = dirtyMemory(1000);
    initialise(memory, { seed: -5, mark: 0xfeed, puntIfindex: 12, units: 1000 });
    const expected = new Int32Array(32);
    expected.set([0x31474850, LAYOUT_VERSION, 1, 0, -5, 255, 11, 12, 0xfeed, 1000]);
    assert.deepEqual(memory.config, expected);
    assert.ok(memory.buckets.every((slot) => slot === 0));
  });

  test('the index is at most half full, and a slot can name every unit', () => {
    for (const units of [1, 2, 3, 4, 7, 8, 9, 1023, 1024, 1025, 4096, 50_000]) {
      const memory = newMemory(units);
      const bits = memory.config[ConfigWord.RefBits]!;
      assert.ok(2 * units + 1 <= 2 ** bits && 2 * units + 1 > 2 ** (bits - 1), `${units}`);
      const buckets = bucketsFor(units);
      assert.equal(buckets & (buckets - 1), 0);
      assert.ok(2 * units <= (16 * buckets) / 2);
      assert.ok(buckets === 2 || buckets / 2 < units / 4);
    }
  });

  test('begins a generation after that of the memory, from 1 to 65535', () => {
    const settings = { seed: 1, mark: 2, puntIfindex: 3, units: 8 };
    const memory = dirtyMemory(8);
    for (const [before, after] of [
      [0, 1],
      [1, 2],
      [65_534, 65_535],
      [65_535, 1],
      [65_536, 1],
      [-1, 1],
    ] as const) {
      memory.config[ConfigWord.Generation] = before;
      initialise(memory, settings);
      assert.equal(memory.config[ConfigWord.Generation], after);
    }
  });

  test('refuses memory of another shape', () => {
    const settings = { seed: 1, mark: 2, puntIfindex: 3 };
    for (const units of [0, 7, 9, 8.5, MOST_UNITS + 1]) {
      refuses('flow-memory-shape', () => initialise(dirtyMemory(8), { ...settings, units }));
    }
  });
});

test('a big-endian machine is refused', () => {
  refuses('flow-memory-big-endian', () => mustBeLittleEndian('BE'));
  mustBeLittleEndian('LE');
});

describe('memory of a former process is refused', () => {
  const changes: [string, FlowMemoryCode, number, number][] = [
    ['without the magic word', 'flow-memory-foreign', ConfigWord.Magic, 0],
    ['of another layout', 'flow-memory-version', ConfigWord.Version, LAYOUT_VERSION - 1],
    ['for another number of units', 'flow-memory-shape', ConfigWord.Units, 9],
    ['with other buckets', 'flow-memory-shape', ConfigWord.BucketMask, 3],
    ['with other references', 'flow-memory-shape', ConfigWord.RefBits, 6],
    ['without a generation', 'flow-memory-shape', ConfigWord.Generation, 0],
    ['with a generation too high', 'flow-memory-shape', ConfigWord.Generation, 65_536],
  ];
  for (const [name, code, word, value] of changes) {
    test(name, () => {
      const memory = newMemory(8);
      memory.config[word] = value;
      refuses(code, () => void [...flowsOf(memory)]);
    });
  }
});
