import {
  caretLine,
  describeRule,
  explainCode,
  lintRuleSet,
  type RuleError,
  type RuleSet,
  type RuleWarning,
} from '../rules/index.ts';
import { Exit } from './exit-code.ts';
import { readRules } from './load-rules.ts';

/** `pinhole check FILE…`: what the files say wrong, and what they surely do not mean. */

export interface CheckOptions {
  readonly strict: boolean;
  readonly json: boolean;
  /** A code to explain instead; '' for none. */
  readonly explain: string;
}

export interface Streams {
  stdout(text: string): void;
  stderr(text: string): void;
}

/** One error or warning, as JSON has it too. */
interface Message {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly code: string;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly help: string;
  readonly table: string | null;
  readonly chain: string | null;
  /** Number of the rule in its chain, from 1. */
  readonly rule: number | null;
  readonly sourceLine: string;
}

/**
 * Checks files. 0: they load, perhaps with warnings; else what iptables ends with at the first error
 * (1 refused by the kernel, 2 wording, 3 unknown table). Strict: 1 also for what is not enforced and
 * what lint finds.
 */
export function runCheck(
  files: readonly string[],
  options: CheckOptions,
  streams: Streams,
): number {
  if (options.explain !== '') return explain(options.explain, streams);
  if (files.length === 0) {
    streams.stderr('pinhole check: no file to check\n');
    return Exit.Usage;
  }
  const { ruleSet, read, errors, warnings } = readRules(files);
  const lint = ruleSet === null ? [] : lintRuleSet(ruleSet);
  const isStrict = (warning: RuleWarning) => options.strict && isRefusedByStrict(warning, lint);
  const messages = [
    ...[...warnings, ...lint].map((warning) =>
      messageOf(warning, isStrict(warning) ? 'error' : 'warning', read),
    ),
    ...errors.map((error) => messageOf(error, 'error', read)),
  ];
  const count = messages.filter(({ severity }) => severity === 'error').length;
  const loaded = { rules: countRules(ruleSet), directives: ruleSet?.ftp.length ?? 0 };
  if (options.json) streams.stdout(jsonReport(files, messages, loaded));
  else textReport(files, messages, loaded, streams);
  if (errors[0] !== undefined) return errors[0].exitCode;
  return count === 0 ? Exit.Ok : Exit.Failure;
}

function isRefusedByStrict(warning: RuleWarning, lint: readonly RuleWarning[]): boolean {
  const isIdle = warning.code === 'not-enforced' || warning.code === 'doubtful-directive';
  return isIdle || lint.includes(warning);
}

function messageOf(
  about: RuleError | RuleWarning,
  severity: Message['severity'],
  read: RuleSet,
): Message {
  const place = about.rule === null ? null : describeRule(read, about.rule);
  const detail = 'detail' in about && about.detail !== '' ? ` (${about.detail})` : '';
  const given = 'help' in about ? about.help : '';
  return {
    file: about.file,
    line: about.line,
    column: about.column,
    code: about.code,
    severity,
    message: about.message + detail,
    help: given === '' ? (explainCode(about.code)?.help ?? '') : given,
    table: place?.table ?? null,
    chain: about.rule?.chain ?? null,
    rule: place?.number ?? null,
    sourceLine: about.sourceLine,
  };
}

function countRules(ruleSet: RuleSet | null): number {
  if (ruleSet === null) return 0;
  return ruleSet
    .allTables()
    .flatMap((table) => [...table.chains.values()])
    .reduce((sum, chain) => sum + chain.rules.length, 0);
}

/** What the files hold; nothing where they do not load. */
interface Loaded {
  readonly rules: number;
  readonly directives: number;
}

function jsonReport(
  files: readonly string[],
  messages: readonly Message[],
  loaded: Loaded,
): string {
  const of = (severity: Message['severity']) =>
    messages
      .filter((message) => message.severity === severity)
      .map(({ sourceLine: _, ...shown }) => shown);
  const [errors, warnings] = [of('error'), of('warning')];
  const counts = { errors: errors.length, warnings: warnings.length, ...loaded };
  return `${JSON.stringify({ files, errors, warnings, counts })}\n`;
}

function textReport(
  files: readonly string[],
  messages: readonly Message[],
  { rules, directives }: Loaded,
  { stdout, stderr }: Streams,
): void {
  for (const message of messages) stderr(`${formatMessage(message)}\n`);
  const errors = messages.filter(({ severity }) => severity === 'error').length;
  const warnings = messages.length - errors;
  const besides = warnings === 0 ? '' : `, ${plural(warnings, 'warning')}`;
  if (errors > 0) stderr(`pinhole check: ${plural(errors, 'error')}${besides}\n`);
  else {
    const read =
      directives === 0
        ? plural(rules, 'rule')
        : `${plural(rules, 'rule')}, ${plural(directives, 'directive')}`;
    stdout(`${files.join(' ')}: OK, ${read}${besides}\n`);
  }
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** Head line with its code, the source line and a caret, and what to do. */
function formatMessage(message: Message): string {
  const { file, line, column, severity, code, help, sourceLine } = message;
  const lines = [`${file}:${line}:${column}: ${severity}: ${message.message} [${code}]`];
  if (sourceLine !== '') lines.push(sourceLine, caretLine(message));
  if (help !== '') lines.push(`help: ${help}`);
  return lines.join('\n');
}

function explain(code: string, { stdout, stderr }: Streams): number {
  const found = explainCode(code);
  if (found === null) {
    stderr(`pinhole check: no code "${code}": they stand in brackets behind each message\n`);
    return Exit.Usage;
  }
  stdout(`${code}\n  ${found.meaning}\n${found.help === '' ? '' : `  help: ${found.help}\n`}`);
  return Exit.Ok;
}
