import { Hook } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch } from '../../extension.ts';
import { hex } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { FixedAnswer } from '../parts/fixed-answer.ts';
import { requireHooks } from '../parts/match-place.ts';
import { readNamedMasked } from '../parts/option-values.ts';

/** `-m devgroup`: groups of interfaces. They are not known here: all are in group 0, the default. */

interface Group {
  readonly value: number;
  readonly mask: number;
  readonly negated: boolean;
}

interface DevgroupValues {
  source: Group | null;
  destination: Group | null;
}

/** The name that iproute2's file of groups begins with. */
const names: ReadonlyMap<string, number> = new Map([['default', 0]]);

function format({ value, mask }: Group, numeric: boolean): string {
  if (mask !== -1) return `${hex(value)}/${hex(mask)}`;
  return value === 0 && !numeric ? 'default' : hex(value);
}

function groupOption(
  name: string,
  field: keyof DevgroupValues,
  way: string,
): OptionSpec<DevgroupValues> {
  return {
    name,
    args: 1,
    argument: 'VALUE[/MASK]',
    help: `group of the ${way} interface`,
    negatable: true,
    set: (value, [text = ''], negated) => {
      value[field] = { ...readNamedMasked('devgroup', name, text, names), negated };
    },
    save: (value) => {
      const group = value[field];
      return group === null ? null : shown(format(group, false), group.negated);
    },
  };
}

/** Group 0 against what is asked: equal under the mask, or with `!` not. */
const holds = (group: Group | null) =>
  group === null || ((group.value & group.mask) === 0) !== group.negated;

export const devgroup = defineMatch<DevgroupValues>({
  name: 'devgroup',
  options: [
    groupOption('src-group', 'source', 'incoming'),
    groupOption('dst-group', 'destination', 'outgoing'),
  ],
  initial: () => ({ source: null, destination: null }),
  finish: ({ source, destination }) => {
    if (source !== null || destination !== null) return;
    const words = "devgroup match: You must specify either '--src-group' or '--dst-group'";
    throw new RuleFault('missing-option', words);
  },
  check: ({ source, destination }, _rule, place) => {
    const { Prerouting, Input, Forward, Output, Postrouting } = Hook;
    if (source !== null) requireHooks(place, '--src-group', Prerouting, Input, Forward);
    if (destination !== null) requireHooks(place, '--dst-group', Forward, Output, Postrouting);
  },
  list: ({ source, destination }, view) => {
    const show = (label: string, group: Group | null) =>
      group === null ? [] : [`${group.negated ? '! ' : ''}${label} ${format(group, view.numeric)}`];
    return [...show('src-group', source), ...show('dst-group', destination)].join(' ');
  },
  unenforced: () => 'groups of interfaces are not known here: all count as group 0',
  steady: true,
  evaluator: ({ source, destination }) => new FixedAnswer(holds(source) && holds(destination)),
});
