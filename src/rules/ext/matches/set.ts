import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { type CompileScope, defineMatch, type MatchEvaluator } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import type { SetBody } from '../../sets/definition.ts';
import { InterfaceKind } from '../../sets/element.ts';
import { Compare, type CompareCode, Found, type LiveSet, SetQuestion } from '../../sets/live.ts';
import { liveSet } from '../../sets/live-sets.ts';
import { formatSetReference, parseSetReference, type SetReference } from '../parts/set-flags.ts';

/** `-m set --match-set NAME src,dst`: asks an ipset. Evaluates as the kernel's xt_set. */

interface CounterTest {
  readonly compare: CompareCode;
  readonly value: bigint;
}

interface SetValues {
  reference: SetReference | null;
  negated: boolean;
  returnNomatch: boolean;
  countPackets: boolean;
  countMembers: boolean;
  packets: CounterTest | null;
  bytes: CounterTest | null;
}

const MAX_COUNTER = 0xffff_ffff_ffff_ffffn;

function parseCounter(text: string): bigint {
  const value = /^(0[xX][0-9a-fA-F]{1,16}|\d{1,20})$/.test(text) ? BigInt(text) : null;
  if (value !== null && value <= MAX_COUNTER) return value;
  throw new RuleFault('bad-value', `Cannot parse ${text} as a counter value`);
}

function compareName(compare: CompareCode): string {
  if (compare === Compare.Less) return 'lt';
  return compare === Compare.Greater ? 'gt' : 'eq';
}

function counterOption(
  field: 'packets' | 'bytes',
  suffix: 'eq' | 'lt' | 'gt',
): OptionSpec<SetValues> {
  const name = `${field}-${suffix}`;
  const plain = { eq: Compare.Equal, lt: Compare.Less, gt: Compare.Greater }[suffix];
  return {
    name,
    args: 1,
    argument: 'N',
    help: `${field} counted at the element are ${{ eq: '', lt: 'below ', gt: 'above ' }[suffix]}N`,
    negatable: true,
    group: field,
    repeated: `only one of the --${field}-[eq|lt|gt] is allowed`,
    set: (value, [text = ''], negated) => {
      if (negated && suffix !== 'eq') {
        throw new RuleFault('option-conflict', `--${name} option cannot be inverted`);
      }
      value[field] = { compare: negated ? Compare.NotEqual : plain, value: parseCounter(text) };
    },
    save: (value) => {
      const test = value[field];
      if (test === null || compareName(test.compare) !== suffix) return null;
      return shown(String(test.value), test.compare === Compare.NotEqual);
    },
  };
}

function countingOption(
  name: string,
  field: 'countPackets' | 'countMembers',
  help: string,
): OptionSpec<SetValues> {
  return {
    name,
    args: 0,
    help,
    negatable: true,
    repeatable: true,
    set: (value, _args, negated) => {
      if (negated) value[field] = false;
    },
    save: (value) => (value[field] ? null : shown('', true)),
  };
}

const options: readonly OptionSpec<SetValues>[] = [
  {
    name: 'match-set',
    aliases: ['set'],
    args: 2,
    argument: 'NAME src|dst[,…]',
    help: 'the packet is in this set, each field taken from its source or destination',
    negatable: true,
    repeated: '--match-set can be specified only once',
    set: (value, [name = '', flags = ''], negated, scope) => {
      value.reference = parseSetReference(name, flags, scope);
      value.negated = negated;
    },
    save: ({ reference, negated }) =>
      reference === null ? null : shown(formatSetReference(reference), negated),
  },
  {
    name: 'return-nomatch',
    args: 0,
    help: 'hold where an element with nomatch covers the packet, and not elsewhere',
    negatable: true,
    repeatable: true,
    set: (value, _args, negated) => {
      if (negated) {
        throw new RuleFault('option-conflict', '--return-nomatch flag cannot be inverted');
      }
      value.returnNomatch = true;
    },
    save: (value) => (value.returnNomatch ? shown('') : null),
  },
  countingOption('update-counters', 'countPackets', 'count the packet at the element found'),
  countingOption('update-subcounters', 'countMembers', 'count it at the element of a member too'),
  counterOption('packets', 'eq'),
  counterOption('packets', 'lt'),
  counterOption('packets', 'gt'),
  counterOption('bytes', 'eq'),
  counterOption('bytes', 'lt'),
  counterOption('bytes', 'gt'),
];

class SetEvaluator implements MatchEvaluator {
  private readonly set: LiveSet;
  private readonly question = new SetQuestion();
  private readonly negated: boolean;
  private readonly returnNomatch: boolean;

  constructor(values: SetValues, reference: SetReference, scope: CompileScope) {
    this.set = liveSet(reference.set, scope);
    this.negated = values.negated;
    this.returnNomatch = values.returnNomatch && hasNetworks(reference);
    const { question } = this;
    question.sources = reference.sources;
    question.dimension = reference.dimension;
    question.countPackets = values.countPackets;
    question.countMembers = values.countMembers;
    question.packetsCompare = values.packets?.compare ?? Compare.None;
    question.packets = Number(values.packets?.value ?? 0n);
    question.bytesCompare = values.bytes?.compare ?? Compare.None;
    question.bytes = Number(values.bytes?.value ?? 0n);
  }

  matches(ctx: RuleContext): boolean {
    const found = this.set.test(ctx, this.question);
    const hit = this.returnNomatch ? found === Found.NoMatch : found === Found.Yes;
    return hit !== this.negated;
  }

  mayVary(): boolean {
    return this.set.mayChange;
  }
}

/** Only types with networks have `nomatch` (IPSET_TYPE_NOMATCH). */
function hasNetworks({ set }: SetReference): boolean {
  return set.body.type.fields.includes('net');
}

function countsPackets({ reference, countPackets }: SetValues): boolean {
  if (reference === null || !countPackets) return false;
  const { body } = reference.set;
  return body.options.counters || body.members.some(({ set }) => set.body.options.counters);
}

/**
 * Elements without an end, of what is the same for all packets of a connection, nothing counted and
 * no counters asked. Rules that add or remove elements are seen by `SetEvaluator.mayVary`.
 */
function isSteady(values: SetValues): boolean {
  const { reference, packets, bytes } = values;
  if (reference === null || countsPackets(values) || packets !== null || bytes !== null)
    return false;
  return isSteadyBody(reference.set.body);
}

function isSteadyBody({ type, options, members }: SetBody): boolean {
  if (options.timeout >= 0 || type.fields.includes('mac')) return false;
  return members.every(({ set }) => isSteadyBody(set.body));
}

/** True where the set has elements for ports of a bridge, which are not seen here. */
function namesBridgePorts({ set }: SetReference): boolean {
  const { elements, layout, type } = set.body;
  const field = type.fields.indexOf('iface');
  if (field < 0) return false;
  for (let slot = 0; slot < elements.slotCount; slot++) {
    const word = elements.keys[slot * layout.words + layout.offsets[field]!]!;
    if (elements.flags[slot]! !== 0 && (word & InterfaceKind.Physical) !== 0) return true;
  }
  return false;
}

export const set = defineMatch<SetValues>({
  name: 'set',
  options,
  stateful: countsPackets,
  initial: () => ({
    reference: null,
    negated: false,
    returnNomatch: false,
    countPackets: true,
    countMembers: true,
    packets: null,
    bytes: null,
  }),
  finish: (value) => {
    if (value.reference === null) {
      const words = "You must specify `--match-set' with proper arguments";
      throw new RuleFault('missing-option', words);
    }
  },
  unenforced: ({ reference }) =>
    reference !== null && namesBridgePorts(reference)
      ? `set ${reference.set.name}: ports of a bridge are not seen here: physdev elements never match`
      : null,
  list: (value) => {
    let text = `${value.negated ? '! ' : ''}match-set ${formatSetReference(value.reference!)}`;
    if (value.returnNomatch) text += ' return-nomatch';
    if (!value.countPackets) text += ' ! update-counters';
    if (!value.countMembers) text += ' ! update-subcounters';
    for (const field of ['packets', 'bytes'] as const) {
      const test = value[field];
      if (test === null) continue;
      const bang = test.compare === Compare.NotEqual ? '! ' : '';
      text += ` ${bang}${field}-${compareName(test.compare)} ${test.value}`;
    }
    return text;
  },
  steady: isSteady,
  evaluator: (value, scope) => new SetEvaluator(value, value.reference!, scope),
});
