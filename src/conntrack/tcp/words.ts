import { Field } from '../fields.ts';

/**
 * What the TCP tracker keeps in the 14 words of a row that are its own:
 *
 *     0..3   what the original direction has sent: `Side`
 *     4..7   what the reply direction has sent
 *     8      both sides' flags and scales:  flags | flags | scale | scale, original first
 *     9..11  numbers of the segment that was last remembered
 *     12     of the same segment: window (16 bits), kind (3), direction (1)
 *     13     retransmissions (8 bits), flags (8) and scale (8) of an ignored SYN
 *
 * A row of zeros is a connection without history, as one made by command is: the next segment of
 * each side begins its words (nf_conntrack_proto_tcp.c, td_maxwin of 0).
 */
export const TcpWord = {
  Sides: Field.Track,
  FlagsAndScales: Field.Track + 8,
  LastSeq: Field.Track + 9,
  LastAck: Field.Track + 10,
  LastEnd: Field.Track + 11,
  LastSeen: Field.Track + 12,
  Retold: Field.Track + 13,
} as const;

/** Words of one side, from `sideAt` on; all but `MaxWindow` are sequence numbers. */
export const Side = {
  /** Behind the highest byte sent. */
  End: 0,
  /** Behind the highest byte that the other side has room for. */
  MaxEnd: 1,
  /** The largest window announced, scaled; 0 while nothing of this side is known. */
  MaxWindow: 2,
  /** The highest acknowledgement sent; valid under `SideFlag.AckKnown`. */
  MaxAck: 3,
} as const;
const SIDE_WORDS = 4;

/**
 * Flags of one side, numbered as ctnetlink shows them: IP_CT_TCP_FLAG_* of
 * include/uapi/linux/netfilter/nf_conntrack_tcp.h. The last two stand with an ignored SYN only.
 */
export const SideFlag = {
  WindowScale: 0x01,
  SackPermitted: 0x02,
  /** Sent the first FIN of an orderly close. */
  CloseInit: 0x04,
  /** Out of its window it is still believed. */
  BeLiberal: 0x08,
  /** Has sent data that is not acknowledged. */
  Unacknowledged: 0x10,
  AckKnown: 0x20,
  /** The answer to the ignored SYN may be a challenge ACK (RFC 5961 section 4). */
  ChallengeExpected: 0x40,
  /** SYNs from both ends crossed. */
  SimultaneousOpen: 0x80,
} as const;

/**
 * Whether one sequence number lies before another, as the kernel has it: at a distance of exactly
 * 2^31 each lies before the other (include/net/tcp.h, before() and after()).
 */
export function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export function isAfter(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}

/** First word of a direction's side, relative to the row. */
export function sideAt(direction: number): number {
  return TcpWord.Sides + direction * SIDE_WORDS;
}

/** The flags of a direction; `at` is where the row begins. */
export function sideFlags(rows: Int32Array, at: number, direction: number): number {
  return (rows[at + TcpWord.FlagsAndScales]! >>> (direction << 3)) & 0xff;
}

export function setSideFlags(rows: Int32Array, at: number, direction: number, flags: number): void {
  putByte(rows, at + TcpWord.FlagsAndScales, direction << 3, flags);
}

export function addSideFlag(rows: Int32Array, at: number, direction: number, flag: number): void {
  rows[at + TcpWord.FlagsAndScales]! |= flag << (direction << 3);
}

/** How far a direction's windows are shifted to the left (RFC 7323), 0 to 14. */
export function sideScale(rows: Int32Array, at: number, direction: number): number {
  return (rows[at + TcpWord.FlagsAndScales]! >>> (16 + (direction << 3))) & 0xff;
}

export function setSideScale(rows: Int32Array, at: number, direction: number, scale: number): void {
  putByte(rows, at + TcpWord.FlagsAndScales, 16 + (direction << 3), scale);
}

export function lastWindow(rows: Int32Array, at: number): number {
  return rows[at + TcpWord.LastSeen]! & 0xffff;
}

/** `TcpIndex` of the last segment; 0, a SYN, in a row without history. */
export function lastIndex(rows: Int32Array, at: number): number {
  return (rows[at + TcpWord.LastSeen]! >> 16) & 7;
}

export function lastDirection(rows: Int32Array, at: number): number {
  return (rows[at + TcpWord.LastSeen]! >> 19) & 1;
}

/** Remembers kind and direction of a segment; its window stays that of before. */
export function setLastKind(rows: Int32Array, at: number, index: number, direction: number): void {
  const word = at + TcpWord.LastSeen;
  rows[word] = (rows[word]! & 0xffff) | (index << 16) | (direction << 19);
}

/** Remembers all three. */
export function setLastSeen(
  rows: Int32Array,
  at: number,
  window: number,
  index: number,
  direction: number,
): void {
  rows[at + TcpWord.LastSeen] = window | (index << 16) | (direction << 19);
}

export function retransmissions(rows: Int32Array, at: number): number {
  return rows[at + TcpWord.Retold]! & 0xff;
}

/** The kernel counts in eight bits, and begins again behind 255. */
export function setRetransmissions(rows: Int32Array, at: number, count: number): void {
  putByte(rows, at + TcpWord.Retold, 0, count & 0xff);
}

/** Flags of the ignored SYN, and those that stand with it. */
export function lastFlags(rows: Int32Array, at: number): number {
  return (rows[at + TcpWord.Retold]! >>> 8) & 0xff;
}

export function setLastFlags(rows: Int32Array, at: number, flags: number): void {
  putByte(rows, at + TcpWord.Retold, 8, flags);
}

export function lastScale(rows: Int32Array, at: number): number {
  return (rows[at + TcpWord.Retold]! >>> 16) & 0xff;
}

export function setLastScale(rows: Int32Array, at: number, scale: number): void {
  putByte(rows, at + TcpWord.Retold, 16, scale);
}

function putByte(rows: Int32Array, word: number, shift: number, value: number): void {
  rows[word] = (rows[word]! & ~(0xff << shift)) | (value << shift);
}
