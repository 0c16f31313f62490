import type { Duplex } from 'node:stream';

/**
 * Longest line that is read, in bytes without its newline. An entry takes about 600; a rule file that
 * is to be applied comes in one line.
 */
export const MAX_LINE_BYTES = 1 << 25;

export type LineErrorCode = 'LINE_TOO_LONG' | 'LINE_NOT_JSON';

/** What came in is not newline-delimited JSON objects. The connection has no use after this. */
export class LineError extends Error {
  readonly code: LineErrorCode;

  constructor(code: LineErrorCode, message: string) {
    super(message);
    this.name = 'LineError';
    this.code = code;
  }
}

const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into lines and parses each as a JSON object. Bytes of an unfinished line are
 * kept as the chunks they came in, so that a line in many small pieces costs one copy.
 */
export class LineDecoder {
  private readonly maxLineBytes: number;
  private held: Buffer[] = [];
  private heldBytes = 0;

  constructor(maxLineBytes = MAX_LINE_BYTES) {
    this.maxLineBytes = maxLineBytes;
  }

  /** The objects that `chunk` completes. Throws LineError at the first line that is not one. */
  *push(chunk: Buffer): Generator<Record<string, unknown>, void, undefined> {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.hold(chunk.subarray(from, at));
      from = at + 1;
      const line = Buffer.concat(this.held, this.heldBytes).toString('utf8').trim();
      this.held = [];
      this.heldBytes = 0;
      if (line !== '') yield parseObject(line);
    }
    this.hold(chunk.subarray(from));
  }

  private hold(part: Buffer): void {
    if (part.length === 0) return;
    this.heldBytes += part.length;
    if (this.heldBytes > this.maxLineBytes) {
      throw new LineError('LINE_TOO_LONG', `line longer than ${this.maxLineBytes} bytes`);
    }
    this.held.push(part);
  }
}

function parseObject(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new LineError('LINE_NOT_JSON', 'line is not JSON');
  }
  if (!isObject(value)) throw new LineError('LINE_NOT_JSON', 'line is not a JSON object');
  return value;
}

/** Whether `value` is a JSON object (not null, not an array). */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Writes objects as lines, and says when the other side is slower than the writer. */
export class LineWriter {
  private readonly stream: Duplex;
  private draining: Promise<void> | null = null;
  private release: (() => void) | null = null;

  constructor(stream: Duplex) {
    this.stream = stream;
    const settle = () => {
      this.release?.();
      this.release = null;
      this.draining = null;
    };
    stream.on('drain', settle);
    stream.on('close', settle);
  }

  /**
   * Nothing where more may be written at once, else a promise that settles when it may. On a closed
   * stream the object is dropped and the promise settles: the reader of the connection tells of that.
   */
  write(object: object): void | Promise<void> {
    return this.writeText(`${JSON.stringify(object)}\n`);
  }

  /** The same for objects that are text already, each with its newline. */
  writeText(lines: string | Uint8Array): void | Promise<void> {
    if (this.stream.destroyed || this.stream.writableEnded) return undefined;
    if (this.stream.write(lines)) return undefined;
    this.draining ??= new Promise((resolve) => {
      this.release = resolve;
    });
    return this.draining;
  }
}
