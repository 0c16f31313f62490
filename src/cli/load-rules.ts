import { readFileSync, statSync } from 'node:fs';
import {
  type Family,
  formatWarning,
  type LoadOptions,
  type LoadResult,
  loadRuleFiles,
  type RuleSet,
} from '../rules/index.ts';
import { Exit } from './exit-code.ts';
import { systemHostResolver } from './resolve-host.ts';

/** A rule file is text for people; one larger than this is something else. */
const MAX_RULE_FILE_BYTES = 64 * 1024 * 1024;

export interface LoadedRules {
  readonly ruleSet: RuleSet | null;
  /** Errors and warnings, ready to print. */
  readonly messages: readonly string[];
  readonly errorCount: number;
  readonly exitCode: number;
}

/** Rule files from disk, all or nothing, with errors and warnings as they were found. */
export function readRules(paths: readonly string[], options: LoadOptions = {}): LoadResult {
  return loadRuleFiles(paths, readRuleFile, {
    resolveHost: systemHostResolver(),
    readIncluded,
    ...options,
  });
}

/** As `readRules`, with what is to be said about them as text. */
export function loadRules(
  paths: readonly string[],
  options: Pick<LoadOptions, 'counters' | 'strict' | 'holdsOutput'> = {},
): LoadedRules {
  const { ruleSet, errors, warnings } = readRules(paths, options);
  return {
    ruleSet,
    messages: [...warnings.map(formatWarning), ...errors.map((error) => error.format())],
    errorCount: errors.length,
    exitCode: errors.length === 0 ? Exit.Ok : Exit.Usage,
  };
}

/** Read through its descriptor: where it is a socket, /dev/stdin cannot be opened. */
const STDIN_NAMES: readonly string[] = ['-', '/dev/stdin'];

function readRuleFile(path: string): string {
  const bytes = readFileSync(STDIN_NAMES.includes(path) ? 0 : path);
  if (bytes.length > MAX_RULE_FILE_BYTES) throw new Error('larger than 64 MiB: not a rule file');
  return bytes.toString('utf8');
}

/** A file that a script includes: never a device or a pipe, which might not end. */
function readIncluded(path: string): string {
  const stat = statSync(path);
  if (!stat.isFile() || stat.size > MAX_RULE_FILE_BYTES) throw new Error('not a rule file');
  return readFileSync(path, 'utf8');
}

/** True where some rule binds a helper by itself (`-j CT --helper`): ports then bind none. */
function bindsHelpers(ruleSet: RuleSet): boolean {
  return ruleSet
    .allTables()
    .some((table) =>
      [...table.chains.values()].some((chain) =>
        chain.rules.some(
          ({ jump }) => jump.kind === 'target' && jump.target.saveText().includes('--helper'),
        ),
      ),
    );
}

/**
 * The control ports that get the FTP helper without a rule: those of the command line; else none
 * where rules bind helpers themselves; else those of `modprobe ip_conntrack_ftp ports=`; else 21.
 */
export function helperPorts(ruleSet: RuleSet, asked: readonly number[] | null): readonly number[] {
  if (asked !== null) return asked;
  if (bindsHelpers(ruleSet)) return [];
  return ruleSet.modules.ftpPorts ?? [21];
}

/** Families for which no rule was loaded: they pass, as with the kernel, and that must be said. */
export function unfilteredFamilies(ruleSet: RuleSet): Family[] {
  return ([4, 6] as const).filter((family) => ruleSet.familyTables(family).length === 0);
}
