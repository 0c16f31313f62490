/**
 * Which of the rows of one prefix holds, for prefixes whose rows ask for more than the destination:
 * `choose` is given the first row, and answers with one of them, or -1 for none.
 */
export interface RowChooser {
  choose(first: number): number;
}

/**
 * Longest-prefix match over rows of one routing table and one family: for each prefix length in use,
 * longest first, a sorted array of prefixes and a binary search. Four words a prefix for both
 * families (IPv4 uses the first), so one code serves both. Adding is cold, `find` is hot.
 */
export class PrefixSet {
  private readonly groups: Group[] = [];

  /** Adds a prefix that leads to `row`; where the prefix is there already, `merge` says which row stays. */
  add(
    prefix: readonly number[],
    length: number,
    row: number,
    merge: (candidate: number, present: number) => number,
  ): void {
    const group = this.group(length);
    const words = [0, 1, 2, 3].map((i) => (prefix[i] ?? 0) & maskWord(length, i)) as Words;
    const key = words.join();
    const present = group.byPrefix.get(key);
    if (present === undefined) group.byPrefix.set(key, { words, row });
    else present.row = merge(row, present.row);
    group.sorted = false;
  }

  clear(): void {
    this.groups.length = 0;
  }

  /** The row of the longest prefix that holds the address and is chosen; -1 for none. */
  find(w0: number, w1: number, w2: number, w3: number, chooser: RowChooser | null): number {
    for (let i = 0; i < this.groups.length; i++) {
      const group = this.groups[i]!;
      if (!group.sorted) sortGroup(group);
      const row = findIn(group, w0 & group.m0, w1 & group.m1, w2 & group.m2, w3 & group.m3);
      if (row < 0) continue;
      const chosen = chooser === null ? row : chooser.choose(row);
      if (chosen >= 0) return chosen;
    }
    return -1;
  }

  private group(length: number): Group {
    const known = this.groups.find((group) => group.length === length);
    if (known !== undefined) return known;
    const group: Group = {
      length,
      m0: maskWord(length, 0),
      m1: maskWord(length, 1),
      m2: maskWord(length, 2),
      m3: maskWord(length, 3),
      byPrefix: new Map(),
      sorted: false,
      keys: new Int32Array(0),
      rows: new Int32Array(0),
    };
    this.groups.push(group);
    this.groups.sort((a, b) => b.length - a.length);
    return group;
  }
}

type Words = [number, number, number, number];

interface Group {
  readonly length: number;
  readonly m0: number;
  readonly m1: number;
  readonly m2: number;
  readonly m3: number;
  readonly byPrefix: Map<string, { words: Words; row: number }>;
  sorted: boolean;
  /** Four words a prefix, ascending as signed numbers. */
  keys: Int32Array;
  rows: Int32Array;
}

/** Word `index` of the mask of a prefix of `length` bits. */
export function maskWord(length: number, index: number): number {
  const bits = length - 32 * index;
  if (bits >= 32) return -1;
  return bits <= 0 ? 0 : -1 << (32 - bits);
}

function sortGroup(group: Group): void {
  const entries = [...group.byPrefix.values()].sort((a, b) => compareWords(a.words, b.words));
  group.keys = Int32Array.from(entries.flatMap((entry) => entry.words));
  group.rows = Int32Array.from(entries, (entry) => entry.row);
  group.sorted = true;
}

function compareWords(a: Words, b: Words): number {
  for (let i = 0; i < 4; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function findIn(group: Group, w0: number, w1: number, w2: number, w3: number): number {
  const { keys } = group;
  let low = 0;
  let high = group.rows.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const at = middle * 4;
    const order =
      sign(w0, keys[at]!) ||
      sign(w1, keys[at + 1]!) ||
      sign(w2, keys[at + 2]!) ||
      sign(w3, keys[at + 3]!);
    if (order === 0) return group.rows[middle]!;
    if (order < 0) high = middle - 1;
    else low = middle + 1;
  }
  return -1;
}

/** Never subtracts: the difference of two int32 may be no int32, and would be boxed. */
function sign(a: number, b: number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
