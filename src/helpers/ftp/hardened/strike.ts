import type { FtpRefusalAction } from '../policy.ts';
import { LineVerdict, type LineVerdictCode, type StreamLine } from '../stream/line.ts';

/** Letters of most verbs, and of all that announce. */
const VERB_BYTES = 4;
const LETTER_X = 0x58;
const LF = 0x0a;
const CR = 0x0d;
const NOTHING = new Uint8Array(0);
const LINE_END = Uint8Array.of(CR, LF);

/** What was done about a line in the end: not always what was wanted. */
export interface Struck {
  readonly verdict: LineVerdictCode;
  readonly action: FtpRefusalAction;
}

/**
 * Keeps a line from doing what it says. `reject` overwrites the verb with `XXXX`, which no server
 * knows (RFC 959 4.2: 500, command unrecognized), or all of it where `wholly`. Where the line has
 * begun to pass already, what is left of it is overwritten; where nothing of what matters is left
 * (`isTooLate`), only a reset helps.
 */
export function strike(
  line: StreamLine,
  wanted: FtpRefusalAction,
  isTooLate: boolean,
  wholly: boolean,
): Struck {
  if (wanted === 'pass') return { verdict: LineVerdict.Pass, action: 'pass' };
  if (wanted === 'reset' || isTooLate) return { verdict: LineVerdict.Reset, action: 'reset' };
  line.replacement = wanted === 'drop' ? lineEndOf(line) : overwritten(line, wholly);
  return { verdict: LineVerdict.Replace, action: wanted };
}

/** A line that has begun to pass must end all the same, or the next one would continue it. */
function lineEndOf(line: StreamLine): Uint8Array {
  return line.passed === 0 ? NOTHING : LINE_END;
}

function overwritten(line: StreamLine, wholly: boolean): Uint8Array {
  const { bytes, start, end, passed } = line;
  const from = start + passed;
  const body = endOfBody(bytes, start, end);
  const to = wholly || passed >= VERB_BYTES ? body : Math.min(body, start + VERB_BYTES);
  const rest = bytes.slice(from, end);
  if (to > from) rest.fill(LETTER_X, 0, to - from);
  // The rest of a line that is too long is taken out, its end included.
  return line.isTooLong ? Uint8Array.of(...rest, CR, LF) : rest;
}

/** Where the line end begins. */
export function endOfBody(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  if (at > start && bytes[at - 1] === LF) at--;
  if (at > start && bytes[at - 1] === CR) at--;
  return at;
}
