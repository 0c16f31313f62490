import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  CapturedFrame,
  CaptureError,
  openCapture,
  openCaptureFile,
} from '../../../src/datapath/pcapfile/index.ts';
import { LinkType } from '../../../src/wire/index.ts';
import { drain, expectError, pcapHeader, pcapRecord, scratchDirectory } from './build.ts';

const hello = [1, 2, 3, 4, 5];

describe('classic pcap, taken apart', () => {
  for (const little of [true, false]) {
    const order = little ? 'little' : 'big';
    test(`microseconds, ${order} endian`, () => {
      const file = pcapHeader({ little });
      pcapRecord(file, 1_700_000_000, 123_456, hello, 1500);
      pcapRecord(file, 4_294_967_295, 999_999, []);
      const reader = openCapture(file.bytes());
      assert.equal(reader.format, 'pcap');
      assert.deepEqual(drain(reader), [
        {
          data: hello,
          originalLength: 1500,
          epochSec: 1_700_000_000,
          nanos: 123_456_000,
          linkType: LinkType.Ethernet,
          interfaceId: 0,
          interfaceIndex: 0,
          hasTimestamp: true,
        },
        {
          data: [],
          originalLength: 0,
          epochSec: 4_294_967_295,
          nanos: 999_999_000,
          linkType: LinkType.Ethernet,
          interfaceId: 0,
          interfaceIndex: 0,
          hasTimestamp: true,
        },
      ]);
      assert.equal(reader.framesRead, 2);
      assert.equal(reader.truncated, false);
      assert.equal(reader.truncation, '');
    });

    test(`nanoseconds, ${order} endian`, () => {
      const file = pcapHeader({ little, magic: 0xa1b23c4d });
      pcapRecord(file, 7, 123_456_789, hello);
      const [frame] = drain(openCapture(file.bytes()));
      assert.equal(frame?.epochSec, 7);
      assert.equal(frame?.nanos, 123_456_789);
    });
  }

  test('the same frame object is filled, and points into the file', () => {
    const bytes = pcapRecord(pcapRecord(pcapHeader(), 1, 0, hello), 2, 0, [9]).bytes();
    const reader = openCapture(bytes);
    const frame = new CapturedFrame();
    assert.equal(reader.next(frame), true);
    assert.equal(frame.bytes, bytes);
    assert.deepEqual([frame.offset, frame.length], [40, 5]);
    assert.equal(reader.next(frame), true);
    assert.deepEqual([frame.offset, frame.length], [61, 1]);
    assert.equal(reader.next(frame), false);
    assert.equal(reader.next(frame), false);
  });

  test('a fraction of a second or more is carried, so that nanos stays in range', () => {
    const micros = pcapRecord(pcapHeader(), 10, 4_294_967_295, hello).bytes();
    const nanos = pcapRecord(pcapHeader({ magic: 0xa1b23c4d }), 10, 1_000_000_000, hello).bytes();
    const first = drain(openCapture(micros))[0];
    assert.deepEqual([first?.epochSec, first?.nanos], [10 + 4294, 967_295_000]);
    const second = drain(openCapture(nanos))[0];
    assert.deepEqual([second?.epochSec, second?.nanos], [11, 0]);
  });

  test('every link type of the list', () => {
    const expected: [number, number][] = [
      [1, LinkType.Ethernet],
      [12, LinkType.RawIp],
      [14, LinkType.RawIp],
      [101, LinkType.RawIp],
      [228, LinkType.RawIp],
      [229, LinkType.RawIp],
      [113, LinkType.LinuxCooked],
      [276, LinkType.LinuxCooked2],
      [0, LinkType.Null],
      [108, LinkType.Null],
    ];
    for (const [network, linkType] of expected) {
      const file = pcapRecord(pcapHeader({ network }), 1, 0, hello);
      assert.equal(drain(openCapture(file.bytes()))[0]?.linkType, linkType, `network ${network}`);
    }
  });

  test('frame-check bits above the link type are not part of it', () => {
    const file = pcapRecord(pcapHeader({ network: 0x2400_0001 }), 1, 0, hello);
    const reader = openCapture(file.bytes());
    assert.equal(drain(reader)[0]?.linkType, LinkType.Ethernet);
    assert.deepEqual(reader.interfaces, [
      { section: 0, id: 0, name: '', fileLinkType: 1, snapLen: 65_535 },
    ]);
  });

  test('gzip is opened on the way', () => {
    const file = pcapRecord(pcapHeader(), 3, 0, hello);
    assert.deepEqual(drain(openCapture(gzipSync(file.bytes())))[0]?.data, hello);
  });

  test('a file by its path', (t) => {
    const path = join(scratchDirectory(t), 'a.pcap');
    writeFileSync(path, pcapRecord(pcapHeader(), 3, 0, hello).bytes());
    assert.deepEqual(drain(openCaptureFile(path))[0]?.data, hello);
  });
});

describe('classic pcap, too short', () => {
  test('a cut at any byte delivers the whole packets before it and says so', () => {
    const file = pcapRecord(pcapRecord(pcapHeader(), 1, 0, hello), 2, 0, hello);
    const whole = file.bytes();
    const ends = [24, 24 + 21, 24 + 42];
    for (let cut = 24; cut <= whole.length; cut++) {
      const reader = openCapture(whole.subarray(0, cut), { fileName: 'cut.pcap' });
      const expected = ends.filter((end) => end <= cut).length - 1;
      assert.equal(drain(reader).length, expected, `cut at ${cut}`);
      assert.equal(reader.framesRead, expected);
      assert.equal(reader.truncated, !ends.includes(cut), `cut at ${cut}`);
      if (reader.truncated) {
        assert.match(reader.truncation, /^cut\.pcap: byte \d+: the file ends inside packet/);
      }
    }
  });

  test('a cut header is an error', () => {
    const whole = pcapHeader().bytes();
    for (let cut = 1; cut < 24; cut++) expectError(whole.subarray(0, cut), 'truncated-header');
    expectError(whole.subarray(0, 0), 'empty-file');
  });
});

describe('classic pcap, too big', () => {
  const claim = (length: number) =>
    pcapRecord(pcapHeader(), 1, 0, hello).u32(2).u32(0).u32(length).u32(length);

  test('captured length: 262 144 is believed, one more is not', () => {
    const data = new Uint8Array(262_144).fill(7);
    const file = pcapRecord(pcapHeader(), 1, 0, data);
    assert.equal(drain(openCapture(file.bytes()))[0]?.data.length, 262_144);
    for (const length of [262_145, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      const error = expectError(claim(length).bytes(), 'bad-captured-length');
      assert.equal(error.offset, 24 + 21 + 8);
      assert.match(error.message, /packet 2 claims \d+ captured bytes; expected at most 262144$/);
    }
  });

  test('a length beyond the file ends it cleanly', () => {
    const reader = openCapture(claim(262_144).raw([1, 2, 3]).bytes());
    assert.equal(drain(reader).length, 1);
    assert.equal(reader.truncated, true);
    assert.match(reader.truncation, /packet 2: 262144 captured bytes announced, 3 left$/);
  });

  test('after an error the reader is spent', () => {
    const reader = openCapture(claim(0xffff_ffff).raw(hello).bytes());
    const frame = new CapturedFrame();
    assert.equal(reader.next(frame), true);
    assert.throws(() => reader.next(frame), CaptureError);
    assert.equal(reader.next(frame), false);
  });

  test('gzip that inflates beyond the limit is refused', () => {
    const packed = gzipSync(pcapRecord(pcapHeader(), 1, 0, new Uint8Array(10_000)).bytes());
    const open = (limit: number) => openCapture(packed, { maxInflatedBytes: limit });
    assert.throws(() => open(10_039), { name: 'CaptureError', code: 'bad-gzip' });
    assert.equal(drain(open(10_040)).length, 1);
  });
});

describe('refused at opening, by name', () => {
  const refusals: [string, Uint8Array, Parameters<typeof expectError>[1], RegExp][] = [
    [
      'link type',
      pcapHeader({ network: 105 }).bytes(),
      'unsupported-link-type',
      /byte 20: link type 105 \(IEEE 802\.11\) is not supported; expected Ethernet, raw IP or Linux cooked$/,
    ],
    [
      'nameless link type',
      pcapHeader({ network: 147, little: false }).bytes(),
      'unsupported-link-type',
      /link type 147 is not supported/,
    ],
    [
      'old version',
      pcapHeader({ minor: 3 }).bytes(),
      'unsupported-version',
      /pcap version 2\.3 is not supported; expected 2\.4$/,
    ],
    ['Kuznetzov', pcapHeader({ magic: 0xa1b2cd34 }).bytes(), 'unsupported-format', /Kuznetzov/],
    [
      'Kuznetzov, big endian',
      pcapHeader({ magic: 0xa1b2cd34, little: false }).bytes(),
      'unsupported-format',
      /Kuznetzov/,
    ],
    ['snoop', new TextEncoder().encode('snoop\0\0\0'), 'unsupported-format', /snoop/],
    ['text', new TextEncoder().encode('*filter\n'), 'unknown-format', /begins with 2a66696c/],
    [
      'zstd',
      Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd),
      'unsupported-format',
      /zstd, to be decompressed first/,
    ],
    ['cut gzip', gzipSync(pcapHeader().bytes()).subarray(0, 20), 'bad-gzip', /gzip cannot be read/],
    ['gzip in gzip', gzipSync(gzipSync(pcapHeader().bytes())), 'unsupported-format', /gzip twice/],
  ];
  for (const [what, bytes, code, message] of refusals) {
    test(what, () => assert.match(expectError(bytes, code).message, message));
  }

  test('a path that is not there', (t) => {
    const path = join(scratchDirectory(t), 'none.pcap');
    assert.throws(() => openCaptureFile(path), { code: 'unreadable-file', message: /ENOENT/ });
  });
});
