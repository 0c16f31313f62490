/** What the tests of this room share: loading text, a rule context, and files beside the tests. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Clock, InterfaceTable } from '../../src/base/index.ts';
import { CtStateBit } from '../../src/conntrack/index.ts';
import {
  type CompiledRules,
  compileRuleSet,
  Hook,
  type HookCode,
  type LoadOptions,
  type LogOptions,
  loadRuleFiles,
  type NatRange,
  type RuleActions,
  type RuleContext,
  type RuleError,
  type RuleSet,
  ServiceTable,
  TableId,
  type TableName,
  tableCode,
  Verdict,
  type VerdictCode,
} from '../../src/rules/index.ts';
import type { Packet } from '../../src/wire/index.ts';

/** The same on every machine, whatever its /etc/services says. */
export const services = ServiceTable.builtin();

export function load(text: string, options: LoadOptions = {}, name = 'test.rules') {
  return loadRuleFiles([name], () => text, { services, ...options });
}

/** The rule set of a text that must load. */
export function ruleSetOf(text: string, options: LoadOptions = {}, name = 'test.rules'): RuleSet {
  const { ruleSet, errors } = load(text, options, name);
  assert.ok(ruleSet, errors.map((error) => error.format()).join('\n'));
  return ruleSet;
}

/** The one error of a text that must not load. */
export function errorOf(text: string, options: LoadOptions = {}, name = 'test.rules'): RuleError {
  const { ruleSet, errors } = load(text, options, name);
  assert.equal(ruleSet, null, 'loads, but should not');
  assert.equal(errors.length, 1, errors.map((error) => error.format()).join('\n'));
  return errors[0]!;
}

/** A save file with lines in one table. */
export function block(table: TableName, ...lines: string[]): string {
  return `*${table}\n${lines.join('\n')}\nCOMMIT\n`;
}

export function compile(text: string, options: LoadOptions = {}, name = 'test.rules') {
  const interfaces = new InterfaceTable();
  const compiled = compileRuleSet(ruleSetOf(text, options, name), interfaces);
  return { compiled, interfaces };
}

/** Writes down what targets ask for, and answers as the engine would. */
export class RecordingActions implements RuleActions {
  readonly calls: string[] = [];
  lastLog: LogOptions | null = null;
  lastRange: NatRange | null = null;

  log(options: LogOptions): void {
    this.calls.push('log');
    this.lastLog = options;
  }

  reject(kind: string): VerdictCode {
    this.calls.push(`reject ${kind}`);
    return Verdict.Drop;
  }

  sourceNat(range: NatRange): VerdictCode {
    return this.nat('snat', range);
  }

  destinationNat(range: NatRange): VerdictCode {
    return this.nat('dnat', range);
  }

  masquerade(range: NatRange): VerdictCode {
    return this.nat('masquerade', range);
  }

  redirect(range: NatRange): VerdictCode {
    return this.nat('redirect', range);
  }

  notrack(): void {
    this.calls.push('notrack');
  }

  assignHelper(name: string): void {
    this.calls.push(`helper ${name}`);
  }

  private nat(kind: string, range: NatRange): VerdictCode {
    this.calls.push(kind);
    this.lastRange = range;
    return Verdict.Accept;
  }
}

/** A context over a packet: state NEW, no interfaces, no mark, unless `changes` say otherwise. */
export function contextOf(
  packet: Packet,
  changes: Partial<RuleContext> = {},
): RuleContext & { actions: RecordingActions } {
  return {
    packet,
    clock: new Clock(),
    actions: new RecordingActions(),
    hook: Hook.Forward,
    inIf: -1,
    outIf: -1,
    ctState: CtStateBit.New,
    masterHelper: '',
    mark: 0,
    ...changes,
  } as RuleContext & { actions: RecordingActions };
}

/** Walks filter FORWARD, or another table and hook. */
export function walk(
  compiled: CompiledRules,
  ctx: RuleContext,
  table: TableName = 'filter',
  hook: HookCode = Hook.Forward,
): VerdictCode {
  ctx.hook = hook;
  return compiled.walk(ctx.packet.family, tableCode(table) ?? TableId.Filter, hook, ctx);
}

/** The root of the checkout: the folder of package.json above this file, built or not. */
export function repositoryRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/** The text of a file beside the checkout, or null where it is not there. */
export function sharedFile(path: string): string | null {
  const full = join(repositoryRoot(), '..', 'shared', path);
  return existsSync(full) ? readFileSync(full, 'utf8') : null;
}
