import { isDigit } from '../grammar/scan.ts';

/** What a line of the server is in the dialogue (RFC 959 section 4.2). */
export const ReplyLine = {
  /** No reply: it does not begin with three digits of which the first is 1 to 5. */
  None: 0,
  /** Within a multi-line reply, whatever it looks like. */
  Inside: 1,
  /** `211-Features:`, the first line of a multi-line reply. */
  Opening: 2,
  /** 1xx, in its last or only line: the final reply is still to come. */
  Preliminary: 3,
  /** 2xx to 5xx, in its last or only line. */
  Final: 4,
} as const;
export type ReplyLineCode = (typeof ReplyLine)[keyof typeof ReplyLine];

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const HYPHEN = 0x2d;
const DIGIT_0 = 0x30;
const CODE_BYTES = 3;

/**
 * Tells reply lines apart. A multi-line reply ends only with its own code and a blank: whatever
 * else stands in between, also what looks like another reply, is text. Hot: integers only.
 */
export class ReplyReader {
  /** Of the reply that the last line belongs to; 0 for a line that is none. */
  code = 0;
  /** Of the multi-line reply that is not finished; 0 outside of any. */
  private openCode = 0;

  get isInside(): boolean {
    return this.openCode !== 0;
  }

  /** One whole line of the server, with its end; each once and in order. */
  read(bytes: Uint8Array, start: number, end: number): ReplyLineCode {
    const code = codeAt(bytes, start, end);
    if (this.openCode !== 0) {
      this.code = this.openCode;
      if (code !== this.openCode || !endsReply(bytes, start, end)) return ReplyLine.Inside;
      this.openCode = 0;
      return kindOf(code);
    }
    this.code = 0;
    if (code === 0) return ReplyLine.None;
    if (endsReply(bytes, start, end)) {
      this.code = code;
      return kindOf(code);
    }
    if (bytes[start + CODE_BYTES] !== HYPHEN) return ReplyLine.None;
    this.code = code;
    this.openCode = code;
    return ReplyLine.Opening;
  }

  /** What follows has nothing to do with what was read. */
  reset(): void {
    this.code = 0;
    this.openCode = 0;
  }
}

/** Three digits, the first 1 to 5, as a number; else 0. */
function codeAt(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < CODE_BYTES) return 0;
  let code = 0;
  for (let at = start; at < start + CODE_BYTES; at++) {
    const byte = bytes[at]!;
    if (!isDigit(byte)) return 0;
    code = code * 10 + (byte - DIGIT_0);
  }
  return code >= 100 && code < 600 ? code : 0;
}

/** A blank behind the code ends a reply; nothing but the line end is let count, as clients do. */
function endsReply(bytes: Uint8Array, start: number, end: number): boolean {
  const at = start + CODE_BYTES;
  if (at >= end) return true;
  const byte = bytes[at]!;
  return byte === SPACE || byte === LF || (byte === CR && (at + 1 >= end || bytes[at + 1] === LF));
}

function kindOf(code: number): ReplyLineCode {
  return code < 200 ? ReplyLine.Preliminary : ReplyLine.Final;
}
