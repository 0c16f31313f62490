import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Prng } from '../../../src/base/index.ts';
import { CaptureWriter, openCapture } from '../../../src/datapath/pcapfile/index.ts';
import { LinkType, type LinkTypeCode } from '../../../src/wire/index.ts';
import { drain, pcapHeader, pcapRecord, scratchDirectory } from './build.ts';

function dirty(length: number): Uint8Array {
  return new Uint8Array(length).fill(0xa5);
}

describe('capture writer', () => {
  test('puts together the bytes of the format, microseconds', (t) => {
    const path = join(scratchDirectory(t), 'a.pcap');
    const source = dirty(100);
    source.set([1, 2, 3, 4, 5], 11);
    const writer = new CaptureWriter(path);
    writer.write(source, 11, 5, 1500, 1_700_000_000, 123_456_789);
    writer.write(source, 15, 0, 0, 4_294_967_295, 999_999_999);
    writer.close();
    const expected = pcapHeader({ snapLen: 262_144 });
    pcapRecord(expected, 1_700_000_000, 123_456, [1, 2, 3, 4, 5], 1500);
    pcapRecord(expected, 4_294_967_295, 999_999, []);
    assert.deepEqual([...readFileSync(path)], [...expected.bytes()]);
    assert.equal(writer.framesWritten, 2);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  test('puts together the bytes of the format, nanoseconds', (t) => {
    const path = join(scratchDirectory(t), 'a.pcap');
    const writer = new CaptureWriter(path, { nanoseconds: true });
    writer.write(Uint8Array.of(9), 0, 1, 1, 5, 123_456_789);
    writer.close();
    const expected = pcapHeader({ snapLen: 262_144, magic: 0xa1b23c4d });
    pcapRecord(expected, 5, 123_456_789, [9]);
    assert.deepEqual([...readFileSync(path)], [...expected.bytes()]);
  });

  test('an empty capture is a header', (t) => {
    const path = join(scratchDirectory(t), 'a.pcap');
    new CaptureWriter(path).close();
    assert.deepEqual(drain(openCapture(readFileSync(path))), []);
  });

  test('every link type comes back', (t) => {
    const path = join(scratchDirectory(t), 'a.pcap');
    for (const linkType of Object.values(LinkType) as LinkTypeCode[]) {
      const writer = new CaptureWriter(path, { linkType });
      writer.write(dirty(3), 0, 3, 3, 1, 0);
      writer.close();
      assert.equal(drain(openCapture(readFileSync(path)))[0]?.linkType, linkType);
    }
  });

  test('a frame beyond the snapshot length is cut, its original length kept', (t) => {
    const path = join(scratchDirectory(t), 'a.pcap');
    const writer = new CaptureWriter(path);
    for (const length of [262_143, 262_144, 262_145]) {
      writer.write(dirty(length), 0, length, length, 1, 0);
    }
    writer.close();
    const seen = drain(openCapture(readFileSync(path)));
    assert.deepEqual(
      seen.map((frame) => [frame.data.length, frame.originalLength]),
      [
        [262_143, 262_143],
        [262_144, 262_144],
        [262_144, 262_145],
      ],
    );
  });

  test('round trip of 3000 frames through several buffers, from changing sources', (t) => {
    const path = join(scratchDirectory(t), 'a.pcap');
    const random = new Prng(4711);
    const sources = [0, 1, 2].map(() => dirty(2000).map(() => random.below(256)));
    const writer = new CaptureWriter(path, { nanoseconds: true });
    const wanted: [number[], number, number][] = [];
    for (let i = 0; i < 3000; i++) {
      const source = sources[random.below(3)]!;
      const offset = random.below(400);
      const length = random.below(1601);
      const nanos = random.below(1_000_000_000);
      writer.write(source, offset, length, length, i, nanos);
      wanted.push([[...source.subarray(offset, offset + length)], i, nanos]);
    }
    writer.close();
    const seen = drain(openCapture(readFileSync(path)));
    assert.equal(seen.length, wanted.length);
    for (const [i, frame] of seen.entries()) {
      assert.deepEqual([frame.data, frame.epochSec, frame.nanos], wanted[i], `frame ${i}`);
    }
  });

  test('a range outside its buffer throws and leaves no half record', (t) => {
    const path = join(scratchDirectory(t), 'a.pcap');
    const writer = new CaptureWriter(path);
    assert.throws(() => writer.write(dirty(10), 8, 3, 3, 1, 0), RangeError);
    writer.write(dirty(10), 7, 3, 3, 1, 0);
    writer.close();
    assert.equal(drain(openCapture(readFileSync(path))).length, 1);
    assert.equal(writer.framesWritten, 1);
  });

  test('flush makes the records visible; a given descriptor stays open', (t) => {
    const path = join(scratchDirectory(t), 'a.pcap');
    const fd = openSync(path, 'w');
    const writer = new CaptureWriter(fd);
    assert.equal(statSync(path).size, 0);
    writer.write(dirty(4), 0, 4, 4, 1, 0);
    writer.flush();
    assert.equal(statSync(path).size, 24 + 20);
    writer.close();
    assert.equal(fstatSync(fd).size, 24 + 20);
    closeSync(fd);
  });

  test('after close: a second close is nothing, a frame is an error', (t) => {
    const path = join(scratchDirectory(t), 'a.pcap');
    const writer = new CaptureWriter(path);
    writer.close();
    writer.close();
    const write = () => writer.write(dirty(1), 0, 1, 1, 1, 0);
    assert.throws(write, { name: 'CaptureError', code: 'writer-closed' });
    assert.throws(() => writer.flush(), { code: 'writer-closed' });
  });

  test('a full disk is Node’s own error', { skip: noFullDevice() }, () => {
    const writer = new CaptureWriter('/dev/full');
    assert.throws(() => writer.close(), { code: 'ENOSPC' });
    writer.close();
  });
});

function noFullDevice(): string | false {
  return statSync('/dev/full', { throwIfNoEntry: false }) === undefined && 'no /dev/full here';
}
