/**
 * The Internet checksum the slow and obvious way (RFC 1071): one word at a time, carry added at
 * once. The oracle for `src/wire/checksum.ts`; it shares no code with it.
 */

/** The one's complement sum of the 16-bit words of `bytes`; an odd last byte is a high byte. */
export function slowSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    const high = bytes[i] as number;
    const low = i + 1 < bytes.length ? (bytes[i + 1] as number) : 0;
    sum += high * 256 + low;
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** The checksum of `bytes`, in which the checksum field itself must be zero. */
export function slowChecksum(bytes: Uint8Array): number {
  return 0xffff - slowSum(bytes);
}

/** True where a receiver accepts `bytes`, checksum field included: the sum is zero (all ones). */
export function slowVerify(bytes: Uint8Array): boolean {
  return slowSum(bytes) === 0xffff;
}

/** The pseudo header as bytes: RFC 9293 section 3.1 (12 bytes), RFC 8200 section 8.1 (40 bytes). */
export function pseudoHeader(
  src: Uint8Array,
  dst: Uint8Array,
  protocol: number,
  length: number,
): Uint8Array {
  if (src.length === 4) {
    return Uint8Array.from([...src, ...dst, 0, protocol, length >> 8, length & 255]);
  }
  const lengthBytes = [0, (length >> 16) & 255, (length >> 8) & 255, length & 255];
  return Uint8Array.from([...src, ...dst, ...lengthBytes, 0, 0, 0, protocol]);
}

/** The transport checksum of `segment` (its field zero) between two addresses given as bytes. */
export function slowL4Checksum(
  src: Uint8Array,
  dst: Uint8Array,
  protocol: number,
  segment: Uint8Array,
): number {
  const pseudo = pseudoHeader(src, dst, protocol, segment.length);
  return slowChecksum(Uint8Array.from([...pseudo, ...segment]));
}

/** CRC32c of SCTP, bit by bit (RFC 9260 appendix A); the field itself must be zero. */
export function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0x82f63b78 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
