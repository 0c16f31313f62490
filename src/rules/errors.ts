import type { Rule } from './model.ts';

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
  'other-family': 2,
  'unknown-chain': 1,
  'chain-exists': 1,
  'chain-in-use': 1,
  'chain-not-empty': 1,
  'bad-policy': 1,
  'bad-chain': 1,
  'bad-index': 1,
  'no-such-rule': 1,
  loop: 1,
  'invalid-place': 1,
  'invalid-rule': 1,
  'unknown-helper': 1,
  'out-of-range': 1,
  'no-commit': 1,
  'line-outside-table': 1,
  'unknown-set': 2,
  'bad-set': 1,
  'not-enforced': 1,
  'unknown-table': 3,
  'not-understood': 2,
  'unknown-directive': 2,
  'bad-directive': 2,
  'directive-conflict': 2,
  'bad-quoting': 2,
  'unreadable-file': 1,
} as const;

export type RuleErrorCode = keyof typeof exitCodes;

/** The exit code of iptables for a fault. */
export function exitCodeOf(code: RuleErrorCode): 1 | 2 | 3 {
  return exitCodes[code];
}

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
    // Where a fault was thrown is nobody's business, and finding that out is what costs most.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
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
  /** The rule that the kernel would refuse; null where the line could not be read. */
  readonly rule: Rule | null;

  constructor(
    fault: RuleFault,
    file: string,
    position: Position,
    sourceLine: string,
    rule: Rule | null = null,
  ) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(fault.message);
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'RuleError';
    this.code = fault.code;
    this.detail = fault.detail;
    this.file = file;
    this.line = position.line;
    this.column = position.column;
    this.sourceLine = sourceLine;
    this.rule = rule;
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

/** Something that was accepted and deserves a word. Never an error, unless somebody is strict. */
export interface RuleWarning {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly sourceLine: string;
  readonly message: string;
  /** Stable, as the codes of errors are. */
  readonly code: WarningCode;
  /** What to do about it; '' where the message says it. */
  readonly help: string;
  /** The rule it is about, or null. */
  readonly rule: Rule | null;
}

/**
 * Codes of warnings: 'note' for what a reader of files remarks, 'not-enforced' for what is read and
 * not carried out, 'replaced-table', 'final-newline', 'carriage-returns', and the codes of the linter.
 */
export type WarningCode =
  | 'note'
  | 'not-enforced'
  | 'final-newline'
  | 'carriage-returns'
  | 'replaced-table'
  | 'unreachable-rule'
  | 'shadowed-rule'
  | 'duplicate-rule'
  | 'unused-chain'
  | 'related-never-accepted'
  | 'helper-after-dnat'
  | 'ftp-without-helper'
  | 'wide-passive-range'
  | 'curly-characters'
  | 'no-established'
  | 'nat-everywhere'
  | 'set-dimension'
  | 'doubtful-directive';

/** As `RuleError.format()`, for a warning. */
export function formatWarning(warning: RuleWarning): string {
  return formatDiagnostic('warning', { ...warning, detail: '' });
}

/** A warning as an error, for who asked to be strict; anything but 'not-enforced' is one of lint. */
export function asError(warning: RuleWarning): RuleError {
  const fault = new RuleFault('not-enforced', warning.message);
  return new RuleError(fault, warning.file, warning, warning.sourceLine, warning.rule);
}

interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly sourceLine: string;
  readonly message: string;
  readonly detail: string;
}

function formatDiagnostic(kind: string, d: Diagnostic): string {
  const message = d.detail === '' ? d.message : `${d.message} (${d.detail})`;
  const head = `${d.file}:${d.line}:${d.column}: ${kind}: ${message}`;
  if (d.sourceLine === '') return head;
  return `${head}\n${d.sourceLine}\n${caretLine(d)}`;
}

/** Blanks up to the place and a caret below it. */
export function caretLine(place: Pick<Diagnostic, 'sourceLine' | 'column'>): string {
  // Tabs are kept in the indent so that the caret stands below its place on any terminal.
  const indent = place.sourceLine.slice(0, Math.max(0, place.column - 1)).replace(/[^\t]/g, ' ');
  return `${indent}^`;
}
