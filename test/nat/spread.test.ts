import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Manip } from '../../src/nat/index.ts';
import { hashFourWords, scaleDown, swapBytes } from '../../src/nat/lookup3.ts';
import { Proto } from '../../src/wire/index.ts';
import { Flows, natRange } from './flows.ts';
import { measuredSpread } from './measured-spread.ts';

interface Scenario {
  readonly heading: string;
  readonly lines: readonly string[];
}

function scenarios(): Scenario[] {
  const blocks = measuredSpread.trim().split(/\n(?=[sd])/);
  return blocks.map((block) => {
    const [heading = '', ...lines] = block.split('\n').map((line) => line.trim());
    return { heading, lines };
  });
}

describe('a range of addresses is spread over as the kernel does it', () => {
  for (const { heading, lines } of scenarios()) {
    test(heading, () => {
      const [, side, min = '', max = '', persistent, original, reply] =
        /^(src|dst) ([^-]+)-(\S+)( persistent)?(?: zones (\d+)\/(\d+))?$/.exec(heading)!;
      const manip = side === 'src' ? Manip.Source : Manip.Destination;
      const range = natRange([min, max], [0, 0], { persistent: persistent !== undefined });
      assert.ok(lines.length >= 4);
      lines.forEach((line, i) => {
        const [src = '', dst = '', chosen = ''] = line.split(' ');
        const ends = { src, dst, sport: 2000 + i, dport: 53, protocol: Proto.Udp };
        const zones = [Number(original ?? 0), Number(reply ?? 0)] as const;
        const opened = new Flows().open({ ...ends, zones }, range, manip);
        const expected =
          side === 'src' ? `${chosen}:${2000 + i}>${dst}:53` : `${src}:${2000 + i}>${chosen}:53`;
        assert.equal(opened, expected);
      });
    });
  }

  test('the seed of the hash tables has no say in it', () => {
    const range = natRange(['203.0.113.0', '203.0.113.255']);
    const ends = { src: '10.0.0.1', dst: '198.51.100.9', sport: 4000, dport: 80 };
    const opened = [1, 2, 3, 99].map((seed) => new Flows(seed).open(ends, range));
    assert.equal(new Set(opened).size, 1);
  });
});

describe('lookup3', () => {
  test('four words', () => {
    // hashword() of the published lookup3.c, compiled and run.
    for (const [words, initial, expected] of [
      [[0, 0, 0, 0], 0, 3136882572],
      [[1, 2, 3, 4], 0, 1716064838],
      [[1, 2, 3, 4], 5, 1934986293],
      [[-1, -1, -1, -1], -1, 887528006],
    ] as const) {
      const [k0, k1, k2, k3] = words;
      assert.equal(hashFourWords(k0, k1, k2, k3, initial) >>> 0, expected);
    }
  });

  test('scaleDown is the upper word of the product', () => {
    const edges = [
      0, 1, 2, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
    ];
    for (const value of edges) {
      for (const size of edges) {
        const expected = Number((BigInt(value) * BigInt(size)) >> 32n);
        assert.equal(scaleDown(value | 0, size | 0) >>> 0, expected, `${value} * ${size}`);
      }
    }
  });

  test('swapBytes', () => {
    assert.equal(swapBytes(0x0a000001), 0x0100000a);
    assert.equal(swapBytes(0x010000ff) >>> 0, 0xff000001);
    assert.equal(swapBytes(swapBytes(0x89abcdef | 0)), 0x89abcdef | 0);
  });
});
