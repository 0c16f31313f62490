import { Decode, type DecodeCode } from './codes.ts';
import { crc32c, crc32cEnd, crc32cStart } from './crc32c.ts';
import type { Packet } from './packet.ts';

/** Ports, verification tag, checksum (RFC 9260 section 3.1). */
export const SCTP_HEADER_LEN = 12;
const TAG_AT = 4;
const CHECKSUM_AT = 8;

/** Takes an SCTP common header apart; its chunks are left to whoever asks for them. */
export function decodeSctp(packet: Packet): DecodeCode {
  const { view, l4Offset: at } = packet;
  if (at + SCTP_HEADER_LEN > packet.l3End) return Decode.TruncatedL4;
  packet.srcPortOrIcmpId = view.getUint16(at);
  packet.dstPortOrIcmpTypeCode = view.getUint16(at + 2);
  packet.payloadOffset = at + SCTP_HEADER_LEN;
  packet.payloadLen = packet.l3End - packet.payloadOffset;
  return Decode.Ok;
}

/** The verification tag, signed, of a packet that decoded as SCTP. */
export function sctpTag(packet: Packet): number {
  return packet.view.getInt32(packet.l4Offset + TAG_AT);
}

/** True where the CRC of an SCTP packet is right. */
export function sctpChecksumHolds(packet: Packet): boolean {
  return readChecksum(packet) === computeChecksum(packet);
}

/** Computes the CRC of an SCTP packet and writes it. */
export function completeSctpChecksum(packet: Packet): void {
  packet.view.setInt32(packet.l4Offset + CHECKSUM_AT, computeChecksum(packet), true);
}

// RFC 9260 appendix A: the remainder goes out least significant byte first.
function readChecksum(packet: Packet): number {
  return packet.view.getInt32(packet.l4Offset + CHECKSUM_AT, true);
}

/** The CRC over header and chunks, the field itself taken as zero, as a signed number. */
function computeChecksum(packet: Packet): number {
  const { bytes, l4Offset: at } = packet;
  let crc = crc32c(crc32cStart, bytes, at, at + CHECKSUM_AT);
  crc = crc32c(crc, fourZeros, 0, fourZeros.length);
  crc = crc32c(crc, bytes, at + SCTP_HEADER_LEN, packet.l3End);
  return crc32cEnd(crc);
}

const fourZeros = new Uint8Array(4);
