import { Hook } from '../../context.ts';
import { defineMatch } from '../../extension.ts';
import { quoteWord, shown } from '../../options.ts';
import { FixedAnswer } from '../parts/fixed-answer.ts';
import { refused, requireHooks } from '../parts/match-place.ts';
import { MAX_UINT32, readNumber } from '../parts/option-values.ts';

/** `-m cgroup`: control group of the socket. Sockets are not known here: no packet has one. */

interface CgroupValues {
  path: { readonly text: string; readonly negated: boolean } | null;
  classId: { readonly id: number; readonly negated: boolean } | null;
}

export const cgroup = defineMatch<CgroupValues>({
  name: 'cgroup',
  options: [
    {
      name: 'path',
      args: 1,
      argument: 'PATH',
      help: 'group below the root of the hierarchy, with all below it',
      negatable: true,
      set: (value, [text = ''], negated) => {
        value.path = { text, negated };
      },
      save: ({ path }) => (path === null ? null : shown(quoteWord(path.text), path.negated)),
    },
    {
      name: 'cgroup',
      args: 1,
      argument: 'CLASSID',
      help: 'class id of net_cls',
      negatable: true,
      set: (value, [text = ''], negated) => {
        value.classId = { id: readNumber('cgroup', 'cgroup', text, MAX_UINT32), negated };
      },
      save: ({ classId }) => (classId === null ? null : shown(String(classId.id), classId.negated)),
    },
  ],
  initial: () => ({ path: null, classId: null }),
  check: ({ path, classId }, _rule, place) => {
    requireHooks(place, 'cgroup', Hook.Input, Hook.Output, Hook.Postrouting);
    if ((path === null) === (classId === null)) {
      throw refused('cgroup: either --path or --cgroup, and not both');
    }
  },
  list: ({ path, classId }) => {
    const part = path ?? classId;
    const text = path === null ? String(classId?.id) : path.text;
    return `cgroup ${part?.negated ? '! ' : ''}${text}`;
  },
  unenforced: () => 'sockets are not known here: no packet matches',
  steady: true,
  evaluator: () => new FixedAnswer(false),
});
