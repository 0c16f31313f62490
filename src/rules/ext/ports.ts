import type { ListView } from '../extension.ts';
import { formatPortRange, type PortRange, parsePortRange } from '../numbers.ts';
import type { OptionSpec } from '../options.ts';
import { shown } from '../options.ts';

/** A port condition of tcp and udp: null where the option was not given. */
export interface PortCondition extends PortRange {
  readonly negated: boolean;
}

export interface PortValues {
  source: PortCondition | null;
  destination: PortCondition | null;
}

/** `0:65535` without `!` matches everything and is not printed. */
export function isAnyPort(condition: PortCondition | null): boolean {
  return (
    condition === null || (condition.min === 0 && condition.max === 0xffff && !condition.negated)
  );
}

/** The options `--sport` and `--dport` of a protocol. */
export function portOptions<V extends PortValues>(proto: string): OptionSpec<V>[] {
  const option = (name: string, aliases: string[], field: keyof PortValues): OptionSpec<V> => ({
    name,
    aliases,
    printed: aliases[0]!,
    args: 1,
    negatable: true,
    repeated: `Only one \`--${name}' allowed`,
    set: (value, [text = ''], negated, scope) => {
      value[field] = { ...parsePortRange(text, proto, scope.services), negated };
    },
    save: (value) => {
      const condition = value[field];
      if (condition === null || isAnyPort(condition)) return null;
      return shown(formatPortRange(condition), condition.negated);
    },
  });
  return [
    option('source-port', ['sport'], 'source'),
    option('destination-port', ['dport'], 'destination'),
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
