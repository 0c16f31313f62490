/** What the tests of this room share: loading text, a rule context, and files beside the tests. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Clock, InterfaceTable } from '../../src/base/index.ts';
import { CtStateBit, type DirectionCode, Tuple } from '../../src/conntrack/index.ts';
import {
  AddressKind,
  type AddressKindCode,
  type CompiledRules,
  type ConnectionView,
  compileRuleSet,
  Hook,
  type HookCode,
  type LoadOptions,
  type LogOptions,
  loadRuleFiles,
  type NatRange,
  type NflogOptions,
  type RouteQueries,
  type RuleActions,
  type RuleContext,
  type RuleError,
  type RuleSet,
  ServiceTable,
  TableId,
  type TableName,
  type TimeoutPolicy,
  tableCode,
  Verdict,
  type VerdictCode,
  type ZoneSideCode,
} from '../../src/rules/index.ts';
import type { Packet } from '../../src/wire/index.ts';

/** The same on every machine, whatever its /etc/services says. */
export const services = ServiceTable.builtin();

export function load(text: string, options: LoadOptions = {}, name = 'test.rules') {
  return loadRuleFiles([name], () => text, { services, readIncluded: noOtherFile, ...options });
}

function noOtherFile(path: string): never {
  throw new Error(`${path}: no such file`);
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
  lastNflog: NflogOptions | null = null;

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

  assignHelper(name: string, comment: string): void {
    this.calls.push(`helper ${name}${comment === '' ? '' : ` of "${comment}"`}`);
  }

  assignZone(zone: number, side: ZoneSideCode): void {
    this.calls.push(`zone ${zone} ${side}`);
  }

  assignTimeouts(policy: TimeoutPolicy): void {
    this.calls.push(`timeouts ${policy.name}`);
  }

  nflog(options: NflogOptions): void {
    this.calls.push(`nflog ${options.group}`);
    this.lastNflog = options;
  }

  trace(table: string, chain: string, kind: string, number: number): void {
    this.calls.push(`trace ${table}:${chain}:${kind}:${number}`);
  }

  private nat(kind: string, range: NatRange): VerdictCode {
    this.calls.push(kind);
    this.lastRange = range;
    return Verdict.Accept;
  }
}

/** A connection as a test says it is; none until `exists` is set. */
export class FakeConnection implements ConnectionView {
  exists = false;
  direction: DirectionCode = 0;
  status = 0;
  expiresIn = 0;
  zone = 0;
  row = 0;
  id = 1;
  mark = 0;
  readonly packetCounts = [0, 0];
  readonly byteCounts = [0, 0];
  readonly tuples = [new Tuple(), new Tuple()] as const;
  /** Ids that `isOpen` denies. */
  readonly closed = new Set<number>();
  readonly labels = new Set<number>();

  packets(direction: DirectionCode): number {
    return this.packetCounts[direction]!;
  }

  bytes(direction: DirectionCode): number {
    return this.byteCounts[direction]!;
  }

  tuple(direction: DirectionCode): Tuple {
    return this.tuples[direction];
  }

  hasLabel(label: number): boolean {
    return this.labels.has(label);
  }

  addLabel(label: number): void {
    this.labels.add(label);
  }

  isOpen(_row: number, id: number): boolean {
    return !this.closed.has(id);
  }
}

/** Routes as a test says they are: everything is unicast and comes in where it should. */
export class FakeRoutes implements RouteQueries {
  kind: AddressKindCode = AddressKind.Unicast;
  /** Kinds by first address word; `kind` for the others. */
  readonly kinds = new Map<number, AddressKindCode>();
  reverse = true;
  mtu = 1500;

  addressKind(_family: number, w0: number): AddressKindCode {
    return this.kinds.get(w0) ?? this.kind;
  }

  reversePathHolds(): boolean {
    return this.reverse;
  }

  pathMtu(): number {
    return this.mtu;
  }
}

export type TestContext = RuleContext & {
  actions: RecordingActions;
  connection: FakeConnection;
  routes: FakeRoutes;
};

/** A context over a packet: state NEW, no interfaces, no mark, unless `changes` say otherwise. */
export function contextOf(packet: Packet, changes: Partial<RuleContext> = {}): TestContext {
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
    connection: new FakeConnection(),
    routes: new FakeRoutes(),
    socketUid: -1,
    socketGid: -1,
    changed: false,
    templated: false,
    traced: false,
    trail: null,
    ...changes,
  } as TestContext;
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
