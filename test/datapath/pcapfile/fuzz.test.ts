import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../../src/base/index.ts';
import {
  CapturedFrame,
  CaptureError,
  MAX_CAPTURED_BYTES,
  openCapture,
} from '../../../src/datapath/pcapfile/index.ts';
import {
  block,
  enhancedPacket,
  FileBuilder,
  interfaceBlock,
  pcapHeader,
  pcapRecord,
  sectionHeader,
} from './build.ts';

const ROUNDS_PER_SEED = 1500;
/** Values that break parsers more often than random ones. */
const nasty = [0, 1, 3, 4, 11, 12, 16, 28, 32, 0x7fff_ffff, 0x8000_0000, 0xffff_fffc, 0xffff_ffff];

function seeds(): Uint8Array[] {
  const files: Uint8Array[] = [];
  for (const little of [true, false]) {
    const pcap = pcapHeader({ little });
    for (let i = 0; i < 6; i++) pcapRecord(pcap, i, i, new Uint8Array(i * 7).fill(i));
    files.push(pcap.bytes());
    const ng = sectionHeader(new FileBuilder(little));
    interfaceBlock(ng, { name: 'eth0', tsresol: 9, tsoffset: 3n, snapLen: 64 });
    interfaceBlock(ng, { linkType: 101, tsresol: 0x80 | 20 });
    for (let i = 0; i < 4; i++) enhancedPacket(ng, i & 1, 10n ** 15n, new Uint8Array(i * 5));
    block(ng, 3, new FileBuilder(little).u32(8).raw(new Uint8Array(8)));
    block(ng, 2, new FileBuilder(little).u32(0).u32(1).u32(2).u32(0).u32(0));
    files.push(ng.bytes());
  }
  return files;
}

/** Bytes flipped, words overwritten, pieces cut out, doubled or cut off. */
function mutate(source: Uint8Array, random: Prng): Uint8Array {
  let bytes = source.slice();
  for (let edits = 1 + random.below(4); edits > 0 && bytes.length > 8; edits--) {
    const at = random.below(bytes.length - 4);
    const kind = random.below(6);
    if (kind === 0) bytes[at]! ^= 1 << random.below(8);
    else if (kind === 1) bytes[at] = random.below(256);
    else if (kind <= 3) {
      const value = nasty[random.below(nasty.length)]!;
      new DataView(bytes.buffer).setUint32(at & ~3, value, random.below(2) === 0);
    } else if (kind === 4) bytes = bytes.slice(0, at);
    else {
      const from = random.below(at + 1);
      bytes = Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(from));
    }
  }
  return bytes;
}

/** Reads to the end under the invariants of the room; true where it ended without an error. */
function readsSafely(bytes: Uint8Array): boolean {
  const frame = new CapturedFrame();
  let position = 0;
  let frames = 0;
  try {
    const reader = openCapture(bytes, { maxInflatedBytes: 1_000_000 });
    while (reader.next(frame)) {
      frames++;
      assert.ok(frame.offset > position, 'the walk moves forward');
      position = frame.offset;
      assert.ok(frame.length >= 0 && frame.length <= MAX_CAPTURED_BYTES);
      assert.ok(frame.offset + frame.length <= frame.bytes.length, 'the frame lies in the file');
      assert.ok(Number.isSafeInteger(frame.epochSec));
      assert.ok(Number.isInteger(frame.nanos) && frame.nanos >= 0 && frame.nanos < 1e9);
      assert.ok(reader.interfaces[frame.interfaceIndex]?.id === frame.interfaceId);
    }
    assert.equal(reader.framesRead, frames);
    assert.equal(reader.truncated, reader.truncation !== '');
    assert.equal(reader.next(frame), false, 'the end is final');
    return true;
  } catch (error) {
    if (error instanceof CaptureError) return false;
    throw error;
  }
}

test('6000 damaged files: a clean end or a CaptureError, never anything else', () => {
  const random = new Prng(0x5eed);
  let clean = 0;
  let refused = 0;
  for (const seed of seeds()) {
    assert.equal(readsSafely(seed), true);
    for (let round = 0; round < ROUNDS_PER_SEED; round++) {
      if (readsSafely(mutate(seed, random))) clean++;
      else refused++;
    }
  }
  // Both outcomes must be common, or the mutations test one branch only.
  assert.ok(clean > 500 && refused > 500, `${clean} clean, ${refused} refused`);
});
