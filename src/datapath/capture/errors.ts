/** Stable codes of `DatapathUnavailable`. */
export type DatapathCode =
  | 'addon-missing'
  | 'already-running'
  | 'bad-state-file'
  | 'command-failed'
  | 'interface-missing'
  | 'not-ethernet'
  | 'not-root'
  | 'open-failed'
  | 'program-missing';

/** The live datapath cannot start here: why, and what to do about it. */
export class DatapathUnavailable extends Error {
  override readonly name = 'DatapathUnavailable';
  readonly code: DatapathCode;
  /** What mends it, as a command or a sentence. */
  readonly mend: string;

  constructor(code: DatapathCode, message: string, mend: string, cause?: unknown) {
    super(`${message}; ${mend}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.mend = mend;
  }
}
