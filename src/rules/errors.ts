/**
 * What can be wrong with rule text. Codes are stable: scripts may test for them. The exit code is
 * what iptables ends with for the same mistake (2 for wording, 1 for a refusal by the kernel, 3 for
 * a table that does not exist).
 */
const exitCodes = {
  'bad-argument': 2,
  'unknown-option': 2,
  'missing-argument': 2,
  'missing-option': 2,
  'option-conflict': 2,
  'bad-value': 2,
  'unknown-protocol': 2,
  'bad-address': 2,
  'unknown-match': 2,
  'unknown-target': 2,
  'bad-chain-name': 2,
  'bad-command': 2,
  'nat-drop': 2,
  'invalid-interface': 2,
  'unknown-chain': 1,
  'chain-exists': 1,
  'chain-in-use': 1,
  'chain-not-empty': 1,
  'bad-policy': 1,
  'bad-index': 1,
  'no-such-rule': 1,
  loop: 1,
  'invalid-place': 1,
  'invalid-rule': 1,
  'unknown-helper': 1,
  'out-of-range': 1,
  'no-commit': 1,
  'line-outside-table': 1,
  'unknown-table': 3,
  'not-understood': 2,
  'bad-quoting': 2,
  'unreadable-file': 1,
} as const;

export type RuleErrorCode = keyof typeof exitCodes;

/** The text of an iptables refusal that names no reason; the reason stands in the error's detail. */
export const INVALID_ARGUMENT = "Invalid argument. Run `dmesg' for more information.";
export const NO_SUCH_NAME = 'No chain/target/match by that name.';

/** A place in a file; lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/**
 * A fault found while one command is read. It knows what is wrong; the reader that catches it adds
 * the file and, where the fault has none, the position.
 */
export class RuleFault extends Error {
  readonly code: RuleErrorCode;
  /** Our own explanation behind the sentence of iptables; '' where that says it all. */
  readonly detail: string;
  position: Position | null;

  constructor(code: RuleErrorCode, message: string, detail = '', position: Position | null = null) {
    super(message);
    this.name = 'RuleFault';
    this.code = code;
    this.detail = detail;
    this.position = position;
  }
}

/** An error in a rule file. Its message is worded as iptables words it. */
export class RuleError extends Error {
  readonly code: RuleErrorCode;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly sourceLine: string;
  readonly detail: string;

  constructor(fault: RuleFault, file: string, position: Position, sourceLine: string) {
    super(fault.message);
    this.name = 'RuleError';
    this.code = fault.code;
    this.detail = fault.detail;
    this.file = file;
    this.line = position.line;
    this.column = position.column;
    this.sourceLine = sourceLine;
  }

  /** The exit code of iptables for this mistake. */
  get exitCode(): 1 | 2 | 3 {
    return exitCodes[this.code];
  }

  /** `FILE:LINE:COL: error: MESSAGE`, the source line, and a caret below the place. */
  format(): string {
    return formatDiagnostic('error', this);
  }
}

/** Something that was accepted and deserves a word. Never an error. */
export interface RuleWarning {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly sourceLine: string;
  readonly message: string;
}

/** As `RuleError.format()`, for a warning. */
export function formatWarning(warning: RuleWarning): string {
  return formatDiagnostic('warning', { ...warning, detail: '' });
}

interface Diagnostic extends RuleWarning {
  readonly detail: string;
}

function formatDiagnostic(kind: string, d: Diagnostic): string {
  const message = d.detail === '' ? d.message : `${d.message} (${d.detail})`;
  const head = `${d.file}:${d.line}:${d.column}: ${kind}: ${message}`;
  if (d.sourceLine === '') return head;
  // Tabs are kept in the indent so that the caret stands below its place on any terminal.
  const indent = d.sourceLine.slice(0, Math.max(0, d.column - 1)).replace(/[^\t]/g, ' ');
  return `${head}\n${d.sourceLine}\n${indent}^`;
}
