import { type Position, RuleError, type RuleFault, type RuleWarning } from '../errors.ts';
import type { Family, RuleSet } from '../model.ts';
import type { ServiceTable } from '../services.ts';

/** One file that is being read: its lines, and where its errors and warnings go. */
export class Source {
  readonly file: string;
  readonly lines: readonly string[];
  /** False where the last line has no newline. */
  readonly endsWithNewline: boolean;
  readonly family: Family;
  readonly services: ServiceTable;
  readonly ruleSet: RuleSet;
  /** Whether `[packets:bytes]` are taken over (iptables-restore -c). */
  readonly keepCounters: boolean;
  readonly errors: RuleError[] = [];
  readonly warnings: RuleWarning[] = [];

  constructor(
    file: string,
    text: string,
    options: {
      readonly family: Family;
      readonly services: ServiceTable;
      readonly ruleSet: RuleSet;
      readonly keepCounters: boolean;
    },
  ) {
    this.file = file;
    this.lines = text.split('\n');
    this.endsWithNewline = text === '' || this.lines.at(-1) === '';
    if (this.endsWithNewline) this.lines = this.lines.slice(0, -1);
    this.family = options.family;
    this.services = options.services;
    this.ruleSet = options.ruleSet;
    this.keepCounters = options.keepCounters;
  }

  lineText(line: number): string {
    return this.lines[line - 1] ?? '';
  }

  error(fault: RuleFault, fallback: Position): void {
    const position = fault.position ?? fallback;
    this.errors.push(new RuleError(fault, this.file, position, this.lineText(position.line)));
  }

  warn(message: string, position: Position): void {
    const { line, column } = position;
    const sourceLine = this.lineText(line);
    this.warnings.push({ file: this.file, line, column, sourceLine, message });
  }
}
