import { RuleFault } from '../../errors.ts';
import { defineMatch, type ParseScope } from '../../extension.ts';
import { parsePort } from '../../numbers.ts';
import { type OptionSpec, printOptions, shown } from '../../options.ts';
import { parseProtocol } from '../../protocols.ts';
import { FixedAnswer } from '../parts/fixed-answer.ts';
import { formatHostMask, parseHostMask } from '../parts/host-mask.ts';

/** `-m ipvs`: connections of the kernel's load balancer. There is none here. */

type IpvsKey = 'vproto' | 'vaddr' | 'vport' | 'vdir' | 'vmethod' | 'vportctl';

interface Condition {
  readonly text: string;
  readonly negated: boolean;
}

interface IpvsValues {
  property: { readonly negated: boolean } | null;
  readonly conditions: Map<IpvsKey, Condition>;
}

function oneOf(text: string, option: string, known: readonly string[]): string {
  const found = known.find((word) => word === text.toUpperCase());
  if (found !== undefined) return found;
  throw new RuleFault('bad-value', `ipvs: Bad value for "--${option}" option: "${text}"`);
}

const port = (text: string, scope: ParseScope) => String(parsePort(text, 'udp', scope.services));

/** Argument, help, reader and whether `!` may stand before it, in the order of iptables-save. */
const keys: readonly (readonly [
  IpvsKey,
  string,
  string,
  boolean,
  (text: string, scope: ParseScope) => string,
])[] = [
  ['vproto', 'PROTOCOL', 'protocol of the virtual service', true, (t) => String(parseProtocol(t))],
  [
    'vaddr',
    'ADDRESS[/MASK]',
    'address of the virtual service',
    true,
    (t, scope) => formatHostMask(parseHostMask(t, scope.family)),
  ],
  ['vport', 'PORT', 'port of the virtual service', true, port],
  [
    'vdir',
    'ORIGINAL|REPLY',
    'which way the packet goes',
    false,
    (t) => oneOf(t, 'vdir', ['ORIGINAL', 'REPLY']),
  ],
  [
    'vmethod',
    'GATE|IPIP|MASQ',
    'how packets are passed on',
    true,
    (t) => oneOf(t, 'vmethod', ['GATE', 'IPIP', 'MASQ']),
  ],
  ['vportctl', 'PORT', 'port of the controlling connection, 21 for FTP', true, port],
];

const options: readonly OptionSpec<IpvsValues>[] = [
  {
    name: 'ipvs',
    args: 0,
    help: 'the packet belongs to a connection of the load balancer',
    negatable: true,
    set: (value, _args, negated) => {
      value.property = { negated };
    },
    save: ({ property, conditions }) =>
      property === null || conditions.size > 0 ? null : shown('', property.negated),
  },
  ...keys.map(
    ([name, argument, help, negatable, read]): OptionSpec<IpvsValues> => ({
      name,
      args: 1,
      argument,
      help,
      negatable,
      set: (value, [text = ''], negated, scope) => {
        value.conditions.set(name, { text: read(text, scope), negated });
      },
      save: ({ conditions }) => {
        const condition = conditions.get(name);
        return condition === undefined ? null : shown(condition.text, condition.negated);
      },
    }),
  ),
];

export const ipvs = defineMatch<IpvsValues>({
  name: 'ipvs',
  options,
  initial: () => ({ property: null, conditions: new Map() }),
  finish: ({ property, conditions }) => {
    if (property !== null || conditions.size > 0) return;
    throw new RuleFault('missing-option', 'IPVS: At least one option is required');
  },
  list: (value) => printOptions(options, value).replaceAll('--', '').trimStart(),
  unenforced: () => 'there is no load balancer here: no packet is one of its connections',
  // xt_ipvs: only `! --ipvs` alone fits such a packet.
  steady: true,
  evaluator: ({ property, conditions }) =>
    new FixedAnswer(conditions.size === 0 && (property?.negated ?? false)),
});
