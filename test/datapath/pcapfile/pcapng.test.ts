import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CapturedFrame, openCapture } from '../../../src/datapath/pcapfile/index.ts';
import { LinkType } from '../../../src/wire/index.ts';
import {
  block,
  drain,
  enhancedPacket,
  expectError,
  FileBuilder,
  interfaceBlock,
  sectionHeader,
} from './build.ts';

const hello = [1, 2, 3, 4, 5];
const MICROS = 1_700_000_000_123_456n;

function start(little = true): FileBuilder {
  return sectionHeader(new FileBuilder(little));
}

function body(little = true): FileBuilder {
  return new FileBuilder(little);
}

describe('pcapng, taken apart', () => {
  for (const little of [true, false]) {
    const order = little ? 'little' : 'big';
    test(`enhanced, simple and obsolete packet blocks, ${order} endian`, () => {
      const file = start(little);
      interfaceBlock(file, { linkType: 101, snapLen: 4, name: 'eth0' });
      interfaceBlock(file, { linkType: 1, tsresol: 9 });
      enhancedPacket(file, 0, MICROS, hello, { original: 1500 });
      block(file, 3, body(little).u32(5).raw([1, 2, 3, 4]));
      block(file, 2, body(little).u16(1).u16(77).u32(0).u32(5).u32(3).u32(60).raw([7, 8, 9]));
      const reader = openCapture(file.bytes());
      assert.equal(reader.format, 'pcapng');
      assert.deepEqual(drain(reader), [
        {
          data: hello,
          originalLength: 1500,
          epochSec: 1_700_000_000,
          nanos: 123_456_000,
          linkType: LinkType.RawIp,
          interfaceId: 0,
          interfaceIndex: 0,
          hasTimestamp: true,
        },
        {
          data: [1, 2, 3, 4],
          originalLength: 5,
          epochSec: 0,
          nanos: 0,
          linkType: LinkType.RawIp,
          interfaceId: 0,
          interfaceIndex: 0,
          hasTimestamp: false,
        },
        {
          data: [7, 8, 9],
          originalLength: 60,
          epochSec: 0,
          nanos: 5,
          linkType: LinkType.Ethernet,
          interfaceId: 1,
          interfaceIndex: 1,
          hasTimestamp: true,
        },
      ]);
      assert.equal(reader.interfaces[0]?.name, 'eth0');
      assert.equal(reader.interfaces[1]?.name, '');
    });
  }

  test('sections of either byte order, each with its own interfaces', () => {
    const first = enhancedPacket(interfaceBlock(start(true), { name: 'a' }), 0, 1n, [1]);
    const second = start(false);
    interfaceBlock(second, { linkType: 113, name: 'b' });
    interfaceBlock(second, { linkType: 276, name: 'c' });
    enhancedPacket(second, 1, 2n, [2]);
    const third = enhancedPacket(interfaceBlock(start(true), { name: 'd' }), 0, 3n, [3]);
    const file = new FileBuilder(true).raw(first.bytes()).raw(second.bytes()).raw(third.bytes());
    const reader = openCapture(file.bytes());
    const seen = drain(reader);
    assert.deepEqual(
      seen.map((frame) => [frame.data[0], frame.interfaceId, frame.interfaceIndex, frame.linkType]),
      [
        [1, 0, 0, LinkType.Ethernet],
        [2, 1, 2, LinkType.LinuxCooked2],
        [3, 0, 3, LinkType.Ethernet],
      ],
    );
    assert.deepEqual(
      reader.interfaces.map(({ section, id, name }) => [section, id, name]),
      [
        [0, 0, 'a'],
        [1, 0, 'b'],
        [1, 1, 'c'],
        [2, 0, 'd'],
      ],
    );
  });

  test('an interface of an earlier section is not known in the next', () => {
    const file = sectionHeader(interfaceBlock(start()));
    const error = expectError(enhancedPacket(file, 0, 1n, hello).bytes(), 'unknown-interface');
    assert.match(error.message, /packet 1 belongs to interface 0; expected one of the 0 described/);
  });

  test('unknown blocks and options are passed over', () => {
    const file = start();
    block(file, 0x0bad_f00d, body().raw([1, 2, 3, 4, 5, 6]));
    const options = body().u16(1).u16(0).u32(0);
    options.u16(3).u16(5).raw(hello).pad4();
    options.u16(9).u16(1).u8(0).pad4();
    block(file, 1, options);
    block(file, 5, body().u32(0).u32(0).u32(0));
    enhancedPacket(file, 0, 99n, hello);
    const seen = drain(openCapture(file.bytes()));
    assert.deepEqual(
      seen.map((frame) => [frame.epochSec, frame.nanos, frame.data]),
      [[99, 0, hello]],
    );
  });

  test('if_tsresol and if_tsoffset', () => {
    const cases: [number | undefined, bigint | undefined, bigint, number, number][] = [
      [undefined, undefined, MICROS, 1_700_000_000, 123_456_000],
      [0, undefined, 1_700_000_000n, 1_700_000_000, 0],
      [3, undefined, 1_700_000_000_007n, 1_700_000_000, 7_000_000],
      [9, undefined, 1_700_000_000_123_456_789n, 1_700_000_000, 123_456_789],
      [12, undefined, 1_700_000_000_123_456_789n, 1_700_000, 123_456],
      [0x80 | 10, undefined, (1_700_000_000n << 10n) + 512n, 1_700_000_000, 500_000_000],
      [0x80 | 32, undefined, (1_700_000_000n << 32n) + 1n, 1_700_000_000, 0],
      [0x80 | 32, undefined, (1_700_000_000n << 32n) + 0xffff_ffffn, 1_700_000_000, 999_999_999],
      [6, 1_000_000_000n, 700_000_000_123_456n, 1_700_000_000, 123_456_000],
      [6, -1n, 500_000n, -1, 500_000_000],
    ];
    for (const little of [true, false]) {
      for (const [tsresol, tsoffset, time, epochSec, nanos] of cases) {
        const file = start(little);
        interfaceBlock(file, {
          ...(tsresol === undefined ? {} : { tsresol }),
          ...(tsoffset === undefined ? {} : { tsoffset }),
        });
        enhancedPacket(file, 0, time, hello);
        const [frame] = drain(openCapture(file.bytes()));
        assert.deepEqual([frame?.epochSec, frame?.nanos], [epochSec, nanos], `${tsresol} ${time}`);
      }
    }
  });

  test('an unreadable link type is refused only when a packet uses it', () => {
    const file = interfaceBlock(interfaceBlock(start()), { linkType: 127 });
    enhancedPacket(file, 0, 1n, hello);
    const reader = openCapture(file.bytes());
    assert.equal(drain(reader).length, 1);
    assert.equal(reader.interfaces[1]?.fileLinkType, 127);
    const error = expectError(enhancedPacket(file, 1, 1n, hello).bytes(), 'unsupported-link-type');
    assert.match(error.message, /link type 127 \(IEEE 802\.11 with radiotap header\)/);
  });

  test('version 1.2 is read as 1.0, others are refused', () => {
    const open = (major: number, minor: number) =>
      interfaceBlock(sectionHeader(new FileBuilder(true), major, minor)).bytes();
    assert.deepEqual(drain(openCapture(open(1, 2))), []);
    expectError(open(1, 1), 'unsupported-version');
    expectError(open(2, 0), 'unsupported-version');
  });
});

describe('pcapng, too short', () => {
  test('a cut at any byte delivers the whole packets before it and says so', () => {
    const head = interfaceBlock(start()).length;
    const one = enhancedPacket(interfaceBlock(start()), 0, 1n, hello).length;
    const whole = enhancedPacket(enhancedPacket(interfaceBlock(start()), 0, 1n, hello), 0, 2n, [6]);
    const ends = [28, head, one, whole.length];
    for (let cut = 28; cut <= whole.length; cut++) {
      const reader = openCapture(whole.bytes().subarray(0, cut), { fileName: 'cut' });
      assert.equal(drain(reader).length, cut === whole.length ? 2 : cut >= one ? 1 : 0);
      assert.equal(reader.truncated, !ends.includes(cut), `cut at ${cut}`);
      if (reader.truncated) assert.match(reader.truncation, /^cut: byte \d+: the file ends inside/);
    }
  });

  test('a cut section header is an error', () => {
    const whole = start().bytes();
    for (let cut = 1; cut < 28; cut++) expectError(whole.subarray(0, cut), 'truncated-header');
  });

  test('blocks smaller than their fixed fields', () => {
    for (const type of [1, 2, 3, 6]) {
      const file = block(interfaceBlock(start()), type, body());
      const error = expectError(file.bytes(), 'bad-block-length');
      assert.match(error.message, /of 12 bytes; expected at least (16|20|32)$/);
    }
    const section = block(start(), 0x0a0d0d0a, body().u32(0x1a2b3c4d));
    expectError(section.bytes(), 'bad-block-length');
  });

  test('options that overrun their block, or have the wrong size', () => {
    const withOption = (option: FileBuilder) =>
      block(start(), 1, body().u16(1).u16(0).u32(0).raw(option.bytes())).bytes();
    expectError(withOption(body().u16(2).u16(5).u32(0)), 'bad-option');
    expectError(withOption(body().u16(2).u16(0xffff)), 'bad-option');
    expectError(withOption(body().u16(9).u16(2).u32(0)), 'bad-option');
    expectError(withOption(body().u16(9).u16(0)), 'bad-option');
    expectError(withOption(body().u16(14).u16(4).u32(0)), 'bad-option');
  });
});

describe('pcapng, too big', () => {
  test('captured length: what fits is believed, one more is not', () => {
    const file = interfaceBlock(start());
    const packet = (captured: number, room: number) =>
      block(
        new FileBuilder(true).raw(file.bytes()),
        6,
        body().u32(0).u32(0).u32(0).u32(captured).u32(captured).raw(new Uint8Array(room)),
      ).bytes();
    assert.equal(drain(openCapture(packet(8, 8)))[0]?.data.length, 8);
    const error = expectError(packet(9, 8), 'bad-captured-length');
    assert.match(error.message, /packet 1 claims 9 captured bytes; expected at most 8$/);
    expectError(packet(0xffff_ffff, 8), 'bad-captured-length');
    assert.equal(drain(openCapture(packet(262_144, 262_144)))[0]?.data.length, 262_144);
    expectError(packet(262_145, 262_148), 'bad-captured-length');
  });

  test('a simple packet that claims more than its block', () => {
    const file = block(interfaceBlock(start()), 3, body().u32(9).raw([1, 2, 3, 4]));
    expectError(file.bytes(), 'bad-captured-length');
  });

  test('lying block lengths: zero, odd, beyond the file, unlike the trailer', () => {
    const after = () => interfaceBlock(start());
    for (const total of [0, 4, 11, 13]) {
      expectError(block(after(), 6, body(), { total }).bytes(), 'bad-block-length');
    }
    for (const total of [16_777_220, 0x8000_0000, 0xffff_fffc]) {
      expectError(block(after(), 6, body(), { total }).bytes(), 'bad-block-length');
    }
    const cut = openCapture(block(after(), 6, body(), { total: 16_777_216 }).bytes());
    assert.equal(cut.next(new CapturedFrame()), false);
    assert.equal(cut.truncated, true);
    for (const trailer of [0, 12, 20, 0xffff_ffff]) {
      const file = block(after(), 0x99, body().u32(1), { trailer });
      const error = expectError(file.bytes(), 'block-length-mismatch');
      assert.match(error.message, /block ends with length \d+; expected 16 as at its start$/);
    }
  });

  test('a time unit finer than 64 bits can carry', () => {
    for (const tsresol of [20, 127, 0x80 | 64, 0xff]) {
      expectError(interfaceBlock(start(), { tsresol }).bytes(), 'bad-timestamp-resolution');
    }
  });

  test('a time beyond 2^53 seconds', () => {
    const file = interfaceBlock(start(), { tsresol: 0 });
    const last = enhancedPacket(new FileBuilder(true).raw(file.bytes()), 0, 2n ** 53n - 1n, hello);
    assert.equal(drain(openCapture(last.bytes()))[0]?.epochSec, Number.MAX_SAFE_INTEGER);
    expectError(enhancedPacket(file, 0, 2n ** 53n, hello).bytes(), 'bad-timestamp');
  });

  test('65 536 interfaces are read, one more is refused', () => {
    const head = start().bytes();
    const one = interfaceBlock(new FileBuilder(true)).bytes();
    const file = new Uint8Array(head.length + 65_537 * one.length);
    file.set(head);
    for (let at = head.length; at < file.length; at += one.length) file.set(one, at);
    const full = openCapture(file.subarray(0, file.length - one.length));
    assert.equal(full.next(new CapturedFrame()), false);
    assert.equal(full.interfaces.length, 65_536);
    expectError(file, 'too-many-interfaces');
  });

  test('a byte-order magic that is none', () => {
    const bytes = start().bytes();
    bytes[8] = 0;
    const error = expectError(bytes, 'bad-byte-order-magic');
    assert.match(error.message, /expected 0x1a2b3c4d in either order$/);
  });
});
