import { Hook } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineTarget } from '../../extension.ts';
import { shown } from '../../options.ts';
import { goOn } from '../parts/fixed-verdict.ts';

/** `-j CLASSIFY --set-class 1:10`: the traffic class of tc. Not enforced. */

interface ClassValues {
  major: number;
  minor: number;
}

/** Two hexadecimal numbers as sscanf reads them: what follows is left, only 16 bits are kept. */
function parseClass(text: string): ClassValues {
  const found = /^\s*([-+]?)(?:0[xX])?([0-9a-fA-F]+):\s*([-+]?)(?:0[xX])?([0-9a-fA-F]+)/.exec(text);
  if (found === null) throw new RuleFault('bad-value', `Bad class value "${text}"`);
  const [, majorSign, major = '', minorSign, minor = ''] = found;
  return { major: lowBits(majorSign, major), minor: lowBits(minorSign, minor) };
}

function lowBits(sign: string | undefined, digits: string): number {
  const value = Number.parseInt(digits.slice(-4), 16);
  return (sign === '-' ? -value : value) & 0xffff;
}

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

export const classify = defineTarget<ClassValues>({
  name: 'CLASSIFY',
  hooks: [Hook.Forward, Hook.Output, Hook.Postrouting],
  options: [
    {
      name: 'set-class',
      args: 1,
      argument: 'MAJOR:MINOR',
      help: 'traffic class, in hexadecimal',
      required: true,
      set: (values, [text = '']) => {
        Object.assign(values, parseClass(text));
      },
      save: ({ major, minor }) => shown(`${hex(major, 4)}:${hex(minor, 4)}`),
    },
  ],
  initial: () => ({ major: 0, minor: 0 }),
  list: ({ major, minor }) => `CLASSIFY set ${hex(major, 1)}:${hex(minor, 1)}`,
  unenforced: () => 'traffic classes are not set here: the next rule is asked',
  steady: true,
  evaluator: () => goOn,
});
