import type { HostResolver } from '../address.ts';
import {
  type Position,
  RuleError,
  type RuleFault,
  type RuleWarning,
  type WarningCode,
} from '../errors.ts';
import type { Family, RuleSet } from '../model.ts';
import type { ServiceTable } from '../services.ts';

export interface SourceOptions {
  readonly family: Family;
  readonly services: ServiceTable;
  readonly ruleSet: RuleSet;
  readonly keepCounters: boolean;
  readonly keepRules?: boolean;
  readonly resolveHost?: HostResolver | null;
}

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
  /** Whether tables keep what they have (iptables-restore -n). */
  readonly keepRules: boolean;
  readonly resolveHost: HostResolver | null;
  readonly errors: RuleError[] = [];
  readonly warnings: RuleWarning[] = [];

  /** `changes` are what differs from `options`, which may be another source. */
  constructor(
    file: string,
    text: string,
    options: SourceOptions,
    changes: Partial<SourceOptions> = {},
  ) {
    this.file = file;
    this.lines = text.split('\n');
    this.endsWithNewline = text === '' || this.lines.at(-1) === '';
    if (this.endsWithNewline) this.lines = this.lines.slice(0, -1);
    this.family = changes.family ?? options.family;
    this.services = options.services;
    this.ruleSet = options.ruleSet;
    this.keepCounters = changes.keepCounters ?? options.keepCounters;
    this.keepRules = changes.keepRules ?? options.keepRules ?? false;
    this.resolveHost = options.resolveHost ?? null;
  }

  lineText(line: number): string {
    return this.lines[line - 1] ?? '';
  }

  error(fault: RuleFault, fallback: Position): void {
    const position = fault.position ?? fallback;
    this.errors.push(new RuleError(fault, this.file, position, this.lineText(position.line)));
  }

  warn(message: string, position: Position, code: WarningCode = 'note', help = ''): void {
    const { file } = this;
    const { line, column } = position;
    const sourceLine = this.lineText(line);
    this.warnings.push({ file, line, column, sourceLine, message, code, help, rule: null });
  }
}
