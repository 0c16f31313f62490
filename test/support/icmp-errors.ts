/** ICMP errors about packets that were seen on the wire, as the host that got them sends them. */
import { buildIcmp, buildIcmpv6, type IcmpOptions } from './packets.ts';
import { type SeenPacket, seen } from './seen.ts';

/** Places around a gateway of `makeGateway`, by family. */
export const places = {
  4: {
    client: '192.168.1.10',
    second: '192.168.1.11',
    insideRouter: '192.168.1.254',
    server: '198.51.100.9',
    router: '203.0.113.254',
    gateway: '203.0.113.1',
    gatewayInside: '192.168.1.1',
  },
  6: {
    client: 'fd00:1::10',
    second: 'fd00:1::11',
    insideRouter: 'fd00:1::fe',
    server: '2001:db8:9::9',
    router: '2001:db8:1::fe',
    gateway: '2001:db8:1::1',
    gatewayInside: 'fd00:1::1',
  },
} as const;

/** The errors of each family that speak about a connection: type and code. */
export const errorTypes = {
  4: [
    [3, 1],
    [3, 3],
    [3, 4],
    [4, 0],
    [11, 0],
    [12, 0],
  ],
  6: [
    [1, 4],
    [2, 0],
    [3, 0],
    [4, 1],
    [127, 0],
  ],
} as const;

export interface ErrorOptions extends Partial<IcmpOptions> {
  /** How many bytes of the datagram are quoted; all where it is not given. */
  readonly quotedLen?: number;
}

/**
 * A frame with an error about a datagram, to its source, from its destination unless `src` names
 * somebody else. Default: port unreachable.
 */
export function errorAbout(datagram: Uint8Array, options: ErrorOptions = {}): Uint8Array {
  const { quotedLen = datagram.length, ...rest } = options;
  const { src, dst, family } = addressesOf(datagram);
  const inner = datagram.slice(0, quotedLen);
  const unreachable = family === 4 ? { type: 3, code: 3 } : { type: 1, code: 4 };
  const build = family === 4 ? buildIcmp : buildIcmpv6;
  return build({
    ...unreachable,
    rest: 0,
    ...rest,
    src: options.src ?? dst,
    dst: options.dst ?? src,
    inner,
  });
}

/** The datagram that an error quotes, taken apart, its own checksums tested; whole quotes only. */
export function quotedBy(error: SeenPacket): SeenPacket {
  return seen(error.payload, 'raw');
}

function addressesOf(datagram: Uint8Array): { src: string; dst: string; family: 4 | 6 } {
  const bytes = Buffer.from(datagram);
  if (bytes[0]! >> 4 === 4) {
    const text = (at: number) => bytes.subarray(at, at + 4).join('.');
    return { src: text(12), dst: text(16), family: 4 };
  }
  const text = (at: number) =>
    Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i).toString(16)).join(':');
  return { src: text(8), dst: text(24), family: 6 };
}
