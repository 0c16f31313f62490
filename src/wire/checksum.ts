/** The Internet checksum (RFC 1071) and its incremental update (RFC 1624). */

/** Folds a sum of 16-bit words to 16 bits. `sum` must be a non-negative integer below 2^32. */
export function foldSum(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  const twice = (once & 0xffff) + (once >>> 16);
  return (twice & 0xffff) + (twice >>> 16);
}

/**
 * The unfolded sum of the 16-bit words of [start, end); an odd last byte counts as a high byte.
 * At most 64 KiB are summed, so the result stays an exact integer below 2^32 and needs no boxing.
 */
export function sumBytes(view: DataView, start: number, end: number): number {
  let high = 0;
  let low = 0;
  let at = start;
  const bulkEnd = end - 15;
  // Four 32-bit reads a turn, halves summed apart: half the reads of 16-bit words, and no result
  // that outgrows a small integer on the way.
  while (at < bulkEnd) {
    const a = view.getInt32(at);
    const b = view.getInt32(at + 4);
    const c = view.getInt32(at + 8);
    const d = view.getInt32(at + 12);
    high += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16);
    low += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff);
    at += 16;
  }
  let sum = high + low;
  while (at + 1 < end) {
    sum += view.getUint16(at);
    at += 2;
  }
  if (at < end) sum += view.getUint8(at) << 8;
  return sum;
}

/** The sum of the two halves of one 32-bit address word. */
export function addressSum(word: number): number {
  return (word >>> 16) + (word & 0xffff);
}

/** The checksum field value over [start, end) with `initial` added (a pseudo-header sum). */
export function checksum(view: DataView, start: number, end: number, initial = 0): number {
  return ~foldSum(sumBytes(view, start, end) + initial) & 0xffff;
}

/** RFC 1624 equation 3: the field after one 16-bit word changed from `before` to `after`. */
export function updateChecksum16(field: number, before: number, after: number): number {
  let sum = (~field & 0xffff) + (~before & 0xffff) + (after & 0xffff);
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The same for a 32-bit word at an even offset. */
export function updateChecksum32(field: number, before: number, after: number): number {
  let sum =
    (~field & 0xffff) +
    (~before & 0xffff) +
    ((~before >>> 16) & 0xffff) +
    (after & 0xffff) +
    (after >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
