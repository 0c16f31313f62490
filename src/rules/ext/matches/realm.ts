import { Hook } from '../../context.ts';
import { defineMatch } from '../../extension.ts';
import { hex } from '../../numbers.ts';
import { shown } from '../../options.ts';
import { FixedAnswer } from '../parts/fixed-answer.ts';
import { requireHooks } from '../parts/match-place.ts';
import { readNamedMasked } from '../parts/option-values.ts';

/** `-m realm`: the realm of the route to the destination. Routes have no realms here: all have 0. */

interface RealmValues {
  value: number;
  mask: number;
  negated: boolean;
}

/** iproute2's rt_realms has one name that every system knows. */
const names: ReadonlyMap<string, number> = new Map([['cosmos', 0]]);

const format = ({ value, mask }: RealmValues) =>
  mask === -1 ? hex(value) : `${hex(value)}/${hex(mask)}`;

export const realm = defineMatch<RealmValues>({
  name: 'realm',
  families: [4],
  options: [
    {
      name: 'realm',
      args: 1,
      argument: 'VALUE[/MASK]',
      help: 'realm of the route, under the mask',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        Object.assign(value, readNamedMasked('realm', 'realm', text, names), { negated });
      },
      save: (value) => shown(format(value), value.negated),
    },
  ],
  initial: () => ({ value: 0, mask: -1, negated: false }),
  check: (_value, _rule, place) =>
    requireHooks(place, 'realm', Hook.Input, Hook.Forward, Hook.Output, Hook.Postrouting),
  list: (value) => `${value.negated ? '! ' : ''}realm ${format(value)}`,
  unenforced: () => 'routes have no realms here: every packet counts as one of realm 0',
  steady: true,
  evaluator: ({ value, negated }) => new FixedAnswer((value === 0) !== negated),
});
