import { RuleFault } from '../../errors.ts';
import type { ListView, MatchBounds, ParseScope } from '../../extension.ts';
import { formatPortRange, type PortRange, parsePortRange } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';
import type { ServiceTable } from '../../services.ts';

/** A port condition of tcp, udp, sctp and dccp: null where the option was not given. */
export interface PortCondition extends PortRange {
  readonly negated: boolean;
}

export interface PortValues {
  source: PortCondition | null;
  destination: PortCondition | null;
}

const MAX_PORT = 0xffff;

/** `0:65535` without `!` matches everything and is not printed. */
function isAnyPort(condition: PortCondition | null): boolean {
  return (
    condition === null || (condition.min === 0 && condition.max === MAX_PORT && !condition.negated)
  );
}

/** How a match reads and prints its ports. */
export interface PortDialect {
  readonly proto: string;
  /** True for matches whose ports the C library resolves: service names of any protocol will do. */
  readonly resolves: boolean;
  /** True where iptables-save prints `0:65535` too. */
  readonly printsAny: boolean;
}

/** The options `--sport` and `--dport` of a protocol. */
export function portOptions<V extends PortValues>(dialect: PortDialect): OptionSpec<V>[] {
  const { proto } = dialect;
  const option = (name: string, alias: string, field: keyof PortValues): OptionSpec<V> => ({
    name,
    aliases: [alias],
    printed: alias,
    args: 1,
    argument: 'PORT[:PORT]',
    help: `${field} port, or a range of ports`,
    negatable: true,
    ...(dialect.resolves ? {} : { repeated: `Only one \`--${name}' allowed` }),
    set: (value, [text = ''], negated, scope) => {
      const range = dialect.resolves
        ? resolvePortRange(proto, name, text, scope)
        : parsePortRange(text, proto, scope.services);
      value[field] = { ...range, negated };
    },
    save: (value) => {
      const condition = value[field];
      if (condition === null || (isAnyPort(condition) && !dialect.printsAny)) return null;
      return shown(formatPortRange(condition), condition.negated);
    },
  });
  return [
    option('source-port', 'sport', 'source'),
    option('destination-port', 'dport', 'destination'),
  ];
}

/**
 * `21`, `ftp:ssh`, `:1023`, `1024:` as iptables' common reader has it: an empty text is 0, and a name
 * may be that of any protocol. Throws `bad-value`.
 */
export function resolvePortRange(
  owner: string,
  option: string,
  text: string,
  scope: ParseScope,
): PortRange {
  const [low = '', high, ...more] = text.split(':');
  const min = low === '' ? 0 : resolvePort(low, scope.services);
  const max = high === undefined ? min : high === '' ? MAX_PORT : resolvePort(high, scope.services);
  if (more.length > 0) {
    const words = `${owner}: Too many components for option "--${option}" (max: 2)`;
    throw new RuleFault('bad-value', words);
  }
  if (min > max) throw new RuleFault('bad-value', 'invalid portrange (min > max)');
  return { min, max };
}

function resolvePort(text: string, services: ServiceTable): number {
  // getaddrinfo(3) reads decimal numbers only.
  const port = /^\s*\+?\d+$/.test(text) ? Number(text) : services.port(text, '');
  if (port !== null && port <= MAX_PORT) return port;
  throw new RuleFault('bad-value', `Port "${text}" does not resolve to anything.`);
}

/** The ports that a match can hold for. */
export function portBounds({ source, destination }: PortValues): readonly MatchBounds[] {
  return [
    {
      ...(source === null || source.negated ? {} : { sourcePorts: source }),
      ...(destination === null || destination.negated ? {} : { destinationPorts: destination }),
    },
  ];
}

/** ` dpts:1024:65535` of -L; '' for any port. */
export function listPorts(
  label: string,
  condition: PortCondition | null,
  proto: string,
  view: ListView,
): string {
  if (condition === null || isAnyPort(condition)) return '';
  const name = (port: number) =>
    (view.numeric ? null : view.services.name(port, proto)) ?? String(port);
  const bang = condition.negated ? '!' : '';
  if (condition.min === condition.max) return ` ${label}:${bang}${name(condition.min)}`;
  return ` ${label}s:${bang}${name(condition.min)}:${name(condition.max)}`;
}
