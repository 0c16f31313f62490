/**
 * Numbers as nf_conntrack_ftp of Linux 6.18 reads them: nothing is checked for its range. A field
 * has 32 bits and wraps, a port read on its own has 16. Results are lengths in bytes, 0 for "cannot
 * be read"; values are left in arrays of the caller's.
 */

const ZERO = 0x30;
const NINE = 0x39;
const FIRST_PRINTABLE = 0x21;
const LAST_PRINTABLE = 0x7e;

/** Any byte may end the numbers. */
export const ANY_END = 0;

export function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

/** RFC 2428 leaves the delimiter to the speaker; a digit cannot be one. */
export function isDelimiter(byte: number): boolean {
  return byte >= FIRST_PRINTABLE && byte <= LAST_PRINTABLE && !isDigit(byte);
}

/**
 * `10,0,1,2,200,10`: exactly `count` fields, ended by `terminator`, or by any byte with `ANY_END`.
 * An empty field is 0. The end itself must be there, and does not count.
 */
export function readFields(
  bytes: Uint8Array,
  start: number,
  end: number,
  separator: number,
  terminator: number,
  count: number,
  fields: Int32Array,
): number {
  fields.fill(0);
  let field = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (isDigit(byte)) {
      fields[field] = (Math.imul(fields[field]!, 10) + byte - ZERO) | 0;
    } else if (byte === separator) {
      if (++field === count) return 0;
    } else {
      const isEnd = terminator === ANY_END || byte === terminator;
      return isEnd && field === count - 1 ? at - start : 0;
    }
  }
  return 0;
}

/** Four fields as an address: what does not fit one of them runs over into those before it. */
export function addressOf(fields: Int32Array): number {
  return (fields[0]! << 24) | (fields[1]! << 16) | (fields[2]! << 8) | fields[3]!;
}

/** `51210|`: the port, -1 where it is 0, is not one, or the delimiter is missing. */
export function readPort(bytes: Uint8Array, start: number, end: number, delimiter: number): number {
  let port = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === delimiter) return port === 0 ? -1 : port;
    if (!isDigit(byte)) return -1;
    port = (port * 10 + byte - ZERO) & 0xffff;
  }
  return -1;
}

/** How many digits stand at `start`. */
export function digitsAt(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isDigit(bytes[at]!)) at++;
  return at - start;
}
