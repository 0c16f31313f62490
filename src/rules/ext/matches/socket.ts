import { Hook } from '../../context.ts';
import { defineMatch } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { FixedAnswer } from '../parts/fixed-answer.ts';
import { requireHooks } from '../parts/match-place.ts';

/** `-m socket`: an open socket of this host takes the packet. Sockets are not known here. */

type SocketFlag = 'transparent' | 'nowildcard' | 'restore-skmark';

/** In the order of iptables-save. */
const flags: readonly (readonly [SocketFlag, string])[] = [
  ['transparent', 'only sockets that are transparent'],
  ['nowildcard', 'sockets that listen on any address count as well'],
  ['restore-skmark', 'the packet takes the mark of the socket'],
];

export const socket = defineMatch<Set<SocketFlag>>({
  name: 'socket',
  options: flags.map(
    ([name, help]): OptionSpec<Set<SocketFlag>> => ({
      name,
      args: 0,
      help,
      set: (value) => {
        value.add(name);
      },
      save: (value) => (value.has(name) ? shown('') : null),
    }),
  ),
  initial: () => new Set(),
  check: (_value, _rule, place) => requireHooks(place, 'socket', Hook.Prerouting, Hook.Input),
  list: (value) =>
    ['socket', ...flags.filter(([name]) => value.has(name)).map(([name]) => `--${name}`)].join(' '),
  unenforced: () => 'sockets are not known here: no packet matches',
  steady: true,
  evaluator: () => new FixedAnswer(false),
});
