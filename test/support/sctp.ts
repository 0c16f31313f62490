import { be16, be32, join } from './bytes.ts';
import { buildIp, type NetworkOptions } from './packets.ts';

/** SCTP packets for tests, with a checksum by the slow twin (bit by bit, no table). */

export interface SctpChunk {
  readonly type: number;
  readonly flags?: number;
  readonly body?: Uint8Array;
  /** What the chunk says its length is, where it lies. */
  readonly length?: number;
}

export interface SctpOptions extends NetworkOptions {
  sport: number;
  dport: number;
  tag?: number;
  chunks: readonly SctpChunk[];
  /** Bytes behind the last chunk. */
  trailing?: Uint8Array;
}

/** INIT (1) or INIT ACK (2) whose sender wants to be addressed by `tag`. */
export function initChunk(type: number, tag: number): SctpChunk {
  return { type, body: join(be32(tag), be32(65_535), be16(1), be16(1), be32(tag)) };
}

/** The packet without IP header. */
export function sctpSegment(o: SctpOptions): Uint8Array {
  const segment = join(
    be16(o.sport),
    be16(o.dport),
    be32(o.tag ?? 0),
    be32(0),
    ...o.chunks.map(chunkBytes),
    o.trailing ?? new Uint8Array(0),
  );
  const crc = slowCrc32c(segment) ^ (o.badChecksum ? 1 : 0);
  // Least significant byte first (RFC 9260 appendix A).
  segment.set(be32(crc).reverse(), 8);
  return segment;
}

export function buildSctp(o: SctpOptions): Uint8Array {
  return buildIp(o, 132, sctpSegment(o));
}

function chunkBytes({ type, flags = 0, body = new Uint8Array(0), length }: SctpChunk): Uint8Array {
  const padding = new Uint8Array(-body.length & 3);
  const head = Uint8Array.of(type, flags);
  return join(head, be16(length ?? 4 + body.length), body, padding);
}

/** The CRC32c of bytes, as a signed number: one bit at a time. */
export function slowCrc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      const carry = crc & 1;
      crc >>>= 1;
      if (carry === 1) crc ^= 0x82f63b78;
    }
  }
  return ~crc;
}
