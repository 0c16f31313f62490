import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { CaptureReader } from './capture.ts';
import { ClassicReader, PCAP_MAGIC_MICROS, PCAP_MAGIC_NANOS } from './classic.ts';
import { CaptureError } from './errors.ts';
import { NgReader, PCAPNG_SECTION_HEADER } from './pcapng.ts';

/** Where decompression stops: a few kilobytes of gzip can ask for any amount of memory. */
const DEFAULT_MAX_INFLATED_BYTES = 1024 * 1024 * 1024;

const GZIP_MAGIC = 0x1f8b;
const READABLE_FORMATS = 'pcap, pcapng, or either in gzip';

/** First four bytes, big endian, of files that are recognised only to be refused by name. */
const refusals: readonly (readonly [magic: number, name: string])[] = [
  [0xa1b2cd34, 'pcap as modified by Kuznetzov’s patched libpcap'],
  [0x34cdb2a1, 'pcap as modified by Kuznetzov’s patched libpcap'],
  [0x736e6f6f, 'Solaris snoop'],
  [0x28b52ffd, 'zstd, to be decompressed first'],
  [0xfd377a58, 'xz, to be decompressed first'],
  [0x04224d18, 'lz4, to be decompressed first'],
  [0x425a6839, 'bzip2, to be decompressed first'],
];

export interface OpenOptions {
  /** Stands in front of every message. */
  readonly fileName?: string;
  /** Limit of what a gzip file may inflate to; 1 GiB where not given. */
  readonly maxInflatedBytes?: number;
}

/**
 * Opens a capture held in memory: classic pcap (microseconds or nanoseconds) or pcapng, either byte
 * order, optionally compressed with gzip. The reader keeps `bytes` and frames point into it. Throws
 * `CaptureError` for what it does not know.
 */
export function openCapture(bytes: Uint8Array, options: OpenOptions = {}): CaptureReader {
  const fileName = options.fileName ?? 'capture';
  if (bytes.length >= 2 && bytes[0] === GZIP_MAGIC >>> 8 && bytes[1] === (GZIP_MAGIC & 0xff)) {
    const limit = options.maxInflatedBytes ?? DEFAULT_MAX_INFLATED_BYTES;
    return openPlain(inflate(bytes, fileName, limit), fileName);
  }
  return openPlain(bytes, fileName);
}

/** Reads `path` into memory and opens it. Throws `CaptureError` (also where it cannot be read). */
export function openCaptureFile(path: string): CaptureReader {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const found = `cannot be read: ${textOf(error)}`;
    throw new CaptureError('unreadable-file', path, 0, found, 'a readable file', error);
  }
  return openCapture(bytes, { fileName: path });
}

function openPlain(bytes: Uint8Array, fileName: string): CaptureReader {
  if (bytes.length === 0) {
    throw new CaptureError('empty-file', fileName, 0, 'the file is empty', READABLE_FORMATS);
  }
  if (bytes.length < 4) {
    const found = `the file ends after ${bytes.length} bytes`;
    throw new CaptureError('truncated-header', fileName, 0, found, 'a magic number of 4');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  if (magic === PCAPNG_SECTION_HEADER) return new NgReader(bytes, fileName);
  if (isClassic(magic)) return new ClassicReader(bytes, fileName, false);
  if (isClassic(view.getUint32(0, true))) return new ClassicReader(bytes, fileName, true);
  return refuse(magic, fileName);
}

function isClassic(magic: number): boolean {
  return magic === PCAP_MAGIC_MICROS || magic === PCAP_MAGIC_NANOS;
}

function refuse(magic: number, fileName: string): never {
  const isGzip = magic >>> 16 === GZIP_MAGIC;
  const name = isGzip ? 'gzip twice' : refusals.find(([known]) => known === magic)?.[1];
  if (name !== undefined) {
    const found = `this is ${name}`;
    throw new CaptureError('unsupported-format', fileName, 0, found, READABLE_FORMATS);
  }
  const found = `no capture format begins with ${magic.toString(16).padStart(8, '0')}`;
  throw new CaptureError('unknown-format', fileName, 0, found, READABLE_FORMATS);
}

function inflate(bytes: Uint8Array, fileName: string, maxOutputLength: number): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength });
  } catch (error) {
    const found = `gzip cannot be read: ${textOf(error)}`;
    const expected = `whole gzip of at most ${maxOutputLength} bytes of capture`;
    throw new CaptureError('bad-gzip', fileName, 0, found, expected, error);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
