import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { test } from 'node:test';
import { CapturedFrame, CaptureWriter, openCapture } from '../../../src/datapath/pcapfile/index.ts';
import { enhancedPacket, FileBuilder, interfaceBlock, pcapHeader, sectionHeader } from './build.ts';

const FRAMES = 100_000;
const ROUNDS = 20;

function repeat(head: Uint8Array, record: Uint8Array): Uint8Array {
  const file = new Uint8Array(head.length + FRAMES * record.length);
  file.set(head);
  for (let at = head.length; at < file.length; at += record.length) file.set(record, at);
  return file;
}

/** Bytes of heap per frame in the best of some rounds: the first ones still compile. */
function bytesPerFrame(prepare: () => () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const run = prepare();
    const before = process.memoryUsage().heapUsed;
    run();
    const used = process.memoryUsage().heapUsed - before;
    // A collection inside the round makes the difference negative: not a measurement.
    if (used >= 0) least = Math.min(least, used / FRAMES);
  }
  return least;
}

function readAll(file: Uint8Array): () => () => void {
  return () => {
    const reader = openCapture(file);
    const frame = new CapturedFrame();
    return () => {
      let frames = 0;
      while (reader.next(frame)) frames++;
      assert.equal(frames, FRAMES);
    };
  };
}

test('reading classic pcap allocates nothing per frame', () => {
  const record = new FileBuilder(true).u32(1_700_000_000).u32(999_999).u32(4).u32(1500).u32(7);
  assert.ok(bytesPerFrame(readAll(repeat(pcapHeader().bytes(), record.bytes()))) < 0.1);
});

test('reading pcapng allocates nothing per frame', () => {
  for (const tsresol of [6, 9, 12, 0x80 | 32]) {
    const head = interfaceBlock(sectionHeader(new FileBuilder(true)), { tsresol }).bytes();
    const record = enhancedPacket(new FileBuilder(true), 0, 1_700_000_000_123_456_789n, [1, 2, 3]);
    assert.ok(bytesPerFrame(readAll(repeat(head, record.bytes()))) < 0.1, `tsresol ${tsresol}`);
  }
});

test('writing allocates nothing per frame', () => {
  // Small frames: writeSync itself takes some hundred bytes, once per full buffer.
  const data = new Uint8Array(60).fill(0xa5);
  const fd = openSync('/dev/null', 'w');
  const perFrame = bytesPerFrame(() => {
    const writer = new CaptureWriter(fd);
    return () => {
      for (let i = 0; i < FRAMES; i++) writer.write(data, 3, 42, 42, 1_700_000_000, 999_999_999);
    };
  });
  assert.ok(perFrame < 0.1, `${perFrame} bytes per frame`);
});
