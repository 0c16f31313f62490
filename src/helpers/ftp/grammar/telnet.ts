/**
 * The Telnet sequences that a control connection may carry (RFC 959 section 4.1.3, RFC 854): they
 * are no part of a command, and the server removes them before it reads one.
 */

export const IAC = 0xff;
const WILL = 0xfb;
const DONT = 0xfe;
const SB = 0xfa;
const SE = 0xf0;

export function hasTelnet(bytes: Uint8Array, start: number, end: number): boolean {
  for (let pos = start; pos < end; pos++) if (bytes[pos] === IAC) return true;
  return false;
}

/**
 * Copies [start, end) without Telnet sequences to the start of `out`, which must have room for it
 * all, and returns the length of what is left. `out` may be `bytes` itself where `start` is 0. An
 * unfinished sequence at the end is dropped.
 */
export function stripTelnet(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
): number {
  let length = 0;
  for (let pos = nextText(bytes, start, end); pos < end; pos = nextText(bytes, pos + 1, end)) {
    out[length++] = bytes[pos]!;
  }
  return length;
}

/**
 * Where the first byte of text from `at` on stands; `end` if there is none. `at` must not be within
 * a sequence. For a doubled IAC, which is text (RFC 854), it is the second of the two, so that
 * `nextText(pos + 1)` goes on behind it.
 */
export function nextText(bytes: Uint8Array, at: number, end: number): number {
  let pos = at;
  while (pos < end && bytes[pos] === IAC) {
    const command = pos + 1 < end ? bytes[pos + 1]! : 0;
    if (command === IAC) return pos + 1;
    pos = command === SB ? behindSubnegotiation(bytes, pos + 2, end) : pos + sequenceBytes(command);
  }
  return Math.min(pos, end);
}

/** IAC, the command, and for WILL, WONT, DO and DONT the option. */
function sequenceBytes(command: number): number {
  return command >= WILL && command <= DONT ? 3 : 2;
}

/** RFC 855: up to IAC SE; a doubled IAC within is data. */
function behindSubnegotiation(bytes: Uint8Array, at: number, end: number): number {
  let pos = at;
  while (pos + 1 < end) {
    if (bytes[pos] !== IAC) pos++;
    else if (bytes[pos + 1] === SE) return pos + 2;
    else pos += 2;
  }
  return end;
}
