/** IPv6 extension headers for the packet builders (RFC 8200 section 4, AH: RFC 4302). */
import { be16, be32, join } from './bytes.ts';

/** One header: its own protocol number, and its bytes with byte 0 (next header) still open. */
export interface Ipv6Extension {
  readonly protocol: number;
  readonly bytes: Uint8Array;
}

/** Hop-by-hop options; `body` is the options, padded with PadN to a multiple of 8 bytes. */
export function hopByHop(body: Uint8Array = new Uint8Array(0)): Ipv6Extension {
  return { protocol: 0, bytes: optionsHeader(body) };
}

/** Destination options, the same layout. */
export function destinationOptions(body: Uint8Array = new Uint8Array(0)): Ipv6Extension {
  return { protocol: 60, bytes: optionsHeader(body) };
}

/** A routing header of type 2 (RFC 6275) with one zero address. */
export function routing(segmentsLeft = 0): Ipv6Extension {
  const bytes = new Uint8Array(24);
  bytes.set([0, 2, 2, segmentsLeft]);
  return { protocol: 43, bytes };
}

/** A fragment header: offset in bytes (a multiple of 8), identification, more to come. */
export function fragmentHeader(o: {
  offsetBytes: number;
  more: boolean;
  id: number;
}): Ipv6Extension {
  const word = o.offsetBytes | (o.more ? 1 : 0);
  return { protocol: 44, bytes: join(Uint8Array.of(0, 0), be16(word), be32(o.id)) };
}

/** An authentication header with `icvBytes` of check value (a multiple of 4), its length in words. */
export function authentication(icvBytes = 12): Ipv6Extension {
  const bytes = new Uint8Array(12 + icvBytes).fill(0x5a);
  bytes.set([0, (12 + icvBytes) / 4 - 2, 0, 0]);
  return { protocol: 51, bytes };
}

/** Links the headers: each byte 0 names the next one, the last one `finalProtocol`. */
export function ipv6Chain(
  extensions: readonly Ipv6Extension[],
  finalProtocol: number,
): { firstHeader: number; chain: Uint8Array } {
  const parts = extensions.map((extension, i) => {
    const bytes = Uint8Array.from(extension.bytes);
    bytes[0] = extensions[i + 1]?.protocol ?? finalProtocol;
    return bytes;
  });
  return { firstHeader: extensions[0]?.protocol ?? finalProtocol, chain: join(...parts) };
}

function optionsHeader(body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((2 + body.length + 7) & ~7);
  bytes[1] = bytes.length / 8 - 1;
  bytes.set(body, 2);
  const padding = bytes.length - 2 - body.length;
  // One byte of padding is Pad1 (zero); two and more are PadN: type 1, length of what follows.
  if (padding >= 2) bytes.set([1, padding - 2], 2 + body.length);
  return bytes;
}
