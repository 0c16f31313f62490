import {
  type CompiledRules,
  compileRuleSet,
  type Family,
  formatWarning,
  loadRuleFiles,
  printSave,
  tableNames,
} from '../rules/index.ts';
import type { GatewayHost } from './gateway.ts';
import { pieces } from './iptables.ts';
import type { ApplyItemDto, ControlRequest, FileDto } from './protocol.ts';
import type { Reply } from './serve-lines.ts';

/** `pinhole apply`: a whole new rule set, put in force between two packets. */

/** Longest time that new rules may wait to be confirmed. */
const MAX_TRIAL_SEC = 86_400;

/**
 * Loads the files sent, and puts them in force unless `dryRun`. Items: messages, and with `diff` the
 * rules before and after as iptables-save prints them. Refused files end with `applied: false`.
 */
export async function answerApply(
  host: GatewayHost,
  request: ControlRequest,
  reply: Reply,
): Promise<void> {
  const { args } = request;
  const files = filesOf(args.files);
  const included = filesOf(args.included) ?? [];
  const trialSec = trialOf(args.confirmSec);
  if (files === null || trialSec === 'bad') {
    return reply.error('BAD_REQUEST', 'files and a number of seconds expected');
  }
  const { changes, engine } = host;
  if (changes.refusal !== null) return reply.error('CHANGE_PENDING', changes.refusal);
  const counters = args.counters === true;
  const strict = args.strict === true;
  const { ruleSet, errors, warnings } = loadRuleFiles(
    files.map(({ path }) => path),
    (path) => textOf(files, path),
    { ...host.loadOptions, counters, strict, readIncluded: (path) => textOf(included, path) },
  );
  const messages = [...warnings.map(formatWarning), ...errors.map((error) => error.format())];
  for (const message of messages) await reply.item({ message } satisfies ApplyItemDto);
  if (ruleSet === null) return reply.done({ applied: false, errors: errors.length });
  if (args.diff === true) {
    await sendText(reply, 'before', saveText(changes.rules));
    await sendText(reply, 'after', saveText(compileRuleSet(ruleSet, engine.interfaces)));
  }
  // Somebody else may have begun a trial while the texts were on their way.
  if (changes.refusal !== null) return reply.error('CHANGE_PENDING', changes.refusal);
  if (args.dryRun !== true) {
    const paths = files.map(({ path }) => path).join(', ');
    const trial = trialSec === null ? '' : `, on trial for ${trialSec} s`;
    changes.replace(ruleSet, counters, trialSec, `rules applied: ${paths}${trial}`);
  }
  const rules = ruleSet
    .allTables()
    .flatMap((table) => [...table.chains.values()])
    .reduce((sum, chain) => sum + chain.rules.length, 0);
  const directives = ruleSet.ftp.length;
  reply.done({ applied: args.dryRun !== true, errors: 0, rules, directives });
}

/** `--confirmed` and `--revert`. */
export function answerSettle(host: GatewayHost, end: 'confirmed' | 'reverted', reply: Reply): void {
  if (host.changes.settle(end)) reply.done({ end });
  else reply.error('NOTHING_PENDING', 'no new rules wait to be confirmed');
}

/** Ends when the trial does. */
export async function answerTrial(
  host: GatewayHost,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  const end = await host.changes.untilSettled(signal);
  if (end === null) reply.error('NOTHING_PENDING', 'no new rules wait to be confirmed');
  else reply.done({ end });
}

/**
 * Both families as iptables-save prints them, for a comparison: directives first, tables in one
 * order, without dates and counters, which always differ.
 */
function saveText(compiled: CompiledRules): string {
  const families: readonly Family[] = [4, 6];
  const directives = compiled.ruleSet.ftp.map(({ text }) => `${text}\n`).join('');
  const tables = families
    .flatMap((family) =>
      tableNames.map((table) => ({ family, table, directives: false, now: new Date(0) })),
    )
    .map((options) =>
      printSave(compiled, options)
        .replace(/^# Generated.*$/gm, options.family === 4 ? '# iptables' : '# ip6tables')
        .replace(/^# Completed.*\n/gm, '')
        .replace(/^(:\S+ \S+) \[\d+:\d+\]$/gm, '$1'),
    )
    .join('');
  return directives + tables;
}

async function sendText(reply: Reply, name: 'before' | 'after', text: string): Promise<void> {
  for (const piece of pieces(text)) await reply.item({ [name]: piece } satisfies ApplyItemDto);
}

function filesOf(value: unknown): FileDto[] | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const isFile = (file: unknown): file is FileDto =>
    typeof file === 'object' &&
    file !== null &&
    typeof (file as FileDto).path === 'string' &&
    typeof (file as FileDto).text === 'string';
  return value.every(isFile) ? value : null;
}

function textOf(files: readonly FileDto[], path: string): string {
  const file = files.find((known) => known.path === path);
  if (file === undefined) throw new Error('not among the files that were sent');
  return file.text;
}

function trialOf(value: unknown): number | null | 'bad' {
  if (value === undefined || value === null) return null;
  const good = typeof value === 'number' && Number.isInteger(value);
  return good && value >= 1 && value <= MAX_TRIAL_SEC ? value : 'bad';
}
