import {
  checksum,
  completeL4Checksum,
  Decode,
  type DecodeCode,
  decodeFrame,
  L4Checksum,
  type Packet,
  verifyL4Checksum,
} from '../../wire/index.ts';

/**
 * Decodes a captured frame and completes what its sender left to a network card: a capture taken on
 * an end host shows its packets before the card had them. That are checksums of any value, and the
 * total length 0 of what the card was to segment. Returns what decoding says in the end.
 */
export function mendFrame(packet: Packet): DecodeCode {
  let decoded = decodeFrame(packet);
  if (decoded === Decode.BadIpTotalLength && hasNoLength(packet)) {
    packet.view.setUint16(packet.l3Offset + 2, packet.frameEnd - packet.l3Offset);
    decoded = decodeFrame(packet);
  }
  if (decoded === Decode.BadIpChecksum) {
    mendHeader(packet);
    decoded = decodeFrame(packet);
  }
  if (decoded === Decode.Ok) {
    const found = verifyL4Checksum(packet);
    if (found === L4Checksum.Bad || found === L4Checksum.Partial) completeL4Checksum(packet);
  }
  return decoded;
}

function hasNoLength(packet: Packet): boolean {
  return packet.family === 4 && packet.view.getUint16(packet.l3Offset + 2) === 0;
}

function mendHeader(packet: Packet): void {
  const { view, l3Offset: at } = packet;
  const headerLen = (view.getUint8(at) & 15) << 2;
  view.setUint16(at + 10, 0);
  view.setUint16(at + 10, checksum(view, at, at + headerLen));
}
