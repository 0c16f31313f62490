import { type Packet, SCTP_HEADER_LEN } from '../../wire/index.ts';
import { Chunk } from './sctp-states.ts';

const CHUNK_HEADER_LEN = 4;
/** Of INIT and INIT ACK behind the chunk header: tag, window, streams, first number. */
const INIT_BODY_LEN = 16;

/** What `surveyChunks` says of chunks that may not stand together. */
export const BAD_CHUNKS = -1;

const STANDS_ALONE = maskOf(Chunk.Init, Chunk.InitAck, Chunk.ShutdownComplete);
const STANDS_FIRST = maskOf(Chunk.CookieEcho, Chunk.CookieAck) | STANDS_ALONE;

/** The bits of chunk types, as `surveyChunks` returns them. */
export function maskOf(...types: readonly number[]): number {
  return types.reduce((mask, type) => mask | (1 << type), 0);
}

/**
 * The types of a packet's chunks as bits (those above 15 have none), or `BAD_CHUNKS` where it has no
 * chunk, one of length zero, a COOKIE ECHO or ACK that is not the first, or an INIT, INIT ACK or
 * SHUTDOWN COMPLETE that is not alone (RFC 9260 sections 5.1 and 6.10).
 */
export function surveyChunks(packet: Packet): number {
  let seen = 0;
  let count = 0;
  for (let at = firstChunk(packet); at >= 0; at = nextChunk(packet, at)) {
    const type = chunkType(packet, at);
    const bit = type < 16 ? 1 << type : 0;
    if (chunkLength(packet, at) === 0) return BAD_CHUNKS;
    if (count > 0 && ((seen & STANDS_ALONE) !== 0 || (bit & STANDS_FIRST) !== 0)) return BAD_CHUNKS;
    seen |= bit;
    count++;
  }
  return count === 0 ? BAD_CHUNKS : seen;
}

/** Where the first chunk's header stands; -1 where there is none. */
export function firstChunk(packet: Packet): number {
  return within(packet, packet.l4Offset + SCTP_HEADER_LEN);
}

/** The same of the one behind that at `at`. A header that is cut off ends the packet. */
export function nextChunk(packet: Packet, at: number): number {
  return within(packet, at + ((chunkLength(packet, at) + 3) & ~3));
}

function within(packet: Packet, at: number): number {
  return at + CHUNK_HEADER_LEN <= packet.l3End ? at : -1;
}

function chunkLength(packet: Packet, at: number): number {
  return packet.view.getUint16(at + 2);
}

export function chunkType(packet: Packet, at: number): number {
  return packet.view.getUint8(at);
}

/** The T bit of ABORT and SHUTDOWN COMPLETE: the sender had no tag but the other's (RFC 9260 8.5.1). */
export function hasReflectedTag(packet: Packet, at: number): boolean {
  return (packet.view.getUint8(at + 1) & 1) !== 0;
}

/** True where all of the fixed part of an INIT or INIT ACK is there. */
export function isWholeInit(packet: Packet, at: number): boolean {
  return at + CHUNK_HEADER_LEN + INIT_BODY_LEN <= packet.l3End;
}

/** The tag that the sender of an INIT or INIT ACK wants to be addressed by. */
export function initiateTag(packet: Packet, at: number): number {
  return packet.view.getInt32(at + CHUNK_HEADER_LEN);
}
