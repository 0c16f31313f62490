import { RuleFault } from '../../errors.ts';
import type { ShellWord } from './ast.ts';
import type { ShellState, Value } from './state.ts';

/** Arrays with keys (`declare -A`), and `[key]=value` within the parentheses of any array. */

const BUCKETS = 1024;

export function isKeyed(value: Value | undefined): value is ReadonlyMap<string, string> {
  return value instanceof Map;
}

/** Keys in the order in which bash 5 gives them: by FNV hash, the last of one hash first. */
export function keysInOrder(map: ReadonlyMap<string, string>): string[] {
  const places = [...map.keys()].map((key, index) => ({ key, index, bucket: bucketOf(key) }));
  places.sort((a, b) => a.bucket - b.bucket || b.index - a.index);
  return places.map(({ key }) => key);
}

function bucketOf(key: string): number {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(key)) hash = Math.imul(hash, 16777619) ^ byte;
  return (hash >>> 0) % BUCKETS;
}

/** All keys, for `${x[@]}` and `${!x[@]}`, whose order not every bash has alike. */
export function allKeys(
  map: ReadonlyMap<string, string>,
  name: string,
  state: ShellState,
  at: number,
): string[] {
  if (map.size > 1) {
    const words = `the keys of \`${name}' are read in the order of bash 5; older ones have another`;
    state.warnOnce(`order ${name}`, words, at);
  }
  return keysInOrder(map);
}

/** `[key]=value` as a word of an array; null for any other word. */
export function keyedWord(
  word: ShellWord,
  textOf: (word: ShellWord) => string,
): { key: string; value: string } | null {
  const [first] = word.parts;
  if (first?.kind !== 'text' || first.quoted || !first.text.startsWith('[')) return null;
  const found = /^\[([^\]]*)\]=(.*)$/s.exec(textOf(word));
  return found === null ? null : { key: found[1]!, value: found[2]! };
}

/** The map that `(…)` gives. */
export function readKeyed(
  words: readonly ShellWord[],
  before: ReadonlyMap<string, string>,
  textOf: (word: ShellWord) => string,
  state: ShellState,
): ReadonlyMap<string, string> {
  const map = new Map(before);
  for (const word of words) {
    const found = keyedWord(word, textOf);
    if (found === null) {
      const message = 'a value of an array with keys needs its [key]=';
      throw new RuleFault('not-understood', message, '', state.position(word.at));
    }
    map.set(state.require(found.key, word.at, 'this key'), found.value);
  }
  return map;
}
