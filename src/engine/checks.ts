import { TrackReason, type TrackReasonCode } from '../conntrack/index.ts';
import {
  completeL4Checksum,
  Decode,
  type DecodeCode,
  hasPartialChecksum,
  L4Checksum,
  type Packet,
  updateChecksum16,
  verifyTrackedChecksum,
} from '../wire/index.ts';
import type { Routes } from './ports.ts';
import type { ChecksumPolicy } from './settings.ts';

/**
 * Verifies the transport header before it is tracked, and completes a checksum that its sender left
 * to a network card. What fails is INVALID, not dropped: the rules decide.
 */
export function transportFault(
  packet: Packet,
  decoded: DecodeCode,
  policy: ChecksumPolicy,
): TrackReasonCode {
  if (decoded !== Decode.Ok) return TrackReason.Malformed;
  if (policy === 'ignore') {
    if (hasPartialChecksum(packet)) completeL4Checksum(packet);
    return TrackReason.None;
  }
  if (packet.checksumIsOurs) return TrackReason.None;
  const found = verifyTrackedChecksum(packet);
  if (found === L4Checksum.Partial) completeL4Checksum(packet);
  return found === L4Checksum.Bad ? TrackReason.BadChecksum : TrackReason.None;
}

/** One hop less to live (RFC 1812 5.3.1, RFC 8200 3). */
export function decrementTtl(packet: Packet): void {
  const { view, l3Offset } = packet;
  packet.ttl--;
  if (packet.family === 6) {
    view.setUint8(l3Offset + 7, packet.ttl);
    return;
  }
  const before = view.getUint16(l3Offset + 8);
  view.setUint8(l3Offset + 8, packet.ttl);
  const field = view.getUint16(l3Offset + 10);
  view.setUint16(l3Offset + 10, updateChecksum16(field, before, before - 0x100));
}

/**
 * Longer than the way out takes, and not to be fragmented. What is longer than its own way in
 * allows too is a super-frame that segmentation offload made of smaller ones: the datapath cuts it
 * again, as it fragments what may be fragmented.
 */
export function isTooBig(packet: Packet, routes: Routes, inIf: number): boolean {
  const length = packet.l3End - packet.l3Offset;
  if (length <= routes.mtu) return false;
  if (packet.fragMaxSize === 0 && length > routes.mtuOf(inIf)) return false;
  // Only fragments that fitted the whole way say that smaller ones are wanted (ip_exceeds_mtu).
  if (packet.fragMaxSize > 0 && packet.fragMaxSize <= routes.mtu) return false;
  return packet.family === 6 || packet.dontFragment;
}
