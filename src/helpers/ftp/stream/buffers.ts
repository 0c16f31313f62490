/**
 * Memory of the relays. A control connection needs some for a round trip at a time, so short buffers
 * go from hand to hand.
 */

/** Enough for nearly every line, and for what is on its way of nearly every control connection. */
const SHORT_BYTES = 1024;
/** Enough for most lines: an idle connection may keep its last one. */
const LINE_BYTES = 128;
const SPARE_BUFFERS = 64;
/** Up to here a loop is faster than the view that `set` needs, and allocates nothing. */
const LOOPED_BYTES = 64;

const spare: Uint8Array[] = [];
const spareLines: Uint8Array[] = [];

/** A buffer of at least `length` bytes, dirty. */
export function borrowBuffer(length: number): Uint8Array {
  if (length <= LINE_BYTES) return spareLines.pop() ?? new Uint8Array(LINE_BYTES);
  if (length <= SHORT_BYTES) return spare.pop() ?? new Uint8Array(SHORT_BYTES);
  let size = SHORT_BYTES * 2;
  while (size < length) size *= 2;
  return new Uint8Array(size);
}

/** Takes back what `borrowBuffer` gave. */
export function returnBuffer(buffer: Uint8Array): void {
  const pool = buffer.length === LINE_BYTES ? spareLines : spare;
  if (buffer.length <= SHORT_BYTES && pool.length < SPARE_BUFFERS) pool.push(buffer);
}

/** Copies [from, to) of `source` to `target` at `at`. */
export function copyBytes(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
): void {
  if (to - from > LOOPED_BYTES) {
    target.set(source.subarray(from, to), at);
    return;
  }
  for (let pos = from, put = at; pos < to; pos++) target[put++] = source[pos]!;
}
