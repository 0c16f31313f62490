import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import {
  bucketsForMemory,
  SysctlError,
  type SysctlSetting,
  type SysctlSubject,
  sysctlsOfStart,
  sysctlsOfTracker,
  writeSysctls,
} from '../../conntrack/index.ts';
import type { Engine, EngineSettings } from '../../engine/index.ts';
import { CommandError, Exit } from '../exit-code.ts';
import { systemReason } from '../iptables/io.ts';
import { parseConfFile } from './conf-file.ts';
import { isForeign, sysctlNamed, sysctlsMatching } from './names.ts';

/** Settings that a command is started with. */
export interface StartSysctls {
  /** `NAME=VALUE`, in their order. */
  readonly sysctls: readonly string[];
  /** Paths of sysctl.conf(5) files, read before. */
  readonly files: readonly string[];
}

/** Options of commands that make an engine. */
export const sysctlOptions = {
  sysctl: {
    type: 'string',
    array: true,
    requiresArg: true,
    default: [] as string[],
    describe: 'NAME=VALUE of a net.netfilter.nf_conntrack_... setting (repeat)',
  },
  'sysctl-file': {
    type: 'string',
    array: true,
    requiresArg: true,
    default: [] as string[],
    describe: 'File of such settings, as /etc/sysctl.d has them (repeat)',
  },
} as const;

/** As the kernel does when it starts: buckets after the memory of this machine, and as many entries. */
export function sizeForThisMachine({ conntrack }: EngineSettings): void {
  conntrack.buckets = bucketsForMemory(totalmem());
  conntrack.maximum = conntrack.buckets;
}

/**
 * Puts settings into effect that an engine is to be made with: those of scripts among the rule files
 * (`ofRules`, which are known to be good), those of the other files, then the others.
 * Returns warnings, ready to print. Throws CommandError for what cannot be set.
 */
export function applySysctls(
  command: string,
  { conntrack, fragments }: EngineSettings,
  { sysctls, files }: StartSysctls,
  ofRules: readonly SysctlSetting[],
): string[] {
  const subject = sysctlsOfStart(conntrack, fragments);
  writeSysctls(subject, ofRules);
  const warnings = files.flatMap((path) => applyFile(command, subject, path));
  for (const text of sysctls) applyOne(command, subject, text);
  return warnings;
}

/** Sets what scripts of a rule file that was read anew ask of a running engine. */
export function applyToRunning(
  engine: Engine,
  ofRules: readonly SysctlSetting[],
  complain: (problem: string) => void,
): void {
  const { tracking, settings } = engine;
  const subject = sysctlsOfTracker(tracking.conntrack, settings.fragments);
  for (const { name, value } of ofRules) {
    const problem = setOne(subject, name, value);
    if (problem !== '') complain(problem);
  }
}

function applyOne(command: string, subject: SysctlSubject, text: string): void {
  const equals = text.indexOf('=');
  if (equals < 0) throw refusal(`${command}: --sysctl ${text}: expected NAME=VALUE`);
  const named = sysctlNamed(text.slice(0, equals).trim());
  if (named === undefined) throw refusal(`${command}: --sysctl ${text}: no such setting`);
  const problem = setOne(subject, named.name, text.slice(equals + 1).trim());
  if (problem !== '') throw refusal(`${command}: --sysctl: ${problem}`);
}

function applyFile(command: string, subject: SysctlSubject, path: string): string[] {
  const warnings: string[] = [];
  let foreign = 0;
  for (const { line, key, value, optional } of parseConfFile(readConfFile(command, path))) {
    if (value === null || isForeign(key)) {
      foreign++;
      continue;
    }
    const found = sysctlsMatching(key);
    if (found.length === 0 && !optional) warnings.push(`${path}:${line}: ${key}: no such setting`);
    for (const { name } of found) {
      const problem = setOne(subject, name, value);
      if (problem !== '' && !optional) throw refusal(`${command}: ${path}:${line}: ${problem}`);
    }
  }
  if (foreign > 0) warnings.push(`${path}: lines of other settings left out: ${foreign}`);
  return warnings;
}

/** Why it cannot be set, '' where it is. */
function setOne(subject: SysctlSubject, name: string, value: string): string {
  try {
    writeSysctls(subject, [{ name, value }]);
    return '';
  } catch (error) {
    if (error instanceof SysctlError) return error.message;
    throw error;
  }
}

function readConfFile(command: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw refusal(`${command}: cannot open ${path}: ${systemReason(error)}`);
  }
}

function refusal(message: string): CommandError {
  return new CommandError(message, Exit.Usage);
}
