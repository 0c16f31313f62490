import type { OptionSpec } from './getopt.ts';
import {
  type CommandName,
  plainOptions,
  type Rule,
  rulesFor,
  type TableName,
} from './option-table.ts';
import { type Pair, protocolOptions } from './protocol-options.ts';
import { UsageError } from './usage-error.ts';

const addressPairs: readonly [Pair, Pair] = [
  ['src', 'dst'],
  ['reply-src', 'reply-dst'],
];

/**
 * Checks `given` (keys of options) against the rules of a command and of the protocol `proto` (-1
 * for none), in conntrack(8)'s order.
 */
export function checkOptions(
  command: CommandName | null,
  table: TableName,
  given: ReadonlySet<string>,
  proto: number,
): void {
  checkRules(plainOptions, rulesFor(command, table), given, addressPairs);
  const protocol = protocolOptions(proto);
  if (protocol === null || command === null || command === 'help') return;
  checkRules(protocol.specs, protocol.rules(command, table), given, protocol.pairNames);
}

function checkRules(
  specs: readonly OptionSpec[],
  rules: string,
  given: ReadonlySet<string>,
  pairNames: readonly [Pair, Pair],
): void {
  for (const [index, { key }] of specs.entries()) {
    const rule = rules[index] as Rule;
    if (rule === '+' && !given.has(key)) {
      throw new UsageError(`You need to supply the \`--${key}' option for this command`);
    }
    if (rule === '.' && given.has(key)) {
      throw new UsageError(`Illegal option \`--${key}' with this command`);
    }
  }
  const paired = specs.filter((_, index) => rules[index] === '&').map(({ key }) => key);
  if (paired.length === 4) requireEither(given, paired, pairNames);
}

/** Of the four, the first two or the last two must be given. */
function requireEither(
  given: ReadonlySet<string>,
  keys: readonly string[],
  [original, reply]: readonly [Pair, Pair],
): void {
  const has = keys.map((key) => given.has(key));
  if ((has[0] && has[1]) || (has[2] && has[3])) return;
  const wanted = (has[2] || has[3]) && !has[0] && !has[1] ? reply : original;
  throw new UsageError(`you have to specify \`--${wanted[0]}' and \`--${wanted[1]}'`);
}
