import { RuleFault } from '../../errors.ts';
import { defineTarget } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { goOn } from '../parts/fixed-verdict.ts';

/** `-j AUDIT`, `-j SECMARK` and `-j CONNSECMARK`: for security modules, which no packet meets here. */

const auditTypes = ['accept', 'drop', 'reject'];

export const audit = defineTarget<{ type: string }>({
  name: 'AUDIT',
  options: [
    {
      name: 'type',
      args: 1,
      argument: 'accept|drop|reject',
      help: 'the action that is recorded',
      required: true,
      set: (values, [text = '']) => {
        values.type = text.toLowerCase();
        if (!auditTypes.includes(values.type)) {
          throw new RuleFault('bad-value', `Bad action type value "${text}"`);
        }
      },
      save: ({ type }) => shown(type),
    },
  ],
  initial: () => ({ type: '' }),
  list: ({ type }) => `AUDIT ${type}`,
  unenforced: () => 'there is no audit log here: the next rule is asked',
  evaluator: () => goOn,
});

export const secmark = defineTarget<{ context: string }>({
  name: 'SECMARK',
  tables: ['mangle', 'security'],
  options: [
    {
      name: 'selctx',
      args: 1,
      argument: 'CONTEXT',
      help: 'security context of the packet',
      required: true,
      set: (values, [text = '']) => {
        values.context = text;
      },
      save: ({ context }) => shown(context),
    },
  ],
  initial: () => ({ context: '' }),
  list: ({ context }) => `SECMARK selctx ${context}`,
  unenforced: () => 'packets have no security context here: the next rule is asked',
  steady: true,
  evaluator: () => goOn,
});

type Copy = 'save' | 'restore';

function copyOption(name: Copy, other: Copy, help: string): OptionSpec<{ mode: Copy | null }> {
  return {
    name,
    args: 0,
    help,
    excludes: [other],
    set: (values) => {
      values.mode = name;
    },
    save: ({ mode }) => (mode === name ? shown('') : null),
  };
}

export const connsecmark = defineTarget<{ mode: Copy | null }>({
  name: 'CONNSECMARK',
  tables: ['mangle', 'security'],
  options: [
    copyOption('save', 'restore', 'copy the security mark of the packet to the connection'),
    copyOption('restore', 'save', 'copy the security mark of the connection to the packet'),
  ],
  initial: () => ({ mode: null }),
  finish: ({ mode }) => {
    if (mode !== null) return;
    throw new RuleFault('missing-option', 'CONNSECMARK target: parameter required');
  },
  list: ({ mode }) => `CONNSECMARK ${mode ?? ''}`,
  unenforced: () => 'packets have no security context here: the next rule is asked',
  steady: true,
  evaluator: () => goOn,
});
