/**
 * Fragments for tests: a whole frame cut at given places, plainly, with the slow checksum; and what
 * came out joined again, so that it can be compared with what the whole would have become.
 */
import assert from 'node:assert/strict';
import { slowChecksum, slowVerify } from '../support/slow-checksum.ts';

const LINK = 14;

export interface CutOptions {
  readonly id?: number;
  /** Sets the IPv4 flag "don't fragment" in the pieces of these indexes. */
  readonly dontFragment?: (index: number) => boolean;
  /** Type of service or traffic class of one piece. */
  readonly tos?: (index: number) => number;
  /** IPv6: bytes of extension headers that stand in every fragment. Default 0. */
  readonly unfragmentable?: number;
}

/** One piece of a payload; `to` may lie anywhere, `more` says what the flag says. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  readonly more: boolean;
}

/** Pieces between the places, which must be multiples of eight. */
export function pieces(length: number, places: readonly number[]): Piece[] {
  const edges = [0, ...places, length];
  return edges.slice(1).map((to, i) => ({ from: edges[i]!, to, more: to < length }));
}

/** Length of what is cut: everything behind the header that stands in every fragment. */
export function payloadLength(frame: Uint8Array, options: CutOptions = {}): number {
  return frame.length - LINK - headerLength(frame, options);
}

/** The whole frame cut at the places. */
export function cutAt(
  frame: Uint8Array,
  places: readonly number[],
  options: CutOptions = {},
): Uint8Array[] {
  const length = payloadLength(frame, options);
  return pieces(length, places).map((piece, i) => fragmentOf(frame, piece, options, i));
}

/** One fragment of a whole frame (Ethernet, no VLAN tag). */
export function fragmentOf(
  frame: Uint8Array,
  piece: Piece,
  options: CutOptions = {},
  index = 0,
): Uint8Array {
  const headerLen = headerLength(frame, options);
  const header = frame.slice(0, LINK + headerLen);
  const payload = frame.slice(LINK + headerLen + piece.from, LINK + headerLen + piece.to);
  return isIpv4(frame)
    ? ipv4Fragment(header, payload, piece, options, index)
    : ipv6Fragment(header, payload, piece, options, index);
}

/** The fragments of one datagram joined in the order of their offsets, as a whole frame. */
export function joined(frames: readonly Uint8Array[]): Buffer {
  const first = frames[0]!;
  if (frames.length === 1 && !hasFragmentHeader(first)) return Buffer.from(first);
  const parts = frames.map((frame) => ({ frame, ...placeOf(frame) }));
  parts.sort((a, b) => a.offset - b.offset);
  let expected = 0;
  for (const part of parts) {
    assert.equal(part.offset, expected, 'the fragments do not meet');
    expected += part.frame.length - LINK - part.headerLen;
    assert.equal(part.more, part !== parts.at(-1), 'flag of the last fragment');
    assert.equal(part.id, parts[0]!.id);
  }
  const head = parts[0]!;
  const payload = parts.map((p) => p.frame.slice(LINK + p.headerLen));
  return isIpv4(first)
    ? joinIpv4(head.frame.slice(0, LINK + head.headerLen), payload)
    : joinIpv6(head.frame.slice(0, LINK + head.headerLen), payload);
}

/** Offset, flag, identification and header length of a fragment. */
export function placeOf(frame: Uint8Array): {
  offset: number;
  more: boolean;
  id: number;
  headerLen: number;
} {
  const view = new DataView(frame.buffer, frame.byteOffset + LINK);
  if (isIpv4(frame)) {
    const headerLen = (view.getUint8(0) & 15) * 4;
    assert.ok(slowVerify(frame.slice(LINK, LINK + headerLen)), 'IPv4 header checksum');
    assert.equal(view.getUint16(2), frame.length - LINK);
    const word = view.getUint16(6);
    const more = (word & 0x2000) !== 0;
    return { offset: (word & 0x1fff) * 8, more, id: view.getUint16(4), headerLen };
  }
  assert.equal(view.getUint16(4), frame.length - LINK - 40);
  const at = fragmentHeaderAt(view).at;
  const word = view.getUint16(at + 2);
  return {
    offset: word & 0xfff8,
    more: (word & 1) === 1,
    id: view.getUint32(at + 4),
    headerLen: at + 8,
  };
}

/** True for a frame with an IPv4 fragment or an IPv6 fragment header. */
export function hasFragmentHeader(frame: Uint8Array): boolean {
  const view = new DataView(frame.buffer, frame.byteOffset + LINK);
  if (isIpv4(frame)) return (view.getUint16(6) & 0x3fff) !== 0;
  return fragmentHeaderAt(view).at >= 0;
}

function isIpv4(frame: Uint8Array): boolean {
  return frame[LINK]! >> 4 === 4;
}

function headerLength(frame: Uint8Array, options: CutOptions): number {
  return isIpv4(frame) ? (frame[LINK]! & 15) * 4 : 40 + (options.unfragmentable ?? 0);
}

function ipv4Fragment(
  header: Uint8Array,
  payload: Uint8Array,
  { from, more }: Piece,
  options: CutOptions,
  index: number,
): Uint8Array {
  const bytes = Buffer.concat([header, payload]);
  const flags = (options.dontFragment?.(index) ? 0x4000 : 0) | (more ? 0x2000 : 0);
  if (options.tos !== undefined) bytes[LINK + 1] = options.tos(index);
  bytes.writeUInt16BE(bytes.length - LINK, LINK + 2);
  if (options.id !== undefined) bytes.writeUInt16BE(options.id, LINK + 4);
  bytes.writeUInt16BE(flags | (from >> 3), LINK + 6);
  bytes.writeUInt16BE(0, LINK + 10);
  bytes.writeUInt16BE(slowChecksum(bytes.subarray(LINK, header.length)), LINK + 10);
  return Uint8Array.from(bytes);
}

function ipv6Fragment(
  header: Uint8Array,
  payload: Uint8Array,
  { from, more }: Piece,
  options: CutOptions,
  index: number,
): Uint8Array {
  const own = Buffer.alloc(8);
  const bytes = Buffer.concat([header, own, payload]);
  const named = lastNextHeaderAt(bytes, header.length - LINK);
  const at = header.length;
  bytes[at] = bytes[named]!;
  bytes[named] = 44;
  bytes.writeUInt16BE(from | (more ? 1 : 0), at + 2);
  bytes.writeUInt32BE(options.id ?? 7, at + 4);
  if (options.tos !== undefined) {
    bytes.writeUInt16BE((bytes.readUInt16BE(LINK) & 0xf00f) | (options.tos(index) << 4), LINK);
  }
  bytes.writeUInt16BE(bytes.length - LINK - 40, LINK + 4);
  return Uint8Array.from(bytes);
}

/** Where the header chain of `length` bytes names what follows it. */
function lastNextHeaderAt(frame: Uint8Array, length: number): number {
  let named = LINK + 6;
  let at = LINK + 40;
  while (at < LINK + length) {
    named = at;
    at += (frame[at + 1]! + 1) * 8;
  }
  return named;
}

function fragmentHeaderAt(view: DataView): { at: number; named: number } {
  let named = 6;
  let at = 40;
  for (let next = view.getUint8(6); next !== 44; next = view.getUint8(named)) {
    if (next !== 0 && next !== 43 && next !== 60) return { at: -1, named };
    named = at;
    at += (view.getUint8(at + 1) + 1) * 8;
  }
  return { at, named };
}

function joinIpv4(header: Uint8Array, payload: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat([header, ...payload]);
  bytes.writeUInt16BE(bytes.length - LINK, LINK + 2);
  bytes.writeUInt16BE(bytes.readUInt16BE(LINK + 6) & 0x4000, LINK + 6);
  bytes.writeUInt16BE(0, LINK + 10);
  bytes.writeUInt16BE(slowChecksum(bytes.subarray(LINK, header.length)), LINK + 10);
  return bytes;
}

function joinIpv6(header: Uint8Array, payload: readonly Uint8Array[]): Buffer {
  const { at, named } = fragmentHeaderAt(new DataView(header.buffer, header.byteOffset + LINK));
  const head = Buffer.from(header.slice(0, LINK + at));
  head[LINK + named] = header[LINK + at]!;
  const bytes = Buffer.concat([head, ...payload]);
  bytes.writeUInt16BE(bytes.length - LINK - 40, LINK + 4);
  return bytes;
}
