import { RuleFault } from '../../errors.ts';
import { defineMatch } from '../../extension.ts';
import { scanUnsigned } from '../../numbers.ts';
import { shown } from '../../options.ts';
import { FixedAnswer } from '../parts/fixed-answer.ts';

/** `-m bpf`: a classic BPF program decides. Programs are read and printed, and not run. */

interface BpfValues {
  /** Instructions as `code jt jf k`; empty where a pinned object is named. */
  program: readonly string[];
  pinned: string;
}

/** XT_BPF_MAX_NUM_INSTR. */
const MAX_INSTRUCTIONS = 64;

const fault = (words: string) => new RuleFault('bad-value', `bpf: ${words}`);

/** `2,48 0 0 9,6 0 0 1`: the number of instructions, then each with code, jt, jf and k. */
function parseProgram(text: string): string[] {
  const [count = '', ...instructions] = text.split(',');
  const length = scanUnsigned(count);
  if (length === null || length.rest !== '') throw fault('error parsing program length');
  if (length.value === 0) throw fault('illegal zero length program');
  if (length.value > MAX_INSTRUCTIONS) throw fault('number of instructions exceeds maximum');
  const given = instructions.filter((line) => line !== '');
  const lines = given.map((line, i) => {
    const parts = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(line);
    if (parts === null) throw fault(`error at instr ${i}`);
    const [code, jt, jf, k] = parts.slice(1).map(Number);
    // The widths of struct sock_filter: 16, 8, 8 and 32 bits.
    return `${code! & 0xffff} ${jt! & 0xff} ${jf! & 0xff} ${k! >>> 0}`;
  });
  if (lines.length !== length.value) {
    throw fault('parsed program length is less than the encoded length parameter');
  }
  return lines;
}

export const bpf = defineMatch<BpfValues>({
  name: 'bpf',
  options: [
    {
      name: 'bytecode',
      args: 1,
      excludes: ['object-pinned'],
      argument: 'PROGRAM',
      help: 'program as its length and its instructions, separated by commas',
      set: (value, [text = '']) => {
        value.program = parseProgram(text);
      },
      save: ({ program }) =>
        program.length === 0 ? null : shown(`"${program.length},${program.join(',')}"`),
    },
    {
      name: 'object-pinned',
      args: 1,
      argument: 'PATH',
      help: 'path of a program in the BPF file system',
      set: (value, [text = '']) => {
        value.pinned = text;
      },
      save: ({ pinned }) => (pinned === '' ? null : shown(pinned)),
    },
  ],
  initial: () => ({ program: [], pinned: '' }),
  finish: (_value, _scope, given) => {
    if (given.size === 0) {
      throw new RuleFault('missing-option', 'bpf: one of --bytecode or --pinned is required');
    }
  },
  listsUnspaced: true,
  list: ({ program, pinned }) =>
    pinned === '' ? `match bpf ${program.join(',')} ` : `match bpf pinned ${pinned}`,
  unenforced: () => 'BPF programs are not run here: no packet matches',
  // What a program looks at is not known here.
  steady: false,
  evaluator: () => new FixedAnswer(false),
});
