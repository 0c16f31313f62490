import type { SysctlSetting } from '../conntrack/index.ts';
import { Hook, type HookCode, type TimeoutPolicy } from './context.ts';
import type { MatchInstance, TargetInstance } from './extension.ts';
import type { FtpDirective } from './ftp/model.ts';
import { SetRegistry } from './sets/definition.ts';

/**
 * The rule set as it was read: tables, chains and rules, in the order of the files. Plain data, cold;
 * `compileRuleSet` turns it into what the packet path walks.
 */

export type Family = 4 | 6;

/** Tables in the order of their netfilter priorities, which is also the order of printing. */
export const TableId = { Raw: 0, Mangle: 1, Nat: 2, Filter: 3, Security: 4 } as const;
export type TableCode = 0 | 1 | 2 | 3 | 4;
export const tableNames = ['raw', 'mangle', 'nat', 'filter', 'security'] as const;
export type TableName = (typeof tableNames)[number];

/** Names of the built-in chains, by hook. */
export const hookNames = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;

const { Prerouting, Input, Forward, Output, Postrouting } = Hook;

/** The hooks at which each table stands, in the order in which its chains are printed. */
const tableHooks: readonly (readonly HookCode[])[] = [
  [Prerouting, Output],
  [Prerouting, Input, Forward, Output, Postrouting],
  [Prerouting, Input, Output, Postrouting],
  [Input, Forward, Output],
  [Input, Forward, Output],
];

/** The code of a table name, or null where there is no such table. */
export function tableCode(name: string): TableCode | null {
  const index = (tableNames as readonly string[]).indexOf(name);
  return index < 0 ? null : (index as TableCode);
}

/** `-s` or `-d`: 1 (IPv4) or 4 (IPv6) words each. */
export interface AddressMatch {
  readonly address: readonly number[];
  readonly mask: readonly number[];
  readonly negated: boolean;
}

/** `-i` or `-o`. `name` is without the `+` of a wildcard. */
export interface InterfaceMatch {
  readonly name: string;
  readonly wildcard: boolean;
  readonly negated: boolean;
}

/** `-p`. */
export interface ProtocolMatch {
  readonly number: number;
  readonly negated: boolean;
}

/** What a rule does when it matches. */
export type Jump =
  | { readonly kind: 'none' }
  | { readonly kind: 'verdict'; readonly verdict: 'ACCEPT' | 'DROP' | 'RETURN' }
  | { readonly kind: 'chain'; readonly chain: string; readonly goto: boolean }
  | { readonly kind: 'target'; readonly target: TargetInstance };

/** Packets and bytes as a rule file or `-c` gives them. */
export interface Counters {
  readonly packets: number;
  readonly bytes: number;
}

export const NO_COUNTERS: Counters = { packets: 0, bytes: 0 };

/** One rule, after comma lists were taken apart. */
export interface Rule {
  readonly family: Family;
  readonly table: TableCode;
  readonly chain: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly sourceLine: string;
  readonly source: AddressMatch | null;
  readonly destination: AddressMatch | null;
  readonly inInterface: InterfaceMatch | null;
  readonly outInterface: InterfaceMatch | null;
  readonly protocol: ProtocolMatch | null;
  /** `-f`: second and later fragments only, or with `!` none of them. */
  readonly fragment: 'only' | 'none' | null;
  readonly matches: readonly MatchInstance[];
  readonly jump: Jump;
  readonly counters: Counters;
}

export type Policy = 'ACCEPT' | 'DROP';

export class Chain {
  readonly name: string;
  /** The hook of a built-in chain, -1 for a user's chain. */
  readonly hook: HookCode | -1;
  policy: Policy = 'ACCEPT';
  policyCounters: Counters = NO_COUNTERS;
  rules: Rule[] = [];
  /** Where a policy was last set, for messages; line 0 where it never was. */
  policyFile = '';
  policyLine = 0;

  constructor(name: string, hook: HookCode | -1) {
    this.name = name;
    this.hook = hook;
  }
}

export class Table {
  readonly family: Family;
  readonly code: TableCode;
  /** Built-in chains first, in hook order, then the user's in the order of their creation. */
  readonly chains = new Map<string, Chain>();

  constructor(family: Family, code: TableCode) {
    this.family = family;
    this.code = code;
    for (const hook of tableHooks[code]!) {
      this.chains.set(hookNames[hook], new Chain(hookNames[hook], hook));
    }
  }

  get name(): TableName {
    return tableNames[this.code];
  }

  /** Built-in chains in hook order, then user chains by name: the order in which iptables prints. */
  sortedChains(): Chain[] {
    const all = [...this.chains.values()];
    const users = all.filter((chain) => chain.hook < 0);
    users.sort((a, b) => (a.name < b.name ? -1 : 1));
    return [...all.filter((chain) => chain.hook >= 0), ...users];
  }

  /** How many rules jump or go to a chain. */
  references(name: string): number {
    let count = 0;
    for (const chain of this.chains.values()) {
      for (const { jump } of chain.rules) if (jump.kind === 'chain' && jump.chain === name) count++;
    }
    return count;
  }
}

/** What modprobe, sysctl and echo lines of scripts asked for. null: not mentioned. */
export interface ModuleSettings {
  /** Ports of `ip_conntrack_ftp ports=`; [21] where it was loaded without, null where it was not. */
  ftpPorts: number[] | null;
  ftpLoose: boolean;
  natFtp: boolean;
  ipForward: boolean | null;
  ip6Forward: boolean | null;
  /** Settings of connection tracking, in their order; known, and of values that can be set. */
  conntrack: SysctlSetting[];
  /** Module names and sysctl keys that were understood as such and have no effect here. */
  others: string[];
}

export class RuleSet {
  private readonly tables: Map<number, Table>;
  /** Timeout policies that `nfct` lines of scripts define, by name. */
  readonly timeouts: Map<string, TimeoutPolicy>;
  /** Sets that files of `ipset save` and ipset lines of scripts define. */
  readonly sets: SetRegistry;
  readonly modules: ModuleSettings;
  /** The `# pinhole: ftp` lines, in the order of the files. */
  ftp: readonly FtpDirective[];

  /** An empty set, or one that has the tables and all else of another. */
  constructor(other: RuleSet | null = null) {
    this.tables = new Map(other?.tables);
    this.timeouts = other?.timeouts ?? new Map();
    this.sets = other?.sets ?? new SetRegistry();
    this.modules = other?.modules ?? {
      ftpPorts: null,
      ftpLoose: false,
      natFtp: false,
      ipForward: null,
      ip6Forward: null,
      conntrack: [],
      others: [],
    };
    this.ftp = other?.ftp ?? [];
  }

  /** The table, or null where no file named it. */
  table(family: Family, code: TableCode): Table | null {
    return this.tables.get(family * 8 + code) ?? null;
  }

  /** The table, made empty with ACCEPT policies where it was not there yet. */
  ensureTable(family: Family, code: TableCode): Table {
    const known = this.table(family, code);
    if (known !== null) return known;
    const table = new Table(family, code);
    this.put(table);
    return table;
  }

  /** Puts a table in, in place of the one of its family and kind where there was one. */
  put(table: Table): void {
    this.tables.set(table.family * 8 + table.code, table);
  }

  /** All tables of a family that files named, in the order of `TableId`. */
  familyTables(family: Family): Table[] {
    return tableNames
      .map((_, code) => this.table(family, code as TableCode))
      .filter((table) => table !== null);
  }

  /**
   * The same, the one first named last: the order in which the kernel knows its tables, and in
   * which iptables-save therefore prints them.
   */
  familyTablesNewestFirst(family: Family): Table[] {
    return [...this.tables.values()].filter((table) => table.family === family).reverse();
  }

  allTables(): Table[] {
    return [...this.familyTables(4), ...this.familyTables(6)];
  }
}

/** Where a rule stands, for reports: the number counts from 1 within its chain (0: not in the set). */
export interface RulePlace {
  readonly file: string;
  readonly line: number;
  readonly table: TableName;
  readonly chain: string;
  readonly number: number;
}
