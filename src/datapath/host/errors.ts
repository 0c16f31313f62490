/** Stable codes of `DatapathUnavailable`. */
export type DatapathCode =
  | 'addon-missing'
  | 'already-running'
  | 'bad-object'
  | 'bad-state-file'
  | 'command-failed'
  | 'interface-missing'
  | 'interface-taken'
  | 'kernel-lacks'
  | 'not-ethernet'
  | 'not-root'
  | 'object-missing'
  | 'open-failed'
  | 'program-missing';

/** What one datapath needs and another may do without. */
const missing: ReadonlySet<DatapathCode> = new Set([
  'addon-missing',
  'kernel-lacks',
  'object-missing',
  'program-missing',
]);

/** The live datapath cannot start here: why, and what to do about it. */
export class DatapathUnavailable extends Error {
  override readonly name = 'DatapathUnavailable';
  readonly code: DatapathCode;
  /** What is wrong, without the mend. */
  readonly reason: string;
  /** What mends it, as a command or a sentence. */
  readonly mend: string;

  constructor(code: DatapathCode, message: string, mend: string, cause?: unknown) {
    super(`${message}; ${mend}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.reason = message;
    this.mend = mend;
  }

  /** True where this host lacks something that another datapath may not need. */
  get isMissing(): boolean {
    return missing.has(this.code);
  }
}
