import { AnnouncementKind, type AnnouncementKindCode } from './grammar/grammar.ts';

/** Letters in PORT and EPRT. */
const VERB_BYTES = 4;
const LETTER_X = 0x58;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COMMA = 0x2c;

/** Bytes that make a command harmless, and where in the line they go. */
export interface Neutralised {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * What to put over a command so that the server itself refuses it: the verb becomes `XXXX`, which no
 * server knows (RFC 959 4.2: 500, command unrecognized). Where the first `carried` bytes have gone
 * on already, what is left of the verb, or else of the argument, is overwritten. The line keeps its
 * length. Null where nothing but the line end is left.
 */
export function neutralised(
  bytes: Uint8Array,
  start: number,
  end: number,
  carried: number,
): Neutralised | null {
  let bodyEnd = end;
  while (bodyEnd > start && (bytes[bodyEnd - 1] === LF || bytes[bodyEnd - 1] === CR)) bodyEnd--;
  const length = bodyEnd - start;
  const to = carried < VERB_BYTES ? Math.min(VERB_BYTES, length) : length;
  if (carried >= to) return null;
  return { offset: carried, bytes: new Uint8Array(to - carried).fill(LETTER_X) };
}

/**
 * True where the first `carried` bytes of a command reach into its last number. A server that reads
 * numbers until something else comes (sscanf) has a whole endpoint then, whatever follows.
 */
export function endpointHasPassed(
  kind: AnnouncementKindCode,
  bytes: Uint8Array,
  start: number,
  carried: number,
): boolean {
  let at = start + VERB_BYTES;
  const end = start + carried;
  while (at < end && bytes[at] === SPACE) at++;
  const isPort = kind === AnnouncementKind.Port;
  const separator = isPort ? COMMA : bytes[at];
  let separators = isPort ? 5 : 3;
  while (at < end && separators > 0) if (bytes[at++] === separator) separators--;
  return at < end;
}
