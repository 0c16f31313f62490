/** CRC32c, the Castagnoli polynomial (RFC 9260 appendix A), by table, four bytes at a time. */

/** The polynomial with its bits mirrored, as each byte is taken lowest bit first. */
const POLYNOMIAL = 0x82f63b78;
const BYTES = 256;

// Table n holds what a byte does to the remainder with n more bytes behind it.
const tables = buildTables();

/** The remainder before any byte. */
export const crc32cStart = -1;

/** The remainder after the bytes of [start, end) too. Signed. */
export function crc32c(remainder: number, bytes: Uint8Array, start: number, end: number): number {
  let crc = remainder;
  let at = start;
  for (const bulkEnd = end - 3; at < bulkEnd; at += 4) {
    const word =
      crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    crc =
      tables[3 * BYTES + (word & 0xff)]! ^
      tables[2 * BYTES + ((word >>> 8) & 0xff)]! ^
      tables[BYTES + ((word >>> 16) & 0xff)]! ^
      tables[word >>> 24]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]!) & 0xff]!;
  return crc;
}

/** The CRC of all bytes, from the remainder after the last one. Signed. */
export function crc32cEnd(remainder: number): number {
  return ~remainder;
}

function buildTables(): Int32Array {
  const built = new Int32Array(4 * BYTES);
  for (let byte = 0; byte < BYTES; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : POLYNOMIAL);
    built[byte] = crc;
  }
  for (let at = BYTES; at < built.length; at++) {
    const before = built[at - BYTES]!;
    built[at] = (before >>> 8) ^ built[before & 0xff]!;
  }
  return built;
}
