/** Letters in PORT and EPRT. */
const VERB_BYTES = 4;
const LETTER_X = 0x58;

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
  while (bodyEnd > start && (bytes[bodyEnd - 1] === 0x0a || bytes[bodyEnd - 1] === 0x0d)) bodyEnd--;
  const length = bodyEnd - start;
  const to = carried < VERB_BYTES ? Math.min(VERB_BYTES, length) : length;
  if (carried >= to) return null;
  return { offset: carried, bytes: new Uint8Array(to - carried).fill(LETTER_X) };
}
