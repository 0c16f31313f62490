import { type CommandName, plainOptions, rulesFor, type TableName } from './option-table.ts';
import { UsageError } from './usage-error.ts';

/** Checks `given` (keys of options) against the rules of a command, in conntrack(8)'s order. */
export function checkOptions(
  command: CommandName | null,
  table: TableName,
  given: ReadonlySet<string>,
): void {
  const { required, allowed } = rulesFor(command, table);
  for (const { key } of plainOptions) {
    if (required.includes(key) && !given.has(key)) throw missing(key);
    if (given.has(key) && !required.includes(key) && !allowed.includes(key)) {
      throw new UsageError(`Illegal option \`--${key}' with this command`);
    }
  }
}

const portProtocols: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);

/** `-G` looks one entry up, so that a whole tuple has to be given, of either direction. */
export function checkGet(given: ReadonlySet<string>, proto: number): void {
  requireEither(given, ['src', 'dst'], ['reply-src', 'reply-dst']);
  if (portProtocols.has(proto)) {
    requireEither(given, ['sport', 'dport'], ['reply-port-src', 'reply-port-dst']);
  }
  const prefix = proto === 1 ? 'icmp' : proto === 58 ? 'icmpv6' : null;
  if (prefix === null) return;
  for (const part of ['type', 'code']) {
    if (!given.has(`${prefix}-${part}`)) throw missing(`${prefix}-${part}`);
  }
}

type Pair = readonly [string, string];

function requireEither(given: ReadonlySet<string>, original: Pair, reply: Pair): void {
  const hasAll = (pair: Pair) => pair.every((key) => given.has(key));
  if (hasAll(original) || hasAll(reply)) return;
  const wanted =
    reply.some((key) => given.has(key)) && !original.some((key) => given.has(key))
      ? reply
      : original;
  throw new UsageError(`you have to specify \`--${wanted[0]}' and \`--${wanted[1]}'`);
}

function missing(key: string): UsageError {
  return new UsageError(`You need to supply the \`--${key}' option for this command`);
}
