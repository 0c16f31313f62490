/** Stable codes of `CaptureError`: scripts and tests match these, not the sentences. */
export type CaptureErrorCode =
  | 'bad-block-length'
  | 'bad-byte-order-magic'
  | 'bad-captured-length'
  | 'bad-gzip'
  | 'bad-option'
  | 'bad-timestamp'
  | 'bad-timestamp-resolution'
  | 'block-length-mismatch'
  | 'empty-file'
  | 'too-many-interfaces'
  | 'truncated-header'
  | 'unknown-format'
  | 'unknown-interface'
  | 'unreadable-file'
  | 'unsupported-format'
  | 'unsupported-link-type'
  | 'unsupported-version'
  | 'writer-closed';

/**
 * What is wrong with a capture file, and where. Raised at opening, and by `next()` where the file
 * lies about itself; a file that merely ends too early is no error (see `CaptureReader.truncated`).
 */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
  readonly code: CaptureErrorCode;
  /** Byte offset in the (uncompressed) file at which the fault stands. */
  readonly offset: number;
  readonly fileName: string;

  /** The message reads "FILE: byte OFFSET: FOUND; expected EXPECTED". */
  constructor(
    code: CaptureErrorCode,
    fileName: string,
    offset: number,
    found: string,
    expected: string,
    cause?: unknown,
  ) {
    const message = `${fileName}: byte ${offset}: ${found}; expected ${expected}`;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fileName = fileName;
    this.offset = offset;
  }
}
