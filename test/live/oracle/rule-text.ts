/** What all themes build their rule sets from. */
import type { Prng } from '../../../src/base/index.ts';
import type { SeenPacket } from '../../support/seen.ts';
import { pick, plainTaste, type Taste } from './dialogue.ts';
import type { FamilyNumber, Words } from './words.ts';

export interface Theme {
  readonly name: string;
  readonly taste: Taste;
  /** Both where not given. */
  readonly families?: readonly FamilyNumber[];
  /** Time the kernel needs between two packets to tidy up lists. */
  readonly pauseMs?: number;
  rules(random: Prng, words: Words): string;
  /** Text of `ipset save`, where the rules speak of sets. */
  readonly sets?: (random: Prng, words: Words) => string;
  /**
   * What of a packet must be the same, where each stack draws lots for the rest. The flows are to be
   * `singles` then.
   */
  readonly essence?: (packet: SeenPacket) => string;
}

/** Lines of rules, or matches, made by chance in the words of a family. */
export type Lines = (random: Prng, words: Words) => readonly string[];

export type Tables = Readonly<Record<string, readonly string[]>>;

export function save(tables: Tables): string {
  return Object.entries(tables)
    .map(([table, lines]) => `*${table}\n${lines.join('\n')}\nCOMMIT\n`)
    .join('');
}

export const lanHost = (random: Prng, words: Words) => pick(random, words.hosts.lan);
export const wanHost = (random: Prng, words: Words) => pick(random, words.hosts.wan);
export const bang = (random: Prng) => (random.below(4) === 0 ? '! ' : '');
export const port = (random: Prng) => pick(random, plainTaste.ports);
export const upToSix = (random: Prng) => 1 + random.below(6);
export const some = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i));

/** `-s`, `-d`, `-i`, `-o`, each or none. */
export function where(random: Prng, words: Words): string {
  const sources = [words.link('lan'), words.net('wan', 96, 3), lanHost(random, words)];
  const destinations = [words.net('wan', 0, 7), words.net('lan', 100, 1), wanHost(random, words)];
  const parts = [
    () => `${bang(random)}-s ${pick(random, sources)}`,
    () => `${bang(random)}-d ${pick(random, destinations)}`,
    () => `${bang(random)}-i ${pick(random, ['lan0', 'wan0', 'la+', 'ppp+'])}`,
    () => `${bang(random)}-o ${pick(random, ['lan0', 'wan0', 'wa+'])}`,
  ];
  return parts.map((part) => (random.below(3) === 0 ? `${part()} ` : '')).join('');
}

export const verdicts = ['-j ACCEPT', '-j DROP', '-j DROP', ''] as const;
export const verdict = (random: Prng) => pick(random, verdicts);

/** FORWARD with these matches before random verdicts. */
export function forward(
  random: Prng,
  words: Words,
  matches: readonly string[],
  count = 12,
): readonly string[] {
  return [
    `:FORWARD ${pick(random, ['ACCEPT', 'ACCEPT', 'DROP'])} [0:0]`,
    ...some(
      count,
      () => `-A FORWARD ${where(random, words)}${pick(random, matches)} ${verdict(random)}`,
    ),
  ];
}

export function filterTheme(name: string, matches: Lines, more: Partial<Theme> = {}): Theme {
  return {
    name,
    taste: plainTaste,
    rules: (random, words) => save({ filter: forward(random, words, matches(random, words)) }),
    ...more,
  };
}
