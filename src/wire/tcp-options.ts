import type { Packet } from './packet.ts';
import { TCP_HEADER_LEN } from './tcp.ts';

/** TCP option kinds (IANA). */
export const TcpOption = {
  End: 0,
  Nop: 1,
  Mss: 2,
  WindowScale: 3,
  SackPermitted: 4,
  Sack: 5,
  Timestamps: 8,
} as const;

/**
 * Offset of the first option of `kind` in the TCP header of the cursor, 0 where there is none, -1
 * where the option list is damaged before it is found (a length of 0 or 1, or beyond the header).
 * At the offset stand kind, length and the option's bytes, all within the header.
 */
export function findTcpOption(packet: Packet, kind: number): number {
  const { bytes } = packet;
  const end = packet.l4Offset + packet.tcpHeaderLen;
  let at = packet.l4Offset + TCP_HEADER_LEN;
  while (at < end) {
    const found = bytes[at]!;
    if (found === TcpOption.End) return 0;
    if (found === TcpOption.Nop) {
      at++;
      continue;
    }
    if (at + 2 > end) return -1;
    const length = bytes[at + 1]!;
    if (length < 2 || at + length > end) return -1;
    if (found === kind) return at;
    at += length;
  }
  return 0;
}
