import {
  completeL4Checksum,
  type Packet,
  TcpFlag,
  updateChecksum16,
  updateChecksum32,
} from '../wire/index.ts';

/**
 * Replaces `oldLen` payload bytes at `at` by `newLen` bytes of `source`, moving what follows, and
 * mends lengths and checksums. False, and nothing changed, where the result would not fit an IP
 * packet or the buffer. Control connections only: it sums the whole segment.
 */
export function replacePayload(
  packet: Packet,
  at: number,
  oldLen: number,
  source: Uint8Array,
  newLen: number,
): boolean {
  const delta = newLen - oldLen;
  if (packet.frameEnd + delta > packet.bytes.length) return false;
  if (packet.l3End - packet.l3Offset + delta > 0xffff) return false;
  packet.bytes.copyWithin(at + newLen, at + oldLen, packet.frameEnd);
  for (let i = 0; i < newLen; i++) packet.bytes[at + i] = source[i]!;
  packet.frameEnd += delta;
  packet.l3End += delta;
  packet.payloadLen += delta;
  setIpLength(packet, delta);
  completeL4Checksum(packet);
  return true;
}

/** Overwrites payload bytes in place: same length, checksum mended, no sequence change. */
export function overwritePayload(
  packet: Packet,
  at: number,
  source: Uint8Array,
  length: number,
): void {
  for (let i = 0; i < length; i++) packet.bytes[at + i] = source[i]!;
  completeL4Checksum(packet);
}

/**
 * Gives a TCP segment another sequence number and, as its whole payload, the first `length` bytes of
 * `source`, and mends lengths and checksums. False, and nothing changed, where that would not fit an
 * IP packet or the buffer. Control connections only: it sums the whole segment.
 */
export function replaceSegment(
  packet: Packet,
  seq: number,
  source: Uint8Array,
  length: number,
): boolean {
  const { payloadOffset, payloadLen } = packet;
  const delta = length - payloadLen;
  if (packet.frameEnd + delta > packet.bytes.length) return false;
  if (packet.l3End - packet.l3Offset + delta > 0xffff) return false;
  packet.seq = seq | 0;
  packet.view.setInt32(packet.l4Offset + 4, seq);
  return replacePayload(packet, payloadOffset, payloadLen, source, length);
}

/** Gives a TCP segment another sequence number, and mends its checksum. */
export function replaceSequence(packet: Packet, seq: number): void {
  const before = packet.seq;
  if (before === (seq | 0)) return;
  const at = packet.l4Offset;
  packet.seq = seq | 0;
  packet.view.setInt32(at + 4, seq);
  const field = packet.view.getUint16(at + 16);
  packet.view.setUint16(at + 16, updateChecksum32(field, before, seq | 0));
}

/** Takes a flag (a bit of `TcpFlag`) out of a TCP header, an urgent pointer with its flag. */
export function clearTcpFlag(packet: Packet, flag: number): void {
  if ((packet.tcpFlags & flag) === 0) return;
  const at = packet.l4Offset;
  packet.tcpFlags &= ~flag;
  const flagsBefore = packet.view.getUint16(at + 12);
  const flagsAfter = flagsBefore & ~flag;
  packet.view.setUint16(at + 12, flagsAfter);
  let field = updateChecksum16(packet.view.getUint16(at + 16), flagsBefore, flagsAfter);
  if (flag === TcpFlag.Urg) {
    field = updateChecksum16(field, packet.view.getUint16(at + 18), 0);
    packet.view.setUint16(at + 18, 0);
  }
  packet.view.setUint16(at + 16, field);
}

function setIpLength(packet: Packet, delta: number): void {
  if (delta === 0) return;
  const at = packet.l3Offset;
  if (packet.family === 6) {
    packet.view.setUint16(at + 4, packet.view.getUint16(at + 4) + delta);
    return;
  }
  const before = packet.view.getUint16(at + 2);
  packet.view.setUint16(at + 2, before + delta);
  const field = packet.view.getUint16(at + 10);
  packet.view.setUint16(at + 10, updateChecksum16(field, before, before + delta));
}
