import { borrowBuffer, copyBytes, returnBuffer } from './buffers.ts';
import type { KeptOutput } from './kept-output.ts';
import { type LineJudge, LineVerdict, type LineVerdictCode, StreamLine } from './line.ts';

/** Most bytes of an unfinished line that are kept back. */
export const HOLD_LIMIT = 512;

const LF = 0x0a;
const nothing = new Uint8Array(0);

/** What becomes of the rest of a line that was decided about before its end. */
const Rest = { None: 0, Passes: 1, GoesOut: 2 } as const;

/**
 * Cuts the stream of one direction into lines, has each judged once, and puts what goes on for it
 * into `KeptOutput`. It is given every byte of the stream once and in order; what it keeps back is
 * [output.endSeq, nextSeq).
 */
export class LineReader {
  /** See `Relay.readsLines`. */
  readsLines = true;
  /** The next byte to be read. */
  nextSeq = 0;
  /** Lines go on as they came, whatever is decided. */
  isWatching = false;
  /** Lines that did not go on as they came, since the start. */
  replaced = 0;

  private readonly judge: LineJudge;
  private readonly output: KeptOutput;
  private readonly resized: (seq: number, oldLen: number, newLen: number) => void;
  private readonly line = new StreamLine();
  private isCertain = false;
  /** Encrypted bytes are missing: what follows cannot be made sense of. */
  private hasLostEncrypted = false;
  /** The unfinished line as far as it has come; `passed` bytes of it have been decided about. */
  private buffer: Uint8Array | null = null;
  private length = 0;
  private passed = 0;
  private lineSeq = 0;
  /** What `mustHold` has said last. */
  private isHeld = false;
  private rest: 0 | 1 | 2 = Rest.None;

  constructor(
    judge: LineJudge,
    output: KeptOutput,
    resized: (seq: number, oldLen: number, newLen: number) => void,
  ) {
    this.judge = judge;
    this.output = output;
    this.resized = resized;
  }

  /** Bytes in memory for the unfinished line. */
  get bytes(): number {
    return this.length;
  }

  /** The next byte is `seq`. It begins a line for sure, or may lie within one. */
  startAt(seq: number, isCertain: boolean): void {
    this.nextSeq = seq;
    this.hasLostEncrypted = !isCertain && !this.readsLines;
    this.beginLine(isCertain);
  }

  /**
   * Reads [from, end) of `bytes`, the first of which is `nextSeq`; stops early where too much output
   * is kept. False where the connection is to be reset.
   */
  read(bytes: Uint8Array, from: number, end: number): boolean {
    let at = from;
    while (at < end && (this.isWatching || !this.output.isFull)) {
      if (!this.readsLines) {
        at = this.passEncrypted(bytes, at, end);
        continue;
      }
      this.hasLostEncrypted = false;
      const lineEnd = endOfLine(bytes, at, end);
      this.nextSeq = (this.nextSeq + (lineEnd - at)) | 0;
      if (!this.readLine(bytes, at, lineEnd)) return false;
      at = lineEnd;
    }
    return true;
  }

  /** The stream has ended. False where the connection is to be reset. */
  finish(): boolean {
    if (!this.readsLines) this.passHeld();
    if (this.length === 0 || this.rest !== Rest.None) return true;
    this.present(this.buffer!, 0, this.length, false);
    const verdict = this.judge.judge(this.line);
    const goesOn = this.settle(verdict, nothing, 0, 0);
    this.beginLine(false);
    return goesOn;
  }

  /** Takes bytes [at, end) of a line, up to its LF where that has come. */
  private readLine(bytes: Uint8Array, at: number, end: number): boolean {
    const isWhole = bytes[end - 1] === LF;
    if (this.rest !== Rest.None) {
      const goesOn = this.settleRest(bytes, at, end);
      if (isWhole) this.beginLine(true);
      return goesOn;
    }
    const { maxLine } = this.judge;
    const length = this.length + (end - at);
    const isTooLong = length > maxLine;
    this.presentWith(bytes, at, end, maxLine);
    this.line.isTooLong = isTooLong;
    this.line.isWhole = isWhole && !isTooLong;
    if (!isWhole && !isTooLong && !this.mustDecide(length)) {
      this.keepUnfinished(bytes, at, end);
      return true;
    }
    const verdict = this.judge.judge(this.line);
    const isUnseen = isTooLong && verdict === LineVerdict.Pass;
    const unseenAt = at + Math.max(0, maxLine - this.length);
    if (isUnseen && !this.passesRest(bytes, unseenAt, end)) return false;
    if (!this.settle(verdict, bytes, at, end)) return false;
    if (isWhole) this.beginLine(true);
    else this.leaveRest(verdict);
    return true;
  }

  /** Asks whether the unfinished line is to be kept back; true where that has been done too long. */
  private mustDecide(length: number): boolean {
    this.isHeld = !this.isWatching && this.judge.mustHold(this.line);
    if (!this.isHeld || length - this.passed <= HOLD_LIMIT) return false;
    this.line.isTooLong = true;
    return true;
  }

  private keepUnfinished(bytes: Uint8Array, at: number, end: number): void {
    this.append(bytes, at, end);
    if (this.isHeld) return;
    this.output.append(this.buffer!, this.passed, this.length);
    this.passed = this.length;
  }

  /** Lets everything on that was kept back of a line before the stream became encrypted. */
  private passHeld(): void {
    if (this.buffer !== null) this.output.append(this.buffer, this.passed, this.length);
    this.beginLine(!this.hasLostEncrypted);
  }

  /** Answers where lines begin again; `end` where they do not. */
  private passEncrypted(bytes: Uint8Array, at: number, end: number): number {
    this.passHeld();
    const plainAt = this.hasLostEncrypted ? -1 : this.judge.encrypted(bytes, at, end);
    const to = this.readsLines && plainAt >= at ? plainAt : end;
    if (to > at) this.output.appendRaw(to - at);
    this.nextSeq = (this.nextSeq + (to - at)) | 0;
    return to;
  }

  /** Shows the line in `line`: in the segment where it began there, else in the buffer. */
  private presentWith(bytes: Uint8Array, at: number, end: number, maxLine: number): void {
    if (this.length === 0) {
      this.lineSeq = (this.nextSeq - (end - at)) | 0;
      this.present(bytes, at, Math.min(end, at + maxLine), true);
      return;
    }
    const length = this.length;
    const shown = Math.min(maxLine, length + (end - at));
    if (shown > length) this.append(bytes, at, at + shown - length);
    this.present(this.buffer!, 0, Math.max(shown, 0), true);
    // Counted only once it is decided what becomes of it.
    this.length = length;
  }

  private present(bytes: Uint8Array, start: number, end: number, isWhole: boolean): void {
    const { line } = this;
    line.bytes = bytes;
    line.start = start;
    line.end = end;
    line.seq = this.lineSeq;
    line.isWhole = isWhole;
    line.isTooLong = false;
    line.isCertain = this.isCertain;
    line.passed = this.passed;
  }

  /** Decides about what has not passed of the line: the buffer's part of it, and [at, end). */
  private settle(verdict: LineVerdictCode, bytes: Uint8Array, at: number, end: number): boolean {
    const { output } = this;
    const held = this.length - this.passed;
    const oldLen = held + (end - at);
    if (verdict === LineVerdict.Pass || this.isWatching) {
      if (held > 0) output.append(this.buffer!, this.passed, this.length);
      output.append(bytes, at, end);
      return true;
    }
    if (verdict === LineVerdict.Reset) return false;
    if (oldLen > 0) this.replace(oldLen, this.line.replacement);
    return true;
  }

  /** False where the connection is to be reset. */
  private settleRest(bytes: Uint8Array, at: number, end: number): boolean {
    if (this.rest === Rest.Passes || this.isWatching) {
      if (!this.passesRest(bytes, at, end)) return false;
      this.output.append(bytes, at, end);
    } else this.replace(end - at, nothing);
    return true;
  }

  private passesRest(bytes: Uint8Array, at: number, end: number): boolean {
    return this.isWatching || (this.judge.passesRest?.(bytes, at, end) ?? true);
  }

  private replace(oldLen: number, replacement: Uint8Array): void {
    const { output } = this;
    const seq = output.endSeq;
    this.replaced++;
    output.replace(oldLen, replacement);
    if (replacement.length !== oldLen) this.resized(seq, oldLen, replacement.length);
  }

  private leaveRest(verdict: LineVerdictCode): void {
    this.beginLine(false);
    const goesOut = verdict === LineVerdict.Replace && !this.isWatching;
    this.rest = goesOut ? Rest.GoesOut : Rest.Passes;
  }

  private beginLine(isCertain: boolean): void {
    if (this.buffer !== null) returnBuffer(this.buffer);
    this.buffer = null;
    this.length = 0;
    this.passed = 0;
    this.rest = Rest.None;
    this.isCertain = isCertain;
  }

  private append(bytes: Uint8Array, at: number, end: number): void {
    const length = this.length + (end - at);
    if (this.buffer === null || length > this.buffer.length) {
      const larger = borrowBuffer(length);
      if (this.buffer !== null) {
        copyBytes(this.buffer, 0, this.length, larger, 0);
        returnBuffer(this.buffer);
      }
      this.buffer = larger;
    }
    copyBytes(bytes, at, end, this.buffer, this.length);
    this.length = length;
  }
}

/** The offset after the next LF, or `end` where there is none. */
function endOfLine(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end) {
    if (bytes[at++] === LF) return at;
  }
  return at;
}
