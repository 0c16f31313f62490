import { RouteKind, type Routes } from '../../engine/index.ts';
import { completeL4Checksum, hasPartialChecksum, type Packet } from '../../wire/index.ts';

/**
 * A source that cannot come in from outside: this host's own addresses, loopback, broadcast,
 * multicast, 0.0.0.0/8 (RFC 1812 section 5.3.7; fib_validate_source in the kernel).
 */
export function comesFromHere(packet: Packet, routes: Routes): boolean {
  const { family, src0, src1, src2, src3 } = packet;
  if (family === 4 && src0 >>> 24 === 0) return true;
  const kind = routes.lookupAddress(family, src0, src1, src2, src3);
  return kind === RouteKind.Local || kind === RouteKind.Broadcast;
}

/** True for a destination in 127.0.0.0/8, and for ::1. */
export function isLoopback(packet: Packet): boolean {
  const { family, dst0, dst1, dst2, dst3 } = packet;
  return family === 4 ? dst0 >>> 24 === 127 : (dst0 | dst1 | dst2) === 0 && dst3 === 1;
}

/**
 * Completes a checksum that the sender left to a network card that does not exist, as virtual links
 * hand it over. True where there was one to complete.
 */
export function completePartialChecksum(packet: Packet): boolean {
  if (!hasPartialChecksum(packet)) return false;
  completeL4Checksum(packet);
  packet.checksumIsOurs = true;
  return true;
}
