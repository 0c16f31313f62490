import { KeyCache } from './key-cache.ts';
import {
  NO_GROUP,
  type PolicyRule,
  PolicyRules,
  type PolicyTables,
  tablesInOrder,
  wordsAsked,
} from './policy-rules.ts';
import { RouteKind, type RouteKindCode } from './ports.ts';
import { PrefixSet, type RowChooser } from './prefix-set.ts';
import {
  isConditional,
  precedes,
  prefixHolds,
  type RouteEntry,
  tableNumber,
} from './route-entry.ts';
import { KeyWord, type RouteKey } from './route-key.ts';

const CACHE_SLOTS = 4096;
/** IPTOS_RT_MASK of route.h: what IPv4 routes compare of the TOS octet. */
export const ROUTE_TOS_MASK = 0x1c;

/** What rules answer without a table, by their rows. */
const refusals: readonly RouteKindCode[] = [
  RouteKind.Blackhole,
  RouteKind.Unreachable,
  RouteKind.Prohibited,
];

/** The tables that a system asks where nobody has configured rules; in IPv6 the last is left out. */
const defaultTables = [tableNumber('local'), tableNumber('main'), tableNumber('default')];
const defaultRules: readonly PolicyRule[] = defaultTables.map((table, priority) => {
  return { priority, conditions: [], action: { table } };
});

/**
 * Routes and policy rules of one family. Where all packets ask the same tables and no route asks for
 * more than the destination, lookups are by the destination alone; else `keyed` is set, and the
 * rules are walked. Both remember what they found until something is added.
 */
export class FamilyRoutes implements PolicyTables, RowChooser {
  /** Lookups by key are needed; those by destination alone would be wrong. */
  keyed = false;
  /** Packets of one connection may go different ways, by their TOS octet. */
  looksAtTos = false;
  /** The rules are others than the default ones. */
  hasPolicy = false;
  /** Of each row. */
  readonly rows: RouteEntry[] = [];
  private readonly family: 4 | 6;
  private readonly groups: readonly number[];
  /** The next row of the same prefix and table, for another source or TOS; -1 for none. */
  private readonly nextRow: number[] = [];
  private readonly sets: PrefixSet[] = [];
  private readonly indexes = new Map<number, number>();
  private rules: readonly PolicyRule[] = [];
  private order: readonly PrefixSet[] = [];
  private policy: PolicyRules | null = null;
  private keyCache: KeyCache | null = null;
  private hasConditional = false;
  private asking: RouteKey | null = null;
  /** Something stands in the caches. */
  private remembers = false;
  /** Address words and a row a slot; row + 2, so that 0 is an empty slot and 1 means no route. */
  private readonly cache: Int32Array;

  /** `groups`: of interfaces, by id. */
  constructor(family: 4 | 6, groups: readonly number[]) {
    this.family = family;
    this.groups = groups;
    this.cache = new Int32Array(CACHE_SLOTS * (family === 4 ? 2 : 5));
    this.clear();
  }

  /** Forgets all routes; the rules are the default ones again. */
  clear(): void {
    this.rows.length = 0;
    this.nextRow.length = 0;
    const { family } = this;
    for (const kind of refusals) this.addRow({ family, prefix: [], prefixLength: 0, kind });
    this.sets.length = 0;
    this.indexes.clear();
    this.hasConditional = false;
    this.setRules(defaultRules);
  }

  add(entry: RouteEntry): void {
    const row = this.addRow(entry);
    const set = this.sets[this.indexOf(tableNumber(entry.table ?? 'main'))]!;
    set.add(entry.prefix, entry.prefixLength, row, (candidate, present) => {
      return this.merge(candidate, present);
    });
    if (isConditional(entry) && !this.hasConditional) {
      this.hasConditional = true;
      this.setRules(this.rules);
    }
    this.forgetCached();
  }

  /** Takes the place of all rules there were. */
  setRules(rules: readonly PolicyRule[]): void {
    const sorted = [...rules].sort((a, b) => a.priority - b.priority);
    const order = tablesInOrder(sorted);
    this.rules = sorted;
    this.keyed = order === null || this.hasConditional;
    this.hasPolicy = order === null || order.some((table, i) => table !== defaultTables[i]);
    this.order = (order ?? []).map((table) => this.sets[this.indexOf(table)]!);
    this.policy = new PolicyRules(sorted, this, (table) => this.indexOf(table));
    const words = this.wordsOfKey();
    this.looksAtTos = this.keyed && words.includes(KeyWord.Tos);
    this.keyCache = this.keyed ? new KeyCache(words) : null;
    this.forgetCached();
  }

  /** The row by the destination alone; -1 for none. Only where `keyed` is not set. */
  findByAddress(w0: number, w1: number, w2: number, w3: number): number {
    return this.family === 4 ? this.cachedRow4(w0) : this.cachedRow6(w0, w1, w2, w3);
  }

  /** The row by all that rules and routes look at; -1 for none. */
  findByKey(key: RouteKey): number {
    const cache = this.keyCache!;
    const known = cache.find(key);
    if (known !== -2) return known;
    const row = this.policy!.find(key);
    this.remembers = true;
    cache.remember(key, row);
    return row;
  }

  /** The row in one table, which packets may never ask; for a destination alone. -1 for none. */
  findInTable(table: number, key: RouteKey): number {
    const index = this.indexes.get(table);
    return index === undefined ? -1 : this.rowIn(index, key);
  }

  rowIn(index: number, key: RouteKey): number {
    const { words } = key;
    this.asking = key;
    const chooser = this.hasConditional ? this : null;
    const row = this.sets[index]!.find(words[0]!, words[1]!, words[2]!, words[3]!, chooser);
    return row >= 0 && this.rows[row]!.throws === true ? -1 : row;
  }

  choose(first: number): number {
    const { words } = this.asking!;
    for (let row = first; row >= 0; row = this.nextRow[row]!) {
      const { prefixLength, source, tos } = this.rows[row]!;
      if (tos !== undefined && tos !== (words[KeyWord.Tos]! & ROUTE_TOS_MASK)) continue;
      if (source !== undefined) {
        if (prefixHolds(source, words, KeyWord.Src)) return row;
      } else if (row === first || this.family === 4 || prefixLength === 0) {
        return row;
      }
      // Beside routes with a source the kernel does not see one without, but for the default route
      // (fib6_node_lookup_1 of ip6_fib.c): it goes on with a shorter prefix.
    }
    return -1;
  }

  rowOfRefusal(kind: RouteKindCode): number {
    return refusals.indexOf(kind);
  }

  prefixLengthOf(row: number): number {
    const { kind, prefixLength } = this.rows[row]!;
    return this.rowOfRefusal(kind) < 0 ? prefixLength : -1;
  }

  groupOf(row: number): number {
    const { outIf } = this.rows[row]!;
    return outIf === undefined ? NO_GROUP : (this.groups[outIf] ?? 0);
  }

  private addRow(entry: RouteEntry): number {
    this.nextRow.push(-1);
    return this.rows.push(entry) - 1;
  }

  /** Puts a row among those of its prefix. Answers the first of them. */
  private merge(row: number, first: number): number {
    const { nextRow, rows } = this;
    const entry = rows[row]!;
    if (precedes(entry, rows[first]!)) {
      // One that asks for no more than the destination leaves nothing to those behind it.
      if (isConditional(entry)) nextRow[row] = first;
      return row;
    }
    if (!isConditional(rows[first]!)) return first;
    let before = first;
    for (;;) {
      const next = nextRow[before]!;
      if (next < 0 || precedes(entry, rows[next]!)) break;
      if (!isConditional(rows[next]!)) return first;
      before = next;
    }
    nextRow[row] = isConditional(entry) ? nextRow[before]! : -1;
    nextRow[before] = row;
    return first;
  }

  private indexOf(table: number): number {
    const known = this.indexes.get(table);
    if (known !== undefined) return known;
    const index = this.sets.push(new PrefixSet()) - 1;
    this.indexes.set(table, index);
    return index;
  }

  private wordsOfKey(): number[] {
    const asked = new Set(wordsAsked(this.rules));
    const all = this.family === 4 ? 1 : 4;
    for (let i = 0; i < all; i++) {
      asked.add(KeyWord.Dst + i);
      if (this.hasConditional && this.family === 6) asked.add(KeyWord.Src + i);
    }
    if (this.hasConditional && this.family === 4) asked.add(KeyWord.Tos);
    return [...asked];
  }

  private findInOrder(w0: number, w1: number, w2: number, w3: number): number {
    const { order, rows } = this;
    this.remembers = true;
    for (let i = 0; i < order.length; i++) {
      const row = order[i]!.find(w0, w1, w2, w3, null);
      if (row >= 0 && rows[row]!.throws !== true) return row;
    }
    return -1;
  }

  private cachedRow4(word: number): number {
    const at = (Math.imul(word, 0x9e3779b1) >>> 20) * 2;
    const { cache } = this;
    if (cache[at] === word && cache[at + 1] !== 0) return cache[at + 1]! - 2;
    const row = this.findInOrder(word, 0, 0, 0);
    cache[at] = word;
    cache[at + 1] = row + 2;
    return row;
  }

  private cachedRow6(w0: number, w1: number, w2: number, w3: number): number {
    const mixed =
      Math.imul(w0 ^ Math.imul(w1, 0x85ebca6b), 0xc2b2ae35) ^ w2 ^ Math.imul(w3, 0x27d4eb2f);
    const at = (Math.imul(mixed, 0x9e3779b1) >>> 20) * 5;
    const { cache } = this;
    const known =
      cache[at] === w0 && cache[at + 1] === w1 && cache[at + 2] === w2 && cache[at + 3] === w3;
    if (known && cache[at + 4] !== 0) return cache[at + 4]! - 2;
    const row = this.findInOrder(w0, w1, w2, w3);
    cache[at] = w0;
    cache[at + 1] = w1;
    cache[at + 2] = w2;
    cache[at + 3] = w3;
    cache[at + 4] = row + 2;
    return row;
  }

  private forgetCached(): void {
    if (!this.remembers) return;
    this.remembers = false;
    this.cache.fill(0);
    this.keyCache?.clear();
  }
}
