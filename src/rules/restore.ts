import type { CompiledRules } from './compile.ts';
import { RuleSetDraft } from './draft.ts';
import { type EditScope, refuseAsKernel } from './edit.ts';
import { RuleError, RuleFault, type RuleWarning } from './errors.ts';
import { warnOfDirectives } from './ftp/check.ts';
import type { Command } from './parse/command.ts';
import { readSaveFile } from './parse/save-file.ts';
import { Source } from './parse/source.ts';
import { restoreFailure } from './parse/wording.ts';
import { systemServices } from './services.ts';

/** A text of iptables-save put on the rules in use, as iptables-restore does, but all or nothing. */

export interface RestoreRequest {
  readonly text: string;
  /** -n: what the text does not name stays. */
  readonly keepRules: boolean;
  /** -c: `[packets:bytes]` are taken over. */
  readonly counters: boolean;
  /** -t: the text is read, and that is all; the checks of the kernel are not made. */
  readonly test: boolean;
  /** -T */
  readonly onlyTable: string | null;
  readonly verbose: boolean;
  /** Hears of each command that was carried out; prints it where it is a listing. */
  list(command: Command, draft: RuleSetDraft): string;
}

export interface RestoreOutcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
  /** The new rules; null where nothing is to be changed. */
  readonly ruleSet: RuleSetDraft | null;
  readonly warnings: readonly RuleWarning[];
}

export function restoreRules(
  before: CompiledRules,
  request: RestoreRequest,
  scope: EditScope,
): RestoreOutcome {
  const program = scope.family === 6 ? 'ip6tables-restore' : 'iptables-restore';
  const draft = new RuleSetDraft(before, scope.beforeCopy);
  draft.ftp = [];
  const source = new Source(program, request.text, {
    family: scope.family,
    services: systemServices(),
    ruleSet: draft,
    keepCounters: request.counters,
    keepRules: request.keepRules,
    resolveHost: scope.resolveHost,
  });
  let stdout = '';
  readSaveFile(source, {
    onlyTable: request.onlyTable,
    verbose: request.verbose,
    show: (text) => {
      stdout += text;
    },
    list: (command) => request.list(command, draft),
    commit: (table) => {
      if (request.test) return;
      try {
        refuseAsKernel(table, draft, scope.helpers);
      } catch (error) {
        // iptables-restore names the COMMIT, which is where the kernel is asked.
        if (!(error instanceof RuleError)) throw error;
        throw new RuleFault('invalid-rule', error.message, error.detail);
      }
    },
  });
  const [error] = source.errors;
  if (error === undefined) {
    const warnings = [...source.warnings, ...warnOfDirectives(draft)];
    // A text without directives leaves those that are there: iptables-save of real iptables has none.
    if (draft.ftp.length === 0) draft.ftp = before.ruleSet.ftp;
    const ruleSet = request.test ? null : draft;
    return { stdout, stderr: '', exitCode: 0, ruleSet, warnings };
  }
  const { stderr, exitCode } = restoreFailure(program, error, error.line);
  return { stdout, stderr, exitCode, ruleSet: null, warnings: [] };
}
