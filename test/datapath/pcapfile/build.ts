import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  CapturedFrame,
  CaptureError,
  type CaptureErrorCode,
  type CaptureReader,
  openCapture,
} from '../../../src/datapath/pcapfile/index.ts';

/** Puts capture files together by hand, in either byte order, apart from the code under test. */
export class FileBuilder {
  readonly little: boolean;
  private readonly out: number[] = [];

  constructor(little: boolean) {
    this.little = little;
  }

  u8(value: number): this {
    this.out.push(value & 0xff);
    return this;
  }

  u16(value: number): this {
    return this.little ? this.u8(value).u8(value >>> 8) : this.u8(value >>> 8).u8(value);
  }

  u32(value: number): this {
    return this.little
      ? this.u16(value & 0xffff).u16(value >>> 16)
      : this.u16(value >>> 16).u16(value & 0xffff);
  }

  u64(value: bigint): this {
    const unsigned = BigInt.asUintN(64, value);
    const high = Number(unsigned >> 32n);
    const low = Number(unsigned & 0xffffffffn);
    return this.little ? this.u32(low).u32(high) : this.u32(high).u32(low);
  }

  raw(bytes: ArrayLike<number>): this {
    for (let i = 0; i < bytes.length; i++) this.u8(bytes[i]!);
    return this;
  }

  pad4(): this {
    while (this.out.length % 4 !== 0) this.u8(0);
    return this;
  }

  get length(): number {
    return this.out.length;
  }

  /** The file, lying inside a larger dirty buffer: a read outside it shows. */
  bytes(): Uint8Array {
    const room = new Uint8Array(this.out.length + 64).fill(0xa5);
    room.set(this.out, 32);
    return room.subarray(32, 32 + this.out.length);
  }
}

export interface PcapShape {
  readonly little?: boolean;
  readonly magic?: number;
  readonly major?: number;
  readonly minor?: number;
  readonly snapLen?: number;
  readonly network?: number;
}

export function pcapHeader(shape: PcapShape = {}): FileBuilder {
  const little = shape.little ?? true;
  return new FileBuilder(little)
    .u32(shape.magic ?? 0xa1b2c3d4)
    .u16(shape.major ?? 2)
    .u16(shape.minor ?? 4)
    .u32(0)
    .u32(0)
    .u32(shape.snapLen ?? 65_535)
    .u32(shape.network ?? 1);
}

export function pcapRecord(
  file: FileBuilder,
  sec: number,
  fraction: number,
  data: ArrayLike<number>,
  originalLength = data.length,
): FileBuilder {
  return file.u32(sec).u32(fraction).u32(data.length).u32(originalLength).raw(data);
}

/** Adds one block around `body`; `total` overrides both lengths, `trailer` the second only. */
export function block(
  file: FileBuilder,
  type: number,
  body: FileBuilder,
  lie: { readonly total?: number; readonly trailer?: number } = {},
): FileBuilder {
  body.pad4();
  const total = lie.total ?? body.length + 12;
  return file
    .u32(type)
    .u32(total)
    .raw(body.bytes())
    .u32(lie.trailer ?? total);
}

export function sectionHeader(file: FileBuilder, major = 1, minor = 0): FileBuilder {
  const body = new FileBuilder(file.little).u32(0x1a2b3c4d).u16(major).u16(minor).u64(-1n);
  return block(file, 0x0a0d0d0a, body);
}

export interface InterfaceShape {
  readonly linkType?: number;
  readonly snapLen?: number;
  readonly name?: string;
  readonly tsresol?: number;
  readonly tsoffset?: bigint;
}

export function interfaceBlock(file: FileBuilder, shape: InterfaceShape = {}): FileBuilder {
  const body = new FileBuilder(file.little)
    .u16(shape.linkType ?? 1)
    .u16(0)
    .u32(shape.snapLen ?? 0);
  if (shape.name !== undefined) {
    const name = new TextEncoder().encode(shape.name);
    body.u16(2).u16(name.length).raw(name).pad4();
  }
  if (shape.tsresol !== undefined) body.u16(9).u16(1).u8(shape.tsresol).pad4();
  if (shape.tsoffset !== undefined) body.u16(14).u16(8).u64(shape.tsoffset);
  return block(file, 1, body.u16(0).u16(0));
}

export function enhancedPacket(
  file: FileBuilder,
  interfaceId: number,
  time: bigint,
  data: ArrayLike<number>,
  lie: { readonly captured?: number; readonly original?: number } = {},
): FileBuilder {
  const body = new FileBuilder(file.little).u32(interfaceId);
  body.u32(Number(time >> 32n)).u32(Number(time & 0xffffffffn));
  body.u32(lie.captured ?? data.length).u32(lie.original ?? data.length);
  // With an opt_comment behind the data: options must not be mistaken for packet bytes.
  body.raw(data).pad4().u16(1).u16(3).raw([0x61, 0x62, 0x63]).pad4().u32(0);
  return block(file, 6, body);
}

/** What a frame said, kept beyond the next `next()`. */
export interface SeenFrame {
  readonly data: number[];
  readonly originalLength: number;
  readonly epochSec: number;
  readonly nanos: number;
  readonly linkType: number;
  readonly interfaceId: number;
  readonly interfaceIndex: number;
  readonly hasTimestamp: boolean;
}

export function drain(reader: CaptureReader): SeenFrame[] {
  const frame = new CapturedFrame();
  const seen: SeenFrame[] = [];
  while (reader.next(frame)) {
    const { bytes, offset, length, ...rest } = frame;
    seen.push({ data: [...bytes.subarray(offset, offset + length)], ...rest });
  }
  return seen;
}

/** Opens and reads to the end, and expects a `CaptureError` of that code on the way. */
export function expectError(bytes: Uint8Array, code: CaptureErrorCode): CaptureError {
  try {
    drain(openCapture(bytes, { fileName: 'x.pcap' }));
  } catch (error) {
    assert.ok(error instanceof CaptureError, String(error));
    assert.equal(error.code, code, error.message);
    assert.ok(error.message.startsWith(`x.pcap: byte ${error.offset}: `), error.message);
    assert.ok(error.offset >= 0 && error.offset <= bytes.length);
    return error;
  }
  assert.fail(`no error; expected ${code}`);
}

/** A directory that goes away with the test. */
export function scratchDirectory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'pinhole-pcapfile-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
