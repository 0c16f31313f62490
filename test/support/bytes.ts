/** Small byte helpers for tests: text addresses to bytes, big-endian numbers, joining. */

/** Joins byte arrays. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Two bytes, big-endian. */
export function be16(value: number): Uint8Array {
  return Uint8Array.of((value >>> 8) & 255, value & 255);
}

/** Four bytes, big-endian; signed and unsigned values alike. */
export function be32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** Text (as Latin-1, which is what FTP control lines are here) or bytes to bytes. */
export function toBytes(data: string | Uint8Array | undefined): Uint8Array {
  if (data === undefined) return new Uint8Array(0);
  return typeof data === 'string' ? new Uint8Array(Buffer.from(data, 'latin1')) : data;
}

/** `02:00:00:00:00:01` to six bytes. */
export function macBytes(text: string): Uint8Array {
  const bytes = Uint8Array.from(text.split(':').map((part) => Number.parseInt(part, 16)));
  if (bytes.length !== 6) throw new Error(`not a MAC address: ${text}`);
  return bytes;
}

/** `10.0.0.1` or `2001:db8::1` to 4 or 16 bytes. */
export function addressBytes(text: string): Uint8Array {
  return text.includes(':') ? ipv6Bytes(text) : ipv4Bytes(text);
}

function ipv4Bytes(text: string): Uint8Array {
  const parts = text.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) {
    throw new Error(`not an IPv4 address: ${text}`);
  }
  return Uint8Array.from(parts);
}

function ipv6Bytes(text: string): Uint8Array {
  const [head, tail, more] = text.split('::');
  if (head === undefined || more !== undefined) throw new Error(`not an IPv6 address: ${text}`);
  const before = groups(head);
  const after = groups(tail ?? '');
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 0) {
    throw new Error(`not an IPv6 address: ${text}`);
  }
  const all = [...before, ...new Array<number>(missing).fill(0), ...after];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 255]));
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
