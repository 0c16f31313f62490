import type { RouteKindCode } from './ports.ts';
import { maskWord } from './prefix-set.ts';
import { KEY_WORDS, KeyWord, type RouteKey } from './route-key.ts';

/** What a routing policy rule does: asks a table, goes on at a later rule or at the next, refuses. */
export type PolicyAction =
  | { readonly table: number }
  | { readonly goTo: number }
  | { readonly refuse: RouteKindCode }
  | 'nop';

export interface PolicyPrefix {
  /** Address words, 1 or 4; bits behind the length are ignored. */
  readonly words: readonly number[];
  readonly length: number;
}

/** A word of the key under a mask lies between `low` and `high`, as signed numbers, both included. */
export interface PolicyCondition {
  readonly word: number;
  readonly mask: number;
  readonly low: number;
  readonly high: number;
}

/** One rule of `ip rule`. All conditions must hold, or with `not` at least one must not. */
export interface PolicyRule {
  /** Lower ones are asked first; rules of one priority in the order given. */
  readonly priority: number;
  readonly not?: boolean;
  readonly conditions: readonly PolicyCondition[];
  readonly action: PolicyAction;
  /** A route of this prefix length or a shorter one is none. */
  readonly suppressPrefixLength?: number;
  /** A route out of an interface of this group is none. */
  readonly suppressGroup?: number;
}

/** The conditions of a source or destination prefix. */
export function prefixConditions(word: number, prefix: PolicyPrefix): PolicyCondition[] {
  return prefix.words.flatMap((value, index) => {
    const mask = maskWord(prefix.length, index);
    return mask === 0 ? [] : [equals(word + index, value & mask, mask)];
  });
}

/** The condition that a word is `value`, of the bits in `mask`. */
export function equals(word: number, value: number, mask = -1): PolicyCondition {
  return { word, mask, low: value, high: value };
}

/** Of a rule that asks for what cannot be here. */
export const neverHolds: PolicyCondition = { word: KeyWord.Dst, mask: 0, low: 1, high: 0 };

/** In place of an interface's group where there is none. */
export const NO_GROUP = -1;

/** Where rules find their routes. */
export interface PolicyTables {
  /** The row in a table, by its index; -1: none, the next rule is asked. */
  rowIn(index: number, key: RouteKey): number;
  /** The row that stands for a refusal. */
  rowOfRefusal(kind: RouteKindCode): number;
  prefixLengthOf(row: number): number;
  groupOf(row: number): number;
}

const Does = { Lookup: 0, Go: 1, Answer: 2, Nothing: 3 } as const;

/** A compiled rule: its offsets from the start, then four words a condition. */
const At = { Not: 0, Conditions: 1, Does: 2, Target: 3, Length: 4, Group: 5 } as const;
const HEADER = 6;
const CONDITION = 4;

/**
 * The rules of one family as one flat array that is walked for a lookup: fib_rules_lookup of
 * fib_rules.c. Nothing is allocated by a walk.
 */
export class PolicyRules {
  private readonly code: Int32Array;
  private readonly tables: PolicyTables;

  /** `rules` sorted by priority; `indexOf` is the index of a table by its number. */
  constructor(
    rules: readonly PolicyRule[],
    tables: PolicyTables,
    indexOf: (table: number) => number,
  ) {
    this.tables = tables;
    this.code = compile(rules, indexOf, (kind) => tables.rowOfRefusal(kind));
  }

  /** The row that the rules lead to, -1 for none. */
  find(key: RouteKey): number {
    const { code } = this;
    let at = 0;
    while (at < code.length) {
      const next = at + HEADER + code[at + At.Conditions]! * CONDITION;
      const does = code[at + At.Does]!;
      if (this.holds(at, key) === (code[at + At.Not] !== 0) || does === Does.Nothing) {
        at = next;
      } else if (does === Does.Go) {
        at = code[at + At.Target]!;
      } else if (does === Does.Answer) {
        return code[at + At.Target]!;
      } else {
        const row = this.tables.rowIn(code[at + At.Target]!, key);
        if (row >= 0 && !this.suppresses(at, row)) return row;
        at = next;
      }
    }
    return -1;
  }

  private holds(at: number, key: RouteKey): boolean {
    const { code } = this;
    const end = at + HEADER + code[at + At.Conditions]! * CONDITION;
    for (let i = at + HEADER; i < end; i += CONDITION) {
      const value = key.words[code[i]!]! & code[i + 1]!;
      if (value < code[i + 2]! || value > code[i + 3]!) return false;
    }
    return true;
  }

  private suppresses(at: number, row: number): boolean {
    const { code, tables } = this;
    const length = tables.prefixLengthOf(row);
    // Routes that refuse are final: only what leads somewhere is looked at (fib4_rule_suppress).
    if (length < 0) return false;
    if (length <= code[at + At.Length]!) return true;
    const group = code[at + At.Group]!;
    return group !== NO_GROUP && tables.groupOf(row) === group;
  }
}

function compile(
  rules: readonly PolicyRule[],
  indexOf: (table: number) => number,
  rowOf: (kind: RouteKindCode) => number,
): Int32Array {
  const offsets: number[] = [];
  let size = 0;
  for (const rule of rules) {
    offsets.push(size);
    size += HEADER + rule.conditions.length * CONDITION;
  }
  const code = new Int32Array(size);
  for (const [index, rule] of rules.entries()) {
    const at = offsets[index]!;
    const [does, target] = actionOf(rule.action);
    code[at + At.Not] = rule.not === true ? 1 : 0;
    code[at + At.Conditions] = rule.conditions.length;
    code[at + At.Does] = does;
    code[at + At.Target] = target;
    code[at + At.Length] = rule.suppressPrefixLength ?? -1;
    code[at + At.Group] = rule.suppressGroup ?? NO_GROUP;
    const flat = rule.conditions.flatMap(({ word, mask, low, high }) => [word, mask, low, high]);
    code.set(flat, at + HEADER);
  }
  return code;

  function actionOf(action: PolicyAction): [number, number] {
    if (action === 'nop') return [Does.Nothing, 0];
    if ('table' in action) return [Does.Lookup, indexOf(action.table)];
    if ('refuse' in action) return [Does.Answer, rowOf(action.refuse)];
    const later = rules.findIndex(({ priority }) => priority === action.goTo);
    // A target that is not there is passed over, as the kernel does.
    return later < 0 ? [Does.Nothing, 0] : [Does.Go, offsets[later]!];
  }
}

/**
 * The tables of rules that all packets ask alike, in their order; null where some rule asks for more
 * than the destination.
 */
export function tablesInOrder(rules: readonly PolicyRule[]): number[] | null {
  const order: number[] = [];
  for (const rule of rules) {
    const { action, conditions, not, suppressGroup, suppressPrefixLength } = rule;
    const isPlain = conditions.length === 0 && not !== true && suppressGroup === undefined;
    if (!isPlain || suppressPrefixLength !== undefined) return null;
    if (action === 'nop' || !('table' in action)) return null;
    order.push(action.table);
  }
  return order;
}

/** Which words of the key rules look at, the destination left out. */
export function wordsAsked(rules: readonly PolicyRule[]): number[] {
  const asked = new Set(rules.flatMap((rule) => rule.conditions.map(({ word }) => word)));
  return Array.from({ length: KEY_WORDS }, (_, word) => word).filter(
    (word) => word >= KeyWord.Src && asked.has(word),
  );
}
